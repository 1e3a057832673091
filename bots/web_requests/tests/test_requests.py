"""Requests over real sockets, to servers that misbehave on purpose."""

import datetime
import itertools
import logging
import socket
import ssl
import struct
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bots.web_requests import lookups
from bots.web_requests.allow_list import AllowList
from bots.web_requests.connections import MAX_HEADER_BYTES
from bots.web_requests.errors import Failure, Refusal, RefusedAddress, RequestFailed
from bots.web_requests.exchanges import MAX_BODY_BYTES
from bots.web_requests.requests import Request, Response, send_request
from bots.web_requests.tests.conftest import HOST, OTHER_HOST, Authority, Client, Names, Received, Script, StartServer, ok

SHORT = 0.4
"""Seconds of a request that is to end at its deadline."""
SOON = 10.0
"""Much more than SHORT, and less than servers here go on."""


def failure(client: Client, *, timeout: float = 30.0, **fields: object) -> Failure:
    with pytest.raises(RequestFailed) as failed:
        client.send(timeout=timeout, **fields)  # type: ignore[arg-type]  # fields of Request
    assert_keeps_secrets(failed.value)
    return failed.value.code


def refusal(client: Client, **options: object) -> Refusal:
    with pytest.raises(RefusedAddress) as refused:
        client.send(**options)  # type: ignore[arg-type]  # options of `send`
    assert_keeps_secrets(refused.value)
    return refused.value.code


def assert_keeps_secrets(exception: Exception) -> None:
    words = "".join(traceback.format_exception(exception)) + repr(exception) + repr(exception.__context__)
    assert HOST not in words
    assert "127.0.0.1" not in words


def script(*pieces: bytes) -> Script:
    """Sends pieces and closes the connection."""

    def run(connection: socket.socket, _request: Received) -> None:
        for piece in pieces:
            connection.sendall(piece)

    return run


def endless(before: bytes, pieces: Iterable[bytes]) -> Script:
    """Sends pieces as fast as the other side reads."""

    def run(connection: socket.socket, _request: Received) -> None:
        connection.sendall(before)
        for piece in pieces:
            connection.sendall(piece)

    return run


def drip(client: Client, before: bytes, piece: bytes) -> Script:
    """Sends a piece every 20 milliseconds until the test ends."""

    def run(connection: socket.socket, _request: Received) -> None:
        connection.sendall(before)
        while not client.server.closed.wait(0.02):
            connection.sendall(piece)

    return run


def head(*lines: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode()


def redirect(location: str, status: int = 302) -> bytes:
    return ok(b"", status, Location=location)


# Requests


def test_a_request_is_sent_as_it_is_written(client: Client) -> None:
    client.server.responses = [ok(b'{"a": 1}', 201, Content_Type="application/json", X_Id="7")]
    response = client.send(
        "POST", f"{client.url}/orders/ç?id=1#part", headers={"X-Key": "São Paulo", "Content-Type": "text/plain"}, body=b"hello"
    )
    assert response == Response(201, {"content-length": "8", "content-type": "application/json", "x-id": "7"}, b'{"a": 1}')
    request = client.server.requests[0]
    assert (request.method, request.target, request.body) == ("POST", "/orders/%C3%A7?id=1", b"hello")
    assert request.headers == {
        "host": f"{HOST}:{client.server.port}",
        "accept-encoding": "identity",
        "connection": "close",
        "user-agent": "whatsapp-hub",
        "content-length": "5",
        "content-type": "text/plain",
        "x-key": "São Paulo",
    }


@pytest.mark.parametrize(("method", "length"), [("GET", None), ("POST", "0"), ("PUT", "0"), ("PATCH", "0"), ("DELETE", None)])
def test_each_method_may_have_no_body(client: Client, method: str, length: str | None) -> None:
    assert client.send(method).status == 200
    assert client.server.requests[0].method == method
    assert client.server.requests[0].headers.get("content-length") == length


@pytest.mark.parametrize("status", [200, 204, 304, 400, 404, 429, 500, 503])
def test_any_status_is_a_response(client: Client, status: int) -> None:
    client.server.responses = [ok(b"", status)]
    assert client.send().status == status


@pytest.mark.parametrize("method", ["HEAD", "CONNECT", "TRACE", "get", "", "GET /\r\nX:", "OPTIONS"])
def test_another_method_is_not_sent(client: Client, method: str) -> None:
    assert failure(client, method=method) is Failure.REQUEST
    assert client.server.connections == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Key": "a\r\nX-Other: b"},
        {"X-Key": "a\nb"},
        {"X-Key": "a\x00"},
        {"X-Key": "\ud800"},
        {"X-Key\r\nX-Other": "b"},
        {"X Key": "a"},
        {"": "a"},
        {"Ação": "a"},
        {"Host": "other.example"},
        {"content-length": "3"},
        {"Transfer-Encoding": "chunked"},
        {"Connection": "keep-alive"},
        {"Upgrade": "websocket"},
        {"Expect": "100-continue"},
        {"Accept-Encoding": "gzip"},
        {"Proxy-Authorization": "Basic a"},
    ],
)
def test_a_header_that_changes_the_request_is_not_sent(client: Client, headers: dict[str, str]) -> None:
    assert failure(client, headers=headers) is Failure.REQUEST
    assert client.server.connections == 0


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_a_timeout_is_a_number_of_seconds(client: Client, timeout: float) -> None:
    assert failure(client, timeout=timeout) is Failure.REQUEST


