"""Rate limits of sending (docs/meta-platform.md 9.1).

    per number   `PhoneNumber.messages_per_second` messages a second
    per pair     from one number to one person: a burst of 45 messages, then one every 6 seconds

Each limit is stored as one timestamp in the database, so all workers on all machines share it:

- `NumberRateLimit.next_slot_at`: the number's first slot that is not reserved. A slot is a time at which one message may leave.
- `SendQueue.bucket_full_at`: when the pair's token bucket, which holds 45 messages, is full again.
"""

import math
from datetime import UTC, datetime, timedelta

from django.db.models.functions import Now

from chats.models import NumberRateLimit
from organizations.models import PhoneNumber

RESERVE_AHEAD = timedelta(milliseconds=250)
"""How far ahead slots may be reserved. Slots can be closer together than a worker's polls: each poll reserves several."""
PAIR_INTERVAL = timedelta(seconds=6)
PAIR_BURST = 45
MAX_RESERVE_TRIES = 3
EPOCH = datetime.fromtimestamp(0, UTC)


def reserve_slots(phone_number_id: str, *, per_second: int, limit: int) -> list[float]:
    """Reserves up to `limit` slots of the number. Returns their delays from now, in seconds.

    Returns an empty list if the next free slot is more than RESERVE_AHEAD away, or if other workers reserve slots of the number
    at the same time.
    """
    interval = timedelta(seconds=1) / max(1, per_second)
    for _ in range(MAX_RESERVE_TRIES):
        rate_limit, now = _get_rate_limit(phone_number_id)
        first_slot_at = max(rate_limit.next_slot_at, now)
        available = math.floor((RESERVE_AHEAD - (first_slot_at - now)) / interval) + 1
        count = min(limit, available)
        if count <= 0:
            return []
        # Conditional UPDATE: of several workers that have read the same row, one succeeds and the others try again.
        unchanged = NumberRateLimit.objects.filter(pk=rate_limit.pk, next_slot_at=rate_limit.next_slot_at)
        if unchanged.update(next_slot_at=first_slot_at + count * interval):
            return [(first_slot_at - now + index * interval).total_seconds() for index in range(count)]
    return []


def pause_number(phone_number_id: str, *, organization_id: int, seconds: float) -> None:
    """Gives the organization's number no slots for the next `seconds`. Never shortens a longer pause. Does nothing if the phone
    number ID belongs to another organization by now."""
    if not PhoneNumber.objects.filter(phone_number_id=phone_number_id, organization=organization_id).exists():
        return
    rate_limit, now = _get_rate_limit(phone_number_id)
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


def _get_rate_limit(phone_number_id: str) -> tuple[NumberRateLimit, datetime]:
    """Returns the number's row, which is created if needed, and the database's current time."""
    rows = NumberRateLimit.objects.annotate(now=Now())
    found = rows.filter(phone_number__phone_number_id=phone_number_id).first()
    if found is None:
        number = PhoneNumber.objects.only("phone_number_id").get(phone_number_id=phone_number_id)
        # Not Now(): SQLite stores it with fewer digits than a datetime from Python, and the conditional UPDATE compares them.
        NumberRateLimit.objects.get_or_create(phone_number=number, defaults={"next_slot_at": EPOCH})
        found = rows.get(phone_number__phone_number_id=phone_number_id)
    return found, found.now
