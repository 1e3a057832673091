"""Files of messages, of both sides."""

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
    """A name that tells nothing and that nobody guesses, in a directory of its organization."""
    return f"files/{attachment.phone_number.organization_id}/{timezone.now():%Y/%m}/{secrets.token_urlsafe(18)}"


class DownloadProblem(models.TextChoices):
    """Why a customer's file is not here: of a file that is due the reason of its last try, of one that is dead for good."""

    NONE = "", ""
    EXPIRED = "expired", _("WhatsApp keeps files for a few days only, and this one is gone.")
    TOO_BIG = "too_big", _("The file is larger than WhatsApp's limit of 100 MB.")
    DAMAGED = "damaged", _("The file arrived damaged and cannot be fetched whole.")
    REFUSED = "refused", _("WhatsApp does not give out this file.")
    STORAGE = "storage", _("The hub's storage did not take this file. Whoever runs the hub can see why.")
    TOKEN = "token", _("Not fetched: WhatsApp does not accept the number's access token any more. An administrator can renew it.")
    NO_ROOM = "no_room", _("Not fetched: the organization's storage is full. Only whoever runs the hub can give it more.")


class Attachment(LeasedRow):
    """A file of a message. Most messages have one at most; the answer to a form has as many as were put into it.

    A customer's is fetched by a lane: due until it is here (done) or cannot be had (dead, with its problem); one of ours is here
    from the beginning. It belongs to a message by the message's name, so that a rebuild, which makes the messages anew, keeps the
    files that Meta no longer has.
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
    """Of several files of one message, from 0."""
    kind = models.CharField(_("kind"), max_length=32)
    mime_type = models.CharField(_("type"), max_length=255, blank=True)
    file_name = models.CharField(_("file name"), max_length=255, blank=True)
    """As the sender called it: to be shown and offered, never to be trusted as a path."""
    media_id = IdentifierField(_("media ID"), max_length=255, blank=True)
    """Meta's id of the file. From a webhook it works for 7 days, from an upload for 30 (docs/meta-platform.md 8.3)."""
    media_id_until = models.DateTimeField(null=True)
    sha256 = IdentifierField(max_length=64, blank=True)
    """Lower-case hex: what the webhook promised, and what is stored."""
    size = models.BigIntegerField(_("size"), null=True, help_text=_("bytes"))
    file = models.FileField(upload_to=stored_name, max_length=255, blank=True)
    thumbnail = models.FileField(upload_to=stored_name, max_length=255, blank=True)
    width = models.PositiveIntegerField(null=True)
    """Of the image, in pixels, so that a page keeps its room before it is there."""
    height = models.PositiveIntegerField(null=True)
    problem = models.CharField(_("problem"), max_length=12, choices=DownloadProblem, blank=True, default=DownloadProblem.NONE)
    errors = models.JSONField(_("errors"), null=True)
    """Meta's, of the last try or from the webhook, where it refused the file."""
    create_in = models.DateTimeField(default=timezone.now)

    objects: Any = LeasedQuerySet["Attachment"].as_manager()

    class Meta:
        db_table = "chat_attachment"
        verbose_name = _("file")
        verbose_name_plural = _("files")
        constraints: ClassVar = [
            # A message has each of its files once; pages find them by this.
            models.UniqueConstraint(fields=["phone_number", "message_name", "position"], name="one_attachment_per_position"),
        ]
        indexes: ClassVar = [
            # The files to be fetched next.
            models.Index(fields=["state", "due_at"], name="attachment_queue"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    def is_uploaded(self, now: datetime) -> bool:
        """Whether Meta has it and still will when a message with it is sent."""
        return bool(self.media_id) and self.media_id_until is not None and now < self.media_id_until
