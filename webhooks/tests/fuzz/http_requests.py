"""Requests to the receiver that are wrong in some way, over a socket, and what the hub answers."""

import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from cloud_api.signature import sign
from conftest import SECRET

PATH = "/webhooks/whatsapp/"
TIMEOUT = 20.0
"""Seconds. The hub's own limits are shorter."""
MAX_PAUSES = 0.5
"""Seconds of all pauses in one request."""
WRONG = 0.5
"""Share of requests that are wrong."""
ODD_PATHS = (
    "/webhooks/whatsapp", "/webhooks/whatsapp/?a=b", "/webhooks/whatsapp/unknown/", "/webhooks/whatsapp/a/b/",
    "/webhooks/whatsapp/%00/", "/webhooks/whatsapp/%2e%2e/", "//webhooks/whatsapp/", "/webhooks/whatsappx", "*",
    "/webhooks/whatsapp/" + "x" * 3000, "http://example.com/webhooks/whatsapp/", "/webhooks/whatsapp/;a", "/WEBHOOKS/WHATSAPP/",
    "/webhooks/whatsapp/?" + "a=1&" * 500,
    "/webhooks/whatsapp/?hub.mode=subscribe&hub.verify_token=unknown&hub.challenge=%ff%00",
    "/webhooks/whatsapp/?hub.mode=subscribe&hub.verify_token=%F0%9F%98%80&hub.challenge=1", "/webhooks/whatsapp/\xe9",
)  # fmt: skip
ODD_METHODS = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "post", "CONNECT", "FOO", "PROPFIND")
ODD_SIGNATURES = (
    "", "sha256=", "sha256=" + "0" * 64, "sha256=" + "g" * 64, "sha1=" + "0" * 40, "sha256=" + "0" * 63, "sha256=" + "0" * 5000,
    "SHA256=" + "0" * 64, "sha256=\xff\xfe" + "0" * 62, "sha256= " + "0" * 64, "sha256=" + "0" * 64 + ", sha256=" + "0" * 64,
)  # fmt: skip
ODD_HEADERS = (
    "Expect: 100-continue", "Content-Encoding: gzip", "Content-Type: application/x-www-form-urlencoded", "Content-Type: \xff",
    "X-Forwarded-For: 1.1.1.1, ' or 1=1 --", "X-Forwarded-For: " + "1.1.1.1, " * 400, "X-Forwarded-Proto: http",
    "Cookie: \0=\xff; a", "Cookie: sessionid=" + "x" * 4000, "Transfer-Encoding: gzip, chunked",
    "Connection: Upgrade\r\nUpgrade: websocket", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c", "Content-Length: 0",
    "X-Long: " + "x" * 60_000, "X-Long: " + "x" * 90_000, "No colon", ": no name", " folded: line",
    "\r\n".join(f"X-{index}: {index}" for index in range(900)), "Range: bytes=0-1", "Authorization: Bearer x",
    "Host: other.example", "Host:", "Accept-Encoding: *;q=x", "Max-Forwards: -1", "X-Hub-Signature-256: x",
)  # fmt: skip
ODD_LENGTHS = ("-1", "0x10", "1e3", "", "99999999999999999999999", "4194305", "+5", "5, 5", "abc")
ODD_CHUNKS = (
    b"zz\r\nabc\r\n",
    b"-1\r\n\r\n",
    b"ffffffffffffffff1\r\n",
    b'5;ext="a"\r\nabcde\r\n',
    b"5\nabcde\n",
    b"5\r\nabcdefgh\r\n",
)


@dataclass(frozen=True, slots=True)
class FuzzedRequest:
    """A request in the parts in which it is sent. `is_right`: the hub must store `body` and answer with 200."""

    parts: tuple[bytes, ...]
    body: bytes
    is_right: bool
    pause: float = 0.0
    """Seconds before each part but the first."""
    closes_early: bool = False
    """The client does not wait for a response."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`status` is 0 if the connection was closed without a response."""

    status: int
    seconds: float


