"""Clients and bots that are slow, silent or malicious."""

import http.server
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from benchmarks.figures import percentile
from benchmarks.load.bodies import PATH
from drills.environment.site import Site
from drills.report import Result
from drills.traffic.deliveries import mixed_deliveries
from drills.traffic.meta_sender import MetaSender
from drills.traffic.staff import Staff

RATE = 100
SLOW_CLIENTS = 400
SLOW_SECONDS = 12.0
MAX_P99 = 0.5
"""Seconds from a delivery to its acknowledgement beside slow clients."""
BOT_KINDS = ("hangs", "fails", "huge", "redirects")
HUGE = 64 * 2**20
"""Bytes."""
MAX_ANSWER_SECONDS = 5.0
"""From a member's click to Graph beside bots that fail."""


def slow_loris(site: Site, result: Result) -> None:
    """Clients that send their headers or bodies byte by byte hold connections, but delay nobody else."""
    [number] = site.connect()
    contacts = site.open_conversations(number, 4)
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(_slow_client(site.port, index))) for index in range(SLOW_CLIENTS)]
        stack.enter_context(_dripping(clients))
        with (
            MetaSender(site.port, mixed_deliveries(number.meta, seed=site.seed), rate=RATE) as sender,
            Staff(site.port, number, contacts, rate=2) as staff,
        ):
            time.sleep(SLOW_SECONDS)
    p99 = percentile(sender.log.seconds, 0.99)
    result.check(p99 < MAX_P99, f"99 of 100 deliveries took up to {p99:.2f} s")
    result.check(not sender.log.refusals, f"deliveries were refused: {dict(sender.log.refusals)}")
    result.note(
        f"beside {SLOW_CLIENTS} slow clients: p99 of acknowledgements {1000 * p99:.0f} ms, answers of staff within "
        f"{staff.answers.longest_pause:.2f} s"
    )
    site.check(result, [number], logs=[sender.log], answers=[staff.answers])


def bad_bots(site: Site, result: Result) -> None:
    """Webhook bots hang, fail, answer without an end, or redirect to this machine. People and other bots can answer meanwhile."""
    redirected: list[str] = []
    with _bad_bot(site.bot_port, redirected):
        numbers = [site.connect(bot=f"http://127.0.0.1:{site.bot_port}/{kind}")[0] for kind in BOT_KINDS]
        [good] = site.connect(bot="flow")
        before, answers = _memory(site.worker.process.pid), []
        for number in (*numbers, good):
            contacts = site.open_conversations(number, 5)
            staff = Staff(site.port, number, contacts, rate=1)
            for contact in contacts[:2]:
                started_at = time.monotonic()
                token = staff.write(contact)
                site.wait_for_token(number, token, "an answer of staff is not sent")
                seconds = time.monotonic() - started_at
                result.check(seconds < MAX_ANSWER_SECONDS, f"an answer of staff took {seconds:.1f} s")
            answers.append(staff.answers)
        menus = [each for each in site.standin.sent(good.id) if each["request"]["type"] == "interactive"]
        result.check(menus, "the bot without a fault has not answered")
        query = "SELECT COUNT(*) FROM bot_request WHERE problem <> ''"
        site.wait(lambda: site.database.ask(query)[0][0] >= len(BOT_KINDS), "no problem of the bots is visible")
        growth = _memory(site.worker.process.pid) - before
        result.check(growth < HUGE, f"the worker grew by {growth / 2**20:.0f} MiB")
        result.check(not redirected, "a redirect to this machine was followed")
        site.check(result, [*numbers, good], answers=answers)
        result.note(f"{len(BOT_KINDS)} kinds of bad bots; the worker grew by {growth / 2**20:.0f} MiB")


def _slow_client(port: int, index: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=5)
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n"
    if index % 2:
        head += f"X-Hub-Signature-256: sha256={'0' * 64}\r\nContent-Length: 100000\r\n\r\n{{"
    client.sendall(head.encode())
    return client


@contextmanager
def _dripping(clients: list[socket.socket]) -> Iterator[None]:
    """Sends a byte on each connection every second."""
    stopping = threading.Event()

    def drip() -> None:
        while not stopping.wait(1.0):
            for each in clients:
                with suppress(OSError):
                    each.send(b"a")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


class _BadBot(http.server.BaseHTTPRequestHandler):
    redirected: list[str]
    stopping: threading.Event

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        match self.path:
            case "/hangs":
                self.stopping.wait(60)
            case "/fails":
                self.send_error(500)
            case "/redirects":
                self.send_response(307)
                self.send_header("Location", f"http://localhost:{self.server.server_port}/inside")  # type: ignore[attr-defined]
                self.end_headers()
            case "/huge":
                self._send_much()
            case _:
                self.redirected.append(self.path)

    def _send_much(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        with suppress(OSError):
            for _ in range(HUGE // 2**16):
                self.wfile.write(b'{"a":1},' * (2**16 // 8))

    def log_message(self, *_: object) -> None:
        """Nothing is said."""


@contextmanager
def _bad_bot(port: int, redirected: list[str]) -> Iterator[None]:
    _BadBot.redirected, _BadBot.stopping = redirected, threading.Event()
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), _BadBot) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            _BadBot.stopping.set()
            server.shutdown()
            thread.join()


def _memory(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
