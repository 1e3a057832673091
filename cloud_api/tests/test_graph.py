"""The Graph client against a server on a real socket that misbehaves on purpose."""

import base64
import datetime
import hashlib
import hmac
import io
import ipaddress
import json
import socket
import ssl
import struct
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from email.utils import format_datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cloud_api import messages
from cloud_api.errors import Remedy
from cloud_api.graph import (
    Connections,
    Graph,
    GraphError,
    OutcomeUnknown,
    Recipient,
    Sent,
    TimeLimits,
    TooLarge,
    WrongHost,
)
from cloud_api.graph.media import checked_url

TOKEN = "EAAtoken0123456789"
APP_SECRET = "b" * 32
PROOF = hmac.new(APP_SECRET.encode(), TOKEN.encode(), hashlib.sha256).hexdigest()
NUMBER = "448190735512098"
WABA = "385012774910236"
PHONE = "556155500001"
BSUID = "BR.1874209365510427"
TEXT = "the parcel is with the neighbour"
TO = Recipient(wa_id=PHONE, bsuid=BSUID)
TAKEN = {"contacts": [{"input": PHONE, "wa_id": PHONE}], "messages": [{"id": "wamid.A"}]}
SHORT = TimeLimits(send=0.5, call=0.5, transfer=0.5)
SOON = 3.0
"""Seconds: much more than the limit of a call, and less than servers here go on."""


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def path(self):
        return urlsplit(self.target).path

    @property
    def query(self):
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def json(self):
        return json.loads(self.body)


