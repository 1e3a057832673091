"""The limits of the web server, with times short enough for tests: uvicorn in a thread, real sockets, small views."""

import asyncio
import hashlib
import io
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
import requests
import uvicorn
import uvloop
from django.core.handlers.wsgi import WSGIRequest
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.test import Client as Browser
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from organizations.models import Organization, Role
from organizations.tests.people import browser, member
from whatsapp_hub import asgi
from whatsapp_hub.server.bodies import MAX_IN_MEMORY
from whatsapp_hub.server.connections import Connection
from whatsapp_hub.server.site import MAX_ON_DISK, Site
from whatsapp_hub.server.tests import blocking_urls
from whatsapp_hub.server.tests.clients import TINY, Client, closing, head, until
from whatsapp_hub.server.threads import ThreadQueue

View = Callable[[WSGIRequest], Any]


class ShortLimitsConnection(Connection):
    head_seconds = 0.4
    send_seconds = 0.4
    check_interval = 0.1
    made = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))  # uvloop has a class with the same methods
        ShortLimitsConnection.made += 1


class Server:
    """uvicorn in a thread."""

    def __init__(self, application: Any, queue: ThreadQueue | None = None, **options: Any) -> None:
        self.queue = queue
        self._made_before = ShortLimitsConnection.made
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.address = f"http://127.0.0.1:{self.port}"
        limits: dict[str, Any] = {"http": ShortLimitsConnection, "timeout_graceful_shutdown": 3, "timeout_keep_alive": 1}
        self._server = uvicorn.Server(
            uvicorn.Config(application, log_level="critical", ws="none", lifespan="off", **limits | options)
        )
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as in production
            runner.run(self._server.serve(sockets=[self.listener]))

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._server.server_state.connections)

    def wait_for_connections(self, count: int = 1) -> None:
        """Waits until so many were made. They may have ended."""
        until(lambda: ShortLimitsConnection.made - self._made_before >= count)

    @contextmanager
    def run(self) -> Iterator["Server"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._server.should_exit = True
            self._thread.join()
            self.listener.close()


def serving(
    view: View, *, threads: int = 2, base_seconds: float = 0.4, memory: int = MAX_IN_MEMORY, disk: int = MAX_ON_DISK, **limits: Any
) -> Any:
    """Serves one view in the way in which the Django site is served."""

    def django(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        response = view(WSGIRequest(environ))
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        if getattr(response, "file_to_stream", None):
            response.file_to_stream.close = response.close
            return environ["wsgi.file_wrapper"](response.file_to_stream, response.block_size)
        return response

    queue = ThreadQueue("test", threads=threads, **limits)
    site = Site(django, threads_for=lambda path: queue, memory=memory, disk=disk, base_seconds=base_seconds)  # type: ignore[arg-type]
    return Server(ProxyHeadersMiddleware(site), queue).run()  # type: ignore[arg-type]


def digest(request: WSGIRequest) -> HttpResponse:
    return HttpResponse(hashlib.sha256(request.read()).hexdigest())


class Gate:
    """A view that blocks until `opened` is set, and records the paths of its requests."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.seen: list[str] = []

    def __call__(self, request: WSGIRequest) -> HttpResponse:
        self.seen.append(request.path)
        assert self.opened.wait(20)
        return HttpResponse("through")


def send_request(server: Server, path: str, address: str = "203.0.113.1") -> Client:
    return Client(server.port).send(head(path, f"X-Forwarded-For: {address}", "Connection: close"))


# Bodies


@pytest.mark.parametrize("size", [0, 1, 100_000, 128 * 2**10])
def test_a_body_reaches_the_site_whole_announced_or_in_chunks(size) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    with serving(digest) as server:
        announced = requests.post(server.address, data=content, timeout=5)
        chunked = requests.post(server.address, data=iter([content[:700], content[700:]]), timeout=5)
    assert [announced.text, chunked.text] == [hashlib.sha256(content).hexdigest()] * 2


COSTLY_COOKIE = 'Cookie: sessionid="' + "\\\\" * 30_000 + '"'
"""Python's own reader of cookies takes seconds for it."""
COSTLY_TYPE = 'Content-Type: a/b;x="' + ";" * 55_000
"""Django's parser takes seconds for it."""


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (head("/o/1/events/", COSTLY_COOKIE, "Connection: close"), 404),
        (head("/accounts/login/", COSTLY_COOKIE), 431),
        (head("/accounts/login/", COSTLY_COOKIE, "Content-Length: 200000", method="POST") + bytes(200_000), 431),
        (head("/accounts/login/", "Cookie: a=" + "a" * 9000), 431),
        (head("/o/1/events/", COSTLY_TYPE, "Connection: close"), 404),
        (head("/accounts/login/", COSTLY_TYPE), 431),
        (head("/api/v1/contacts/", COSTLY_TYPE), 431),
        (head("/static/hub/hub.css", *[f"Content-Type: a/b;x={';' * 400}"] * 100), 431),
        (head("/webhooks/whatsapp/", COSTLY_TYPE, "Content-Length: 2", method="POST") + b"{}", 401),
    ],
    ids=["stream", "page", "upload", "long", "type-stream", "type-page", "type-api", "many-types", "type-webhook"],
)
def test_headers_that_take_long_to_read_are_not_read(hub, request_head, status) -> None:
    port = int(hub.address.rpartition(":")[2])
    started = time.monotonic()
    assert [Client(port).send(request_head).status() for _ in range(3)] == [status] * 3
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    ("method", "header", "status"),
    [
        ("TRACE", "Accept: */*", 405),
        ("POST", "Cookie: a=" + "a" * 9000, 431),
        ("POST", "Content-Type: text/plain; charset=utf-16", 400),
        ("POST", "Accept: */*", 413),
    ],
)
def test_who_sends_the_body_late_reads_why_the_request_is_refused(hub, method, header, status) -> None:
    port = int(hub.address.rpartition(":")[2])
    client = Client(port).send(head("/api/v1/media/", header, "Content-Length: 300000", method=method))
    assert is_answered(client, within=5)
    for _ in range(3):
        client.socket.sendall(bytes(100_000))  # on a closed connection, the second one fails
        time.sleep(0.05)
    assert client.status() == status


