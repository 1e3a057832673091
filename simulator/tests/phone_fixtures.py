"""Fixtures for tests of the phone page: a hub and a simulator, over real HTTP."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from conftest import Hub, html_of, run_worker
from organizations.models import Organization, PhoneNumber, Role, User
from organizations.tests.people import member
from simulator.client import Phones
from simulator.demonstration import create_simulated_number
from simulator.standin import RunningStandIn, running_standin

MARINA = "556195550111"
TIMEOUT = 10.0


@pytest.fixture
def standin(hub: Hub, settings: Any) -> Iterator[RunningStandIn]:
    """A stand-in that sends webhooks to this hub, and to which this hub sends."""
    with running_standin(hub_url=hub.address) as running:
        settings.SIMULATOR, settings.SIMULATOR_URL = True, running.url
        settings.SIMULATOR_PORT = urlsplit(running.url).port
        yield running


@pytest.fixture
def ana(organization: Organization) -> tuple[User, Client]:
    """The creator of the organization, and a client in which she is signed in."""
    return member(organization, Role.USER_CREATOR, name="Ana")


@pytest.fixture
def number(standin: RunningStandIn, organization: Organization, ana: tuple[User, Client]) -> PhoneNumber:
    """An active simulated number, and Marina, a customer who has not written to it. Messages are delivered at once."""
    number = create_simulated_number(organization=organization, by=ana[0])
    PhoneNumber.objects.filter(pk=number.pk).update(activate=True)
    secrets = {key: getattr(number, key) for key in ("waba_id", "wa_id", "app_secret")}
    standin.connect(number.phone_number_id, token=number.meta_token, verified_name="Aroeira", **secrets)
    standin.add_customer(number.phone_number_id, name="Marina", wa_id=MARINA)
    return number


@pytest.fixture
def phones(number: PhoneNumber) -> Phones:
    return Phones(number)


class Page:
    """The phone page in Ana's browser."""

    def __init__(self, client: Client, organization: Organization) -> None:
        self.client = client
        self.address = f"/o/{organization.pk}/simulator/"

    def get(self, path: str = "", *, part: bool = False) -> Any:
        return self.client.get(self.address + path, headers={"HX-Request": "true"} if part else {})

    def post(self, path: str, form_input: Any = None, **headers: str) -> Any:
        return self.client.post(self.address + path, form_input or {}, headers=headers)

    def send(self, what: str, **form_input: Any) -> Any:
        """Executes an action on Marina's phone. The hub applies its webhook."""
        response = self.post(f"phones/{MARINA}/send/{what}/", form_input)
        run_worker()
        return response

    def thread(self) -> str:
        return html_of(self.get(f"phones/{MARINA}/thread/", part=True))


@pytest.fixture
def page(number: PhoneNumber, ana: tuple[User, Client]) -> Page:
    return Page(ana[1], number.organization)


def until(condition: Callable[[], object]) -> None:
    """Waits until the condition is true, while webhooks are received and applied."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        run_worker()
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"not within {TIMEOUT:g} seconds")