def answer(content, status=200, **headers):
    """A whole answer, as bytes."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def refusal(code, status=400, **error):
    return answer({"error": {"message": "no", "code": code} | error}, status)


class Server:
    """Answers one request after the other from `answers`, the last one for ever: bytes, or a function of the connection and the
    request. It closes the connection if that function returns False."""

    def __init__(self, context=None):
        self.answers = [answer(TAKEN)]
        self.requests = []
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"
        self._connections = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection, len(self._connections)))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection, count):
        with suppress(OSError, ValueError):
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as reader:
                while request := self._read(reader, count):
                    self.requests.append(request)
                    script = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                    if isinstance(script, bytes):
                        connection.sendall(script)
                    elif script(connection, request) is False:
                        return

    def _read(self, reader, count):
        first = reader.readline().decode()
        if not first:
            return None
        method, target, _ = first.split()
        lines = iter(lambda: reader.readline().decode().strip(), "")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return Request(method, target, headers, reader.read(int(headers.get("content-length", 0))), count)

    def close(self):
        for sock in (self._listener, *self._connections):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(5)


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def connections():
    with Connections() as connections:
        yield connections


@pytest.fixture
def graph(server, connections):
    return connected(server.url, connections)


@pytest.fixture
def hasty(server, connections):
    return connected(server.url, connections, SHORT)


def connected(url, connections, time_limits=None, *, token=TOKEN):
    return Graph(url=url, version="v25.0", token=token, app_secret=APP_SECRET, connections=connections, time_limits=time_limits)


def send(graph, to=TO, **more):
    return graph.send(NUMBER, to=to, message=messages.text(TEXT), callback_data="out:1", **more)


def drip(before, pieces, pause=0.05):
    """Sends `before` at once, and then a piece at a time."""

    def script(connection, request):
        connection.sendall(before)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        return False

    return script


def endless(piece):
    while True:
        yield piece


def half_close(connection, request):
    connection.shutdown(socket.SHUT_WR)
    time.sleep(0.1)
    return False


def reset(connection, request):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def silent(connection, request):
    connection.recv(1)
    return False


def told(failure):
    """All that logs and error pages may show of an exception."""
    return "".join(traceback.format_exception(failure)) + repr(failure) + str(vars(failure)) + repr(failure.__context__)


def assert_keeps_secrets(failure):
    words = told(failure)
    for secret in (TOKEN, APP_SECRET, PROOF, PHONE, BSUID, TEXT):
        assert secret not in words


# Sending


def test_a_message_goes_out_as_the_api_wants_it(server, graph) -> None:
    assert send(graph, reply_to="wamid.Q") == Sent("wamid.A", PHONE, None, None)
    request = server.requests[0]
    assert (request.method, request.path) == ("POST", f"/v25.0/{NUMBER}/messages")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["content-type"] == "application/json"
    assert request.query == {"appsecret_proof": PROOF}
    assert request.json == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": f"+{PHONE}",
        "type": "text",
        "text": {"body": TEXT, "preview_url": True},
        "context": {"message_id": "wamid.Q"},
        "biz_opaque_callback_data": "out:1",
    }


def test_without_the_apps_secret_there_is_no_proof(server, connections) -> None:
    send(Graph(url=server.url + "/", version="v25.0", token=TOKEN, connections=connections))
    assert server.requests[0].target == f"/v25.0/{NUMBER}/messages"


def test_a_person_without_a_phone_is_addressed_by_the_bsuid(server, graph) -> None:
    server.answers = [answer({"contacts": [{"user_id": BSUID}], "messages": [{"id": "wamid.A", "message_status": "accepted"}]})]
    assert send(graph, to=Recipient(None, BSUID)) == Sent("wamid.A", None, BSUID, "accepted")
    assert server.requests[0].json["recipient"] == BSUID
    assert "to" not in server.requests[0].json


def test_nobody_cannot_be_addressed(server, graph) -> None:
    with pytest.raises(ValueError, match="recipient"):
        send(graph, to=Recipient(None, ""))
    assert server.requests == []


def test_a_connection_serves_many_messages(server, graph) -> None:
    for _ in range(3):
        send(graph)
    assert [request.connection for request in server.requests] == [1, 1, 1]


def test_a_connection_that_the_server_closed_meanwhile_costs_no_message(server, graph) -> None:
    def once(connection, request):
        connection.sendall(answer(TAKEN))
        return False

    server.answers = [once]
    for _ in range(3):
        send(graph)
        time.sleep(0.05)
    assert [request.connection for request in server.requests] == [1, 2, 3]


def test_a_connection_that_rested_long_is_not_trusted(server, connections) -> None:
    graph = connected(server.url, connections, TimeLimits(rest=0.05))
    send(graph)
    time.sleep(0.1)
    send(graph)
    assert [request.connection for request in server.requests] == [1, 2]


def test_no_cookie_is_kept(server, graph) -> None:
    server.answers = [answer(TAKEN, Set_Cookie="a=b; Path=/")]
    send(graph)
    send(graph)
    assert "cookie" not in server.requests[1].headers


@pytest.mark.parametrize("phone_number_id", ["", "..", ".", " . "])
def test_what_is_no_id_does_not_become_a_path(server, graph, phone_number_id) -> None:
    with pytest.raises(ValueError, match="not an id"):
        graph.number(phone_number_id)
    assert server.requests == []


def test_an_id_cannot_leave_its_place_in_the_path(server, graph) -> None:
    graph.number("1/../2?a=b#c")
    assert server.requests[0].path == "/v25.0/1%2F..%2F2%3Fa%3Db%23c"


# What surely was not sent


@pytest.mark.parametrize("url", ["", "graph.facebook.com", "gopher://graph.facebook.com"])
def test_an_address_of_another_kind_is_refused_at_once(connections, url) -> None:
    with pytest.raises(ValueError, match="http"):
        connected(url, connections)


def test_nobody_listens(connections) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    graph = connected(f"http://127.0.0.1:{port}", connections)
    with pytest.raises(GraphError) as refused:
        send(graph)
    assert (refused.value.code, refused.value.permanent, refused.value.remedy) == (None, False, Remedy.SOON)
    assert refused.value.details == "ConnectionRefusedError"
    assert_keeps_secrets(refused.value)


def test_a_host_that_does_not_exist(connections) -> None:
    graph = connected("http://graph.invalid", connections)
    with pytest.raises(GraphError) as refused:
        send(graph)
    assert (refused.value.code, refused.value.permanent) == (None, False)
    assert_keeps_secrets(refused.value)


@pytest.mark.parametrize("token", [f"{TOKEN}\n", f"{TOKEN}é…"])
def test_a_token_that_cannot_be_a_header_is_not_told(server, connections, token) -> None:
    graph = connected(server.url, connections, token=token)
    with pytest.raises(GraphError) as refused:
        send(graph)
    assert_keeps_secrets(refused.value)


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (301, Remedy.NONE),
        (400, Remedy.NONE),
        (401, Remedy.ADMINISTRATOR),
        (404, Remedy.NONE),
        (429, Remedy.SOON),
        (499, Remedy.NONE),
    ],
)
def test_a_refusal_without_a_code_is_one(server, graph, status, remedy) -> None:
    server.answers = [answer(b"<html>no</html>", status)]
    with pytest.raises(GraphError) as refused:
        send(graph)
    assert (refused.value.code, refused.value.http_status, refused.value.remedy) == (None, status, remedy)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"message": f"Unsupported request for {PHONE}"}, "HTTP status 400: Unsupported request for …"),
        ({"message": "Unsupported", "error_user_msg": "Use version 25"}, "HTTP status 400: Use version 25"),
        ("invalid_request", "HTTP status 400: invalid_request"),
        ({"message": ["no", "text"]}, "HTTP status 400"),
        (None, "HTTP status 400"),
    ],
)
def test_a_refusal_without_a_code_keeps_its_words(server, graph, error, reason) -> None:
    server.answers = [answer({"error": error}, 400)]
    with pytest.raises(GraphError) as refused:
        send(graph)
    assert refused.value.as_object == {"code": None, "error_data": {"details": reason}}


@pytest.mark.parametrize("status", [200, 400, 500, 503])
def test_a_code_is_a_refusal_whatever_the_status(server, graph, status) -> None:
    server.answers = [refusal(131056, status)]
    with pytest.raises(GraphError) as refused:
        send(graph)
    assert (refused.value.code, refused.value.remedy, refused.value.permanent) == (131056, Remedy.SOON, False)


@pytest.mark.parametrize(
    ("error", "code", "subcode", "details"),
    [
        ({"code": 190, "error_subcode": 463}, 190, 463, "no"),
        ({"code": "131047", "error_subcode": "2"}, 131047, 2, "no"),
        ({"code": 131009, "error_data": {"details": "Bad\nvalue"}}, 131009, None, "Bad value"),
        ({"code": 131009, "error_data": "Bad value"}, 131009, None, "Bad value"),
        ({"code": 131009, "error_data": ["odd"], "error_user_msg": "Sorry"}, 131009, None, "Sorry"),
        ({"code": 1, "message": None}, 1, None, ""),
        ({"code": 1, "message": "x" * 2000}, 1, None, "x" * 500),
    ],
)
def test_the_error_object_in_all_its_shapes(server, graph, error, code, subcode, details) -> None:
    server.answers = [answer({"error": {"message": "no"} | error}, 400)]
    with pytest.raises(GraphError) as refused:
        send(graph)
    assert (refused.value.code, refused.value.subcode, refused.value.details) == (code, subcode, details)
    assert str(code) in str(refused.value)
    assert details in str(refused.value)


@pytest.mark.parametrize("code", [131047, 131009, 132001, 424242])
def test_what_no_repetition_helps_is_permanent(server, graph, code) -> None:
    server.answers = [refusal(code)]
    with pytest.raises(GraphError) as refused:
        send(graph)
    assert refused.value.permanent


@pytest.mark.parametrize(
    ("code", "is_transient", "remedy"),
    [(424242, True, Remedy.SOON), (424242, "true", Remedy.NONE), (131047, True, Remedy.NONE), (190, True, Remedy.ADMINISTRATOR)],
)
def test_an_unknown_code_that_graph_calls_transient_may_be_tried_again(server, graph, code, is_transient, remedy) -> None:
    server.answers = [refusal(code, 500, is_transient=is_transient)]
    with pytest.raises(GraphError) as refused:
        send(graph)
    assert refused.value.remedy is remedy


def test_what_meta_quotes_is_not_told(server, graph) -> None:
    quoted = f"{TOKEN} {APP_SECRET} {PROOF} +{PHONE} {PHONE} {BSUID} '{TEXT}' +55 (61) 5550-0001 stays"
    server.answers = [refusal(190, error_data={"details": quoted})]
    with pytest.raises(GraphError) as refused:
        send(graph)
    assert refused.value.details == "… … … … … … '…' … stays"
    assert_keeps_secrets(refused.value)


def test_the_address_of_a_redirect_never_gets_the_token(server, graph) -> None:
    elsewhere = Server()
    server.answers = [answer(b"", 307, Location=f"{elsewhere.url}/v25.0/{NUMBER}/messages")]
    with pytest.raises(GraphError) as refused:
        send(graph)
    elsewhere.close()
    assert refused.value.http_status == 307
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("7", 7, 7),
        ("999999999", 86400, 86400),
        (datetime.timedelta(seconds=3000), 2900, 3000),
        (datetime.timedelta(days=-1), 0, 0),
    ],
)
def test_how_long_to_wait_is_given_in_seconds_or_as_a_date(server, graph, value, low, high) -> None:
    if isinstance(value, datetime.timedelta):
        value = format_datetime(datetime.datetime.now(datetime.UTC) + value, usegmt=True)
    server.answers = [answer({"error": {"code": 4}}, 400, Retry_After=value)]
    with pytest.raises(GraphError) as refused:
        send(graph)
    assert low <= refused.value.retry_after <= high


@pytest.mark.parametrize("value", ["soon", "-3", "1e9", "", "Wed, 99 Foo 2026 00:00:00 GMT"])
def test_a_wait_that_cannot_be_read_is_none(server, graph, value) -> None:
    server.answers = [answer(b"", 429, Retry_After=value)]
    with pytest.raises(GraphError) as refused:
        send(graph)
    assert refused.value.retry_after is None


# What may have been sent

ENDLESS = {
    "no answer": silent,
    "headers drip": drip(b"HTTP/1.1 200 OK\r\n", endless(b"X")),
    "body drips": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", endless(b" ")),
    "chunks drip": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", endless(b"1\r\n \r\n")),
}
UNKNOWN = ENDLESS | {
    "half-closed": half_close,
    "closed": lambda connection, request: False,
    "reset": reset,
    "not HTTP": b"220 mail.example ESMTP\r\n\r\n",
    "truncated": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{", []),
    "truncated chunks": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", []),
    "garbage": answer(b"<html>welcome</html>"),
    "nothing": answer(b""),
    "not UTF-8": answer(b"\xff\xfe{}"),
    "another shape": answer([1, 2]),
    "too deep": answer(b"[" * 100_000),
    "no id": answer({"messages": [{"id": 7}]}),
    "no message": answer({"messages": []}),
    "an error without a code": answer({"error": {"message": "hm"}}),
    "5xx with HTML": answer(b"<html>Bad gateway</html>", 502),
    "5xx without a code": answer({"error": {"message": "hm"}}, 500),
    "5xx with another success": answer(TAKEN, 503),
    "huge": answer(b'{"messages": [{"id": "wamid.A"}], "pad": "' + b"x" * 5 * 2**20 + b'"}'),
    "compressed": answer(b"\x1f\x8b\x08", Content_Encoding="gzip"),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_may_have_been_sent_is_not_called_a_failure(server, graph, hasty, what) -> None:
    server.answers = [UNKNOWN[what]]
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown) as unknown:
        send(hasty if what in ENDLESS else graph)
    assert time.monotonic() - began < SOON
    assert str(unknown.value)
    assert_keeps_secrets(unknown.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize("what", sorted(UNKNOWN.keys() - {"no id", "no message"}))
def test_what_can_be_asked_again_is_a_failure_that_passes(server, graph, hasty, what) -> None:
    server.answers = [UNKNOWN[what]]
    began = time.monotonic()
    with pytest.raises(GraphError) as failed:
        (hasty if what in ENDLESS else graph).number(NUMBER)
    assert time.monotonic() - began < SOON
    assert (failed.value.code, failed.value.permanent) == (None, False)
    assert_keeps_secrets(failed.value)


def test_a_client_goes_on_after_a_failure(server, graph, hasty) -> None:
    server.answers = [UNKNOWN["body drips"], reset, answer(TAKEN)]
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            send(hasty)
    assert send(graph).wamid == "wamid.A"


def test_a_slow_answer_within_the_limit_is_taken(server, graph) -> None:
    whole = answer(TAKEN)
    server.answers = [drip(b"", [whole[:9], whole[9:]], pause=0.2)]
    assert send(graph).wamid == "wamid.A"


def test_a_server_that_does_not_read_is_left_at_the_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, Connections() as connections:
        graph = Graph(
            url=f"http://127.0.0.1:{listener.getsockname()[1]}",
            version="v1",
            token=TOKEN,
            connections=connections,
            time_limits=SHORT,
        )
        began = time.monotonic()
        with pytest.raises(GraphError) as failed:
            graph.upload(NUMBER, io.BytesIO(bytes(30 * 2**20)), name="a", mime_type="video/mp4")
        assert 0.2 < time.monotonic() - began < SOON
    assert failed.value.details == "TimeoutError"


def test_many_threads_share_a_session(server, graph) -> None:
    with ThreadPoolExecutor(24) as pool:
        sent = list(pool.map(lambda _: send(graph).wamid, range(480)))
    assert sent == ["wamid.A"] * 480
    assert max(request.connection for request in server.requests) <= 24


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    form = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def secure(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = Server(context)
    yield server
    server.close()


@pytest.fixture
def trusting(certificate):
    with Connections(ca_certs=str(certificate)) as connections:
        yield connections


def test_over_tls_a_message_goes_out_and_the_connection_is_kept(secure, trusting) -> None:
    graph = connected(secure.url, trusting)
    assert [send(graph).wamid for _ in range(2)] == ["wamid.A"] * 2
    assert [request.connection for request in secure.requests] == [1, 1]


def test_over_tls_the_limit_holds_too(secure, trusting) -> None:
    secure.answers = [UNKNOWN["body drips"]]
    graph = connected(secure.url, trusting, SHORT)
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        send(graph)
    assert time.monotonic() - began < SOON


def test_a_server_that_is_not_who_it_says_gets_no_message(secure, connections) -> None:
    graph = connected(secure.url, connections)
    with pytest.raises(GraphError) as failed:
        send(graph)
    assert failed.value.details == "SSLCertVerificationError"
    assert secure.requests == []


def test_a_handshake_that_never_ends_is_left_at_the_limit(connections) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        graph = connected(url, connections, SHORT)
        began = time.monotonic()
        with pytest.raises(GraphError) as failed:
            send(graph)
    assert time.monotonic() - began < SOON
    assert failed.value.code is None


# Reading, and files


def test_a_message_is_marked_as_read(server, graph) -> None:
    server.answers = [answer({"success": True})]
    graph.mark_read(NUMBER, "wamid.A")
    graph.mark_read(NUMBER, "wamid.A", typing=True)
    read = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.A"}
    assert [request.json for request in server.requests] == [read, read | {"typing_indicator": {"type": "text"}}]


def test_a_file_is_uploaded_as_a_form(server, graph) -> None:
    server.answers = [answer({"id": "771"})]
    file = io.BytesIO(b"%PDF-1.7 \r\n--x" * 20_000)
    file.seek(5)
    assert graph.upload(NUMBER, file, name='b"\r\né.pdf', mime_type="application/pdf") == "771"
    request = server.requests[0]
    assert request.path == f"/v25.0/{NUMBER}/media"
    assert request.query == {"appsecret_proof": PROOF}
    boundary = request.headers["content-type"].removeprefix("multipart/form-data; boundary=")
    parts = request.body.split(f"--{boundary}".encode())
    assert [part.partition(b"\r\n\r\n")[2] for part in parts[1:3]] == [b"whatsapp\r\n", b"application/pdf\r\n"]
    headers, _, content = parts[3].partition(b"\r\n\r\n")
    assert 'name="file"; filename="b%22%0D%0Aé.pdf"\r\nContent-Type: application/pdf'.encode() in headers
    assert content == file.getvalue() + b"\r\n"
    assert parts[4] == b"--\r\n"


DIGEST = hashlib.sha256(b"file").digest()


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (DIGEST.hex(), DIGEST.hex()),
        (DIGEST.hex().upper(), DIGEST.hex()),
        (base64.b64encode(DIGEST).decode(), DIGEST.hex()),
        (base64.b64encode(DIGEST).decode().rstrip("="), DIGEST.hex()),
        ("???", ""),
        ("abc", ""),
        (None, ""),
    ],
)
def test_the_digest_of_a_file_comes_as_hex_or_base64(server, graph, given, read) -> None:
    server.answers = [answer({"url": "https://a.fbsbx.com/x", "mime_type": "image/png", "sha256": given, "file_size": "12"})]
    media = graph.media("771", phone_number_id=NUMBER)
    assert (media.url, media.mime_type, media.sha256, media.file_size) == ("https://a.fbsbx.com/x", "image/png", read, 12)
    assert server.requests[0].query == {"phone_number_id": NUMBER, "appsecret_proof": PROOF}


def test_a_file_without_an_address_is_a_failure(server, graph) -> None:
    server.answers = [answer({"id": "771"})]
    with pytest.raises(GraphError, match="url"):
        graph.media("771")


def test_a_file_is_downloaded_with_the_token_and_without_the_proof(server, graph) -> None:
    content = bytes(range(256)) * 1000
    server.answers = [answer(content)]
    into = io.BytesIO()
    got = graph.download(f"{server.url}/file?ext=1&hash=a%2Bb", into, most=len(content))
    assert (got.size, got.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert into.getvalue() == content
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert server.requests[0].target == "/file?ext=1&hash=a%2Bb"


@pytest.mark.parametrize(
    "script",
    [
        answer(bytes(1001)),
        drip(b"HTTP/1.1 200 OK\r\n\r\n", [bytes(1001)]),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", [b"3e9\r\n" + bytes(1001) + b"\r\n0\r\n\r\n"]),
    ],
)
def test_a_file_that_is_too_large_is_left(server, graph, script) -> None:
    server.answers = [script]
    into = io.BytesIO()
    with pytest.raises(TooLarge):
        graph.download(f"{server.url}/file", into, most=1000)
    assert len(into.getvalue()) <= 1000


@pytest.mark.parametrize(
    "script",
    [
        silent,
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", endless(b"x")),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", [b"x"]),
        reset,
        answer(b"", 503),
    ],
)
def test_a_download_that_breaks_off_may_be_tried_again(server, hasty, script) -> None:
    server.answers = [script]
    began = time.monotonic()
    with pytest.raises(GraphError) as failed:
        hasty.download(f"{server.url}/file", io.BytesIO(), most=1000)
    assert time.monotonic() - began < SOON
    assert (failed.value.code, failed.value.permanent) == (None, False)
    assert_keeps_secrets(failed.value)


def test_an_expired_address_says_so(server, graph) -> None:
    server.answers = [answer(b"gone", 404)]
    with pytest.raises(GraphError) as failed:
        graph.download(f"{server.url}/file", io.BytesIO(), most=1000)
    assert failed.value.http_status == 404


def test_a_download_may_be_refused_with_a_code(server, graph) -> None:
    server.answers = [refusal(190, 401)]
    with pytest.raises(GraphError) as failed:
        graph.download(f"{server.url}/file", io.BytesIO(), most=1000)
    assert failed.value.code == 190


def test_a_download_follows_redirects_among_metas_hosts(server, graph) -> None:
    server.answers = [answer(b"", 302, Location="/next?a=b"), answer(b"content")]
    into = io.BytesIO()
    graph.download(f"{server.url}/file", into, most=1000)
    assert into.getvalue() == b"content"
    assert [request.target for request in server.requests] == ["/file", "/next?a=b"]


def test_a_download_is_not_led_elsewhere(server, graph) -> None:
    elsewhere = Server()
    server.answers = [answer(b"", 302, Location=f"{elsewhere.url}/file")]
    with pytest.raises(WrongHost) as wrong:
        graph.download(f"{server.url}/file", io.BytesIO(), most=1000)
    elsewhere.close()
    assert elsewhere.requests == []
    assert_keeps_secrets(wrong.value)


def test_a_download_is_not_led_in_circles(server, graph) -> None:
    server.answers = [answer(b"", 302, Location="/file")]
    with pytest.raises(GraphError):
        graph.download(f"{server.url}/file", io.BytesIO(), most=1000)
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    "url",
    [
        "https://lookaside.fbsbx.com/a?b=c",
        "https://LOOKASIDE.FBSBX.COM/a",
        "https://facebook.com:443/a",
        "https://mmg.whatsapp.net/a",
        "http://127.0.0.1:8001/a",
    ],
)
def test_addresses_that_get_the_token(url) -> None:
    assert checked_url(url, "http://127.0.0.1:8001").lower() == url.lower()


@pytest.mark.parametrize(
    "url",
    [
        "http://lookaside.fbsbx.com/a",
        "https://lookaside.fbsbx.com:8443/a",
        "https://evilfbsbx.com/a",
        "https://fbsbx.com.evil.example/a",
        "https://evil.example/?fbsbx.com",
        "https://lookaside.fbsbx.com@evil.example/a",
        "https://evil.example\\@lookaside.fbsbx.com/a",
        "https://user:word@lookaside.fbsbx.com/a",
        "https://evil.example#.fbsbx.com",
        " https://lookaside.fbsbx.com/a",
        "https://lookaside.fbsbx.com\t.evil.example/a",
        "https://[::1/a",
        "//lookaside.fbsbx.com/a",
        "/a",
        "",
        "file:///etc/passwd",
        "http://127.0.0.1:8002/a",
        "https://127.0.0.1:8001/a",
        "http://localhost:8001/a",
        "http://127.0.0.1:8001@evil.example/",
        "http://169.254.169.254/latest",
    ],
)
def test_addresses_that_do_not_get_the_token(url) -> None:
    with pytest.raises(WrongHost):
        checked_url(url, "http://127.0.0.1:8001")


def test_a_file_is_deleted(server, graph) -> None:
    server.answers = [answer({"success": True})]
    graph.delete_media("771")
    assert (server.requests[0].method, server.requests[0].path) == ("DELETE", "/v25.0/771")


# Accounts


def page(data, after, *, more):
    paging = {"cursors": {"before": "a", "after": after}} | ({"next": "https://evil.example/"} if more else {})
    return answer({"data": data, "paging": paging})


def test_templates_come_page_by_page(server, graph) -> None:
    server.answers = [page([{"id": "1"}, 7], "c1", more=True), page([{"id": "2"}], "c2", more=False)]
    assert list(graph.templates(WABA)) == [{"id": "1"}, {"id": "2"}]
    assert [request.query.get("after") for request in server.requests] == [None, "c1"]
    assert {request.path for request in server.requests} == {f"/v25.0/{WABA}/message_templates"}
    assert "components" in server.requests[0].query["fields"]


def test_pages_without_end_are_an_error_and_not_a_part_of_the_list(server, graph) -> None:
    server.answers = [page([{"id": "1"}], "c1", more=True)]
    with pytest.raises(GraphError, match="pages"):
        list(graph.templates(WABA))
    assert len(server.requests) == 100


@pytest.mark.parametrize("odd", [{"data": {}}, {"paging": {}}, {"data": None}])
def test_a_list_that_is_missing_is_not_an_empty_one(server, graph, odd) -> None:
    server.answers = [answer(odd)]
    with pytest.raises(GraphError, match="list"):
        list(graph.numbers(WABA))


@pytest.mark.parametrize("paging", [None, [], {"cursors": []}, {"next": "x"}, {"next": "x", "cursors": {"after": ""}}])
def test_the_last_page_may_end_in_any_way(server, graph, paging) -> None:
    server.answers = [answer({"data": [{"id": "1"}], "paging": paging})]
    assert list(graph.numbers(WABA)) == [{"id": "1"}]


@pytest.mark.parametrize(
    ("call", "method", "path", "query", "body"),
    [
        (lambda graph: graph.create_template(WABA, {"name": "hi"}), "POST", f"{WABA}/message_templates", {}, {"name": "hi"}),
        (lambda graph: graph.delete_template(WABA, "hi"), "DELETE", f"{WABA}/message_templates", {"name": "hi"}, None),
        (
            lambda graph: graph.delete_template(WABA, "hi", template_id="4"),
            "DELETE",
            f"{WABA}/message_templates",
            {"name": "hi", "hsm_id": "4"},
            None,
        ),
        (lambda graph: graph.subscribe_app(WABA), "POST", f"{WABA}/subscribed_apps", {}, None),
        (
            lambda graph: graph.subscribe_app(WABA, callback_url="https://hub.example/", verify_token="t"),
            "POST",
            f"{WABA}/subscribed_apps",
            {},
            {"override_callback_uri": "https://hub.example/", "verify_token": "t"},
        ),
        (
            lambda graph: graph.override_callback(NUMBER, callback_url="https://hub.example/", verify_token="t"),
            "POST",
            NUMBER,
            {},
            {"webhook_configuration": {"override_callback_uri": "https://hub.example/", "verify_token": "t"}},
        ),
    ],
)
def test_calls_that_change_something(server, graph, call, method, path, query, body) -> None:
    server.answers = [answer({"success": True})]
    call(graph)
    request = server.requests[0]
    assert (request.method, request.path) == (method, f"/v25.0/{path}")
    assert request.query == query | {"appsecret_proof": PROOF}
    assert (request.json if request.body else None) == body


def test_a_number_and_an_account_are_described(server, graph) -> None:
    server.answers = [answer({"id": "1", "health_status": {}})]
    assert graph.number(NUMBER) == graph.account(WABA) == {"id": "1", "health_status": {}}
    number, account = (request.query["fields"].split(",") for request in server.requests)
    assert {"display_phone_number", "verified_name", "quality_rating", "throughput", "health_status"} <= set(number)
    assert "whatsapp_business_manager_messaging_limit" in number
    assert {"health_status", "account_review_status", "name"} <= set(account)


def test_the_apps_of_an_account_are_listed(server, graph) -> None:
    server.answers = [answer({"data": [{"whatsapp_business_api_data": {"id": "5"}}]})]
    assert graph.subscribed_apps(WABA) == [{"whatsapp_business_api_data": {"id": "5"}}]


def test_the_client_shows_no_secret_when_it_is_printed(graph) -> None:
    assert TOKEN not in repr(graph)
    assert APP_SECRET not in repr(graph)