@pytest.mark.parametrize("cookie", ["", "sessionid=made-up", "sessionid=" + "a" * 32])
def test_uploads_need_a_session(hub, cookie) -> None:
    content = bytes(300_000)
    for body in (content, iter([content])):
        response = requests.post(hub.address + "/accounts/login/", data=body, headers={"Cookie": cookie}, timeout=10)
        assert (response.status_code, response.headers["Connection"]) == (413, "close")


def test_a_member_uploads(hub, organization) -> None:
    cookie = f"sessionid={member(organization)[1].cookies['sessionid'].value}"
    response = requests.post(hub.address + "/accounts/login/", data=bytes(5 * 2**20), headers={"Cookie": cookie}, timeout=10)
    assert response.status_code == 403  # the site's own: it has no token against forgery
    too_large = head("/", f"Cookie: {cookie}", f"Content-Length: {129 * 2**20}", "Expect: 100-continue", method="POST")
    assert Client(int(hub.address.rsplit(":", 1)[1])).send(too_large).status() == 413


def test_a_large_file_arrives_whole(hub, organization, settings) -> None:
    settings.ROOT_URLCONF = "whatsapp_hub.server.tests.blocking_urls"
    content = os.urandom(10 * 2**20)
    cookies = {"sessionid": member(organization)[1].cookies["sessionid"].value}
    response = requests.post(hub.address + "/upload", files={"file": content}, cookies=cookies, timeout=10)
    assert response.text == hashlib.sha256(content).hexdigest()


def test_a_client_that_expects_100_continue_gets_it() -> None:
    with serving(digest) as server:
        client = Client(server.port).send(head("/", "Content-Length: 3", "Expect: 100-continue", method="POST"))
        assert client.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"abc", head("/", "Connection: close"))
        assert hashlib.sha256(b"abc").hexdigest().encode() in client.read_all()


def test_a_body_that_comes_too_slowly_gets_408() -> None:
    with serving(digest) as server:
        started = time.monotonic()
        client = Client(server.port).send(head("/", "Content-Length: 1000", method="POST"), b"abc")
        assert client.status() == 408
        assert time.monotonic() - started < 5


