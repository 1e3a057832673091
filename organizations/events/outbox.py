"""Records events in the transaction of the change, if an address of the organization wants them.

The rows wait for the lane of events. A caller that has the number at hand asks `reports_events` first, which needs no query, so an
organization without addresses costs nothing.
"""

import hashlib
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from jobs.bulk_writes import insert_rows
from jobs.wakeups import wake_after_commit
from organizations.events.kinds import DERIVED, EventKind
from organizations.models import Event, EventKey, Organization, PhoneNumber

DIGEST_LENGTH = 32
KEYS_AT_ONCE = 2_000
KeyDigest = tuple[int, str]
"""The id of an organization, and the digest of a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event that is to be recorded.

    `key` names it among those of its organization and kind: a second event with the same key is not recorded. Empty: the event
    cannot happen twice. `webhook_id` and `received_at` are the webhook that it came from, 0 and None if not from one. `facts` has
    references and statuses, and no values of customers.
    """

    kind: EventKind
    organization_id: int
    phone_number_id: str = ""
    contact_id: int = 0
    occurred_at: datetime
    key: str = ""
    webhook_id: int = 0
    received_at: datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key_digest(self) -> KeyDigest | None:
        if not self.key:
            return None
        text = f"{self.kind} {self.key}"
        return self.organization_id, hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_LENGTH]


def reports_events(number: PhoneNumber) -> bool:
    """Returns whether an address of the number's organization wants any event. The organization is loaded with the number."""
    return number.organization.event_kinds is not None


def record_events(events: Sequence[NewEvent]) -> None:
    """Records those of the events that are wanted and new. Must run in the transaction of the change. Raises IntegrityError if
    another transaction has just recorded the same event."""
    if not events:
        return
    ids = {each.organization_id for each in events}
    organizations = Organization.objects.filter(pk__in=ids, event_kinds__isnull=False).only("event_kinds", "rebuilt_until")
    reporting = {each.pk: each for each in organizations}
    now = timezone.now()
    wanted = [each for each in events if _is_wanted(each, reporting.get(each.organization_id))]
    if new := _without_recorded(wanted):
        insert_rows([_row(each, now) for each in new])
        wake_after_commit(Event)


def _is_wanted(event: NewEvent, organization: Organization | None) -> bool:
    """Whether an address wanted the kind when it happened. What arrived before is old, also if it is applied again later."""
    since = organization.event_kinds.get(event.kind) if organization and organization.event_kinds else None
    if organization is None or since is None:
        return False
    if event.received_at is None:
        return True
    if event.kind in DERIVED and event.webhook_id <= organization.rebuilt_until:
        return False
    began_at = parse_datetime(since)
    return began_at is not None and event.received_at >= began_at


def _without_recorded(events: Iterable[NewEvent]) -> list[NewEvent]:
    """Returns the events whose keys are not stored, each key once, and stores their keys."""
    by_key: dict[KeyDigest, NewEvent] = {}
    new: list[NewEvent] = []
    for each in events:
        if (key := each.key_digest) is None or key not in by_key:
            new.append(each)
        if key is not None:
            by_key.setdefault(key, each)
    stored = _stored_keys(by_key)
    insert_rows([EventKey(organization_id=organization, digest=digest) for organization, digest in by_key.keys() - stored])
    return [each for each in new if each.key_digest is None or each.key_digest not in stored]


def _stored_keys(keys: Collection[KeyDigest]) -> set[KeyDigest]:
    found: set[KeyDigest] = set()
    ordered = sorted(keys)
    for start in range(0, len(ordered), KEYS_AT_ONCE):
        part = ordered[start : start + KEYS_AT_ONCE]
        rows = EventKey.objects.filter(organization_id__in={each[0] for each in part}, digest__in=[each[1] for each in part])
        found.update(rows.values_list("organization_id", "digest"))
    return found


def _row(event: NewEvent, now: datetime) -> models.Model:
    return Event(
        organization_id=event.organization_id,
        event_id=uuid.uuid4(),
        kind=event.kind.value,
        phone_number_id=event.phone_number_id,
        contact_id=event.contact_id,
        facts=dict(event.facts),
        occurred_at=event.occurred_at,
        create_in=now,
    )
