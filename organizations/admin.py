"""Admin of who works here: users, organizations, memberships, numbers, and what Meta tells about their accounts."""

from collections.abc import Iterable
from typing import Any

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from organizations.admin_pages import (
    EMPTY,
    BigPage,
    Page,
    ReadOnly,
    compact,
    link,
    link_to,
    moment,
    pretty,
    secrets_at,
    table,
)
from organizations.connecting import CALLBACK_PATH
from organizations.forms import NewUserForm, PhoneNumberForm, UserForm
from organizations.models import AccountEvent, Membership, Organization, PhoneNumber, User
from organizations.selectors import latest_account_events
from organizations.services import opened

for made_elsewhere in (Group, EmailAddress, Authenticator):  # a row here would be another way in
    admin.site.unregister(made_elsewhere)
admin.site.site_header = admin.site.site_title = "WhatsApp Hub"
admin.site.index_title = _("Operation")
admin.site.site_url = "/"
# Who opens the admin signs in where everybody does: with two factors, and counted.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    extra = 0
    autocomplete_fields = ("user", "organization")
    fields = ("organization", "user", "role", "activate")


@admin.register(User)
class UserPage(UserAdmin):  # type: ignore[type-arg]
    """Users sign in by e-mail. Nobody can shut themselves out."""

    form = UserForm
    add_form = NewUserForm
    ordering = ("email",)
    list_display = ("email", "name", "activate", "is_superuser", "last_login", "create_in")
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
        (_("Times"), {"fields": ("last_login", "create_in")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "name", "usable_password", "password1", "password2")}),)
    inlines = (MembershipInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        own = ("activate", "is_superuser") if obj == request.user else ()
        return ("last_login", "create_in", *own)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj != request.user and super().has_delete_permission(request, obj)


def webhook_address(path: str) -> SafeString:
    """A path of the webhook's; the browser makes it a whole address with a button to copy it."""
    return format_html('<code class="hub-address" data-copy="{}">{}</code>', gettext("Copy"), path)


@admin.register(Organization)
class OrganizationPage(Page[Organization]):
    """Organizations. One that was ever used is switched off, not deleted."""

    list_display = ("organization_name", "activate", "create_in", "created_by")
    list_filter = ("activate",)
    search_fields = ("organization_name__icontains",)
    related = ("create_by",)
    fieldsets = (
        (None, {"fields": ("organization_name", "activate")}),
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
        (_("Origin"), {"fields": ("create_in", "created_by")}),
    )
    readonly_fields = ("address", "numbers_table", "create_in", "created_by")
    inlines = (MembershipInline,)

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

    @admin.display(description=_("own address"))
    def address(self, organization: Organization) -> SafeString:
        return webhook_address(f"{CALLBACK_PATH}{organization.key}/")

    @admin.display(description=_("numbers"))
    def numbers_table(self, organization: Organization) -> SafeString:
        numbers = organization.numbers.defer(*PhoneNumber.SECRETS).order_by("pk")[:100]
        return table(
            [_("number"), _("phone number ID"), _("active")],
            [
                (
                    link_to("organizations_phonenumber", number.pk, number.wa_id),
                    number.phone_number_id,
                    _("Yes") if number.activate else _("No"),
                )
                for number in numbers
            ],
        )


@admin.register(Membership)
class MembershipPage(Page[Membership]):
    list_display = ("user", "organization", "role", "activate", "create_in")
    list_filter = ("role", "activate")
    search_fields = ("user__email__istartswith", "organization__organization_name__istartswith")
    search_help_text = _("Beginning of the user's e-mail or of the organization's name")
    autocomplete_fields = ("user", "organization")
    readonly_fields = ("create_in",)
    related = ("user", "organization")


@admin.register(PhoneNumber)
class PhoneNumberPage(Page[PhoneNumber]):
    """Numbers. The secrets can be replaced and never read; a number that was ever used is switched off, not deleted."""

    form = PhoneNumberForm
    list_display = ("wa_id", "organization", "phone_number_id", "waba_id", "activate", "default_profile", "create_in")
    list_filter = ("activate", "default_profile")
    search_fields = (
        "wa_id__exact",
        "phone_number_id__exact",
        "waba_id__exact",
        "organization__organization_name__icontains",
    )
    search_help_text = _("Number, one of Meta's ids, or part of the organization's name")
    autocomplete_fields = ("organization",)
    related = ("organization",)
    deferred = PhoneNumber.SECRETS
    secret_fields = ("new_webhook_verify_token", "new_meta_token", "new_app_secret")
    fieldsets = (
        (None, {"fields": ("organization", "wa_id", "phone_number_id", "waba_id", "activate")}),
        (_("New contacts"), {"fields": ("default_profile", "default_bot")}),
        (
            _("Secrets"),
            {
                "fields": (*secret_fields, "previous_state", "forget_previous_app_secret"),
                "description": _("They are stored encrypted and never shown again."),
            },
        ),
        (_("Webhook"), {"fields": ("own_address", "shared_address")}),
        (_("What Meta told last about the number"), {"fields": ("events_table",), "classes": ("hub-wide",)}),
        (_("More"), {"fields": ("rows", "create_in")}),
    )
    always_shown = ("previous_state", "own_address", "shared_address", "events_table", "rows", "create_in")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj:
            return super().get_fieldsets(request, obj)
        secrets = (_("Secrets"), {"fields": self.secret_fields, "description": self.fieldsets[2][1]["description"]})
        return (*self.fieldsets[:2], secrets)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What contacts and messages hang on stays as it is."""
        return (*self.always_shown, "organization", "phone_number_id") if obj else self.always_shown

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or not _is_used(obj)

    def save_model(self, request: HttpRequest, obj: PhoneNumber, form: Any, change: bool) -> None:
        obj.save(update_fields=form.columns_changed if change else None)

    @admin.display(description=_("previous app secret"))
    def previous_state(self, number: PhoneNumber) -> str:
        return gettext("Not set") if opened(number, "previous_app_secret") == "" else gettext("Set")

    @admin.display(description=_("the organization's own address"))
    def own_address(self, number: PhoneNumber) -> SafeString:
        return webhook_address(f"{CALLBACK_PATH}{number.organization.key}/")

    @admin.display(description=_("address that all share"))
    def shared_address(self, number: PhoneNumber) -> SafeString:
        return webhook_address(CALLBACK_PATH)

    @admin.display(description=_("account events"))
    def events_table(self, number: PhoneNumber) -> SafeString:
        return table(
            [_("occurred at"), _("field"), _("event"), _("value")],
            [
                (
                    link_to("organizations_accountevent", event.pk, moment(event.occurred_at)),
                    event.field,
                    event.event,
                    compact(event.value),
                )
                for event in latest_account_events(number)
            ],
        )

    @admin.display(description=_("see also"))
    def rows(self, number: PhoneNumber) -> SafeString:
        contacts = link("contacts_contact", _("contacts"), create_for_phone_number__exact=number.phone_number_id)
        messages = link("chats_message", _("messages"), phone_number__exact=number.phone_number_id)
        return format_html("{} · {}", contacts, messages)


def _is_used(number: PhoneNumber) -> bool:
    """Whether any row of any room hangs on the number."""
    return any(
        relation.related_model._base_manager.filter(**{relation.field.name: number}).exists()
        for relation in PhoneNumber._meta.related_objects
    )


@admin.register(AccountEvent)
class AccountEventPage(ReadOnly, BigPage[AccountEvent]):
    """What Meta told about numbers, accounts and templates."""

    intro = _("What Meta told about numbers, accounts and message templates: quality, limits, reviews, restrictions.")
    list_display = ("when", "organization", "number", "waba_id", "field", "event")
    search_fields = ("phone_number__exact", "waba_id__exact")
    search_help_text = _("Phone number ID or WhatsApp Business Account ID")
    related = ("organization", "phone_number__organization")
    deferred = ("value", *secrets_at("phone_number"))
    fields = ("when", "organization", "number", "waba_id", "field", "event", "webhook", "value_pretty")
    readonly_fields = fields
    actions = None

    def matches(self, term: str) -> Iterable[QuerySet[AccountEvent]]:
        events = AccountEvent.objects.order_by("-pk")
        return events.filter(phone_number__phone_number_id=term), events.filter(waba_id=term)

    @admin.display(description=_("occurred at"))
    def when(self, event: AccountEvent) -> str:
        return moment(event.occurred_at)

    @admin.display(description=_("number"))
    def number(self, event: AccountEvent) -> str:
        number = event.phone_number
        return link_to("organizations_phonenumber", number.pk, number.wa_id) if number else EMPTY

    @admin.display(description=_("webhook"))
    def webhook(self, event: AccountEvent) -> SafeString:
        return link_to("webhooks_webhook", event.webhook_id, event.webhook_id)

    @admin.display(description=_("value"))
    def value_pretty(self, event: AccountEvent) -> SafeString:
        return pretty(event.value)