def test_unfinished_bodies_leave_memory_for_complete_ones() -> None:
    with serving(digest, base_seconds=20, memory=300_000) as server:
        post = head("/", "Content-Length: 100000", "Connection: close", method="POST")
        first, second, third = (Client(server.port).send(post, b"a" * 99_990) for _ in range(3))
        server.wait_for_connections(3)
        until(lambda: requests.post(server.address, data=b"a" * 50_000, timeout=5).status_code == 200 and is_answered(first), 5)
        assert first.status() == 503
        assert [each.send(b"a" * 10).status() for each in (second, third)] == [200, 200]


def test_a_full_disk_costs_no_small_body(organization) -> None:
    cookie = f"sessionid={member(organization)[1].cookies['sessionid'].value}"
    with serving(digest, base_seconds=20, disk=200_000) as server:
        small = Client(server.port).send(head("/", "Content-Length: 1000", "Connection: close", method="POST"), b"a" * 990)
        server.wait_for_connections()
        large = requests.post(server.address, data=bytes(300_000), headers={"Cookie": cookie}, timeout=5)
        assert large.status_code == 503
        assert small.send(b"a" * 10).status() == 200


def unfinished_upload(server: Server, cookie: str, size: int) -> Client:
    """Sends a large body but for its last thousand bytes."""
    upload = head("/", f"Content-Length: {size}", f"Cookie: {cookie}", "Connection: close", method="POST")
    return Client(server.port).send(upload, bytes(size - 1000))


def test_unfinished_uploads_of_one_member_leave_disk_to_others(organization) -> None:
    user, client = member(organization)
    sessions = [session_of(each) for each in (client, browser(user))]
    other = session_of(member(Organization.objects.create(organization_name="Outra"), Role.USER_ADMIN)[1])
    with (
        serving(digest, base_seconds=20, disk=4_000_000) as server,
        closing([unfinished_upload(server, session, 490_000) for session in sessions * 4]) as uploads,
    ):
        until(lambda: sum(map(is_answered, uploads)) >= 7)
        assert requests.post(server.address, data=bytes(400_000), headers={"Cookie": other}, timeout=10).status_code == 200
        (left,) = (each for each in uploads if not is_answered(each))
        assert left.send(bytes(1000)).status() == 200
        assert {each.socket.recv(12) for each in uploads if each is not left} == {b"HTTP/1.1 503"}


def session_of(client: Browser) -> str:
    return f"sessionid={client.cookies['sessionid'].value}"


def test_an_upload_that_was_fast_may_not_be_slow_later(organization) -> None:
    cookie = session_of(member(organization)[1])
    with serving(digest, base_seconds=0.5) as server:
        upload = unfinished_upload(server, cookie, 2_000_000)  # four minutes at the lowest rate
        until(lambda: is_answered(upload.send(b"a")), 20)
        assert upload.status() == 408


def test_a_slow_upload_that_never_stands_still_arrives(organization) -> None:
    cookie = session_of(member(organization)[1])
    pieces = [bytes(40_000)] * 5
    with serving(digest, base_seconds=1.5) as server:
        upload = Client(server.port).send(
            head("/", "Content-Length: 200000", f"Cookie: {cookie}", "Connection: close", method="POST")
        )
        for piece in pieces:
            time.sleep(0.5)
            upload.send(piece)
        assert hashlib.sha256(b"".join(pieces)).hexdigest().encode() in upload.read_all()


def test_uploads_take_no_disk_of_responses(organization) -> None:
    names = [f"n{number}" for number in range(8)]
    cookies = [session_of(member(organization, name=name)[1]) for name in names]
    written = threading.Event()

    def pieces() -> Iterator[bytes]:
        for _ in range(30):
            yield bytes(100_000)
        written.set()

    with (
        serving(lambda request: StreamingHttpResponse(pieces()), base_seconds=20, disk=4_000_000) as server,
        closing([unfinished_upload(server, cookie, 499_990) for cookie in cookies]),
    ):
        until(lambda: requests.post(server.address, bytes(200_000), headers={"Cookie": cookies[0]}, timeout=10).status_code == 503)
        written.clear()
        client = Client(server.port, receive_buffer=TINY).send(head("/", "Connection: close"))
        assert written.wait(10)
        client.close()


