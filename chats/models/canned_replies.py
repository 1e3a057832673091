"""Canned replies."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from organizations.fields import IdentifierField
from organizations.models import Organization, User


class CannedReply(models.Model):
    """A text that staff insert into the composer by typing / and the shortcut. The placeholders `{name}`, `{first_name}` and
    `{agent}` are filled with the contact's name, its first word, and the name of the member who writes."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False, related_name="canned_replies")
    shortcut = IdentifierField(_("shortcut"), max_length=32)
    text = models.TextField(_("text"), max_length=4096)

    class Meta:
        db_table = "chat_canned_reply"
        verbose_name = _("canned reply")
        verbose_name_plural = _("canned replies")
        ordering: ClassVar = ["shortcut"]
        constraints: ClassVar = [
            # A shortcut is unique in the organization.
            models.UniqueConstraint(fields=["organization", "shortcut"], name="one_canned_reply_per_shortcut"),
        ]

    def __str__(self) -> str:
        return str(self.shortcut)


class OwnCannedReply(models.Model):
    """A canned reply of one member. Other members neither see nor use it."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    shortcut = IdentifierField(_("shortcut"), max_length=32)
    text = models.TextField(_("text"), max_length=4096)

    class Meta:
        db_table = "chat_own_canned_reply"
        verbose_name = _("own canned reply")
        verbose_name_plural = _("own canned replies")
        ordering: ClassVar = ["shortcut"]
        constraints: ClassVar = [
            # A shortcut is unique among a member's replies. The first columns find these.
            models.UniqueConstraint(fields=["organization", "user", "shortcut"], name="one_own_canned_reply_per_shortcut"),
        ]

    def __str__(self) -> str:
        return str(self.shortcut)
