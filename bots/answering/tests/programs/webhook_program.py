"""An organization's own program on a real socket, and a published webhook bot that asks it."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests
from django.db.models.functions import Now
from django.utils import timezone
from standardwebhooks import Webhook

from bots.models import Bot, BotRequest, BotVersion
from bots.publishing.services import create_webhook_bot
from bots.webhook_bots.settings import WebhookSettings
from bots.webhook_bots.signatures import signed_headers
from organizations.models import Organization, PhoneNumber

Handler = BaseHTTPRequestHandler
Respond = Callable[[Handler], None]


class Program:
    """Answers each request with the next of `responses`, the last one for ever: a JSON value, a status and a body, or a function
    that writes to the connection."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/bot"
        self.responses: list[Any] = [{"messages": ["Olá!"]}]
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.methods: list[str] = []
        self.closed = threading.Event()

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The bodies that it received, read."""
        return [json.loads(body) for body in self.bodies]

    def respond(self, handler: Handler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        body = handler.rfile.read(length)
        if len(body) < length:
            return  # the process that sent it was killed
        self.methods.append(handler.command)
        self.headers.append({name.lower(): value for name, value in handler.headers.items()})
        self.bodies.append(body)
        response = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        if callable(response):
            with suppress(OSError):
                response(handler)
        elif isinstance(response, tuple):
            send(handler, *response)
        else:
            with suppress(OSError):  # the same
                send(handler, 200, json.dumps(response).encode())


def send(handler: Handler, status: int, body: bytes = b"", /, **headers: str) -> None:
    """Sends a whole response."""
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def run_program() -> Iterator[Program]:
    """Runs a program in threads, on a port of its own."""

    class Requests(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            program.respond(self)

        def do_GET(self) -> None:
            program.respond(self)

        def log_message(self, *_: Any) -> None:
            """Writes nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    server.daemon_threads = True
    program = Program(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield program
    program.closed.set()
    server.shutdown()
    server.server_close()
    thread.join()


def publish_program(organization: Organization, number: PhoneNumber, url: str, **settings: Any) -> Bot:
    """Publishes a webhook bot for this address as the bot of the number, whose new contacts it answers."""
    chosen = WebhookSettings(**{"name": "Programa", "url": url, "silence_seconds": 0, "timeout_seconds": 5, **settings})
    bot = create_webhook_bot(organization=organization, settings=chosen, by=None, now=timezone.now())
    bot.published = BotVersion.objects.create(bot=bot, number=1, document=bot.draft)
    bot.save()
    since = timezone.now() - timedelta(days=3)
    PhoneNumber.objects.filter(pk=number.pk).update(default_bot=bot.key, default_profile="bot", answers_since=since)
    return bot


def make_requests_due() -> None:
    """Lets no request wait for its next attempt, nor for its call-back."""
    BotRequest.objects.filter(state="due", lease_token=None).update(due_at=Now())


def post_callback(address: str, key: uuid.UUID | str, body: bytes, secret: str, *, at: datetime | None = None) -> requests.Response:
    """Posts a signed call-back to the hub at this address."""
    headers = signed_headers(uuid.uuid4(), body, [secret], at or datetime.now(UTC))
    return requests.post(f"{address}/bots/callbacks/{key}/", data=body, headers=headers, timeout=30)


def verify(program: Program, secret: str) -> Any:
    """Returns the body of the last request as a receiver with this secret reads it. Raises if the signature is not valid."""
    return Webhook(secret).verify(program.bodies[-1], program.headers[-1])


def drip(program: Program) -> Respond:
    """A response that never ends: a byte every 20 milliseconds."""

    def run(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not program.closed.wait(0.02):
            handler.wfile.write(b" ")

    return run


def hang(program: Program, seconds: float = 30.0) -> Respond:
    """A response that does not come."""
    return lambda _handler: (program.closed.wait(seconds), None)[1]


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Waits until the condition is true."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)
