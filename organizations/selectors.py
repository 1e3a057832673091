"""Reads over several rows of this room."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, Q

from organizations.connecting import Stage, stage
from organizations.event_words import QUALITY, Quality, quality
from organizations.models import AccountEvent, Organization, PhoneNumber

MOST_OF_QUALITY = 1_000
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
class Overview:
    """A number, where it stands, and what Meta thinks of it."""

    number: PhoneNumber
    stage: Stage
    quality: Quality


def overviews(organization: Organization) -> list[Overview]:
    """All numbers of the organization, the newest last. Two queries; no secret is opened."""
    has_secrets = ExpressionWrapper(~Q(app_secret="") & ~Q(meta_token=""), output_field=BooleanField())
    rows = organization.numbers.defer(*PhoneNumber.SECRETS).annotate(has_secrets=has_secrets).order_by("pk")
    numbers: list[Any] = list(rows)  # each with the annotation
    events = quality_events(numbers)
    return [Overview(each, stage(each, has_secrets=each.has_secrets), quality(events[each.phone_number_id])) for each in numbers]


def quality_events(numbers: Iterable[PhoneNumber]) -> dict[str, list[AccountEvent]]:
    """What Meta told of the quality of these numbers, by their phone number ids, the latest first."""
    events: dict[str, list[AccountEvent]] = defaultdict(list)
    told = AccountEvent.objects.filter(phone_number__in=list(numbers), field=QUALITY).order_by("-occurred_at", "-pk")
    for event in told[:MOST_OF_QUALITY]:
        events[str(event.phone_number_id)].append(event)
    return events
