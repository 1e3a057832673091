"""Events about contacts, for other systems (`organizations.events`)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from contacts.models import ROWS_AT_ONCE, Contact
from organizations.events.kinds import EventKind
from organizations.events.outbox import NewEvent, record_events
from organizations.numbers.inbound_items import ReceivedWebhook


def created_events(contacts: Iterable[Contact], now: datetime) -> list[NewEvent]:
    """Returns the events of contacts that were just stored."""
    return [contact_event(EventKind.CONTACT_CREATED, contact, now) for contact in contacts]


def changed_event(contact: Contact, fields: Collection[str], now: datetime, *, webhook: ReceivedWebhook | None = None) -> NewEvent:
    """Returns the event of a contact whose fields, as the API names them, have just changed."""
    return contact_event(EventKind.CONTACT_CHANGED, contact, now, webhook=webhook, facts={"fields": sorted(fields)})


def contact_event(
    kind: EventKind,
    contact: Contact,
    occurred_at: datetime,
    *,
    facts: Mapping[str, Any] = MappingProxyType({}),
    key: str = "",
    webhook: ReceivedWebhook | None = None,
) -> NewEvent:
    """Returns an event about a contact or its conversation. `facts`, `key` and `webhook` are as in `NewEvent`."""
    return NewEvent(
        kind=kind,
        organization_id=contact.organization_id or 0,
        phone_number_id=contact.create_for_phone_number_id,
        contact_id=contact.pk,
        occurred_at=occurred_at,
        key=key,
        webhook_id=webhook.id if webhook else 0,
        received_at=webhook.received_at if webhook else None,
        facts=facts,
    )


def record_changed(contact_ids: Sequence[int], fields: Collection[str], now: datetime) -> None:
    """Records that these fields of the contacts have changed. Must run in the transaction of the change."""
    for start in range(0, len(contact_ids), ROWS_AT_ONCE):
        part = contact_ids[start : start + ROWS_AT_ONCE]
        reporting = Contact.objects.filter(pk__in=part, organization__event_kinds__isnull=False).order_by("pk")
        rows = reporting.only("organization_id", "create_for_phone_number_id")
        record_events([changed_event(contact, fields, now) for contact in rows])
