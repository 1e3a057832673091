"""Files of inbound and outbound messages."""

import secrets
from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobs.models import LeasedQuerySet, LeasedRow
from organizations.fields import IdentifierField
from organizations.models import PhoneNumber


def stored_name(attachment: "Attachment", filename: str) -> str:
    return new_stored_name(attachment.phone_number.organization_id)


def new_stored_name(organization_id: int) -> str:
    """Returns a random name, which cannot be guessed, in a directory of the organization."""
    return f"files/{organization_id}/{timezone.now():%Y/%m}/{secrets.token_urlsafe(18)}"


class DownloadProblem(models.TextChoices):
    """Why the hub does not have a customer's file: the reason of the last attempt if the file is due, the final one if it is
    dead."""

    NONE = "", ""
    EXPIRED = "expired", _("WhatsApp keeps files for a few days only, and this one is gone.")
    TOO_BIG = "too_big", _("The file is larger than WhatsApp's limit of 100 MB.")
    DAMAGED = "damaged", _("The file arrived damaged and cannot be fetched whole.")
    REFUSED = "refused", _("WhatsApp does not give out this file.")
    STORAGE = "storage", _("The hub's storage did not take this file. Whoever runs the hub can see why.")
    TOKEN = "token", _("Not fetched: WhatsApp does not accept the number's access token any more. An administrator can renew it.")
    PRUNED = "pruned", _("Deleted: your organization keeps files only for a certain time.")
    NO_ROOM = "no_room", _("Not fetched: the organization's storage is full. Only whoever runs the hub can give it more.")


class Attachment(LeasedRow):
    """A file of a message. Most messages have one at most. A reply to a form may have several.

    A lane downloads the files of inbound messages: they are due until the download succeeds (done) or is given up (dead, with its
    problem). The files of outbound messages are done from the beginning. A file refers to its message by the message's name, not
    its id, so that a rebuild, which creates the messages again, keeps files that Meta no longer has.
    """

    phone_number = models.ForeignKey(
        PhoneNumber,
        on_delete=models.PROTECT,
        to_field="phone_number_id",
        db_index=False,  # the unique constraint begins with it
        related_name="+",
    )
    message_name = IdentifierField(max_length=255)
    """Message.name"""
    position = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    """Among the files of one message, from 0."""
    kind = models.CharField(_("kind"), max_length=32)
    mime_type = models.CharField(_("type"), max_length=255, blank=True)
    file_name = models.CharField(_("file name"), max_length=255, blank=True)
    """The name that the sender gave. It is displayed and offered for saving, and never used as a path."""
    media_id = IdentifierField(_("media ID"), max_length=255, blank=True)
    """Meta's id of the file. Valid for 7 days if it is from a webhook, for 30 if it is from an upload
    (docs/meta-platform.md 8.3)."""
    media_id_until = models.DateTimeField(null=True)
    sha256 = IdentifierField(max_length=64, blank=True)
    """Lower-case hex. Before the download it is the digest from the webhook, afterwards that of the stored file."""
    size = models.BigIntegerField(_("size"), null=True, help_text=_("bytes"))
    file = models.FileField(upload_to=stored_name, max_length=255, blank=True)
    thumbnail = models.FileField(upload_to=stored_name, max_length=255, blank=True)
    width = models.PositiveIntegerField(null=True)
    """Of the image, in pixels, so that a page reserves its space before it is loaded."""
    height = models.PositiveIntegerField(null=True)
    problem = models.CharField(_("problem"), max_length=12, choices=DownloadProblem, blank=True, default=DownloadProblem.NONE)
    errors = models.JSONField(_("errors"), null=True)
    """Meta's errors, of the last attempt or from the webhook, if Meta refused the file."""
    create_in = models.DateTimeField(default=timezone.now)

    objects: Any = LeasedQuerySet["Attachment"].as_manager()

    class Meta:
        db_table = "chat_attachment"
        verbose_name = _("file")
        verbose_name_plural = _("files")
        constraints: ClassVar = [
            # A message has each of its files once. Pages find them by it.
            models.UniqueConstraint(fields=["phone_number", "message_name", "position"], name="one_attachment_per_position"),
        ]
        indexes: ClassVar = [
            # The downloads that are due.
            models.Index(fields=["state", "due_at"], name="attachment_queue"),
            # Whether other messages have the same stored file, before it is deleted.
            models.Index(fields=["file"], name="attachment_stored_file"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    def is_uploaded(self, now: datetime) -> bool:
        """Returns whether Meta has the file and its media ID is valid."""
        return bool(self.media_id) and self.media_id_until is not None and now < self.media_id_until
