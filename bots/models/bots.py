"""Bots, and their published versions."""

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from organizations.audit.descriptions import add_choices
from organizations.fields import IdentifierField
from organizations.models import Organization, User


class BotKind(models.TextChoices):
    """What computes the answers of a bot."""

    FLOW = "flow", _("steps")
    WEBHOOK = "webhook", _("your own program")
    AI = "ai", _("AI")


add_choices("kind", BotKind)


class Bot(models.Model):
    """A bot of an organization: a draft that is edited, and the published version that answers."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False, related_name="bots")
    key = IdentifierField(_("key"), max_length=40)
    """Names the bot in `default_bot` of a number, an AI in `default_ai`."""
    kind = models.CharField(_("kind"), max_length=8, choices=BotKind, default=BotKind.FLOW, db_default=BotKind.FLOW.value)
    name = models.CharField(_("name"), max_length=60)
    draft = models.JSONField(_("draft"), default=dict)
    """A flow (docs/bots-format.md), which may have problems, or the settings of a webhook bot (`bots.webhook_bots.settings`) or of
    an AI (`bots.ai.settings`)."""
    draft_revision = models.PositiveIntegerField(default=0)
    """Increases with each change of the draft, so that one page does not overwrite another one's changes."""
    undo: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """Changes that lead back to earlier drafts, the latest last (`bots.editor.changes`)."""
    redo: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    """`changes` that lead to the drafts before undo, the latest last, while the draft has this `revision`."""
    published = models.ForeignKey(
        "BotVersion", verbose_name=_("published version"), null=True, on_delete=models.SET_NULL, related_name="+"
    )
    """The version with which new conversations begin. Null: the bot answers nobody."""
    create_in = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), default=timezone.now, editable=False)

    class Meta:
        db_table = "bot"
        verbose_name = _("bot")
        verbose_name_plural = _("bots")
        constraints: ClassVar = [
            # The key names the bot. Also the list of an organization's bots.
            models.UniqueConstraint(fields=["organization", "key"], name="one_bot_per_key"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def column(self) -> str:
        """The column of a number that names this bot by its key."""
        return "default_ai" if self.kind == BotKind.AI else "default_bot"


class BotVersion(models.Model):
    """A published draft of a bot. It never changes: conversations go on with the version of a flow with which they began."""

    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, db_index=False, related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    document: "models.JSONField[Any, Any]" = models.JSONField(_("document"), db_column="flow")
    """The draft as it was published."""
    published_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    create_in = models.DateTimeField(_("published"), default=timezone.now, editable=False)

    class Meta:
        db_table = "bot_version"
        verbose_name = _("version of a bot")
        verbose_name_plural = _("versions of bots")
        constraints: ClassVar = [
            # The history of a bot, in order.
            models.UniqueConstraint(fields=["bot", "number"], name="one_bot_version_each"),
        ]

    def __str__(self) -> str:
        return f"{self.bot} {self.number}"


class BotFile(models.Model):
    """A file that messages of bots and automatic messages send. They name it by its key. It is deleted when none
    of them names it any more (`bots.files.unused_files`)."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False, related_name="+")
    key = IdentifierField(max_length=40)
    """Random. `file` of a message of a flow."""
    kind = models.CharField(_("kind"), max_length=32)
    mime_type = models.CharField(_("type"), max_length=255)
    file_name = models.CharField(_("file name"), max_length=255)
    """The name that its owner gave. Never used as a path."""
    sha256 = IdentifierField(max_length=64)
    size = models.BigIntegerField(_("size"), help_text=_("bytes"))
    file = models.FileField(max_length=255)
    thumbnail = models.FileField(max_length=255, blank=True)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    create_in = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    """When it was uploaded, the last time."""

    class Meta:
        db_table = "bot_file"
        verbose_name = _("file of bots")
        verbose_name_plural = _("files of bots")
        constraints: ClassVar = [
            # Also the list of an organization's files.
            models.UniqueConstraint(fields=["organization", "key"], name="one_bot_file_per_key"),
        ]

    def __str__(self) -> str:
        return self.file_name
