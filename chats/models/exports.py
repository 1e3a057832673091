"""Exports: files with the contacts or the messages of an organization, which the worker writes part by part."""

from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from jobs.models import LeasedQuerySet, LeasedRow, State
from organizations.fields import IdentifierField
from organizations.models import Organization, User


class ExportProblem(models.TextChoices):
    """Why an export failed, or has no files any more."""

    NONE = "", ""
    LOST_ACCESS = "lost_access", _("The person who started it is no longer an administrator here.")
    STORAGE = "storage", _("The hub's storage did not take the file. The operator of the hub can see why.")
    ERASED = "erased", _("A person's data was erased meanwhile. Start the export again.")
    INTERNAL = "internal", _("The hub could not do this. The operator of the hub can see why.")


class Export(LeasedRow):
    """One export: what it contains, and how far the worker has come.

        queued ──worker──> running ──> ready ──> ended, when it has expired or was deleted
           └─────cancel───────┴──> ended
                              └──> failed ──retry──> running

    The row stays after its files are deleted, as a record of who exported what.
    """

    class Content(models.TextChoices):
        CONTACTS = "contacts", _("Contacts")
        MESSAGES = "messages", _("Conversations")

    class Format(models.TextChoices):
        CSV = "csv", _("CSV, for Excel and other spreadsheets")
        JSON_LINES = "jsonl", _("JSON Lines, for programs")

    class Ending(models.TextChoices):
        """Why there are no files any more."""

        NONE = "", ""
        CANCELLED = "cancelled", _("cancelled")
        EXPIRED = "expired", _("expired")
        DELETED = "deleted", _("deleted")

    class Status(models.TextChoices):
        """What pages and the API show. Derived from other columns."""

        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")
        ENDED = "ended", _("ended")

    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        db_index=False,  # an index begins with it
        related_name="+",
    )
    queue_id = models.BigIntegerField()
    """The organization's id. Workers take equal shares of the organizations."""
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    """Null if a program started it with an API key."""
    create_in = models.DateTimeField(_("started"))
    form_token = models.UUIDField(null=True, unique=True, editable=False)
    """Of the form that started it: a form that is posted again starts no other export."""
    content = models.CharField(_("content"), max_length=8, choices=Content)
    format = models.CharField(_("format"), max_length=8, choices=Format)
    phone_number_id = IdentifierField(_("number"), max_length=64, blank=True)
    """Empty: all numbers of the organization."""
    label_id = models.BigIntegerField(_("label"), null=True)
    """Only contacts with this label. Not a foreign key: a label that is deleted meanwhile is on no contact."""
    since = models.DateTimeField(_("from"), null=True)
    until = models.DateTimeField(_("until"), null=True)
    """The period of messages: from `since`, before `until`."""
    language = models.CharField(max_length=8)
    """Of the headers of CSV files, which also decides their delimiter."""
    time_zone = models.CharField(max_length=64)
    end_id = models.BigIntegerField(null=True)
    """The last id when the worker began. Later rows are not exported."""
    position: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    """What has been exported: see `chats.exports.contact_lines` and `chats.exports.message_lines`."""
    percent = models.PositiveSmallIntegerField(default=0)
    lines = models.BigIntegerField(_("lines"), default=0)
    size = models.BigIntegerField(_("size"), default=0, help_text=_("bytes"))
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(_("expires"), null=True)
    """When the files are deleted. Set with `finished_at`."""
    ending = models.CharField(max_length=10, choices=Ending, blank=True, default=Ending.NONE)
    problem = models.CharField(_("problem"), max_length=12, choices=ExportProblem, blank=True, default=ExportProblem.NONE)

    objects: Any = LeasedQuerySet["Export"].as_manager()
    queue_column = "queue_id"

    class Meta:
        db_table = "chat_export"
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        indexes: ClassVar = [
            # The worker's next row, by organization.
            models.Index(fields=["state", "queue_id", "due_at", "id"], name="export_queue"),
            # The exports of an organization, the latest first.
            models.Index(fields=["organization", "id"], name="export_of_organization"),
            # The exports whose files are to be deleted.
            models.Index(fields=["ending", "create_in"], name="export_age"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def status(self) -> "Export.Status":
        if self.ending:
            return self.Status.ENDED
        if self.state == State.DONE:
            return self.Status.READY
        if self.state == State.DEAD:
            return self.Status.FAILED
        return self.Status.QUEUED if self.end_id is None else self.Status.RUNNING

    @property
    def is_working(self) -> bool:
        """Whether the worker has it, or will take it."""
        return self.status in (self.Status.QUEUED, self.Status.RUNNING)

    def is_available(self, now: datetime) -> bool:
        """Whether its file can be downloaded at `now`."""
        return self.status is self.Status.READY and self.expires_at is not None and now < self.expires_at


class ExportPart(models.Model):
    """A part of an export's file, compressed in the storage. A row without a size belongs to a part that is being written. The
    row is stored before the file, so that no file is left behind if the worker dies."""

    export = models.ForeignKey(
        Export,
        on_delete=models.CASCADE,
        db_index=False,  # the unique constraint begins with it
        related_name="parts",
    )
    position = models.PositiveIntegerField()
    """In the file, from 0."""
    name = models.CharField(max_length=255)
    """In the storage."""
    size = models.BigIntegerField(null=True)
    """Bytes of its text."""
    compressed_size = models.BigIntegerField(default=0)

    class Meta:
        db_table = "chat_export_part"
        constraints: ClassVar = [
            # The parts of an export in order. Two workers never write the same part.
            models.UniqueConstraint(fields=["export", "position"], name="one_export_part_each"),
        ]

    def __str__(self) -> str:
        return str(self.name)
