"""Reads account events, and numbers with what Meta reports about them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from organizations.account_events.about_one_person import ABOUT_ONE_PERSON
from organizations.account_events.texts import LIMIT_FIELD, QUALITY_FIELD, Quality, latest_quality
from organizations.models import AccountEvent, Organization, PhoneNumber
from organizations.numbers.selectors import derive_states
from organizations.numbers.states import NumberState

MAX_QUALITY_EVENTS = 1_000
"""Events about quality and limits that are read for an organization's numbers. Meta reports a few a year for each number."""


def latest_account_events(number: PhoneNumber, *, limit: int = 20) -> list[AccountEvent]:
    """Returns the latest events about the number, or about its account as a whole, the latest first. Events of one conversation are
    not among them.

    Two queries, because each uses an index, where one with OR would scan the table.
    """
    events = AccountEvent.objects.exclude(ABOUT_ONE_PERSON).order_by("-occurred_at", "-pk")
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
    """Returns the events about the quality and the limits of these numbers, by phone number ID, the latest first. One query."""
    known = list(numbers)
    accounts = {number.waba_id for number in known if number.waba_id}
    organizations = {number.organization_id for number in known}
    own = AccountEvent.objects.filter(phone_number__in=known, field=QUALITY_FIELD)
    of_accounts = AccountEvent.objects.filter(waba_id__in=accounts, organization__in=organizations, field=LIMIT_FIELD)
    by_number: dict[str, list[AccountEvent]] = defaultdict(list)
    # A union, because each part uses an index, where one condition with OR would scan the table.
    for event in own.union(of_accounts, all=True).order_by("-occurred_at", "-id")[:MAX_QUALITY_EVENTS]:
        if event.phone_number_id:
            by_number[event.phone_number_id].append(event)
            continue
        for number in known:
            if (number.organization_id, number.waba_id) == (event.organization_id, event.waba_id):
                by_number[number.phone_number_id].append(event)
    return by_number
