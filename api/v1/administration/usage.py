"""How many messages the numbers have received and sent, per day."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import TruncDate
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.endpoints.operations import operation
from api.endpoints.pages import ListQuery, page_of, page_response, read_cursor
from api.endpoints.values import invalid
from api.endpoints.views import ApiView
from chats.models import Message, MessageStatus, StatusEvent
from contacts.selectors import numbers_of

MAX_DAYS = 31
DEFAULT_DAYS = 7
MAX_COUNTED = 50_000
"""Messages that one page counts, unless a single day has more. Each is read, and the price of each sent one."""
EARLIEST = date(2015, 1, 1)
LATEST = date(2100, 1, 1)


@dataclass(slots=True)
class DayUse:
    """The messages of a number on one day, in UTC."""

    number: str
    day: date
    received: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    """Messages of the business by their status."""
    billed: Counter[str] = field(default_factory=Counter)
    """Messages that Meta bills, by its category."""

    @property
    def sent_count(self) -> int:
        return self.sent.total()


class UsageSerializer(serializers.Serializer):
    """The messages of a number on one day."""

    number = serializers.CharField(help_text="The id of the number.")
    day = serializers.DateField(help_text="In UTC.")
    received = serializers.IntegerField(help_text="Messages of customers.")
    sent = serializers.IntegerField(source="sent_count", help_text="Messages of the business.")
    sent_by_status = serializers.DictField(
        source="sent", child=serializers.IntegerField(), help_text="The same by the status that each message has now."
    )
    billed = serializers.DictField(
        child=serializers.IntegerField(), help_text="Messages that Meta reported as billed, by its category, such as marketing."
    )


class UsageQuery(ListQuery):
    """Which days are counted."""

    limit = None
    since = serializers.DateField(required=False, help_text="The first day. Without it, the last seven days.")
    until = serializers.DateField(required=False, help_text="The last day. Without it, today.")

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        until = values.get("until") or timezone.now().astimezone(UTC).date()
        since = values.get("since") or max(until, EARLIEST + timedelta(days=DEFAULT_DAYS)) - timedelta(days=DEFAULT_DAYS - 1)
        if not EARLIEST <= since <= until <= LATEST:
            raise invalid("since", "The first day must not be after the last one.", rule="order")
        if (until - since).days >= MAX_DAYS:
            raise invalid("since", f"At most {MAX_DAYS} days are counted at once.", rule="max_days")
        return values | {"since": since, "until": until}


class Usage(ApiView):
    queries: ClassVar = {"GET": UsageQuery}

    @operation("get_usage", response=page_of(UsageSerializer), query=UsageQuery, tag="organization")
    def get(self, request: Request) -> Response:
        """Returns the messages of each number on each day that has any, the latest day first. Days are in UTC. A page has as many
        days as have 50,000 messages together, and at least one. So it may be empty although it is not the last one."""
        numbers = [each.phone_number_id for each in numbers_of(self.access.organization)]
        own = [each for each in numbers if self.access.may_use_number(each)]
        last = read_cursor(self.query, self.access, _read_day) or self.query["until"]
        first = first_counted_day(own, self.query["since"], last)
        earlier = first - timedelta(days=1) if first > self.query["since"] else None
        days = count_days(own, first, last)
        return page_response(UsageSerializer, days, query=self.query, access=self.access, next_position=earlier)


def _read_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def first_counted_day(numbers: Sequence[str], since: date, until: date) -> date:
    """Returns the first day of those that are counted at once, up to `until`: all since `since`, or fewer if they have more than
    `MAX_COUNTED` messages. At least one day. Three queries at most, which read no more than that many entries of an index."""
    days = (until - since).days + 1
    while days > 1 and _messages(numbers, until - timedelta(days=days - 1), until)[: MAX_COUNTED + 1].count() > MAX_COUNTED:
        days = max(1, days // 4)
    return until - timedelta(days=days - 1)


def _messages(numbers: Sequence[str], since: date, until: date) -> Any:
    """Returns the messages of these days, in UTC, in no order."""
    began = datetime.combine(since, time.min, UTC)
    ended = datetime.combine(until, time.min, UTC) + timedelta(days=1)
    return Message.objects.filter(phone_number__in=numbers, create_in__gte=began, create_in__lt=ended).order_by()  # type: ignore[misc]  # django-stubs: the key is text


def count_days(numbers: Sequence[str], since: date, until: date) -> list[DayUse]:
    """Returns what these numbers received and sent on each day that has any messages, the latest first. Two queries, which read
    the messages of these days by an index."""
    kept = _messages(numbers, since, until).exclude(message_status=MessageStatus.WITHDRAWN)
    messages = kept.annotate(day=TruncDate("create_in", tzinfo=UTC))
    uses: dict[tuple[date, str], DayUse] = {}
    counted = messages.values_list("day", "phone_number_id", "is_user_message", "message_status").annotate(count=Count("pk"))
    for day, number, is_inbound, status, count in counted:
        use = uses.setdefault((day, number), DayUse(number, day))
        if is_inbound:
            use.received += count
        else:
            use.sent[status] += count
    for day, number, pricing in _priced(messages):
        if is_billed(pricing):
            uses[day, number].billed[str(pricing.get("category", ""))] += 1
    return [uses[key] for key in sorted(uses, key=lambda key: (-key[0].toordinal(), key[1]))]


def is_billed(pricing: Any) -> bool:
    """Returns whether Meta bills a message with this price (docs/meta-platform.md 4). Older reports have no type."""
    if not isinstance(pricing, dict):
        return False
    return pricing["type"] == "regular" if "type" in pricing else pricing.get("billable") is True


def _priced(messages: Any) -> Any:
    """Returns day, number and Meta's price of each sent message."""
    events = StatusEvent.objects.filter(phone_number=OuterRef("phone_number"), wamid=OuterRef("wamid"), pricing__isnull=False)
    sent = messages.filter(is_user_message=False, wamid__isnull=False)
    priced = sent.annotate(pricing=Subquery(events.order_by("-pk").values("pricing")[:1]))
    return priced.values_list("day", "phone_number_id", "pricing").iterator()
