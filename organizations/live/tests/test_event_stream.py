"""Event streams over real HTTP: who gets one, which events it has and when, and when it ends."""

import asyncio
import socket
import statistics
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from asgiref.typing import ASGISendEvent, HTTPDisconnectEvent
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from conftest import Hub, apply_all, payload, without_table
from organizations.live.event_stream import ACTIVE_SECONDS, EventStreams
from organizations.live.revisions import current_revisions, publish_revisions
from organizations.models import Membership, Organization, PhoneNumber, Revision, Role, User
from whatsapp_hub import asgi


@pytest.fixture(autouse=True)
def frequent_heartbeats(hub: Hub) -> None:
    """A client that closes a stream waits for the next event."""
    asgi.streams = EventStreams(heartbeat_seconds=0.5)


@pytest.fixture
def ana(organization: Organization) -> User:
    user = User.objects.create_user("ana@example.com", "uma-senha-longa-7")
    Membership.objects.create(organization=organization, user=user, role=Role.USER)
    return user


def cookies(user: User) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    return {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}


class Listener:
    """Reads a stream in a thread."""

    def __init__(self, response: requests.Response) -> None:
        self.response = response
        self.events: list[tuple[float, str]] = []
        self.ended_at = 0.0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for line in self.response.iter_lines(chunk_size=1):
                if line.startswith(b"data:"):
                    self.events.append((time.monotonic(), line.decode().removeprefix("data: ")))
        except (requests.RequestException, AttributeError):  # closed from this side
            pass
        self.ended_at = time.monotonic()

    def wait(self, ready: Callable[["Listener"], Any], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not ready(self):
            assert time.monotonic() < until, f"waited {seconds} s; received {self.events}"
            time.sleep(0.02)


class DirectClient:
    """Opens a stream without a server, so that a test controls the order of events."""

    def __init__(self, session_key: str, *, address: str = "", is_slow: bool = False, fails: bool = False) -> None:
        self._address = address
        self._cookie = f"{settings.SESSION_COOKIE_NAME}={session_key}".encode()
        self._fails = fails
        self.received: list[bytes] = []
        self.started, self.continues, self.failed, self.disconnects = (asyncio.Event() for _ in range(4))
        if not is_slow:
            self.continues.set()

    async def open(self, streams: EventStreams, organization_id: int) -> None:
        path, client = f"/o/{organization_id}/events/", (self._address, 1) if self._address else None
        scope: Any = {"path": path, "method": "GET", "headers": [(b"cookie", self._cookie)], "client": client}
        await streams(scope, self._receive, self._send)

    async def until(self, line: bytes) -> None:
        async with asyncio.timeout(5):
            while not any(line in each for each in self.received):  # noqa: ASYNC110  what is received is a list
                await asyncio.sleep(0.01)

    async def _receive(self) -> HTTPDisconnectEvent:
        await self.disconnects.wait()
        return {"type": "http.disconnect"}

    async def _send(self, event: ASGISendEvent) -> None:
        if event["type"] == "http.response.start":
            self.started.set()
            await self.continues.wait()
        elif self._fails and self.received:
            self.disconnects.set()
            await asyncio.sleep(0.05)  # meanwhile the request ends
            self.failed.set()
            raise OSError
        else:
            assert event["type"] == "http.response.body"
            self.received.append(event["body"])


@contextmanager
def listening(hub: Hub, organization: Organization, user: User) -> Iterator[Listener]:
    with hub.get(f"/o/{organization.pk}/events/", cookies=cookies(user), stream=True) as response:
        assert response.status_code == 200
        yield Listener(response)


def test_a_stream_begins_with_the_revision_and_sends_each_new_one(hub: Hub, organization: Organization, ana: User) -> None:
    publish_revisions([organization.pk])
    with listening(hub, organization, ana) as listener:
        listener.wait(lambda it: it.events, 2)
        began = time.monotonic()
        publish_revisions([organization.pk])
        listener.wait(lambda it: len(it.events) > 1, 2)

    assert [revision for _, revision in listener.events] == ["1", "2"]
    assert listener.events[1][0] - began < 1.0


def test_an_applied_webhook_increases_the_revision(hub: Hub, numbers: dict[str, PhoneNumber], organization: Organization) -> None:
    before = current_revisions([organization.pk])[organization.pk]
    hub.deliver(payload("01_text.json"))
    apply_all()

    assert current_revisions([organization.pk])[organization.pk] > before


def test_a_stream_has_no_events_of_another_organization(hub: Hub, organization: Organization, ana: User) -> None:
    other = Organization.objects.create(organization_name="Outra")

    assert hub.get(f"/o/{other.pk}/events/", cookies=cookies(ana)).status_code == 404
    assert hub.get(f"/o/{organization.pk}/events/").status_code == 404
    assert hub.get(f"/o/{organization.pk}/events/", cookies={settings.SESSION_COOKIE_NAME: "nonsense"}).status_code == 404
    with listening(hub, organization, ana) as listener:
        publish_revisions([other.pk])
        time.sleep(1.2)
    assert len(listener.events) == 1


def test_only_get_is_allowed(hub: Hub, organization: Organization) -> None:
    assert requests.post(f"{hub.address}/o/{organization.pk}/events/", timeout=5).status_code == 405


@pytest.mark.parametrize("change", ["user", "membership", "organization", "password"])
def test_a_stream_ends_when_access_ends(hub: Hub, organization: Organization, ana: User, change: str) -> None:
    asgi.streams = EventStreams(check_seconds=0.5, heartbeat_seconds=0.5)
    with listening(hub, organization, ana) as listener:
        listener.wait(lambda it: it.events, 2)
        if change == "password":
            ana.set_password("outra-senha-longa-8")
            ana.save()
        else:
            row = {"user": ana, "membership": ana.memberships.get(), "organization": organization}[change]
            type(row)._default_manager.filter(pk=row.pk).update(activate=False)
        listener.wait(lambda it: it.ended_at, 4)


def test_while_the_database_fails_a_new_stream_is_refused_with_503(hub: Hub, organization: Organization, ana: User) -> None:
    session = cookies(ana)
    with without_table(Session):
        assert hub.get(f"/o/{organization.pk}/events/", cookies=session).status_code == 503
    with listening(hub, organization, ana) as listener:
        listener.wait(lambda it: it.events, 2)


def test_an_open_stream_outlasts_a_failure_of_the_database(
    hub: Hub, organization: Organization, ana: User, caplog: pytest.LogCaptureFixture
) -> None:
    with listening(hub, organization, ana) as listener:
        listener.wait(lambda it: it.events, 2)
        with without_table(Revision):
            listener.wait(lambda it: "revisions could not be read" in caplog.text, 5)
        publish_revisions([organization.pk])
        listener.wait(lambda it: len(it.events) > 1, 5)
        assert not listener.ended_at


def test_a_client_that_breaks_off_frees_its_stream(hub: Hub, organization: Organization, ana: User) -> None:
    asgi.streams = EventStreams(heartbeat_seconds=0.1, max_streams=1)
    address = urlsplit(hub.address)
    cookie = "; ".join(f"{name}={value}" for name, value in cookies(ana).items())
    with socket.create_connection((str(address.hostname), address.port or 80)) as broken:
        broken.sendall(f"GET /o/{organization.pk}/events/ HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode())
        assert broken.recv(100).startswith(b"HTTP/1.1 200")
        assert hub.get(f"/o/{organization.pk}/events/", cookies=cookies(ana)).status_code == 503
        broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing resets the connection
    deadline = time.monotonic() + 5
    while hub.get(f"/o/{organization.pk}/events/", cookies=cookies(ana), stream=True).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_more_pages_than_a_process_may_have_get_503(hub: Hub, organization: Organization, ana: User) -> None:
    asgi.streams = EventStreams(max_streams=1, heartbeat_seconds=0.5)
    with listening(hub, organization, ana) as listener:
        listener.wait(lambda it: it.events, 2)
        assert hub.get(f"/o/{organization.pk}/events/", cookies=cookies(ana)).status_code == 503


def test_a_hundred_pages_all_get_a_change(hub: Hub, organization: Organization, ana: User) -> None:
    cookie = cookies(ana)
    address = f"{hub.address}/o/{organization.pk}/events/"
    responses = [requests.get(address, cookies=cookie, stream=True, timeout=10) for _ in range(100)]
    listeners = [Listener(response) for response in responses]
    for listener in listeners:
        listener.wait(lambda it: it.events, 5)
    publish_revisions([organization.pk])
    for listener in listeners:
        listener.wait(lambda it: len(it.events) == 2, 3)
    with ThreadPoolExecutor(len(responses)) as pool:  # each waits for the next event
        list(pool.map(requests.Response.close, responses))

    assert {listener.events[-1][1] for listener in listeners} == {str(current_revisions([organization.pk])[organization.pk])}


@pytest.mark.parametrize(("pages", "active_seconds"), [(25, ACTIVE_SECONDS), (1, 0.0)], ids=["than many", "than in a quiet hour"])
def test_few_pages_learn_of_a_change_sooner(organization: Organization, ana: User, pages: int, active_seconds: float) -> None:
    """Each change comes just after a poll."""
    publish_revisions([organization.pk])
    session_key = cookies(ana)[settings.SESSION_COOKIE_NAME]

    async def seconds_until_event(client: DirectClient, revision: int) -> float:
        await asyncio.to_thread(publish_revisions, [organization.pk])
        began = time.monotonic()
        await client.until(f"data: {revision}\n".encode())
        return time.monotonic() - began

    async def median(pages: int, active_seconds: float) -> float:
        streams = EventStreams(active_seconds=active_seconds)
        clients = [DirectClient(session_key) for _ in range(pages)]
        serving = [asyncio.create_task(each.open(streams, organization.pk)) for each in clients]
        for each in clients:
            await each.until(b"data: ")
        first = current = int(clients[0].received[0].split(b"data: ")[1])
        seconds = [await seconds_until_event(clients[0], current := current + 1) for _ in range(first, first + 5)]
        for each in clients:
            each.disconnects.set()
        await asyncio.gather(*serving)
        return statistics.median(seconds)

    assert asyncio.run(median(pages, active_seconds)) - asyncio.run(median(1, ACTIVE_SECONDS)) > 0.2


def test_a_page_that_is_added_while_the_revision_increases_gets_that_revision(organization: Organization, ana: User) -> None:
    """The access of the second page is checked at the previous revision, and the page is added after the first page got the new
    one."""
    publish_revisions([organization.pk])
    session_key = cookies(ana)[settings.SESSION_COOKIE_NAME]

    async def scenario() -> list[bytes]:
        streams = EventStreams(poll_seconds=0.05)
        first, second = DirectClient(session_key), DirectClient(session_key, is_slow=True)
        serving = [asyncio.create_task(each.open(streams, organization.pk)) for each in (first, second)]
        await first.until(b"data: 1")
        await second.started.wait()
        await asyncio.to_thread(publish_revisions, [organization.pk])
        await first.until(b"data: 2")
        second.continues.set()
        await second.until(b"data: 2")
        first.disconnects.set()
        second.disconnects.set()
        await asyncio.gather(*serving)
        return second.received

    assert b"data: 2\n\n" in asyncio.run(scenario())


def test_a_stream_ends_within_seconds_of_signing_out(hub: Hub, organization: Organization, ana: User) -> None:
    client = Client()
    client.force_login(ana)
    cookie = {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}
    with hub.get(f"/o/{organization.pk}/events/", cookies=cookie, stream=True) as response:
        listener = Listener(response)
        listener.wait(lambda it: it.events, 2)
        client.post("/accounts/logout/")
        listener.wait(lambda it: it.ended_at, 8)


def test_the_streams_of_one_user_are_limited(hub: Hub, organization: Organization, ana: User) -> None:
    bea = User.objects.create_user("bea@example.com", "uma-senha-longa-7")
    Membership.objects.create(organization=organization, user=bea, role=Role.USER)
    asgi.streams = EventStreams(heartbeat_seconds=0.2, max_streams_per_user=2)
    with listening(hub, organization, ana) as first, listening(hub, organization, ana) as second:
        for each in (first, second):
            each.wait(lambda it: it.events, 2)
        assert hub.get(f"/o/{organization.pk}/events/", cookies=cookies(ana)).status_code == 429
        with listening(hub, organization, bea) as of_another:
            of_another.wait(lambda it: it.events, 2)
    with listening(hub, organization, ana) as again:
        again.wait(lambda it: it.events, 2)


def test_polling_stops_after_the_last_page(organization: Organization, ana: User) -> None:
    """Also if the last page disconnects while an event is being sent to it."""
    publish_revisions([organization.pk])
    session_key = cookies(ana)[settings.SESSION_COOKIE_NAME]

    async def scenario() -> bool:
        streams = EventStreams(poll_seconds=0.2)
        client = DirectClient(session_key, fails=True)
        serving = asyncio.create_task(client.open(streams, organization.pk))
        await client.until(b"data: 1")
        await asyncio.to_thread(publish_revisions, [organization.pk])
        await asyncio.wait_for(client.failed.wait(), 5)
        await serving
        for _ in range(30):
            await asyncio.sleep(0.1)
            if len(asyncio.all_tasks()) == 1:
                return True
        return False

    assert asyncio.run(scenario())


def test_made_up_sessions_of_one_client_do_not_delay_the_pages_of_others(organization: Organization, ana: User) -> None:
    session_key = cookies(ana)[settings.SESSION_COOKIE_NAME]

    async def scenario() -> int:
        streams = EventStreams()
        made_up = [DirectClient(f"{number:032}", address="203.0.113.1") for number in range(1000)]
        flood = [asyncio.create_task(each.open(streams, organization.pk)) for each in made_up]
        await asyncio.sleep(0)
        page = DirectClient(session_key, address="203.0.113.2")
        serving = asyncio.create_task(page.open(streams, organization.pk))
        await page.started.wait()
        before = sum(each.done() for each in flood)
        page.disconnects.set()
        await asyncio.gather(serving, *flood)
        return before

    assert asyncio.run(scenario()) < 100


def test_pages_behind_a_proxy_are_told_apart_by_the_address_that_it_forwards(
    hub: Hub, organization: Organization, ana: User
) -> None:
    headers = {"X-Forwarded-For": "203.0.113.7"}
    seen: list[Any] = []

    class Seen(EventStreams):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            seen.append(scope["client"][0])
            await super().__call__(scope, receive, send)

    asgi.streams = Seen()
    assert hub.get(f"/o/{organization.pk}/events/", headers=headers).status_code == 404
    assert seen == ["203.0.113.7"]
