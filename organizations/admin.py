"""Admin of who works here: users, organizations, memberships, numbers, and what Meta tells about their accounts."""

from collections.abc import Iterable
from typing import Any

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cloud_api.wa_ids import candidates
from organizations.admin.display import EMPTY, compact_json, format_time, html_table, indented_json, list_link, row_link
from organizations.admin.model_admins import (
    MAX_COUNTED,
    CheckedChoices,
    CheckedSelection,
    HubModelAdmin,
    LargeTableAdmin,
    ReadOnlyAdmin,
    secret_columns,
    selected_ids,
)
from organizations.admin_forms import NewUserForm, OrganizationRowForm, PhoneNumberForm, UserForm
from organizations.members.email_changes import delete_other_addresses
from organizations.models import AccountEvent, Mail, Membership, Organization, PhoneNumber, Proof, User
from organizations.numbers.number_secrets import previous_secret_state
from organizations.numbers.ownership import OwnedElsewhere, has_rows, is_move_target, prove_ownership, release_id, withdraw_proof
from organizations.numbers.selectors import annotate_has_secrets, derive_states, latest_account_events
from organizations.numbers.setup import CALLBACK_PATH
from organizations.numbers.states import derive_state
from organizations.storage import quota_of, storage_used

for made_elsewhere in (Group, EmailAddress, Authenticator):  # a row here would be another way in
    admin.site.unregister(made_elsewhere)
admin.site.site_header = admin.site.site_title = "WhatsApp Hub"
admin.site.index_title = _("Operation")
admin.site.site_url = "/"
# Who opens the admin signs in where everybody does: with two factors, and counted.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]


class MembershipInline(CheckedChoices, admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    extra = 0
    autocomplete_fields = ("user", "organization")
    fields = ("organization", "user", "role", "activate")


@admin.register(User)
class UserPage(CheckedSelection[User], UserAdmin):  # type: ignore[type-arg]
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

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        delete_other_addresses(obj.pk)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj != request.user and super().has_delete_permission(request, obj)


def webhook_address(path: str) -> SafeString:
    """A path of the webhook's; the browser makes it a whole address with a button to copy it."""
    return format_html('<code class="hub-address" data-copy="{}">{}</code>', gettext("Copy"), path)


@admin.register(Organization)
class OrganizationPage(HubModelAdmin[Organization]):
    """Organizations. One that was ever used is switched off, not deleted."""

    form = OrganizationRowForm
    list_display = ("organization_name", "activate", "create_in", "created_by")
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
        (_("Origin"), {"fields": ("create_in", "created_by")}),
    )
    readonly_fields = ("storage_used", "address", "numbers_table", "create_in", "created_by")
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

    @admin.display(description=_("storage used"))
    def storage_used(self, organization: Organization) -> str:
        return f"{filesizeformat(storage_used(organization))} / {filesizeformat(quota_of(organization))}"

    @admin.display(description=_("own address"))
    def address(self, organization: Organization) -> SafeString:
        return webhook_address(f"{CALLBACK_PATH}{organization.key}/")

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


@admin.register(Membership)
class MembershipPage(HubModelAdmin[Membership]):
    list_display = ("user", "organization", "role", "activate", "create_in")
    list_filter = ("role", "activate")
    search_fields = ("user__email__istartswith", "organization__organization_name__istartswith")
    search_help_text = _("Beginning of the user's e-mail or of the organization's name")
    autocomplete_fields = ("user", "organization")
    readonly_fields = ("create_in",)
    related = ("user", "organization")


