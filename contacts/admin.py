"""Admin of contacts: who answers, their identifiers, and conflicts."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from contacts.lists.search import LAST_LETTER, MAX_WORD_LENGTH, MAX_WORDS, fold_limited
from contacts.models import Contact, ContactWord, RetiredIdentity
from contacts.selectors import contacts_with_phone
from contacts.services import set_who_answers
from organizations.admin.display import EMPTY, format_time, list_link, row_link, time_column
from organizations.admin.model_admins import LargeTableAdmin, ReadOnlyAdmin, secret_columns, selected_ids
from organizations.models import Organization, PhoneNumber, Profile, User
from organizations.text_display import GroupedInt


class ConflictFilter(admin.SimpleListFilter):
    title = _("identifiers")
    parameter_name = "conflict"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("shared with another contact"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        return queryset.filter(conflicts_with__isnull=False) if self.value() == "yes" else queryset


class RetiredIdentityInline(ReadOnlyAdmin, admin.TabularInline):  # type: ignore[type-arg]
    model = RetiredIdentity
    extra = 0
    fields = ("kind", "value", "retired")
    readonly_fields = ("retired",)
    ordering = ("-retired_at",)
    retired = time_column(RetiredIdentity, "retired_at")


def _find_by_words(term: str) -> QuerySet[Contact]:
    """Returns the contacts of all organizations with names whose words begin like those of the search."""
    words = [word[:MAX_WORD_LENGTH] for word in fold_limited(term).split()[:MAX_WORDS]]
    organizations = list(Organization.objects.values_list("pk", flat=True))
    found = Contact.objects.all() if words else Contact.objects.none()
    for word in words:
        rows = ContactWord.objects.filter(organization_id__in=organizations, word__gte=word, word__lt=word + LAST_LETTER)
        found = found.filter(pk__in=rows.values("contact"))
    return found


@admin.register(Contact)
class ContactAdmin(LargeTableAdmin[Contact]):
    """Contacts, names and identifiers come from webhooks. Superusers can only change who answers."""

    intro = _("People who wrote to one of the numbers. Each number has its own contacts.")
    list_display = (
        "__str__",
        "address",
        "number_short",
        "profile",
        "last_message",
    )
    list_editable = ("profile",)
    list_filter = (ConflictFilter,)
    search_fields = ("wa_id__exact", "bsuid__exact", "username__exact", "name__istartswith")
    search_help_text = _("Whole number in any way of writing, user ID or username, or the beginning of names")
    related = ("create_for_phone_number__organization", "conflicts_with")
    deferred = secret_columns("create_for_phone_number")
    fieldsets = (
        (None, {"fields": ("name", "username", "number")}),
        (
            _("Known by"),
            {
                "fields": ("wa_id", "bsuid", "parent_bsuid", "conflict"),
                "description": _("Exactly as Meta gave it. Somebody without a phone number is known by the user ID alone."),
            },
        ),
        (_("Usually answers"), {"fields": ("profile",)}),
        (
            _("Conversation"),
            {
                "fields": (
                    "conversation",
                    "last_message",
                    "customer_message",
                    "window",
                    "session_id",
                    "session_expires",
                    "session_is_active",
                )
            },
        ),
        (_("More"), {"fields": ("marketing_stopped", "blocked_since", "created")}),
    )
    readonly_fields = (
        *("name", "username", "number", "wa_id", "bsuid", "parent_bsuid", "conflict"),
        *("conversation", "last_message", "customer_message", "window"),
        *("session_id", "session_expires", "session_is_active", "marketing_stopped", "blocked_since", "created"),
    )
    inlines = (RetiredIdentityInline,)
    created = time_column(Contact, "create_in")
    blocked_since = time_column(Contact, "blocked_at")
    actions = ("team_answers", "bot_answers", "ai_answers")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def matches(self, term: str) -> Iterable[QuerySet[Contact]]:
        """Searches by identifier. Searches by name if no contact has the identifier."""
        # With the numbers, the unique constraint (number, BSUID) serves as index.
        numbers = list(PhoneNumber.objects.values_list("phone_number_id", flat=True))
        of_numbers = Contact.objects.filter(create_for_phone_number__phone_number_id__in=numbers)
        by_identifier = [of_numbers.filter(bsuid=term), contacts_with_phone(term)]
        if any(rows.exists() for rows in by_identifier):
            return by_identifier
        newest = Contact.objects.order_by("-pk")
        return newest.filter(name__istartswith=term), newest.filter(username=term.removeprefix("@")), _find_by_words(term)

    @admin.display(description=_("WhatsApp ID"))
    def address(self, contact: Contact) -> str:
        return contact.address

    @admin.display(description=_("number"))
    def number(self, contact: Contact) -> SafeString:
        number = contact.create_for_phone_number
        return row_link("organizations_phonenumber", number.pk, number)

    @admin.display(description=_("number"))
    def number_short(self, contact: Contact) -> SafeString:
        number = contact.create_for_phone_number
        return row_link("organizations_phonenumber", number.pk, number.wa_id)

    @admin.display(description=_("last message"))
    def last_message(self, contact: Contact) -> str:
        return format_time(contact.last_message_timestamp)

    @admin.display(description=_("customer's last message"))
    def customer_message(self, contact: Contact) -> str:
        return format_time(contact.last_customer_message_at)

    @admin.display(description=_("customer service window"))
    def window(self, contact: Contact) -> str:
        until = {"time": format_time(contact.window_expires_at)}
        if contact.is_window_open(timezone.now()):
            return gettext("open until %(time)s") % until
        if contact.window_expires_at:
            return gettext("closed since %(time)s") % until
        return gettext("closed: the customer never wrote")

    @admin.display(description=_("session expires"))
    def session_expires(self, contact: Contact) -> str:
        return format_time(contact.session_expires_at)

    @admin.display(description=_("messages"))
    def conversation(self, contact: Contact) -> SafeString:
        return list_link("chats_message", _("all messages"), contact__id__exact=contact.pk)

    @admin.display(description=_("shares an identifier with"))
    def conflict(self, contact: Contact) -> str:
        other = contact.conflicts_with
        return row_link("contacts_contact", other.pk, f"{other} · {other.address}") if other else EMPTY

    def save_model(self, request: HttpRequest, obj: Contact, form: Any, change: bool) -> None:
        if "profile" in form.changed_data:
            self._set_who_answers(request, [obj], Profile(obj.profile))

    def _set_who_answers(self, request: HttpRequest, contacts: Iterable[Contact], profile: Profile) -> int:
        """Sets who answers contacts of any organizations. Returns the number of contacts."""
        superuser = cast("User", request.user)  # the admin requires a superuser
        by_organization: dict[Organization, list[int]] = defaultdict(list)
        for contact in contacts:
            by_organization[contact.create_for_phone_number.organization].append(contact.pk)
        return sum(
            set_who_answers(organization=organization, contact_ids=ids, profile=profile, by=superuser, now=timezone.now())
            for organization, ids in by_organization.items()
        )

    def _set_for_selected(self, request: HttpRequest, queryset: QuerySet[Contact], profile: Profile) -> None:
        count = self._set_who_answers(request, self.get_queryset(request).filter(pk__in=selected_ids(queryset)), profile)
        text = ngettext("%(count)s contact changed.", "%(count)s contacts changed.", count) % {"count": GroupedInt(count)}
        self.message_user(request, text, messages.SUCCESS)

    @admin.action(description=_("Let the team answer"))
    def team_answers(self, request: HttpRequest, queryset: QuerySet[Contact]) -> None:
        self._set_for_selected(request, queryset, Profile.HUMAN)

    @admin.action(description=_("Let the bot answer"))
    def bot_answers(self, request: HttpRequest, queryset: QuerySet[Contact]) -> None:
        self._set_for_selected(request, queryset, Profile.BOT)

    @admin.action(description=_("Let the AI answer"))
    def ai_answers(self, request: HttpRequest, queryset: QuerySet[Contact]) -> None:
        self._set_for_selected(request, queryset, Profile.AI)
