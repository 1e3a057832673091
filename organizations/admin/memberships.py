"""Admin of memberships."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from organizations.admin.display import time_column
from organizations.admin.model_admins import (
    CheckedChoices,
    HubModelAdmin,
)
from organizations.models import Membership


class MembershipInline(CheckedChoices, admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    extra = 0
    autocomplete_fields = ("user", "organization")
    fields = ("organization", "user", "role", "activate")


@admin.register(Membership)
class MembershipAdmin(HubModelAdmin[Membership]):
    audited_values = ("user", "organization", "role", "activate")
    list_display = ("user", "organization", "role", "activate", "created")
    list_filter = ("role", "activate")
    search_fields = ("user__email__istartswith", "organization__organization_name__istartswith")
    search_help_text = _("Beginning of the user's e-mail or of the organization's name")
    autocomplete_fields = ("user", "organization")
    readonly_fields = ("created",)
    related = ("user", "organization")
    created = time_column(Membership, "create_in")
