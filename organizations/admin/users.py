"""Admin of users."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from organizations.admin.display import EMPTY, time_column
from organizations.admin.forms import NewUserForm, UserForm
from organizations.admin.memberships import MembershipInline
from organizations.admin.model_admins import (
    CheckedSelection,
)
from organizations.members.email_changes import delete_other_addresses
from organizations.models import User


@admin.register(User)
class HubUserAdmin(CheckedSelection[User], UserAdmin):  # type: ignore[type-arg]
    """Users sign in by e-mail. A superuser cannot deactivate or delete their own user."""

    form = UserForm
    add_form = NewUserForm
    ordering = ("email",)
    audited_values = ("email", "name", "activate", "is_superuser", "organization", "user", "role")
    list_display = ("email", "name", "activate", "is_superuser", "signed_in", "created")
    list_filter = ("activate", "is_superuser")
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    search_fields = ("email__istartswith", "name__istartswith")
    search_help_text = _("Beginning of the e-mail or of the name")
    filter_horizontal = ()
    empty_value_display = EMPTY
    actions = None
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        (_("Access"), {"fields": ("activate", "is_superuser")}),
        (_("Times"), {"fields": ("signed_in", "created")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "name", "usable_password", "password1", "password2")}),)
    inlines = (MembershipInline,)
    signed_in = time_column(User, "last_login")
    created = time_column(User, "create_in")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        own = ("activate", "is_superuser") if obj == request.user else ()
        return ("signed_in", "created", *own)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else ()

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        delete_other_addresses(obj.pk)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj != request.user and super().has_delete_permission(request, obj)
