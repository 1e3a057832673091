"""Stores what webhooks report about numbers, accounts and templates, once for each organization."""

import hashlib
import json
from collections.abc import Sequence
from itertools import groupby

from cloud_api.payloads import AccountEvent as ParsedEvent
from cloud_api.wa_ids import same_person_key
from jobs.bulk_writes import update_columns
from organizations.account_events.about_one_person import is_about_one_person
from organizations.events.kinds import EventKind
from organizations.events.outbox import NewEvent, record_events, reports_events
from organizations.models import AccountEvent, PhoneNumber
from organizations.numbers.inbound_items import InboundItem, ReceivedWebhook

THROUGHPUT_UPGRADE = "throughput_upgrade"
TEMPLATE_FIELDS = ("message_template", "template_")
"""Beginnings of the fields of events about templates, which `chats.message_templates.events` reports to other systems."""
UPGRADED_MESSAGES_PER_SECOND = 1_000
"""Messages a second of a number that Meta has upgraded (docs/meta-platform.md 9.1)."""


def store_account_events(items: Sequence[InboundItem[ParsedEvent]]) -> None:
    """Stores each event once for each organization. Must run in a transaction. Raises IntegrityError if another transaction has
    just stored the same event.

    An event without a time of Meta's happened when it first arrived, whichever of its webhooks is applied first.
    """
    events: dict[tuple[int, str], AccountEvent] = {}
    for item in items:
        for row in _rows(item):
            first = events.setdefault(key := (row.organization_id, row.digest), row)
            events[key] = min(first, row, key=lambda each: each.occurred_at)
    stored = AccountEvent.objects.filter(
        organization__in={organization for organization, _ in events}, digest__in=[digest for _, digest in events]
    )
    earlier: dict[int, tuple[object]] = {}
    for event in stored.only("organization_id", "digest", "occurred_at"):
        repeated = events.pop((event.organization_id, event.digest), None)
        if repeated and repeated.occurred_at < event.occurred_at:
            earlier[event.pk] = (repeated.occurred_at,)
    update_columns(AccountEvent, ["occurred_at"], earlier)
    AccountEvent.objects.bulk_create(events.values())
    if any(reports_events(number) for item in items for number in item.numbers):
        webhooks = {item.webhook.id: item.webhook for item in items}
        record_events([_health_event(event, webhooks[event.webhook_id]) for event in events.values() if _is_about_number(event)])
    upgraded = [each.phone_number.pk for each in events.values() if each.phone_number and each.event == THROUGHPUT_UPGRADE]
    if upgraded:
        PhoneNumber.objects.filter(pk__in=upgraded).update(messages_per_second=UPGRADED_MESSAGES_PER_SECOND)


def _rows(item: InboundItem[ParsedEvent]) -> list[AccountEvent]:
    """Returns one row for each organization that has a number of the account."""
    event, digest = item.item, event_digest(item.item)
    numbers = sorted(item.numbers, key=lambda number: number.organization_id)
    by_organization = [list(own) for _, own in groupby(numbers, key=lambda number: number.organization_id)]
    return [
        AccountEvent(
            organization=own[0].organization,
            waba_id=event.waba_id or "",
            phone_number=own[0] if event.phone_number_id else _find_mentioned_number(event, own),
            field=event.field[:64],
            event=event.event[:100],
            value=event.raw,
            occurred_at=item.time,
            digest=digest,
            webhook_id=item.webhook.id,
        )
        for own in by_organization
    ]


def _find_mentioned_number(event: ParsedEvent, numbers: Sequence[PhoneNumber]) -> PhoneNumber | None:
    """Returns the number of the account that the event is about, if it is about one."""
    if not event.display_phone_number:
        return None
    # Meta formats the number for people, in Brazil often without its ninth digit, so it is compared like numbers of persons.
    digits = "".join(filter(str.isdigit, event.display_phone_number))
    same = [number for number in numbers if same_person_key(number.wa_id) == same_person_key(digits)]
    return next((number for number in same if number.wa_id == digits), same[0] if same else None)


def _is_about_number(event: AccountEvent) -> bool:
    """Returns whether the event is about a number, or its account."""
    return not event.field.startswith(TEMPLATE_FIELDS) and not is_about_one_person(event)


def _health_event(event: AccountEvent, webhook: ReceivedWebhook) -> NewEvent:
    return NewEvent(
        kind=EventKind.NUMBER_HEALTH,
        organization_id=event.organization_id,
        phone_number_id=event.phone_number.phone_number_id if event.phone_number else "",
        occurred_at=event.occurred_at,
        key=event.digest,
        webhook_id=webhook.id,
        received_at=webhook.received_at,
        facts={"account": event.waba_id, "field": event.field, "event": event.event},
    )


def event_digest(event: ParsedEvent) -> str:
    """Returns the same value when the same event is delivered again (docs/meta-platform.md 1.4)."""
    facts = [event.waba_id, event.phone_number_id, event.timestamp, event.field, event.raw]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
