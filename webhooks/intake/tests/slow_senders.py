"""A process of senders that hold the hub's memory: many connections, each with a body that never ends.

    python -m webhooks.intake.tests.slow_senders PORT CONNECTIONS HEAD_AND_BODY_JSON

It says "settled" once no connection gets rid of more, and goes on until its standard input is closed.
"""

import json
import socket
import sys
import threading
import time
from dataclasses import dataclass, field

CHUNK = memoryview(b"x" * 262_144)
SETTLED_AFTER = 0.3
"""Seconds in which nothing could be sent."""


@dataclass
class Sender:
    """One connection. Sends `head`, then `size` bytes; all at once, or `rate` bytes a second. May begin anew when it is closed."""

    port: int
    number: int
    head: str
    size: int
    rate: float = 0.0
    begins_anew: bool = False
    connection: socket.socket = field(default_factory=socket.socket)
    sent: int = 0
    sent_now: int = 0
    started_at: float = 0.0

    def connect(self) -> None:
        self.connection = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        self.connection.sendall(self.head.replace("NUMBER", str(self.number)).encode())
        self.connection.setblocking(False)
        self.sent, self.started_at = 0, time.monotonic()

    def go_on(self) -> int:
        """Send what can be sent; the number of bytes. Raises OSError once the connection is closed and does not begin anew."""
        try:
            if self._is_closed():
                raise ConnectionError
            return self._send()
        except BlockingIOError:
            return 0
        except OSError:
            self.connection.close()
            if not self.begins_anew:
                raise
            self.connect()
            return 0

    def _send(self) -> int:
        allowed = self.size if not self.rate else min(self.size, int(self.rate * (time.monotonic() - self.started_at)))
        if self.sent >= allowed:
            return 0
        count = self.connection.send(CHUNK[: allowed - self.sent])
        self.sent += count
        return count

    def _is_closed(self) -> bool:
        try:
            return not self.connection.recv(4096)
        except BlockingIOError:
            return False


def hold(senders: list[Sender], stopped: threading.Event) -> None:
    for each in senders:
        each.connect()
    last_progress, is_settled = time.monotonic(), False
    while not stopped.is_set():
        senders = [each for each in senders if _is_open(each)]
        if any(each.sent_now for each in senders):
            last_progress = time.monotonic()
        if not is_settled and time.monotonic() - last_progress > SETTLED_AFTER:
            is_settled = True
            sys.stdout.write("settled\n")
            sys.stdout.flush()
        time.sleep(0.005)
    for each in senders:
        each.connection.close()


def _is_open(sender: Sender) -> bool:
    try:
        sender.sent_now = sender.go_on()
    except OSError:
        return False
    return True


def main() -> None:
    options = json.loads(sys.argv[1])
    count = options.pop("connections")
    stopped = threading.Event()

    def stop_at_end_of_input() -> None:
        sys.stdin.read()
        stopped.set()

    threading.Thread(target=stop_at_end_of_input, daemon=True).start()
    hold([Sender(number=number, **options) for number in range(count)], stopped)


if __name__ == "__main__":
    main()
