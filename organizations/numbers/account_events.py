"""What Meta tells about numbers, accounts and templates, kept once for each organization that it concerns."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cloud_api.payloads import AccountEvent as Told
from cloud_api.wa_ids import same_person_key
from jobs.bulk_writes import update_columns
from organizations.models import AccountEvent, Organization, PhoneNumber

THROUGHPUT_UPGRADE = "throughput_upgrade"
UPGRADED = 1_000
"""Messages a second of a number that Meta has upgraded (docs/meta-platform.md 9.1)."""


@dataclass(frozen=True, slots=True)
class EventArrival:
    """An account event, the organization it concerns and, where it is about one number, that number."""

    told: Told
    organization: Organization
    number: PhoneNumber | None
    at: datetime
    webhook_id: int


def store_account_events(arrivals: Sequence[EventArrival]) -> None:
    """Store these events, each once. Must run in a transaction; IntegrityError if somebody else just stored the same.

    One whose time is not Meta's happened when it first arrived, whichever of its deliveries is applied first.
    """
    events: dict[tuple[int, str], EventArrival] = {}
    for arrival in arrivals:
        first = events.setdefault(key := (arrival.organization.pk, _digest(arrival.told)), arrival)
        events[key] = min(first, arrival, key=lambda each: each.at)
    known = AccountEvent.objects.filter(
        organization__in={organization for organization, _ in events}, digest__in=[digest for _, digest in events]
    )
    earlier: dict[int, tuple[datetime]] = {}
    for event in known.only("organization_id", "digest", "occurred_at"):
        repeated = events.pop((event.organization_id, event.digest), None)
        if repeated and repeated.at < event.occurred_at:
            earlier[event.pk] = (repeated.at,)
    update_columns(AccountEvent, ["occurred_at"], earlier)
    AccountEvent.objects.bulk_create(_row(arrival, digest) for (_, digest), arrival in events.items())
    upgraded = [each.number.pk for each in events.values() if each.number and each.told.event == THROUGHPUT_UPGRADE]
    if upgraded:
        PhoneNumber.objects.filter(pk__in=upgraded).update(messages_per_second=UPGRADED)


def number_meant(told: Told, numbers: Sequence[PhoneNumber]) -> PhoneNumber | None:
    """Which of an account's numbers the event is about. Meta writes the number for people here, in Brazil often without its ninth
    digit, so it is compared as people's numbers are."""
    if not told.display_phone_number:
        return None
    digits = "".join(filter(str.isdigit, told.display_phone_number))
    same = [number for number in numbers if same_person_key(number.wa_id) == same_person_key(digits)]
    return next((number for number in same if number.wa_id == digits), same[0] if same else None)


def _row(arrival: EventArrival, digest: str) -> AccountEvent:
    told = arrival.told
    return AccountEvent(
        organization=arrival.organization,
        waba_id=told.waba_id or "",
        phone_number=arrival.number,
        field=told.field[:64],
        event=told.event[:100],
        value=told.raw,
        occurred_at=arrival.at,
        digest=digest,
        webhook_id=arrival.webhook_id,
    )


def _digest(told: Told) -> str:
    """The same for the same event told again (docs/meta-platform.md 1.4)."""
    facts = [told.waba_id, told.phone_number_id, told.timestamp, told.field, told.raw]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