@admin.register(PhoneNumber)
class PhoneNumberPage(HubModelAdmin[PhoneNumber]):
    """Numbers. The secrets can be replaced and never read; a number that was ever used is switched off, not deleted."""

    form = PhoneNumberForm
    list_display = ("wa_id", "organization", "shown_id", "waba_id", "state", "proven_by", "default_profile", "create_in")
    list_filter = ("activate", "proven_by", "default_profile")
    actions = ("approve_ownership", "withdraw_ownership")
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

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[PhoneNumber], search_term: str
    ) -> tuple[QuerySet[PhoneNumber], bool]:
        """A number in any way of writing, as on the pages."""
        found, has_duplicates = super().get_search_results(request, queryset, search_term)
        countries = Organization.objects.order_by().values_list("country", flat=True).distinct()
        wa_ids = {wa_id for country in countries for wa_id in candidates(search_term, country=country)}
        return (found | queryset.filter(wa_id__in=wa_ids) if wa_ids else found), has_duplicates

    secret_fields = ("new_webhook_verify_token", "new_meta_token", "new_app_secret")
    fieldsets = (
        (None, {"fields": ("organization", "wa_id", "name", "shown_id", "waba_id", "activate", "state")}),
        (_("Ownership"), {"fields": ("ownership", "account_ownership", "proof_checked_at")}),
        (_("New contacts"), {"fields": ("default_profile",)}),
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
    always_shown = (
        *("state", "ownership", "account_ownership", "proof_checked_at"),
        *("previous_state", "own_address", "shared_address", "events_table", "rows", "create_in"),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj:
            return super().get_fieldsets(request, obj)
        _ids, _ownership, contacts, (heading, stored), *_rest = self.fieldsets
        ids = (None, {"fields": ("organization", "wa_id", "phone_number_id", "waba_id", "activate")})
        return (ids, contacts, (heading, {"fields": self.secret_fields, "description": stored["description"]}))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What contacts and messages hang on stays as it is."""
        return (*self.always_shown, "organization", "shown_id") if obj else self.always_shown

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or not (has_rows(obj) or is_move_target(obj))

    def save_model(self, request: HttpRequest, obj: PhoneNumber, form: Any, change: bool) -> None:
        obj.save(update_fields=form.columns_changed if change else None)
        if not change:
            self._approve(request, obj)

    def delete_model(self, request: HttpRequest, obj: PhoneNumber) -> None:
        super().delete_model(request, obj)
        release_id(meta_id=obj.meta_id)

    @admin.display(description=_("phone number ID"), ordering="phone_number_id")
    def shown_id(self, number: PhoneNumber) -> str:
        return number.meta_id

    @admin.action(description=_("Approve: these numbers belong to their organizations"))
    def approve_ownership(self, request: HttpRequest, queryset: QuerySet[PhoneNumber]) -> None:
        for number in queryset.filter(replaced_by=None)[:MAX_COUNTED]:
            self._approve(request, number)

    def _approve(self, request: HttpRequest, number: PhoneNumber) -> None:
        try:
            prove_ownership(number=number, proof=Proof.OPERATOR, account_too=True, now=timezone.now())
        except OwnedElsewhere:
            words = gettext("%(number)s has been proven to be another organization's. Withdraw that proof first.")
            self.message_user(request, words % {"number": number.meta_id}, messages.ERROR)

    @admin.action(description=_("Withdraw the proof of ownership: webhooks of the platform's app wait"))
    def withdraw_ownership(self, request: HttpRequest, queryset: QuerySet[PhoneNumber]) -> None:
        for number in queryset[:MAX_COUNTED]:
            withdraw_proof(number=number, now=timezone.now())

    def get_queryset(self, request: HttpRequest) -> QuerySet[PhoneNumber]:
        return annotate_has_secrets(super().get_queryset(request))

    @admin.display(description=_("state"))
    def state(self, number: Any) -> str:
        return str(derive_state(number, has_secrets=number.has_secrets, now=timezone.now()).label)

    @admin.display(description=_("ownership"))
    def ownership(self, number: PhoneNumber) -> str:
        if number.is_claim:
            return gettext("Not proven; another organization has this ID until it is.")
        if number.proven_at is None:
            return gettext("Not proven: what the platform's app signs waits until an access token of the organization opens it.")
        return f"{number.get_proven_by_display()}, {format_time(number.proven_at)}"

    @admin.display(description=_("account"))
    def account_ownership(self, number: PhoneNumber) -> str:
        if not number.waba_id:
            return EMPTY
        return gettext("Not confirmed by Meta") if number.waba_is_claimed else gettext("Confirmed with the number")

    @admin.display(description=_("previous app secret"))
    def previous_state(self, number: PhoneNumber) -> str:
        return previous_secret_state(number, now=timezone.now()) or gettext("Not set")

    @admin.display(description=_("the organization's own address"))
    def own_address(self, number: PhoneNumber) -> SafeString:
        return webhook_address(f"{CALLBACK_PATH}{number.organization.key}/")

    @admin.display(description=_("address that all share"))
    def shared_address(self, number: PhoneNumber) -> SafeString:
        return webhook_address(CALLBACK_PATH)

    @admin.display(description=_("account events"))
    def events_table(self, number: PhoneNumber) -> SafeString:
        return html_table(
            [_("occurred at"), _("field"), _("event"), _("value")],
            [
                (
                    row_link("organizations_accountevent", event.pk, format_time(event.occurred_at)),
                    event.field,
                    event.event,
                    compact_json(event.value),
                )
                for event in latest_account_events(number)
            ],
        )

    @admin.display(description=_("see also"))
    def rows(self, number: PhoneNumber) -> SafeString:
        contacts = list_link("contacts_contact", _("contacts"), create_for_phone_number__exact=number.phone_number_id)
        messages = list_link("chats_message", _("messages"), phone_number__exact=number.phone_number_id)
        return format_html("{} · {}", contacts, messages)


@admin.register(AccountEvent)
class AccountEventPage(ReadOnlyAdmin, LargeTableAdmin[AccountEvent]):
    """What Meta told about numbers, accounts and templates."""

    intro = _("What Meta told about numbers, accounts and message templates: quality, limits, reviews, restrictions.")
    list_display = ("when", "organization", "number", "waba_id", "field", "event")
    search_fields = ("phone_number__exact", "waba_id__exact")
    search_help_text = _("Phone number ID or WhatsApp Business Account ID")
    related = ("organization", "phone_number__organization")
    deferred = ("value", *secret_columns("phone_number"))
    fields = ("when", "organization", "number", "waba_id", "field", "event", "webhook", "value_pretty")
    readonly_fields = fields
    actions = None

    def matches(self, term: str) -> Iterable[QuerySet[AccountEvent]]:
        events = AccountEvent.objects.order_by("-pk")
        return events.filter(phone_number__phone_number_id=term), events.filter(waba_id=term)

    @admin.display(description=_("occurred at"))
    def when(self, event: AccountEvent) -> str:
        return format_time(event.occurred_at)

    @admin.display(description=_("number"))
    def number(self, event: AccountEvent) -> str:
        number = event.phone_number
        return row_link("organizations_phonenumber", number.pk, number.wa_id) if number else EMPTY

    @admin.display(description=_("webhook"))
    def webhook(self, event: AccountEvent) -> SafeString:
        return row_link("webhooks_webhook", event.webhook_id, event.webhook_id)

    @admin.display(description=_("value"))
    def value_pretty(self, event: AccountEvent) -> SafeString:
        return indented_json(event.value)


@admin.register(Mail)
class MailPage(ReadOnlyAdmin, HubModelAdmin[Mail]):
    """E-mails that were not sent yet, or could not be."""

    intro = _("E-mails that wait for the mail server, or that it refused. One that was sent is deleted.")
    list_display = ("created", "to", "subject", "state", "attempts", "reason")
    deferred = ("text",)
    fields = ("created", "to", "subject", "state", "attempts", "reason", "usable_until")
    readonly_fields = fields
    actions = ("send_again",)

    @admin.display(description=_("created"))
    def created(self, mail: Mail) -> str:
        return format_time(mail.create_in)

    @admin.display(description=_("of use until"))
    def usable_until(self, mail: Mail) -> str:
        return format_time(mail.expires_at)

    @admin.action(description=_("Try to send again"))
    def send_again(self, request: HttpRequest, queryset: QuerySet[Mail]) -> None:
        Mail.objects.filter(pk__in=selected_ids(queryset)).make_due()
        self.message_user(request, gettext("They are tried again within a second."))
