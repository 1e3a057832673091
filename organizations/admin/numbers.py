"""Admin of numbers and account events."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cloud_api.wa_ids import candidates
from organizations.account_events.selectors import latest_account_events
from organizations.admin.display import (
    EMPTY,
    compact_json,
    format_time,
    html_table,
    indented_json,
    list_link,
    row_link,
    time_column,
    webhook_url,
)
from organizations.admin.forms import PhoneNumberForm
from organizations.admin.model_admins import (
    MAX_COUNTED,
    HubModelAdmin,
    LargeTableAdmin,
    ReadOnlyAdmin,
    secret_columns,
)
from organizations.models import AccountEvent, Organization, PhoneNumber, Proof
from organizations.numbers.number_secrets import previous_secret_state
from organizations.numbers.ownership import OwnedElsewhere, has_rows, is_move_target, prove_ownership, release_id, withdraw_proof
from organizations.numbers.selectors import annotate_has_secrets
from organizations.numbers.setup import CALLBACK_PATH
from organizations.numbers.states import derive_state


@admin.register(PhoneNumber)
class PhoneNumberAdmin(HubModelAdmin[PhoneNumber]):
    """Numbers. Secrets can be replaced and never read. A number that was ever used can be deactivated, but not deleted."""

    form = PhoneNumberForm
    audited_values = (*PhoneNumberForm.Meta.fields, "forget_previous_app_secret")
    list_display = ("wa_id", "organization", "shown_id", "waba_id", "state", "proven_by", "default_profile", "created")
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
    created = time_column(PhoneNumber, "create_in")
    proof_checked = time_column(PhoneNumber, "proof_checked_at")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[PhoneNumber], search_term: str
    ) -> tuple[QuerySet[PhoneNumber], bool]:
        """Finds a number in any notation, as the pages of organizations do."""
        found, has_duplicates = super().get_search_results(request, queryset, search_term)
        countries = Organization.objects.order_by().values_list("country", flat=True).distinct()
        wa_ids = {wa_id for country in countries for wa_id in candidates(search_term, country=country)}
        return (found | queryset.filter(wa_id__in=wa_ids) if wa_ids else found), has_duplicates

    secret_fields = ("new_webhook_verify_token", "new_meta_token", "new_app_secret")
    fieldsets = (
        (None, {"fields": ("organization", "wa_id", "name", "shown_id", "waba_id", "activate", "state")}),
        (_("Ownership"), {"fields": ("ownership", "account_ownership", "proof_checked")}),
        (_("New contacts"), {"fields": ("default_profile",)}),
        (
            _("Secrets"),
            {
                "fields": (*secret_fields, "previous_state", "forget_previous_app_secret"),
                "description": _("They are stored encrypted and never shown again."),
            },
        ),
        (_("Webhook"), {"fields": ("own_address", "shared_address")}),
        (_("Last report of Meta about the number"), {"fields": ("events_table",), "classes": ("hub-wide",)}),
        (_("More"), {"fields": ("rows", "created")}),
    )
    always_shown = (
        *("state", "ownership", "account_ownership", "proof_checked"),
        *("previous_state", "own_address", "shared_address", "events_table", "rows", "created"),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj:
            return super().get_fieldsets(request, obj)
        _ids, _ownership, contacts, (heading, stored), *_rest = self.fieldsets
        ids = (None, {"fields": ("organization", "wa_id", "phone_number_id", "waba_id", "activate")})
        return (ids, contacts, (heading, {"fields": self.secret_fields, "description": stored["description"]}))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Makes the columns read-only to which contacts and messages refer."""
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
        return webhook_url(f"{CALLBACK_PATH}{number.organization.key}/")

    @admin.display(description=_("address that all share"))
    def shared_address(self, number: PhoneNumber) -> SafeString:
        return webhook_url(CALLBACK_PATH)

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
class AccountEventAdmin(ReadOnlyAdmin, LargeTableAdmin[AccountEvent]):
    """What webhooks reported about numbers, accounts and templates."""

    intro = _("What Meta reported about numbers, accounts and message templates: quality, limits, reviews, restrictions.")
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