def fuzzed_request(random: Random, body: bytes) -> FuzzedRequest:
    """Returns a request with this body. Half of them are right: they only differ in how their bytes are sent."""
    is_right = random.random() >= WRONG
    wrong = (
        ()
        if is_right
        else random.sample(["path", "method", "signature", "header", "length", "chunks", "end"], random.randint(1, 2))
    )
    path = random.choice(ODD_PATHS) if "path" in wrong else PATH
    method = random.choice(ODD_METHODS) if "method" in wrong else "POST"
    signature = random.choice(ODD_SIGNATURES) if "signature" in wrong else sign(body, SECRET)
    head = ["Host: 127.0.0.1", f"X-Hub-Signature-256: {signature}"]
    head += random.choices(ODD_HEADERS, k=random.randint(1, 3)) if "header" in wrong else []
    is_chunked = "chunks" in wrong or ("length" not in wrong and random.random() < 0.4)
    if is_chunked:
        head.append("Transfer-Encoding: chunked")
        content = _chunked(random, body, *(random.choices(ODD_CHUNKS) if "chunks" in wrong else []))
    else:
        length = random.choice([*ODD_LENGTHS, str(len(body) + 9), str(len(body) // 2)]) if "length" in wrong else str(len(body))
        head.append(f"Content-Length: {length}")
        content = body
    random.shuffle(head)
    message = "\r\n".join([f"{method} {path} HTTP/1.1", *head]).encode("latin-1") + b"\r\n\r\n" + content
    if "end" in wrong:
        message = message[: random.randint(0, len(message))]
    parts = _parts(random, message)
    pause = random.choice([0.0, 0.001, 0.02]) if len(parts) > 1 else 0.0
    return FuzzedRequest(
        parts,
        body,
        is_right,
        pause=min(pause, MAX_PAUSES / len(parts)),
        closes_early="end" in wrong and random.random() < 0.5,
    )


def _chunked(random: Random, body: bytes, *odd: bytes) -> bytes:
    """Returns the body in chunks of random sizes. `odd` chunks come somewhere in between."""
    most = random.choice([1, 7, 1000, 65_536, 2**20]) if len(body) < 5_000 else random.choice([5_000, 65_536, 2**20])
    chunks, rest = [], body
    while rest:
        size = random.randint(1, most)
        extension = b";a=b" if random.random() < 0.05 else b""
        chunks.append(b"%x%s\r\n%s\r\n" % (len(rest[:size]), extension, rest[:size]))
        rest = rest[size:]
    for each in odd:
        chunks.insert(random.randint(0, len(chunks)), each)
    trailer = b"X-Trailer: 1\r\n" if random.random() < 0.05 else b""
    return b"".join(chunks) + b"0\r\n" + trailer + b"\r\n"


def _parts(random: Random, message: bytes) -> tuple[bytes, ...]:
    cuts = sorted(random.randint(0, len(message)) for _ in range(random.choice([0, 0, 1, 3, 20])))
    return tuple(message[start:end] for start, end in zip([0, *cuts], [*cuts, len(message)], strict=True))


def send(address: tuple[str, int], request: FuzzedRequest) -> Outcome:
    """Sends a request and reads the status of its response. Raises TimeoutError if there is none within `TIMEOUT`."""
    start = time.monotonic()
    with socket.create_connection(address, timeout=TIMEOUT) as connection:
        with suppress(ConnectionError):  # the hub has answered already, and closed the connection
            for index, part in enumerate(request.parts):
                if index:
                    time.sleep(request.pause)
                connection.sendall(part)
            if request.closes_early:
                return Outcome(0, time.monotonic() - start)
        if not request.is_right:  # the hub waits for no more of it
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
        return Outcome(_status(connection), time.monotonic() - start)


def _status(connection: socket.socket) -> int:
    received = b""
    with suppress(ConnectionError):
        while b"\r\n\r\n" not in received and (part := connection.recv(65_536)):
            received += part
            if received.startswith(b"HTTP/1.1 100") and b"\r\n\r\n" in received:
                received = received.partition(b"\r\n\r\n")[2]
    return int(received.split(b" ", 2)[1]) if received.startswith(b"HTTP/1.") else 0
