"""Rate limits of sending (docs/meta-platform.md 9.1).

    per number   `PhoneNumber.messages_per_second` messages a second
    per pair     from one number to one person: a burst of 45 messages, then one every 6 seconds

Each limit is stored as one timestamp in the database, so all workers on all machines share it:

- `NumberRateLimit.next_slot_at`: the number's first slot that is not reserved. A slot is a time at which one message may leave.
- `SendQueue.bucket_full_at`: when the pair's token bucket, which holds 45 messages, is full again.
"""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.db.models.functions import Now

from chats.models import NumberRateLimit
from organizations.models import PhoneNumber

RESERVE_AHEAD = timedelta(milliseconds=250)
"""How far ahead slots may be reserved. Slots can be closer together than a worker's polls: each poll reserves several."""
PAIR_INTERVAL = timedelta(seconds=6)
PAIR_BURST = 45
MAX_RESERVE_TRIES = 3
EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class SlotRequest:
    """Up to `count` slots of a number that may send `per_second` messages a second."""

    phone_number_id: str
    per_second: int
    count: int


def reserve_slots(requests: Iterable[SlotRequest]) -> dict[str, list[float]]:
    """Reserves slots of different numbers. Returns their delays from now in seconds, by number.

    A number has none if its next free slot is more than RESERVE_AHEAD away, or if other workers reserve slots of the number at the
    same time. Of several numbers, those whose rows are locked have none, so that the others do not wait for them.
    """
    missing = {request.phone_number_id: request for request in requests}
    skips_locked = len(missing) > 1 and connection.features.has_select_for_update_skip_locked
    reserved: dict[str, list[float]] = {}
    for _ in range(MAX_RESERVE_TRIES):
        for rate_limit, now in _get_rate_limits(missing, skips_locked=skips_locked):
            delays = _reserve(rate_limit, missing[rate_limit.pk], now)
            if delays is not None:
                reserved[rate_limit.pk] = delays
                del missing[rate_limit.pk]
        if not missing:
            break
    return reserved


def _reserve(rate_limit: NumberRateLimit, request: SlotRequest, now: datetime) -> list[float] | None:
    """Returns the delays of the reserved slots. None if another worker has reserved some since the row was read."""
    interval = timedelta(seconds=1) / max(1, request.per_second)
    first_slot_at = max(rate_limit.next_slot_at, now)
    available = math.floor((RESERVE_AHEAD - (first_slot_at - now)) / interval) + 1
    count = min(request.count, available)
    if count <= 0:
        return []
    # Conditional UPDATE: of several workers that have read the same row, one succeeds and the others try again.
    unchanged = NumberRateLimit.objects.filter(pk=rate_limit.pk, next_slot_at=rate_limit.next_slot_at)
    if not unchanged.update(next_slot_at=first_slot_at + count * interval):
        return None
    return [(first_slot_at - now + index * interval).total_seconds() for index in range(count)]


def pause_number(phone_number_id: str, *, organization_id: int, seconds: float) -> None:
    """Gives the organization's number no slots for the next `seconds`. Never shortens a longer pause. Does nothing if the phone
    number ID belongs to another organization by now."""
    if not PhoneNumber.objects.filter(phone_number_id=phone_number_id, organization=organization_id).exists():
        return
    ((rate_limit, now),) = _get_rate_limits([phone_number_id])
    next_slot_at = now + timedelta(seconds=seconds)
    NumberRateLimit.objects.filter(pk=rate_limit.pk, next_slot_at__lt=next_slot_at).update(next_slot_at=next_slot_at)


def pair_delay(bucket_full_at: datetime | None, now: datetime) -> timedelta:
    """Returns how long the next message of a pair has to wait; zero if it may be sent now."""
    if bucket_full_at is None:
        return timedelta()
    return max(timedelta(), bucket_full_at - (PAIR_BURST - 1) * PAIR_INTERVAL - now)


def bucket_full_after_send(bucket_full_at: datetime | None, now: datetime) -> datetime:
    """Returns the new `bucket_full_at` of a pair of which a message is sent now."""
    return max(bucket_full_at or now, now) + PAIR_INTERVAL


def _get_rate_limits(phone_number_ids: Collection[str], *, skips_locked: bool = False) -> list[tuple[NumberRateLimit, datetime]]:
    """Returns the rows of these numbers in their order, which are created if needed, and the database's current time. With
    `skips_locked` it locks them, and leaves out those that others have locked."""
    rows = NumberRateLimit.objects.annotate(now=Now()).filter(phone_number__phone_number_id__in=phone_number_ids).order_by("pk")
    if skips_locked:
        rows = rows.select_for_update(skip_locked=True)
    found = list(rows)
    if len(found) < len(phone_number_ids) and _create_missing(phone_number_ids):
        found = list(rows.all())
    return [(each, each.now) for each in found]


def _create_missing(phone_number_ids: Collection[str]) -> bool:
    """Creates the rows of numbers that have none yet. Returns whether there were such numbers."""
    known = NumberRateLimit.objects.filter(phone_number__phone_number_id__in=phone_number_ids).values_list("pk", flat=True)
    missing = sorted(set(phone_number_ids) - set(known))
    for number in PhoneNumber.objects.only("phone_number_id").filter(phone_number_id__in=missing):
        # Not Now(): SQLite stores it with fewer digits than a datetime from Python, and the conditional UPDATE compares them.
        NumberRateLimit.objects.get_or_create(phone_number=number, defaults={"next_slot_at": EPOCH})
    return bool(missing)
