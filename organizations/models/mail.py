"""E-mails that are queued for sending."""

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobs.models import LeasedQuerySet, LeasedRow
from organizations.fields import EncryptedTextField


class Mail(LeasedRow):
    """An e-mail that is queued for sending: see `organizations.mail`. Deleted when the mail server has accepted it."""

    to = models.EmailField(_("to"), blank=True)
    """Empty if the mail has no recipient, because no user has the address that was typed."""
    subject = models.CharField(_("subject"), max_length=250)
    text = EncryptedTextField()
    """Encrypted, because it contains a link that gives access."""
    create_in = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("of use until"), editable=False)
    """When the mail's link stops working. The mail is not sent after that."""

    objects = LeasedQuerySet["Mail"].as_manager()

    class Meta:
        db_table = "mail"
        verbose_name = _("e-mail")
        verbose_name_plural = _("e-mails")
        indexes: ClassVar = [
            # The worker's next batch.
            models.Index(fields=["state", "due_at", "id"], name="mail_queue"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
