"""Message templates. They may be sent outside the window."""

from collections.abc import Iterable
from typing import ClassVar, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from organizations.fields import IdentifierField
from organizations.models import Organization, PhoneNumber


class MessageTemplateQuerySet(models.QuerySet["MessageTemplate"]):
    def of_numbers(self, numbers: Iterable[PhoneNumber]) -> Self:
        """The templates of the accounts of these numbers."""
        condition = models.Q(pk__in=[])
        for organization_id, waba_id in {(number.organization_id, number.waba_id) for number in numbers}:
            condition |= models.Q(organization=organization_id, waba_id=waba_id)
        return self.filter(condition)


class MessageTemplate(models.Model):
    """One language of an account's template, as Meta last described it. Unique by name and language in the account
    (docs/meta-platform.md 8.4)."""

    class Status(models.TextChoices):
        """Statuses for which the hub has texts. Meta's other statuses are stored as they are."""

        APPROVED = "APPROVED", _("approved")
        PENDING = "PENDING", _("in review")
        REJECTED = "REJECTED", _("rejected")
        PAUSED = "PAUSED", _("paused")
        DISABLED = "DISABLED", _("disabled")
        IN_APPEAL = "IN_APPEAL", _("in appeal")
        PENDING_DELETION = "PENDING_DELETION", _("being deleted")
        LIMIT_EXCEEDED = "LIMIT_EXCEEDED", _("over the limit")
        ARCHIVED = "ARCHIVED", _("archived")

    class Category(models.TextChoices):
        MARKETING = "MARKETING", _("marketing")
        UTILITY = "UTILITY", _("utility")
        AUTHENTICATION = "AUTHENTICATION", _("authentication")

    class Format(models.TextChoices):
        """How variables are named: {{1}} or {{order_id}}."""

        POSITIONAL = "POSITIONAL"
        NAMED = "NAMED"

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False, related_name="message_templates")
    waba_id = IdentifierField(_("WhatsApp Business Account ID"), max_length=64)
    template_id = IdentifierField(_("template ID"), max_length=64, blank=True)
    name = IdentifierField(_("name"), max_length=512)
    language = IdentifierField(_("language"), max_length=20)
    category = models.CharField(_("category"), max_length=40, blank=True)
    status = models.CharField(_("status"), max_length=40)
    quality = models.CharField(_("quality"), max_length=20, blank=True)
    """GREEN, YELLOW or RED; UNKNOWN or empty if Meta has not rated the template yet."""
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    """Meta's reason why it was rejected, paused or disabled."""
    parameter_format = models.CharField(max_length=12, choices=Format, default=Format.POSITIONAL)
    components = models.JSONField(default=list)
    """Meta's objects: header, body, footer, buttons."""
    reported_at = models.DateTimeField(db_column="told_at")
    """The time of Meta's last description, so that a late webhook does not restore an old status."""

    objects = MessageTemplateQuerySet.as_manager()

    class Meta:
        db_table = "chat_message_template"
        verbose_name = _("message template")
        verbose_name_plural = _("message templates")
        ordering: ClassVar = ["name", "language"]
        constraints: ClassVar = [
            # Meta's own key. Pages list the templates of an organization by it.
            models.UniqueConstraint(fields=["organization", "waba_id", "name", "language"], name="one_template_per_language"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.language})"

    @property
    def is_marketing(self) -> bool:
        """Returns whether it is a marketing message, which customers can stop."""
        return self.category == self.Category.MARKETING

    @property
    def is_sendable(self) -> bool:
        """Returns whether Meta accepts messages of the template now."""
        return self.status == self.Status.APPROVED
