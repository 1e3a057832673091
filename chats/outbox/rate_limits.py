"""Rate limits (docs/meta-platform.md 9.1): so many messages a second by a number, and to one person one in 6 seconds after a burst
of 45. Both are kept as one moment in the database, so all workers on all machines keep the same pace.

A number's moment is when it is free again: whoever wants to send moves it on by as many places as they take, with a conditional
UPDATE, and sends at those places. They are taken a quarter of a second ahead, which lets a number send exactly at its limit however
seldom a worker looks. A person's moment is when their bucket will be full again.
"""

import math
from datetime import UTC, datetime, timedelta

from django.db.models.functions import Now

from chats.models import NumberRateLimit
from organizations.models import PhoneNumber

RESERVE_AHEAD = timedelta(milliseconds=250)
"""How far ahead a number's places are taken."""
PAIR_INTERVAL = timedelta(seconds=6)
PAIR_BURST = 45
MAX_RESERVE_TRIES = 3
EPOCH = datetime.fromtimestamp(0, UTC)
"""Not the database's now: SQLite writes that with fewer digits than a value, and it has to be equal to itself."""


def reserve_slots(phone_number_id: str, *, per_second: int, wanted: int) -> list[float]:
    """Take up to so many of the number's places: seconds from now at which each message may go; none if it is too early."""
    interval = timedelta(seconds=1) / max(1, per_second)
    for _ in range(MAX_RESERVE_TRIES):
        pace, now = _pace(phone_number_id)
        start = max(pace.next_slot_at, now)
        room = math.floor((RESERVE_AHEAD - (start - now)) / interval) + 1
        taken = min(wanted, room)
        if taken <= 0:
            return []
        same = NumberRateLimit.objects.filter(pk=pace.pk, next_slot_at=pace.next_slot_at)
        if same.update(next_slot_at=start + taken * interval):
            return [(start - now + place * interval).total_seconds() for place in range(taken)]
    return []


def pause_number(phone_number_id: str, *, organization_id: int, seconds: float) -> None:
    """The organization's number sends nothing for so long. If the id is another organization's by now, nothing changes."""
    if not PhoneNumber.objects.filter(phone_number_id=phone_number_id, organization=organization_id).exists():
        return
    pace, now = _pace(phone_number_id)
    until = now + timedelta(seconds=seconds)
    NumberRateLimit.objects.filter(pk=pace.pk, next_slot_at__lt=until).update(next_slot_at=until)


def pair_delay(full_at: datetime | None, now: datetime) -> timedelta:
    """How long a message to a person has to wait whose bucket is full again at `full_at`."""
    if full_at is None:
        return timedelta()
    return max(timedelta(), full_at - (PAIR_BURST - 1) * PAIR_INTERVAL - now)


def bucket_full_after_send(full_at: datetime | None, now: datetime) -> datetime:
    """When the person's bucket is full again, if a message goes to them now."""
    return max(full_at or now, now) + PAIR_INTERVAL


def _pace(phone_number_id: str) -> tuple[NumberRateLimit, datetime]:
    """The number's moment, and the database's clock."""
    rows = NumberRateLimit.objects.annotate(now=Now())
    found = rows.filter(phone_number__phone_number_id=phone_number_id).first()
    if found is None:
        number = PhoneNumber.objects.only("phone_number_id").get(phone_number_id=phone_number_id)
        NumberRateLimit.objects.get_or_create(phone_number=number, defaults={"next_slot_at": EPOCH})
        found = rows.get(phone_number__phone_number_id=phone_number_id)
    return found, found.now
