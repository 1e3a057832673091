"""Bots, their published versions, the state of their conversations, and the automatic messages of numbers."""

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact
from jobs.models import LeasedQuerySet, LeasedRow
from organizations.fields import IdentifierField
from organizations.models import Organization, PhoneNumber, User


class Bot(models.Model):
    """A flow bot of an organization: a draft that is edited, and the published version that answers."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False, related_name="bots")
    key = IdentifierField(_("key"), max_length=40)
    """Names the bot in `default_bot` of a number."""
    name = models.CharField(_("name"), max_length=60)
    draft = models.JSONField(_("draft"), default=dict)
    """A flow (docs/bots-format.md), which may have problems."""
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


class BotVersion(models.Model):
    """A published flow of a bot. It never changes: conversations go on with the version with which they began."""

    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, db_index=False, related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    flow = models.JSONField(_("flow"))
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


class BotConversation(LeasedRow):
    """Where a flow is in a conversation. Due when a timer of the flow ends, waiting while no timer runs.

    No rebuild changes it. `Message.flow_state` is a copy for other programs.
    """

    contact = models.OneToOneField(Contact, primary_key=True, on_delete=models.CASCADE, related_name="+")
    organization_id = models.BigIntegerField()
    version = models.ForeignKey(BotVersion, on_delete=models.CASCADE, related_name="+")
    session_id = models.UUIDField(null=True)
    """The session to which the state belongs."""
    flow_state: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    """The state of `bots.flows`."""
    recent_answers: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """Unix times of the latest answers, for the loop guard."""

    objects = LeasedQuerySet["BotConversation"].as_manager()
    queue_column = "organization_id"

    class Meta:
        db_table = "bot_conversation"
        indexes: ClassVar = [
            # Conversations whose timer has ended, by organization.
            models.Index(fields=["state", "organization_id", "due_at", "contact"], name="bot_conversation_queue"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class BotWebCall(LeasedRow):
    """A web call of a flow, whose conversation waits for its result. Deleted when the result is applied."""

    call_id = IdentifierField(max_length=100)
    """Identifies the call among those of the conversation, whose state names it."""
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, db_index=False, related_name="+")
    organization_id = models.BigIntegerField()
    request: "models.JSONField[Any, Any]" = models.JSONField()
    """`method`, `url`, `headers` and `body`."""

    objects = LeasedQuerySet["BotWebCall"].as_manager()
    queue_column = "organization_id"

    class Meta:
        db_table = "bot_web_call"
        constraints: ClassVar = [
            # A call is stored once.
            models.UniqueConstraint(fields=["contact", "call_id"], name="one_bot_web_call_each"),
        ]
        indexes: ClassVar = [
            # The worker's next calls, by organization.
            models.Index(fields=["state", "organization_id", "due_at", "id"], name="bot_web_call_queue"),
        ]

    def __str__(self) -> str:
        return str(self.call_id)


class AutomaticMessages(models.Model):
    """The automatic messages of a number, its business hours, and when its bot hands over.

    The columns of messages are messages of flows (docs/bots-format.md), with placeholders; null: none.
    """

    number = models.OneToOneField(PhoneNumber, primary_key=True, on_delete=models.CASCADE, related_name="+")
    greeting: "models.JSONField[Any, Any]" = models.JSONField(_("greeting"), null=True)
    greeting_is_on = models.BooleanField(default=False)
    away: "models.JSONField[Any, Any]" = models.JSONField(_("away message"), null=True)
    away_is_on = models.BooleanField(default=False)
    handed_over: "models.JSONField[Any, Any]" = models.JSONField(_("message when a person was asked for"), null=True)
    """Null: the hub's own words."""
    handed_over_away: "models.JSONField[Any, Any]" = models.JSONField(null=True)
    """The same outside business hours. Null: the hub's own words, which say when people will be there."""
    handed_over_is_on = models.BooleanField(default=True)
    reminder: "models.JSONField[Any, Any]" = models.JSONField(_("reminder before the window closes"), null=True)
    reminder_is_on = models.BooleanField(default=False)
    reminder_minutes = models.PositiveSmallIntegerField(default=60)
    """Minutes before the window closes."""
    hours: "models.JSONField[Any, Any]" = models.JSONField(_("business hours"), default=list)
    """Seven lists, from Monday, of pairs of times such as `["08:00", "18:00"]`. Empty: always open."""
    closed_days: "models.JSONField[Any, Any]" = models.JSONField(_("closed days"), default=list)
    """Pairs of an ISO date, or `MM-DD` for every year, and a name."""
    holidays = models.BooleanField(_("closed on national holidays"), default=True)
    holiday_state = models.CharField(_("state, for its holidays"), max_length=3, blank=True)
    person_words: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """Words with which customers ask for a person, in addition to those of the bot."""
    loop_answers = models.PositiveSmallIntegerField(default=20)
    loop_minutes = models.PositiveSmallIntegerField(default=5)
    """More answers than `loop_answers` in so many minutes hand the conversation over."""

    class Meta:
        db_table = "bot_automatic_messages"
        verbose_name = _("automatic messages of a number")
        verbose_name_plural = _("automatic messages of numbers")

    def __str__(self) -> str:
        return str(self.pk)


