"""Organizations that are deleted for good: requested, and the record that remains."""

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from organizations.models import User


class DeletionStep(models.TextChoices):
    """What happens next with an organization that is to be deleted."""

    GRACE = "grace", _("can still be cancelled")
    DELETING = "deleting", _("is being deleted")
    DELETED = "deleted", _("deleted")
    CANCELLED = "cancelled", _("cancelled")


class OrganizationDeletion(models.Model):
    """The deletion of an organization: when and by whom it was requested, and when it was done. The row stays. It refers to the
    organization by its id only, because nothing else of the organization is left."""

    organization_id = models.BigIntegerField(_("organization"))
    organization_name = models.CharField(_("name"), max_length=150)
    requested_by = models.ForeignKey(User, verbose_name=_("requested by"), null=True, on_delete=models.SET_NULL, related_name="+")
    requester = models.CharField(_("requested by"), max_length=254)
    """The requester's e-mail, which stays although the user may be removed with the organization."""
    requested_at = models.DateTimeField(_("requested"), default=timezone.now)
    due_at = models.DateTimeField(_("due"))
    """Until then it can be cancelled."""
    step = models.CharField(_("step"), max_length=9, choices=DeletionStep, default=DeletionStep.GRACE)
    finished_at = models.DateTimeField(_("finished"), null=True)
    """When its rows were deleted, or when it was cancelled."""
    counts: "models.JSONField[Any, Any]" = models.JSONField(_("deleted rows"), default=dict)
    """How many rows of each table were deleted."""
    phone_number_ids: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """Meta's ids of its numbers. What arrived for them until the end goes to no other organization."""

    class Meta:
        db_table = "privacy_organization_deletion"
        verbose_name = _("deletion of an organization")
        verbose_name_plural = _("deletions of organizations")
        indexes: ClassVar = [
            # The deletions that are due.
            models.Index(fields=["step", "due_at"], name="organization_deletion_due"),
            # The deletion of an organization.
            models.Index(fields=["organization_id", "step"], name="organization_deletion_of"),
        ]

    def __str__(self) -> str:
        return str(self.organization_name)
