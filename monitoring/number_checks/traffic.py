"""Counts how many messages customers wrote to each number in each hour, by the index over number and time of the messages. Nothing
is counted on the way of a message."""

import time
from datetime import UTC, datetime, timedelta
from functools import partial

from django.db.models import Count, F, Q
from django.db.models.functions import TruncHour

from chats.models import Message
from jobs.transactions import run_in_transaction
from organizations.models import NumberTraffic, PhoneNumber

HOUR = timedelta(hours=1)
HISTORY = timedelta(weeks=4)
SETTLED_AFTER = timedelta(minutes=5)
"""After its end an hour is counted. Messages that are applied later are not in the count."""
MAX_STEP = timedelta(days=1)
"""The longest time that one query counts."""
MAX_NUMBERS = 500
MAX_SECONDS = 5.0
"""After this time a round begins no further query. The rest is counted in the next round."""


def count_traffic(now: datetime) -> int:
    """Counts the hours of active numbers that have passed and are not counted yet, at most the last four weeks. Returns the number
    of steps. Several workers may count at once: each hour is stored once."""
    until = hour_of(now - SETTLED_AFTER)
    numbers = PhoneNumber.objects.active().filter(is_simulated=False, first_webhook_at__isnull=False)
    behind = numbers.filter(traffic_counted_until__lt=until)
    # Nothing came since the last count, so there is nothing to count.
    behind.filter(last_webhook_at__lt=F("traffic_counted_until")).update(traffic_counted_until=until)
    due = numbers.filter(Q(traffic_counted_until=None) | Q(traffic_counted_until__lt=until)).order_by("traffic_counted_until", "pk")
    rows = due.values_list("pk", "phone_number_id", "traffic_counted_until")[:MAX_NUMBERS]
    deadline, steps = time.monotonic() + MAX_SECONDS, 0
    for number_id, phone_number_id, counted_until in rows:
        begin, stored = max(counted_until or until - HISTORY, until - HISTORY), counted_until
        while begin < until and time.monotonic() < deadline:
            end = min(begin + MAX_STEP, until)
            hours = _messages_by_hour(phone_number_id, begin, end)
            if not run_in_transaction(partial(_store, number_id, hours, stored, begin, end)):
                break  # another worker is counting this number
            begin = stored = end
            steps += 1
    return steps


def hour_of(moment: datetime) -> datetime:
    """Returns the first moment of the hour, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _messages_by_hour(phone_number_id: str, begin: datetime, end: datetime) -> dict[datetime, int]:
    messages = Message.objects.filter(
        phone_number__phone_number_id=phone_number_id, create_in__gte=begin, create_in__lt=end, is_user_message=True
    )
    hours = messages.annotate(hour=TruncHour("create_in", tzinfo=UTC)).order_by().values("hour").annotate(total=Count("pk"))
    return {row["hour"]: row["total"] for row in hours}


def _store(number_id: int, hours: dict[datetime, int], stored: datetime | None, begin: datetime, counted_until: datetime) -> bool:
    """Stores the hours from `begin` on, also if they were counted before: whoever saves a whole number sets `traffic_counted_until`
    back. Returns False if another worker has counted, or the number is being moved. Must run in a transaction."""
    same = PhoneNumber.objects.filter(pk=number_id, traffic_counted_until=stored, replaced_by=None)
    if not same.update(traffic_counted_until=counted_until):
        return False
    counted_again = Q(hour__gte=begin, hour__lt=counted_until)
    NumberTraffic.objects.filter(counted_again | Q(hour__lt=counted_until - HISTORY - HOUR), number=number_id).delete()
    rows = [NumberTraffic(number_id=number_id, hour=hour, messages=count) for hour, count in hours.items()]
    NumberTraffic.objects.bulk_create(rows)
    return True