def is_answered(client: Client, within: float = 0) -> bool:
    return bool(select.select([client.socket], [], [], within)[0])


def test_what_is_sent_after_the_response_is_not_read_for_long(hub) -> None:
    client = Client(int(hub.address.rpartition(":")[2])).send(head("/healthz", "Content-Length: 999999999", method="POST"))
    assert client.socket.recv(1000).startswith(b"HTTP/1.1 200")
    with client.socket, pytest.raises(ConnectionError):
        client.socket.sendall(bytes(64 * 2**20))


def test_a_view_is_not_run_for_half_a_body() -> None:
    gate = Gate()
    gate.opened.set()
    with serving(gate, base_seconds=20) as server:
        client = Client(server.port).send(head("/", "Content-Length: 1000", method="POST"), b"abc")
        server.wait_for_connections()
        client.close()
        until(lambda: server.connections == 0)
    assert gate.seen == []


def test_names_with_underscores_are_not_headers() -> None:
    with serving(lambda request: HttpResponse(repr(sorted(request.headers)))) as server:
        response = requests.get(server.address, headers={"X_Forwarded_Proto": "https", "X-Other": "1"}, timeout=5)
    assert "X-Other" in response.text
    assert "X-Forwarded-Proto" not in response.text


# Threads


def test_clients_are_served_one_after_the_other_however_much_one_of_them_wants() -> None:
    gate = Gate()
    with serving(gate, threads=1) as server, closing([send_request(server, "/first")]) as clients:
        until(lambda: gate.seen)
        for path in ("/a1", "/a2", "/a3", "/a4"):
            clients.append(send_request(server, path, "203.0.113.2"))
            clients.append(Client(server.port).send(head("/")))  # another, which comes after it
        clients.append(send_request(server, "/b1", "203.0.113.3"))
        until(lambda: server.queue.waiting == 9)
        gate.opened.set()
        until(lambda: len(gate.seen) == 10)
    assert gate.seen[1:].index("/b1") < 3


def test_requests_that_are_sent_ahead_do_not_hold_up_others() -> None:
    gate = Gate()
    with serving(gate, threads=1) as server, closing([send_request(server, "/first")]) as clients:
        until(lambda: gate.seen)
        clients += [Client(server.port).send(head("/"), head("/ahead") * 20) for _ in range(10)]
        until(lambda: server.queue.waiting == 10)
        clients += [Client(server.port).send(head("/other")) for _ in range(10)]
        until(lambda: server.queue.waiting == 20)
        gate.opened.set()
        until(lambda: gate.seen.count("/ahead") == 200)
    last = max(place for place, path in enumerate(gate.seen) if path == "/other")
    assert gate.seen[:last].count("/ahead") <= 20  # one for each of the twenty requests that were not sent ahead


