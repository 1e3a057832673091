"""Reads over several rows of this room."""

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
from organizations.numbers.account_event_texts import QUALITY_FIELD, Quality, quality
from organizations.numbers.setup import required_secrets
from organizations.numbers.states import NumberState, derive_state

MAX_QUALITY_EVENTS = 1_000
"""Events about quality that are read for an organization's numbers: Meta tells a few a year of each."""


def latest_account_events(number: PhoneNumber, *, limit: int = 20) -> list[AccountEvent]:
    """What Meta told last about the number, or about its account as a whole; the latest first.

    Two queries, each by its index, where one with OR would scan.
    """
    events = AccountEvent.objects.order_by("-occurred_at", "-pk")
    own = events.filter(phone_number=number)[:limit]
    account = events.filter(waba_id=number.waba_id, organization=number.organization_id, phone_number=None)[:limit]
    both = chain(own, account if number.waba_id else ())
    return sorted(both, key=lambda event: (event.occurred_at, event.pk), reverse=True)[:limit]


@dataclass(frozen=True, slots=True)
class NumberOverview:
    """A number, where it stands, and what Meta thinks of it."""

    number: PhoneNumber
    state: NumberState
    quality: Quality


def number_overviews(organization: Organization) -> list[NumberOverview]:
    """All numbers of the organization, the newest last. Two queries; no secret is opened."""
    own = organization.numbers.filter(replaced_by=None).order_by("pk")
    states = derive_states(own)
    events = quality_events(states)
    return [NumberOverview(number, state, quality(events[number.phone_number_id])) for number, state in states.items()]


def derive_states(numbers: QuerySet[PhoneNumber]) -> dict[PhoneNumber, NumberState]:
    """These numbers, without their secrets, and the state of each. One query, if their organizations are known or selected."""
    rows: Iterable[Any] = annotate_has_secrets(numbers).defer(*PhoneNumber.SECRETS)  # each with the annotation
    now = timezone.now()
    return {number: derive_state(number, has_secrets=number.has_secrets, now=now) for number in rows}


def annotate_has_secrets(numbers: QuerySet[PhoneNumber]) -> QuerySet[PhoneNumber]:
    """Each with `has_secrets`: whether those are there without which a number does not work. No secret is opened."""
    each_set = [~Q(**{column: ""}) for column in required_secrets()]
    return numbers.annotate(has_secrets=ExpressionWrapper(reduce(and_, each_set), output_field=BooleanField()))


def quality_events(numbers: Iterable[PhoneNumber]) -> dict[str, list[AccountEvent]]:
    """What Meta told of the quality of these numbers, by their phone number ids, the latest first."""
    events: dict[str, list[AccountEvent]] = defaultdict(list)
    told = AccountEvent.objects.filter(phone_number__in=list(numbers), field=QUALITY_FIELD).order_by("-occurred_at", "-pk")
    for event in told[:MAX_QUALITY_EVENTS]:
        events[str(event.phone_number_id)].append(event)
    return events
