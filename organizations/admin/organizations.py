"""Admin of organizations."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from organizations.admin.display import (
    EMPTY,
    html_table,
    row_link,
    time_column,
    webhook_url,
)
from organizations.admin.forms import OrganizationRowForm
from organizations.admin.memberships import MembershipInline
from organizations.admin.model_admins import (
    HubModelAdmin,
)
from organizations.models import Organization, User
from organizations.numbers.selectors import derive_states
from organizations.numbers.setup import CALLBACK_PATH
from organizations.storage import quota_of, storage_used


@admin.register(Organization)
class OrganizationAdmin(HubModelAdmin[Organization]):
    """Organizations. One that was ever used can be deactivated, but not deleted."""

    form = OrganizationRowForm
    audited_values = (*OrganizationRowForm.Meta.fields, "user", "role")
    list_display = ("organization_name", "activate", "created", "created_by")
    list_filter = ("activate",)
    search_fields = ("organization_name__icontains",)
    related = ("create_by",)
    fieldsets = (
        (None, {"fields": ("organization_name", "activate", "country", "time_zone")}),
        (_("Storage"), {"fields": ("storage_quota", "storage_used")}),
        (
            _("Webhook"),
            {
                "fields": ("address",),
                "description": _(
                    "Enter this address as “Callback URL” in Meta's panel. It takes only what this organization's own "
                    "app secrets have signed."
                ),
            },
        ),
        (_("Numbers"), {"fields": ("numbers_table",)}),
        (_("Origin"), {"fields": ("created", "created_by")}),
    )
    readonly_fields = ("storage_used", "address", "numbers_table", "created", "created_by")
    inlines = (MembershipInline,)
    created = time_column(Organization, "create_in")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fieldsets(request, obj) if obj else self.fieldsets[:1]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or not (obj.numbers.exists() or obj.account_events.exists())

    def save_model(self, request: HttpRequest, obj: Organization, form: Any, change: bool) -> None:
        if not change and isinstance(request.user, User):
            obj.create_by = request.user
        super().save_model(request, obj, form, change)

    @admin.display(description=_("created by"))
    def created_by(self, organization: Organization) -> str:
        return organization.create_by.email if organization.create_by else EMPTY

    @admin.display(description=_("storage used"))
    def storage_used(self, organization: Organization) -> str:
        return f"{filesizeformat(storage_used(organization))} / {filesizeformat(quota_of(organization))}"

    @admin.display(description=_("own address"))
    def address(self, organization: Organization) -> SafeString:
        return webhook_url(f"{CALLBACK_PATH}{organization.key}/")

    @admin.display(description=_("numbers"))
    def numbers_table(self, organization: Organization) -> SafeString:
        numbers = organization.numbers.order_by("pk")[:100]
        return html_table(
            [_("number"), _("phone number ID"), _("state")],
            [
                (row_link("organizations_phonenumber", number.pk, number.wa_id), number.meta_id, state.label)
                for number, state in derive_states(numbers).items()
            ],
        )