def test_probes_are_served_while_every_thread_for_pages_is_busy(hub, settings) -> None:
    settings.ROOT_URLCONF = "whatsapp_hub.server.tests.blocking_urls"
    blocking_urls.opened.clear()
    port = int(hub.address.rsplit(":", 1)[1])
    with closing([Client(port).send(head("/block", "Connection: close")) for _ in range(15)]) as clients:
        until(lambda: asgi.page_threads.waiting == 5)
        assert [hub.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3
        blocking_urls.opened.set()
        assert [client.status() for client in clients] == [200] * 15


def test_pages_are_served_while_every_thread_for_the_api_is_busy(hub, settings) -> None:
    settings.ROOT_URLCONF = "whatsapp_hub.server.tests.blocking_urls"
    blocking_urls.opened.clear()
    port = int(hub.address.rsplit(":", 1)[1])
    with closing([Client(port).send(head("/api/block", "Connection: close")) for _ in range(6)]) as clients:
        until(lambda: asgi.api_threads.waiting == 2)
        assert hub.get("/healthz").status_code == 200
        assert hub.get("/accounts/login/").status_code == 200
        blocking_urls.opened.set()
        assert [client.status() for client in clients] == [200] * 6


def test_too_many_waiting_requests_get_503_and_other_clients_are_served() -> None:
    gate = Gate()
    with serving(gate, threads=1, max_waiting=4) as server, closing([send_request(server, "/first")]) as clients:
        until(lambda: gate.seen)
        clients += [send_request(server, f"/{place}") for place in range(4)]
        until(lambda: server.queue.waiting == 4)
        refused = requests.get(server.address, headers={"X-Forwarded-For": "203.0.113.1"}, timeout=5)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        clients.append(send_request(server, "/other", "203.0.113.9"))
        assert clients[4].status() == 503  # the newest of whoever has most
        gate.opened.set()
        assert [client.status() for client in clients[:4] + clients[5:]] == [200] * 5


def test_no_request_waits_for_a_thread_for_ever() -> None:
    gate = Gate()
    with serving(gate, threads=1, max_wait_seconds=0.3) as server, closing([send_request(server, "/first")]) as clients:
        until(lambda: gate.seen)
        assert send_request(server, "/second").status() == 503
        gate.opened.set()
        assert clients[0].status() == 200
        assert send_request(server, "/third").status() == 200


def test_no_thread_is_taken_for_clients_that_have_left() -> None:
    gate = Gate()
    with serving(gate, threads=1) as server, closing([send_request(server, "/first")]):
        until(lambda: gate.seen)
        left = [send_request(server, "/left") for _ in range(20)]
        until(lambda: server.queue.waiting == 20)
        for client in left:
            client.close()
        until(lambda: server.queue.waiting == 0)
        gate.opened.set()
        assert send_request(server, "/last").status() == 200
    assert gate.seen == ["/first", "/last"]


# Responses


def test_what_a_view_streams_arrives_as_it_comes() -> None:
    go_on = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"first"
        assert go_on.wait(10)
        yield b"second"

    with serving(lambda request: StreamingHttpResponse(pieces())) as server:
        client = send_request(server, "/")
        received = b""
        while b"first" not in received:
            received += client.socket.recv(1000)
        go_on.set()
        assert b"second" in client.read_all()


def test_a_thread_does_not_wait_for_a_client_that_reads_slowly() -> None:
    ended = threading.Event()
    content = bytes(range(256)) * 4 * 64

    def pieces() -> Iterator[bytes]:
        for _ in range(200):
            yield content
        ended.set()

    with serving(lambda request: StreamingHttpResponse(pieces())) as server:
        client = Client(server.port, receive_buffer=TINY).send(head("/", "Connection: close"))
        assert ended.wait(10)
        assert client.read_all().count(content[:1000]) > 0


def test_a_slow_client_gets_all_of_it() -> None:
    content = bytes(range(256)) * 256  # 64 KiB
    with serving(lambda request: StreamingHttpResponse(content for _ in range(100))) as server:
        client = Client(server.port, receive_buffer=64 * 2**10).send(head("/", "Connection: close"))
        received = b""
        while piece := client.socket.recv(64 * 2**10):
            received += piece
            time.sleep(0.002)
        client.close()
    assert received.count(content) == 100


def test_a_view_stops_producing_for_a_client_that_has_left() -> None:
    stopped = threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            while True:
                yield bytes(100_000)
                time.sleep(0.01)
        finally:
            stopped.set()

    with serving(lambda request: StreamingHttpResponse(pieces())) as server:
        client = send_request(server, "/")
        client.socket.recv(1000)
        client.close()
        assert stopped.wait(10)


class Watched(io.BytesIO):
    """A file that says when it is closed."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.was_closed = threading.Event()

    def close(self) -> None:
        self.was_closed.set()
        super().close()


@pytest.mark.parametrize("size", [0, 10, 64 * 2**10, 64 * 2**10 + 1, 5_000_000])
def test_a_file_arrives_whole_and_is_closed(size) -> None:
    file = Watched(bytes(size))
    with serving(lambda request: FileResponse(file)) as server:
        assert requests.get(server.address, timeout=5).content == bytes(size)
        assert file.was_closed.wait(5)


@pytest.mark.parametrize("leaves", [True, False])
def test_a_file_is_closed_if_its_reader_leaves_or_never_reads(leaves) -> None:
    file = Watched(bytes(20_000_000))
    with serving(lambda request: FileResponse(file)) as server:
        client = Client(server.port, receive_buffer=TINY).send(head("/") * 5)
        client.socket.recv(10)
        if leaves:
            client.close()
        assert file.was_closed.wait(10)
        until(lambda: server.connections == 0)
        client.close()


def test_a_reader_of_a_few_bytes_now_and_then_is_cut_off() -> None:
    file = Watched(bytes(20_000_000))
    with serving(lambda request: FileResponse(file)) as server:
        with closing([Client(server.port, receive_buffer=TINY).send(head("/"))]) as (client,):
            server.wait_for_connections()
            started = time.monotonic()
            while server.connections and time.monotonic() - started < 10:
                client.socket.recv(10)
                time.sleep(0.02)
            assert server.connections == 0
        assert file.was_closed.wait(5)


def test_a_file_is_not_read_for_its_head_alone() -> None:
    file = Watched(bytes(1000))
    with serving(lambda request: FileResponse(file)) as server:
        response = requests.head(server.address, timeout=5)
        assert (response.headers["Content-Length"], response.content) == ("1000", b"")
        assert file.was_closed.wait(5)


def test_a_view_that_fails_is_a_500_and_one_that_fails_midway_breaks_off() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"first"
        raise RuntimeError

    def view(request: WSGIRequest) -> Any:
        if request.path == "/midway":
            return StreamingHttpResponse(pieces())
        raise RuntimeError

    with serving(view) as server:
        assert requests.get(server.address, timeout=5).status_code == 500
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            requests.get(f"{server.address}/midway", timeout=5)


# Connections


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HT",
        head("/")[:-2],
        head("/") + b"\r\n",
        head("/") + b"GET / HT",
        head("/", "Connection: close"),
        head("/") * 50,
        head("/") * 500,
        b"nonsense\r\n\r\n" * 10_000,
    ],
)
def test_a_connection_ends_if_its_client_does_nothing_more(sent) -> None:
    page = HttpResponse(bytes(200_000))
    with serving(lambda request: page) as server:
        client = Client(server.port, receive_buffer=TINY).send(sent)
        server.wait_for_connections()
        until(lambda: server.connections == 0, 10)
        client.close()


def test_a_head_that_comes_byte_by_byte_has_to_be_through_in_time() -> None:
    with serving(digest) as server, closing([Client(server.port)]) as (client,):
        server.wait_for_connections()
        started = time.monotonic()
        while time.monotonic() - started < 10 and server.connections:
            client.send(b"G")
            time.sleep(0.02)
        assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000,
        head("/", "Transfer-Encoding: chunked", method="POST") + b"1;" + b"a" * 1_000_000,
        head("/", "Transfer-Encoding: chunked", method="POST") + b"1\r\na\r\n0\r\nX: " + b"a" * 1_000_000,
    ],
)
def test_a_head_without_end_is_not_kept(sent) -> None:
    with serving(digest, base_seconds=20) as server, closing([Client(server.port).send(sent)]):
        server.wait_for_connections()
        until(lambda: server.connections == 0, 10)


def test_a_trailer_is_no_header() -> None:
    with serving(lambda request: HttpResponse(repr(sorted(request.headers)))) as server:
        client = Client(server.port).send(head("/", "Transfer-Encoding: chunked", "Connection: close", method="POST"))
        client.send(b"1\r\na\r\n0\r\nX-Forwarded-Proto: https\r\n\r\n")
        assert b"X-Forwarded-Proto" not in client.read_all()


def test_requests_sent_ahead_are_served_in_order() -> None:
    with serving(lambda request: HttpResponse(request.path)) as server:
        paths = [f"/{place}" for place in range(100)]
        client = Client(server.port).send(*map(head, paths), head("/last", "Connection: close"))
        received = client.read_all().decode()
    assert [line for line in received.splitlines() if line.startswith("/")] == [*paths, "/last"]


def test_each_request_of_a_lost_connection_is_disconnected() -> None:
    gone = threading.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()

    with Server(application).run() as server:
        client = Client(server.port).send(head("/") * 3)
        server.wait_for_connections()
        client.close()
        assert gone.wait(5)
