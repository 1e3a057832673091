"""Endpoints of an organization, and other systems that get its events on real sockets."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.utils import timezone

from bots.answering.tests.programs.webhook_program import Program, run_program
from bots.web_requests.allow_list import AllowList
from conftest import apply_all
from events.endpoints.services import EndpointSettings, add_endpoint
from events.models import EventEndpoint, EventQueue
from organizations.events.kinds import EventKind
from organizations.models import Organization
from webhooks.tests.bodies import ANA, text_body

BRUNO = "5511973310777"
AddEndpoint = Callable[..., EventEndpoint]


@pytest.fixture
def start_receiver(settings: Any) -> Iterator[Callable[[], Program]]:
    """Starts another system, which the operator has opened. It answers 200 until a test says otherwise."""
    with ExitStack() as stack:
        addresses: list[str] = []

        def start() -> Program:
            program = stack.enter_context(run_program())
            program.responses = [{}]
            addresses.append(program.url.removeprefix("http://").removesuffix("/bot"))
            settings.BOT_ALLOWED_ADDRESSES = AllowList.parse(addresses)
            return program

        yield start


@pytest.fixture
def receiver(start_receiver: Callable[[], Program]) -> Program:
    return start_receiver()


@pytest.fixture
def add(organization: Organization) -> AddEndpoint:
    """Adds an endpoint that wants all kinds, or the given ones."""

    def add_one(url: str, *kinds: EventKind, numbers: list[str] | None = None, of: Organization = organization) -> EventEndpoint:
        chosen = EndpointSettings(description="CRM", url=url, kinds=kinds or tuple(EventKind), numbers=numbers)
        return add_endpoint(organization=of, settings=chosen, by=None, now=timezone.now())

    return add_one


@pytest.fixture
def endpoint(add: AddEndpoint, receiver: Program) -> EventEndpoint:
    return add(receiver.url)


@pytest.fixture
def messages_only(add: AddEndpoint, receiver: Program) -> EventEndpoint:
    return add(receiver.url, EventKind.MESSAGE_RECEIVED)


def write(wamid: str, *, sender: str = ANA) -> bytes:
    """Returns the body of a customer's message."""
    return text_body(wamid, int(time.time()), sender=sender, text=wamid)


def kinds_of(program: Program) -> list[str]:
    return [json.loads(body)["type"] for body in program.bodies]


def wamids_of(program: Program) -> list[str]:
    return [json.loads(body)["data"]["message"]["wamid"] for body in program.bodies]


def retry_now() -> None:
    """Lets the time of all pauses and retries pass, and does what is due."""
    EventEndpoint.objects.update(paused_until=None)
    EventQueue.objects.update(due_at=timezone.now())
    apply_all()
