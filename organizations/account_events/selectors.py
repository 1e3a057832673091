"""Reads account events, and numbers with what Meta reports about them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from organizations.account_events.texts import QUALITY_FIELD, Quality, latest_quality
from organizations.models import AccountEvent, Organization, PhoneNumber
from organizations.numbers.selectors import derive_states
from organizations.numbers.states import NumberState

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


def quality_events(numbers: Iterable[PhoneNumber]) -> dict[str, list[AccountEvent]]:
    """Returns the events about the quality of these numbers, by phone number ID, the latest first."""
    events: dict[str, list[AccountEvent]] = defaultdict(list)
    latest = AccountEvent.objects.filter(phone_number__in=list(numbers), field=QUALITY_FIELD).order_by("-occurred_at", "-pk")
    for event in latest[:MAX_QUALITY_EVENTS]:
        events[str(event.phone_number_id)].append(event)
    return events
