"""Finds numbers about which no webhook comes, at a time at which customers usually write.

A number is silent if the time since its last webhook is one in which customers usually write `MIN_USUAL` messages or more. What is
usual in an hour is the lower median of the same hour of the week in the last four weeks, so one busy day makes no hour usual. Quiet
hours and small numbers raise no warning, and a busy number raises one after `MIN_SILENCE`.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.db.models import Min, Q

from monitoring.number_checks.traffic import HOUR, hour_of
from organizations.models import NumberTraffic, PhoneNumber, WarningKind
from organizations.number_watch.warnings import FoundWarning, Key

WEEKS = 4
MIN_WEEKS = 2
"""Weeks after its first message for which no hour of a number has a usual traffic."""
MIN_USUAL = 15.0
"""Messages. If that many are usual, chance does not explain that none came."""
MIN_SILENCE = timedelta(minutes=15)
MAX_LOOK = timedelta(days=3)
"""A number whose last webhook is older begins no warning: it is not used any more, or was silent before anybody watched."""
MAX_AGE = timedelta(days=14)
"""After this time a warning ends, although nothing arrived."""
NUMBERS_AT_ONCE = 500
"""Of which the traffic is read at once."""


def find_silent_numbers(now: datetime, *, since: datetime, warned: Collection[Key]) -> list[FoundWarning]:
    """Returns the silent numbers. Only silence after `since` counts, because before it the hub itself may have been off. `warned`
    are the open warnings of all numbers: these numbers are silent until a webhook comes, also in quiet hours."""
    active = PhoneNumber.objects.active().filter(is_simulated=False, sending_stopped_at=None)
    rows = active.filter(last_webhook_at__gte=now - MAX_AGE, last_webhook_at__lt=now - MIN_SILENCE)
    last_webhooks = {pk: at for pk, at in rows.values_list("pk", "last_webhook_at") if at is not None}
    known = {pk for pk in last_webhooks if (pk, WarningKind.SILENCE.value) in warned}
    recent = {pk: at for pk, at in last_webhooks.items() if pk not in known and at > now - MAX_LOOK}
    begins = {pk: max(at, since) for pk, at in recent.items() if since < now - MIN_SILENCE}
    order = sorted(begins, key=lambda pk: begins[pk])
    parts = [order[start : start + NUMBERS_AT_ONCE] for start in range(0, len(order), NUMBERS_AT_ONCE)]
    usual = {pk: messages for part in parts for pk, messages in _usual_messages({pk: begins[pk] for pk in part}, now).items()}
    silent = known | {pk for pk, messages in usual.items() if messages >= MIN_USUAL}
    return [FoundWarning(pk, WarningKind.SILENCE, last_webhooks[pk]) for pk in sorted(silent)]


def _usual_messages(begins: Mapping[int, datetime], now: datetime) -> dict[int, float]:
    """Returns for each number the usual messages from its time until now. Reads the same hours of earlier weeks only."""
    counted = NumberTraffic.objects.filter(number__in=begins).order_by()
    traffic: dict[int, dict[datetime, int]] = defaultdict(dict)
    for number_id, first in counted.values_list("number_id").annotate(first=Min("hour")):
        traffic[number_id] = {first: 0}  # that it has traffic since then; if the hour is needed, its row follows
    begin, same_hours = hour_of(min(begins.values())), Q()
    for weeks in (timedelta(weeks=week) for week in range(1, WEEKS + 1)):
        same_hours |= Q(hour__gte=begin - weeks, hour__lt=now - weeks)
    for number_id, hour, messages in counted.filter(same_hours).values_list("number_id", "hour", "messages"):
        traffic[number_id][hour] = messages
    return {pk: usual_messages(traffic[pk], begin, now) for pk, begin in begins.items()}


def usual_messages(traffic: Mapping[datetime, int], begin: datetime, end: datetime) -> float:
    """Returns how many messages customers usually write from `begin` to `end`. `traffic` has the messages by hour, without the
    hours that have none."""
    first = min(traffic, default=end)
    hour, total = hour_of(begin), 0.0
    while hour < end:
        share = (min(end, hour + HOUR) - max(begin, hour)) / HOUR
        earlier = [hour - timedelta(weeks=week) for week in range(1, WEEKS + 1)]
        counts = sorted(traffic.get(each, 0) for each in earlier if each >= first)
        total += share * (counts[(len(counts) - 1) // 2] if len(counts) >= MIN_WEEKS else 0)
        hour += HOUR
    return total
