"""Fixtures of the tests of recorded events."""

from collections.abc import Callable

import pytest
from django.db import transaction

from organizations.events.kinds import EventKind
from organizations.events.wishes import set_wanted_kinds
from organizations.models import Event, Organization


@pytest.fixture
def wanted(organization: Organization) -> Organization:
    """The organization, one of whose addresses wants all kinds of events."""
    want(organization, *EventKind)
    return organization


def want(organization: Organization, *kinds: EventKind) -> None:
    with transaction.atomic():
        set_wanted_kinds(organization.pk, kinds)


@pytest.fixture
def recorded() -> Callable[[], list[str]]:
    """Returns the kinds of the events that were recorded since the last call."""

    def take() -> list[str]:
        kinds = list(Event.objects.order_by("pk").values_list("kind", flat=True))
        Event.objects.all().delete()
        return kinds

    return take
