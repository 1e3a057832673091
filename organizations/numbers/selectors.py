"""Reads numbers, their states and their account events."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from itertools import chain
from operator import and_
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.utils import timezone

from organizations.models import AccountEvent, Organization, PhoneNumber
from organizations.numbers.account_event_texts import QUALITY_FIELD, Quality, latest_quality
from organizations.numbers.setup import required_secrets
from organizations.numbers.states import NumberState, derive_state

MAX_QUALITY_EVENTS = 1_000
"""Events about quality that are read for an organization's numbers. Meta reports a few a year for each number."""


def latest_account_events(number: PhoneNumber, *, limit: int = 20) -> list[AccountEvent]:
    """Returns the latest events about the number, or about its account as a whole, the latest first.

    Two queries, because each uses an index, where one with OR would scan the table.
    """
    events = AccountEvent.objects.order_by("-occurred_at", "-pk")
    own = events.filter(phone_number=number)[:limit]
    account = events.filter(waba_id=number.waba_id, organization=number.organization_id, phone_number=None)[:limit]
    both = chain(own, account if number.waba_id else ())
    return sorted(both, key=lambda event: (event.occurred_at, event.pk), reverse=True)[:limit]


@dataclass(frozen=True, slots=True)
class NumberOverview:
    """A number, its state, and its quality."""

    number: PhoneNumber
    state: NumberState
    quality: Quality


def number_overviews(organization: Organization) -> list[NumberOverview]:
    """Returns all numbers of the organization, the newest last. Two queries. No secret is decrypted."""
    own = organization.numbers.filter(replaced_by=None).order_by("pk")
    states = derive_states(own)
    events = quality_events(states)
    return [NumberOverview(number, state, latest_quality(events[number.phone_number_id])) for number, state in states.items()]


def derive_states(numbers: QuerySet[PhoneNumber]) -> dict[PhoneNumber, NumberState]:
    """Returns these numbers, without their secrets, and the state of each. One query, if their organizations are selected."""
    rows: Iterable[Any] = annotate_has_secrets(numbers).defer(*PhoneNumber.SECRETS)  # each has the annotation
    now = timezone.now()
    return {number: derive_state(number, has_secrets=number.has_secrets, now=now) for number in rows}


def annotate_has_secrets(numbers: QuerySet[PhoneNumber]) -> QuerySet[PhoneNumber]:
    """Annotates each with `has_secrets`: whether it has all required secrets. No secret is decrypted."""
    each_set = [~Q(**{column: ""}) for column in required_secrets()]
    return numbers.annotate(has_secrets=ExpressionWrapper(reduce(and_, each_set), output_field=BooleanField()))


def quality_events(numbers: Iterable[PhoneNumber]) -> dict[str, list[AccountEvent]]:
    """Returns the events about the quality of these numbers, by phone number ID, the latest first."""
    events: dict[str, list[AccountEvent]] = defaultdict(list)
    latest = AccountEvent.objects.filter(phone_number__in=list(numbers), field=QUALITY_FIELD).order_by("-occurred_at", "-pk")
    for event in latest[:MAX_QUALITY_EVENTS]:
        events[str(event.phone_number_id)].append(event)
    return events
