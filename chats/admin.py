"""Admin of messages with their status events, read-only."""

import uuid
from collections.abc import Iterable

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chats.models import Message, StatusEvent
from contacts.models import Contact
from contacts.selectors import contacts_with_phone
from organizations.admin.display import (
    EMPTY,
    badge,
    compact_json,
    format_time,
    html_table,
    indented_json,
    list_link,
    preformatted,
    row_link,
)
from organizations.admin.model_admins import MAX_COUNTED, MAX_FOUND, LargeTableAdmin, ReadOnlyAdmin, secret_columns
from organizations.models import PhoneNumber


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin, LargeTableAdmin[Message]):
    """Messages of both sides."""

    intro = _("Messages of both sides, the latest stored first. The search finds a message, a session or a person.")
    list_display = ("when", "direction", "person", "number_short", "kind", "summary", "status")
    search_fields = ("wamid__exact", "session_id__exact", "contact__wa_id__exact", "contact__bsuid__exact")
    search_help_text = _("Whole message ID (wamid), session, number or user ID, or a text in the latest 10,000 messages")
    related = ("contact", "phone_number__organization")
    deferred = ("payload", "flow_state", "reactions", *secret_columns("phone_number"))
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "text",
                    "text_edited",
                    "kind",
                    "direction",
                    "status",
                    "person",
                    "number",
                    "when",
                    "wamid",
                )
            },
        ),
        (_("What became of it"), {"fields": ("events_table",), "classes": ("hub-wide",)}),
        (
            _("Session"),
            {
                "fields": (
                    "session",
                    "session_expires",
                    "is_active",
                    "wa_id",
                    "wa_id_received",
                    "bot_replied",
                    "flow_state",
                )
            },
        ),
        (
            _("Reactions, edits and deletions"),
            {"fields": ("reactions", "edited_time", "revoked_time", "quoted", "target", "acting", "group_id")},
        ),
        (_("API object"), {"fields": ("origin", "webhook", "stored", "payload_pretty"), "classes": ("hub-wide",)}),
    )
    actions = None

    def matches(self, term: str) -> Iterable[QuerySet[Message]]:
        """Searches by wamid, by the contact's identifiers, by session, and by text in the latest messages, which needs no index."""
        # With the numbers, the unique constraints (number, wamid) and (number, BSUID) serve as indexes.
        numbers = list(PhoneNumber.objects.values_list("phone_number_id", flat=True))
        yield Message.objects.filter(phone_number__phone_number_id__in=numbers, wamid=term)
        of_numbers = Contact.objects.filter(create_for_phone_number__phone_number_id__in=numbers)
        by_identifier = (of_numbers.filter(bsuid=term), contacts_with_phone(term))
        ids = {pk for rows in by_identifier for pk in rows.values_list("pk", flat=True)[:MAX_FOUND]}
        yield Message.objects.filter(contact__in=ids).order_by("-create_in")
        if session := _uuid(term):
            yield Message.objects.filter(session_id=session)
        first = Message.objects.order_by("-pk").values_list("pk", flat=True)[MAX_COUNTED : MAX_COUNTED + 1]
        latest = Message.objects.filter(pk__gt=next(iter(first), 0))
        contains_term = Q(edited_content=None, content__icontains=term) | Q(edited_content__icontains=term)
        yield latest.filter(contains_term, revoked_at=None)

    @admin.display(description=_("sent at"))
    def when(self, message: Message) -> str:
        return format_time(message.create_in)

    @admin.display(description=_("from"))
    def direction(self, message: Message) -> object:
        return _("customer") if message.is_user_message else _("business")

    @admin.display(description=_("contact"))
    def person(self, message: Message) -> SafeString:
        return row_link("contacts_contact", message.contact_id, message.contact)

    @admin.display(description=_("number"))
    def number(self, message: Message) -> SafeString:
        return row_link("organizations_phonenumber", message.phone_number.pk, message.phone_number)

    @admin.display(description=_("number"))
    def number_short(self, message: Message) -> SafeString:
        return row_link("organizations_phonenumber", message.phone_number.pk, message.phone_number.wa_id)

    @admin.display(description=_("content"))
    def summary(self, message: Message) -> str:
        if message.revoked_at:
            return str(_("Deleted message"))
        return Truncator(message.edited_content or message.content).chars(80)

    @admin.display(description=_("content"))
    def text(self, message: Message) -> str:
        """Returns the content, except of a message that its sender deleted: no page shows that."""
        return str(_("Deleted message")) if message.revoked_at else message.content or EMPTY

    @admin.display(description=_("edited content"))
    def text_edited(self, message: Message) -> str:
        return EMPTY if message.revoked_at or message.edited_content is None else message.edited_content

    @admin.display(description=_("status"))
    def status(self, message: Message) -> SafeString:
        return badge(message.message_status, message.get_message_status_display())

    @admin.display(description=_("session"))
    def session(self, message: Message) -> SafeString:
        return list_link("chats_message", message.session_id, session_id__exact=message.session_id)

    @admin.display(description=_("session expires"))
    def session_expires(self, message: Message) -> str:
        return format_time(message.expires_at)

    @admin.display(description=_("edited at"))
    def edited_time(self, message: Message) -> str:
        return format_time(message.edited_at)

    @admin.display(description=_("deleted at"))
    def revoked_time(self, message: Message) -> str:
        return format_time(message.revoked_at)

    @admin.display(description=_("answers"))
    def quoted(self, message: Message) -> str:
        return _link_to_message(message.quoted_wamid)

    @admin.display(description=_("acts on"))
    def target(self, message: Message) -> str:
        return _link_to_message(message.target_wamid)

    @admin.display(description=_("acted on by"))
    def acting(self, message: Message) -> str:
        if not message.wamid:
            return EMPTY
        return list_link(
            "chats_message",
            _("reactions, edits and deletions of this message"),
            phone_number__exact=message.phone_number_id,
            target_wamid__exact=message.wamid,
        )

    @admin.display(description=_("webhook"))
    def webhook(self, message: Message) -> str:
        return row_link("webhooks_webhook", message.webhook_id, message.webhook_id) if message.webhook_id else EMPTY

    @admin.display(description=_("updated at"))
    def stored(self, message: Message) -> str:
        return format_time(message.updated_at)

    @admin.display(description=_("API object"))
    def payload_pretty(self, message: Message) -> SafeString:
        return preformatted(gettext("Deleted message")) if message.revoked_at else indented_json(message.payload)

    @admin.display(description=_("status events"))
    def events_table(self, message: Message) -> SafeString:
        if not message.wamid:
            return html_table([], [])
        events = StatusEvent.objects.filter(phone_number=message.phone_number_id, wamid=message.wamid)
        return html_table(
            [_("occurred at"), _("status"), _("participant"), _("pricing"), _("errors"), _("webhook")],
            [_event_row(event) for event in events.order_by("occurred_at", "pk")[:200]],
        )


def _event_row(event: StatusEvent) -> tuple[object, ...]:
    return (
        format_time(event.occurred_at),
        badge(event.status, event.status),
        event.participant,
        event.pricing and compact_json(event.pricing),
        event.errors and compact_json(event.errors),
        row_link("webhooks_webhook", event.webhook_id, event.webhook_id),
    )


def _link_to_message(wamid: str | None) -> str:
    return list_link("chats_message", wamid, q=wamid) if wamid else EMPTY


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
