"""What an organization decided about privacy: how long it keeps what, and who its data protection officer is."""

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from organizations.models import Organization


class PrivacySettings(models.Model):
    """How many days an organization keeps messages, files and webhooks, and how its data protection officer can be reached. An
    organization without a row keeps everything. Null days: kept without limit."""

    organization = models.OneToOneField(Organization, primary_key=True, on_delete=models.CASCADE, related_name="+")
    message_days = models.PositiveSmallIntegerField(_("messages"), null=True)
    file_days = models.PositiveSmallIntegerField(_("files"), null=True)
    webhook_days = models.PositiveSmallIntegerField(_("webhooks"), null=True)
    officer_name = models.CharField(_("name"), max_length=150, blank=True)
    officer_contact = models.CharField(_("contact"), max_length=300, blank=True)
    """An e-mail, a phone or a page, as the organization publishes it."""
    prune_at = models.DateTimeField(default=timezone.now)
    """When the worker next looks for what is too old."""
    pruned_at = models.DateTimeField(null=True)
    """When it last had deleted everything that was too old."""
    files_deleted_until = models.DateTimeField(null=True)
    """The files of messages that were sent before this time have been deleted."""
    last_webhook_id = models.BigIntegerField(default=0)
    """Webhooks up to this id have been looked at in the present run."""
    last_word = models.CharField(max_length=40, blank=True)
    """Words of the text index up to this one have been looked at in the present run."""

    class Meta:
        db_table = "privacy_settings"
        verbose_name = _("privacy settings")
        verbose_name_plural = _("privacy settings")
        indexes: ClassVar = [
            # The organizations whose turn it is.
            models.Index(fields=["prune_at"], name="privacy_prune_at"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