def test_a_time_limit_that_is_over_at_once_is_a_failure(client: Client) -> None:
    assert failure(client, timeout=1e-9) is Failure.TIMEOUT


def test_many_threads_send_at_the_same_time(client: Client) -> None:
    client.server.responses = [lambda connection, request: connection.sendall(ok(request.target.encode()))]
    targets = [f"/{number}" for number in range(200)]
    with ThreadPoolExecutor(32) as threads:
        bodies = list(threads.map(lambda target: client.send(url=client.url + target, timeout=30.0).body.decode(), targets))
    assert bodies == targets


# Addresses


def test_a_name_is_looked_up_once_and_its_second_answer_is_never_used(
    client: Client, start_server: StartServer, authority: Authority
) -> None:
    internal = start_server(authority.server(HOST), address="127.0.0.2", port=client.server.port)
    client.names.addresses[HOST] = [["127.0.0.1"], ["127.0.0.2"]]
    assert client.send().status == 200
    assert (client.names.asked, client.server.connections, internal.connections) == ([HOST], 1, 0)
    assert refusal(client) is Refusal.ADDRESS  # the name has its second address now
    assert internal.connections == 0


@pytest.mark.parametrize("addresses", [["127.0.0.2"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"], ["::ffff:127.0.0.2"]])
def test_a_name_with_a_private_address_gets_no_connection(
    client: Client, start_server: StartServer, authority: Authority, addresses: list[str]
) -> None:
    internal = start_server(authority.server(HOST), address="127.0.0.2", port=client.server.port)
    client.names.addresses[HOST] = [addresses]
    assert refusal(client) is Refusal.ADDRESS
    assert (client.server.connections, internal.connections) == (0, 0)


@pytest.mark.parametrize(
    "host", ["127.0.0.2", "127.2", "2130706434", "0x7f.2", "[::ffff:127.0.0.2]", "[::1]", "[::127.0.0.2]", "0"]
)
def test_a_private_address_in_a_url_gets_no_connection(client: Client, start_server: StartServer, host: str) -> None:
    internal = start_server(address="127.0.0.2", port=client.server.port)
    with pytest.raises(RefusedAddress):
        client.send(url=f"https://{host}:{client.server.port}/")
    assert (client.names.asked, internal.connections) == ([], 0)


def test_this_machine_is_refused_by_the_name_that_the_system_knows() -> None:
    with pytest.raises(RefusedAddress) as refused:
        send_request(Request("GET", "https://localhost/"))
    assert refused.value.code is Refusal.ADDRESS


@pytest.mark.parametrize(("scheme", "code"), [("http", Refusal.SCHEME), ("https", Refusal.PORT)])
def test_what_the_operator_did_not_open_is_not_looked_up(names: Names, scheme: str, code: Refusal) -> None:
    with pytest.raises(RefusedAddress) as refused:
        send_request(Request("GET", f"{scheme}://{HOST}:8080/"), allowed=AllowList.parse(["10.0.0.0/8:80"]), resolve=names)
    assert (refused.value.code, names.asked) == (code, [])


def test_the_operator_opens_http_to_an_own_host(start_server: StartServer, client: Client) -> None:
    own = start_server()
    client.names.addresses["n8n.internal"] = [["127.0.0.1"]]
    response = client.send(url=f"http://n8n.internal:{own.port}/webhook", allowed=[f"n8n.internal:{own.port}"])
    assert (response.status, own.requests[0].headers["host"]) == (200, f"n8n.internal:{own.port}")


def test_an_ipv6_address_is_reached(start_server: StartServer, client: Client) -> None:
    own = start_server(address="::1")
    response = client.send(url=f"http://[::1]:{own.port}/", allowed=[f"[::1]:{own.port}"])
    assert (response.status, own.requests[0].headers["host"]) == (200, f"[::1]:{own.port}")


@pytest.mark.parametrize("name", ["missing.example", "empty.example"])
def test_a_name_without_an_address(client: Client, name: str) -> None:
    client.names.addresses["empty.example"] = [[]]
    assert failure(client, url=f"https://{name}/") is Failure.NAME


def test_the_next_address_is_tried_if_one_cannot_be_reached(client: Client) -> None:
    client.names.addresses[HOST] = [["127.0.0.3", "::1", "127.0.0.1"]]
    port = client.server.port
    assert client.send(allowed=[f"127.0.0.0/8:{port}", f"::1/128:{port}"]).status == 200


def test_a_name_with_very_many_addresses_gets_few_connections(client: Client) -> None:
    client.names.addresses[HOST] = [[*(f"127.0.1.{number}" for number in range(200)), "127.0.0.1"]]
    assert failure(client, allowed=[f"127.0.0.0/8:{client.server.port}"]) is Failure.CONNECTION
    assert client.server.connections == 0


def test_proxies_of_the_environment_are_not_used(
    client: Client, start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = start_server()
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    assert client.send().status == 200
    assert proxy.connections == 0


# TLS


def test_the_certificate_must_be_for_the_name_and_not_for_the_address(
    client: Client, start_server: StartServer, authority: Authority
) -> None:
    other = start_server(authority.server("127.0.0.1", OTHER_HOST))
    url = f"https://{HOST}:{other.port}/"
    assert failure(client, url=url, allowed=[f"127.0.0.1/32:{other.port}"]) is Failure.TLS
    assert other.requests == []


def test_the_server_receives_the_name(client: Client, start_server: StartServer, authority: Authority) -> None:
    named: list[str | None] = []
    context = authority.server(HOST)
    context.sni_callback = lambda _sock, name, _context: named.append(name)
    server = start_server(context)
    client.send(url=f"https://{HOST}.:{server.port}/", allowed=[f"127.0.0.1/32:{server.port}"])
    assert (named, server.requests[0].headers["host"]) == ([HOST], f"{HOST}:{server.port}")


def test_a_certificate_may_be_for_an_address(client: Client) -> None:
    assert client.send(url=f"https://127.0.0.1:{client.server.port}/").status == 200


def test_an_expired_certificate_is_refused(client: Client, start_server: StartServer, authority: Authority) -> None:
    expired = start_server(authority.server(HOST, expires_in=datetime.timedelta(days=-1)))
    url = f"https://{HOST}:{expired.port}/"
    assert failure(client, url=url, allowed=[f"127.0.0.1/32:{expired.port}"]) is Failure.TLS


def test_a_certificate_of_an_unknown_authority_is_refused(client: Client) -> None:
    request = Request("GET", client.url)
    with pytest.raises(RequestFailed) as failed:
        send_request(request, allowed=AllowList.parse([f"127.0.0.1/32:{client.server.port}"]), resolve=client.names)
    assert failed.value.code is Failure.TLS
    assert client.server.requests == []


def test_a_server_without_tls_is_refused(client: Client, start_server: StartServer) -> None:
    plain = start_server()
    url = f"https://{HOST}:{plain.port}/"
    assert failure(client, url=url, allowed=[f"127.0.0.1/32:{plain.port}"], timeout=SHORT) in (Failure.TLS, Failure.TIMEOUT)


# Redirects


def test_redirects_are_followed_and_looked_up_again(client: Client) -> None:
    client.server.responses = [redirect("/second"), redirect(f"{client.other_url}/third?x=1"), redirect("fourth#part"), ok(b"end")]
    assert client.send().body == b"end"
    assert [request.target for request in client.server.requests] == ["/", "/second", "/third?x=1", "/fourth"]
    assert client.names.asked == [HOST, HOST, OTHER_HOST, OTHER_HOST]


def test_redirects_that_do_not_end_are_a_failure(client: Client) -> None:
    client.server.responses = [redirect("/")]
    assert failure(client) is Failure.REDIRECTS
    assert len(client.server.requests) == 4


@pytest.mark.parametrize(
    ("method", "status", "followed"),
    [
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("POST", 303, "GET"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
        ("PUT", 301, "PUT"),
        ("PATCH", 302, "PATCH"),
        ("PUT", 303, "GET"),
        ("DELETE", 303, "GET"),
        ("DELETE", 307, "DELETE"),
        ("GET", 303, "GET"),
    ],
)
def test_the_status_decides_the_method_after_a_redirect(client: Client, method: str, status: int, followed: str) -> None:
    client.server.responses = [redirect("/next", status), ok()]
    client.send(method, body=b"{}", headers={"Content-Type": "application/json", "X-Key": "k"})
    request = client.server.requests[1]
    assert request.method == followed
    assert (request.body, "content-type" in request.headers) == ((b"", False) if followed == "GET" else (b"{}", True))
    assert request.headers["x-key"] == "k"


def test_another_origin_receives_no_secret_header(client: Client) -> None:
    client.server.responses = [redirect(f"{client.other_url}/", 307), redirect(f"{client.url}/", 307), ok()]
    secrets = {"Authorization": "Bearer t", "Cookie": "a=b", "X-Api-Key": "k", "Accept": "application/json"}
    client.send("POST", headers=secrets, body=b"{}")
    first, *others = client.server.requests
    assert {"authorization", "cookie", "x-api-key"} <= first.headers.keys()
    for request in others:  # the last one is the first origin again, but another origin chose its URL
        assert not {"authorization", "cookie", "x-api-key"} & request.headers.keys()
        assert (request.headers["accept"], request.body) == ("application/json", b"{}")


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("https://127.0.0.2/", Refusal.ADDRESS),
        ("https://169.254.169.254/latest/meta-data/", Refusal.ADDRESS),
        ("https://[::1]/", Refusal.ADDRESS),
        ("//2130706434/", Refusal.ADDRESS),
        ("https://internal.example/", Refusal.ADDRESS),
        (f"https://{HOST}:22/", Refusal.PORT),
        (f"https://user@{HOST}/", Refusal.USER_PART),
        ("https://a..b/", Refusal.HOST),
        ("file:///etc/passwd", Refusal.SCHEME),
        ("https://[", Refusal.URL),
        ("https://a b/", Refusal.URL),
        (f"http://{HOST}/", Refusal.DOWNGRADE),
    ],
)
def test_a_redirect_is_checked_like_the_first_url(client: Client, location: str, code: Refusal) -> None:
    client.names.addresses["internal.example"] = [["10.0.0.1"]]
    client.server.responses = [redirect(location)]
    assert refusal(client) is code
    assert client.server.connections == 1


def test_a_redirect_to_http_is_refused_even_if_the_operator_opened_http(client: Client, start_server: StartServer) -> None:
    plain = start_server()
    client.server.responses = [redirect(f"http://{HOST}:{plain.port}/")]
    assert refusal(client, allowed=["127.0.0.1/32"]) is Refusal.DOWNGRADE
    assert plain.connections == 0


def test_a_name_that_moves_between_redirects_is_refused(client: Client) -> None:
    client.names.addresses[HOST] = [["127.0.0.1"], ["127.0.0.2"]]
    client.server.responses = [redirect("/next")]
    assert refusal(client) is Refusal.ADDRESS
    assert client.server.connections == 1


@pytest.mark.parametrize("status", [300, 304, 305, 306, 399])
def test_a_status_that_names_no_other_url_is_a_response(client: Client, status: int) -> None:
    client.server.responses = [redirect("/next", status)]
    assert client.send().status == status


def test_a_redirect_without_a_location_is_a_response(client: Client) -> None:
    client.server.responses = [ok(b"", 302)]
    assert client.send().status == 302


def test_a_location_in_utf_8_is_followed(client: Client) -> None:
    client.server.responses = [redirect("/preço"), ok()]
    client.send()
    assert client.server.requests[1].target == "/pre%C3%A7o"


def test_the_body_of_a_redirect_is_not_read(client: Client) -> None:
    client.server.responses = [endless(b"HTTP/1.1 302 Found\r\nLocation: /next\r\n\r\n", itertools.repeat(b"a" * 4096)), ok(b"end")]
    assert client.send().body == b"end"


# Time


def assert_ends_at_the_deadline(client: Client, response: Script | bytes, **fields: object) -> None:
    client.server.responses = [response]
    started = time.monotonic()
    assert failure(client, timeout=SHORT, **fields) is Failure.TIMEOUT
    assert time.monotonic() - started < SOON


def test_a_silent_server(client: Client) -> None:
    assert_ends_at_the_deadline(client, drip(client, b"", b""))


@pytest.mark.parametrize(
    ("before", "piece"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (head("Content-Length: 60000"), b"a"),
        (head("Transfer-Encoding: chunked"), b"1\r\na\r\n"),
        (head("Transfer-Encoding: chunked"), b"0"),
        (head("Transfer-Encoding: chunked") + b"0\r\n", b"X: y\r\n"),
        (head(), b"a"),
    ],
)
def test_a_server_that_sends_a_little_at_a_time(client: Client, before: bytes, piece: bytes) -> None:
    assert_ends_at_the_deadline(client, drip(client, before, piece))


def test_a_server_that_does_not_read(client: Client, start_server: StartServer) -> None:
    plain = start_server()
    listener = socket.create_server(("127.0.0.1", 0))  # accepts no connection: the system does, and buffers
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    port = listener.getsockname()[1]
    started = time.monotonic()
    with listener:
        found = failure(
            client, method="POST", url=f"http://{HOST}:{port}/", allowed=["127.0.0.1/32"], body=b"a" * 2**24, timeout=SHORT
        )
    assert (found, plain.connections) == (Failure.TIMEOUT, 0)
    assert time.monotonic() - started < SOON


def test_a_server_that_does_not_finish_the_handshake(client: Client) -> None:
    started = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        found = failure(client, url=f"https://{HOST}:{port}/", allowed=["127.0.0.1/32"], timeout=SHORT)
    assert found is Failure.TIMEOUT
    assert time.monotonic() - started < SOON


def slow_resolver(release: threading.Event) -> Callable[[str, int], Sequence[str]]:
    def resolve(_name: str, _port: int) -> Sequence[str]:
        release.wait(30)
        return ["127.0.0.1"]

    return resolve


def test_a_slow_resolver(client: Client) -> None:
    release = threading.Event()
    started = time.monotonic()
    with pytest.raises(RequestFailed) as failed:
        send_request(Request("GET", "https://slow.example/", timeout=SHORT), resolve=slow_resolver(release))
    release.set()
    assert failed.value.code is Failure.TIMEOUT
    assert time.monotonic() - started < SOON


def test_lookups_that_hang_have_a_limit_and_give_their_slots_back(client: Client) -> None:
    release = threading.Event()
    hanging = slow_resolver(release)

    def look_up(number: int) -> Failure:
        with pytest.raises(RequestFailed) as failed:
            send_request(Request("GET", f"https://slow{number}.example/", timeout=SHORT), resolve=hanging)
        return failed.value.code

    with ThreadPoolExecutor(64) as threads:
        codes = list(threads.map(look_up, range(lookups.MAX_LOOKUPS + 20)))
    assert set(codes) == {Failure.TIMEOUT}
    assert len([thread for thread in threading.enumerate() if thread.name == "lookup"]) == lookups.MAX_LOOKUPS
    release.set()
    assert client.send(timeout=10.0).status == 200


def test_all_redirects_share_one_deadline(client: Client) -> None:
    def late(connection: socket.socket, _request: Received) -> None:
        client.server.closed.wait(SHORT * 0.4)
        connection.sendall(redirect("/next"))

    assert_ends_at_the_deadline(client, late)


# Size


@pytest.mark.parametrize(
    "response",
    [
        ok(b"a" * MAX_BODY_BYTES),
        head() + b"a" * MAX_BODY_BYTES,
        head("Transfer-Encoding: chunked") + b"1\r\na\r\n" * MAX_BODY_BYTES + b"0\r\n\r\n",
        head("Transfer-Encoding: chunked") + b"10000\r\n" + b"a" * MAX_BODY_BYTES + b"\r\n0\r\nX: y\r\n\r\n",
    ],
    ids=["length", "close", "small chunks", "one chunk"],
)
def test_the_largest_body_is_read(client: Client, response: bytes) -> None:
    client.server.responses = [response]
    assert client.send(timeout=20.0).body == b"a" * MAX_BODY_BYTES


@pytest.mark.parametrize(
    "response",
    [
        ok(b"a" * (MAX_BODY_BYTES + 1)),
        head() + b"a" * (MAX_BODY_BYTES + 1),
        head("Transfer-Encoding: chunked") + b"10001\r\n" + b"a" * (MAX_BODY_BYTES + 1) + b"\r\n0\r\n\r\n",
        head(f"Content-Length: {10**30}"),
        endless(head(), itertools.repeat(b"a" * 4096)),
        endless(head("Transfer-Encoding: chunked"), itertools.repeat(b"1000\r\n" + b"a" * 4096 + b"\r\n")),
        endless(head("Transfer-Encoding: chunked") + b"0\r\n", itertools.repeat(b"X: y\r\n" * 500)),
        endless(head("Transfer-Encoding: chunked"), itertools.repeat(b"1;" + b"x" * 4000 + b"\r\na\r\n")),
    ],
    ids=["length", "close", "chunk", "named", "endless", "endless chunks", "endless trailers", "long chunk extensions"],
)
def test_a_larger_body_is_a_failure(client: Client, response: bytes | Script) -> None:
    client.server.responses = [response]
    assert failure(client) is Failure.SIZE


@pytest.mark.parametrize(
    "response",
    [
        endless(b"HTTP/1.1 200 OK\r\n", (b"X-%d: %s\r\n" % (number, b"y" * 1000) for number in itertools.count())),
        endless(b"HTTP/1.1 200 OK\r\nX: ", itertools.repeat(b"y" * 4096)),
        endless(b"HTTP/1.1 200 ", itertools.repeat(b"y" * 4096)),
        endless(b"", itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)),
    ],
    ids=["many", "long", "status line", "interim responses"],
)
def test_endless_headers_are_a_failure(client: Client, response: Script) -> None:
    client.server.responses = [response]
    assert failure(client) is Failure.SIZE


def test_headers_up_to_the_limit_are_read(client: Client) -> None:
    size = MAX_HEADER_BYTES - len(head("X: ", "Content-Length: 3"))
    client.server.responses = [head("X: " + "y" * size, "Content-Length: 3") + b"end"]
    response = client.send()
    assert (len(response.headers["x"]), response.body) == (size, b"end")
    client.server.responses = [head("X: y" + "y" * size, "Content-Length: 3") + b"end"]
    assert failure(client) is Failure.SIZE


def test_very_many_short_headers_are_a_failure(client: Client) -> None:
    client.server.responses = [head(*["X: y"] * 1000, "Content-Length: 0")]
    assert failure(client) is Failure.RESPONSE


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip", "x-gzip", "unknown"])
def test_a_compressed_body_is_not_decompressed(client: Client, encoding: str) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(bytes(10 * 2**20)) + packer.flush()
    client.server.responses = [ok(bomb, Content_Encoding=encoding)]
    assert failure(client) is Failure.ENCODING


@pytest.mark.parametrize("encoding", ["gzip, chunked", "gzip", "identity", "chunked, chunked", "xchunked"])
def test_a_transfer_encoding_is_chunked_or_refused(client: Client, encoding: str) -> None:
    client.server.responses = [head(f"Transfer-Encoding: {encoding}") + b"0\r\n\r\n"]
    assert failure(client) is Failure.ENCODING


@pytest.mark.parametrize("encoding", ["identity", "Identity", ""])
def test_identity_is_no_compression(client: Client, encoding: str) -> None:
    client.server.responses = [ok(b"plain", Content_Encoding=encoding)]
    assert client.send().body == b"plain"


# Broken connections


def reset(connection: socket.socket, _request: Received) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def reset_in_body(connection: socket.socket, request: Received) -> None:
    connection.sendall(head("Content-Length: 1000") + b"a" * 10)
    reset(connection, request)


def half_close(connection: socket.socket, _request: Received) -> None:
    connection.sendall(head("Content-Length: 1000") + b"a" * 10)
    if isinstance(connection, ssl.SSLSocket):
        connection.unwrap()
    connection.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(
    "response",
    [
        reset,
        reset_in_body,
        half_close,
        script(),
        script(b"HTTP/1.1 2"),
        script(b"HTTP/1.1 200 OK\r\nContent-Le"),
        script(head("Content-Length: 10") + b"abc"),
        script(head("Transfer-Encoding: chunked") + b"5\r\nab"),
        script(head("Transfer-Encoding: chunked") + b"5\r\nabcde\r\n"),
        script(head("Transfer-Encoding: chunked") + b"words\r\nabcde\r\n"),
        script(head("Transfer-Encoding: chunked") + b"-5\r\nabcde\r\n"),
        script(b"SSH-2.0-OpenSSH_9.2\r\n"),
        script(b"\x00" * 100),
        script(b"HTTP/1.1 abc OK\r\n\r\n"),
        script(b"HTTP/1.1 99 OK\r\n\r\n"),
        script(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok()),
        script(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"),
        script(head("Content-Length: 9" + "9" * 5000)),
    ],
)
def test_a_response_that_is_broken_off_or_no_http_is_a_failure(client: Client, response: Script) -> None:
    client.server.responses = [response]
    assert failure(client) is Failure.RESPONSE


def test_a_plain_connection_that_is_broken_off(client: Client, start_server: StartServer) -> None:
    for response in (reset, reset_in_body, half_close, script()):
        plain = start_server()
        plain.responses = [response]
        assert failure(client, url=f"http://{HOST}:{plain.port}/", allowed=["127.0.0.1/32"]) is Failure.RESPONSE


def test_nobody_listens(client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert failure(client, url=f"https://{HOST}:{port}/", allowed=["127.0.0.1/32"]) is Failure.CONNECTION


@pytest.mark.parametrize("ends_first", [True, False], ids=["broken pipe", "reset"])
def test_a_response_to_half_of_a_request_is_read(client: Client, ends_first: bool) -> None:
    """A server refuses a large body by its headers, and closes the connection while the body is being sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(ok(b"no", 413))
                if ends_first:
                    connection.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://{HOST}:{listener.getsockname()[1]}/"
        response = client.send("POST", url, ["127.0.0.1/32"], body=b"a" * 2**24)
        thread.join()
    assert (response.status, response.body) == (413, b"no")


def test_a_url_is_not_logged(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    client.server.responses = [b"HTTP/1.1 200 OK\r\nno header\r\nContent-Length: 0\r\n\r\n"]
    with caplog.at_level(logging.WARNING):
        client.send(url=f"{client.url}/?key=secret")
    assert "secret" not in caplog.text


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_connection_stays_open(client: Client) -> None:
    before = open_files()
    client.server.responses = [ok(), redirect("/"), ok(b"a" * 70_000), script(head("Content-Length: 10") + b"a"), script()]
    for _ in range(10):
        with suppress(RequestFailed):
            client.send()
    client.server.close()
    assert open_files() <= before


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [
                    *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 302 Found\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"\r\n", b"\r\n\r\n"),
                    *(b"Content-Length: 5\r\n", b"Content-Length: -5\r\n", b"Content-Length: 1, 2\r\n", b"Content-Length: x\r\n"),
                    *(b"Transfer-Encoding: chunked\r\n", b"5\r\nabcde\r\n", b"0\r\n\r\n", b"Location: //\xff\r\n", b" folded\r\n"),
                    *(b"Location: https://[::1\r\n", b"Content-Encoding: gzip\r\n", b"Location: \r\n", b"Location: ?\r\n"),
                ]
            ),
        ),
        max_size=12,
    )
)
def test_whatever_a_server_sends_is_a_response_or_one_of_two_exceptions(client: Client, pieces: list[bytes]) -> None:
    client.server.responses = [b"".join(pieces)]
    with suppress(RequestFailed, RefusedAddress):
        assert 200 <= client.send().status <= 999