class BotFile(models.Model):
    """A file that messages of bots and automatic messages send. They name it by its key. It is kept, whether they do or not."""

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


class AutomaticMessageSent(models.Model):
    """An automatic message that a session has had, so that it has it once."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, db_index=False, related_name="+")
    session_id = models.UUIDField()
    kind = models.CharField(max_length=12)
    """`greeting`, `away`, `handed_over` or `reminder`."""

    class Meta:
        db_table = "bot_automatic_sent"
        constraints: ClassVar = [
            # Each automatic message once in a session.
            models.UniqueConstraint(fields=["contact", "session_id", "kind"], name="one_automatic_message_each"),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} {self.kind}"


class StepCount(models.Model):
    """How many customers came to a step of a bot on one day (in UTC), and how they left it."""

    version = models.ForeignKey(BotVersion, on_delete=models.CASCADE, db_index=False, related_name="+")
    step = IdentifierField(max_length=40)
    day = models.DateField()
    came = models.PositiveIntegerField(default=0)
    went_on = models.PositiveIntegerField(default=0)
    left = models.PositiveIntegerField(default=0)
    handed_over = models.PositiveIntegerField(default=0)
    fell_through = models.PositiveIntegerField(default=0)
    """The answer fitted no branch, and the flow took “otherwise”."""

    class Meta:
        db_table = "bot_step_count"
        constraints: ClassVar = [
            # One row each. Also the counts of a version since a day.
            models.UniqueConstraint(fields=["version", "day", "step"], name="one_step_count_each"),
        ]

    def __str__(self) -> str:
        return f"{self.step} {self.day}"


class BotDryRun(LeasedRow):
    """What the draft of a bot would have answered in stored conversations of a number. It sends nothing and makes no web call."""

    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="dry_runs")  # its index: the dry runs of a bot
    organization_id = models.BigIntegerField()
    number = models.ForeignKey(PhoneNumber, on_delete=models.CASCADE, db_index=False, related_name="+")
    flow: "models.JSONField[Any, Any]" = models.JSONField()
    """The draft when the dry run was started."""
    started_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, db_index=False, related_name="+")
    create_in = models.DateTimeField(default=timezone.now, editable=False)
    conversations = models.PositiveIntegerField(default=0)
    """Conversations that are looked at."""
    conversations_done = models.PositiveIntegerField(default=0)
    result: "models.JSONField[Any, Any]" = models.JSONField(null=True)
    """The counts and the sample conversations of `bots.publishing.dry_runs`, by ids. It contains no text of a customer."""

    objects = LeasedQuerySet["BotDryRun"].as_manager()
    queue_column = "organization_id"

    class Meta:
        db_table = "bot_dry_run"
        verbose_name = _("dry run of a bot")
        verbose_name_plural = _("dry runs of bots")
        indexes: ClassVar = [
            # The worker's next dry runs, by organization.
            models.Index(fields=["state", "organization_id", "due_at", "id"], name="bot_dry_run_queue"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
