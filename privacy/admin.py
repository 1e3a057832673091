"""Django admin of deletions of organizations, for superusers: the record that stays."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from organizations.admin.model_admins import HubModelAdmin, ReadOnlyAdmin
from privacy.models import OrganizationDeletion


@admin.register(OrganizationDeletion)
class OrganizationDeletionAdmin(ReadOnlyAdmin, HubModelAdmin[OrganizationDeletion]):
    intro = _("Organizations that are deleted for good, and the record that remains of those that were.")
    list_display = ("organization_name", "organization_id", "step", "requester", "requested_at", "due_at", "finished_at")
    list_filter = ("step",)
    ordering = ("-pk",)
    fields = ("organization_name", "organization_id", "step", "requester", "requested_at", "due_at", "finished_at", "counts")
