"""Response times of the API, with much data and with a hundredth of it. A program with a key makes requests to both hubs in turns,
one at a time, over one connection."""

import gzip
import http.client
import json
import random
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.environment.databases import Database, default_buffer_pool
from benchmarks.environment.hub import Hub
from benchmarks.environment.processes import Server
from benchmarks.figures import Failed, at_most, percentile, say, show
from benchmarks.measurements.screens.pages import ORGANIZATION, WORDS, prepare_hubs

REQUESTS = 200
"""Of each kind and hub."""
WARM_UP = 25
OPEN_CONVERSATIONS = 200
"""Conversations with an open window that get the sent messages."""
MEASURING = timedelta(hours=1)
"""Longer than all measurements take."""
LIST, SINGLE, SEND = 100, 25, 40
"""Milliseconds that a list, a single object and a send may take."""
LIMITS = {
    "contacts": LIST,
    "contacts_in_fixed_order": LIST,
    "conversations": LIST,
    "search_name": LIST,
    "search_text": LIST,
    "messages": LIST,
    "notes": LIST,
    "labels": LIST,
    "templates": LIST,
    "webhooks": LIST,
    "contact": SINGLE,
    "conversation": SINGLE,
    "message": SINGLE,
    "send": SEND,
}
SHOWN = ("all", "all", "unread", "unanswered", "window_closing")


@dataclass(frozen=True)
class Request:
    """One request of a round."""

    kind: str
    path: str
    body: dict[str, Any] = field(default_factory=dict)


class Program:
    """A program with a key of the organization."""

    def __init__(self, hub: Hub, server: Server) -> None:
        self._key = hub.api_key(ORGANIZATION)
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def request(self, path: str, body: dict[str, Any] | None = None) -> tuple[float, Any]:
        """Returns the seconds until the response was read, and its content. With a body, the request is a POST."""
        headers = {"Authorization": f"Bearer {self._key}", "Accept-Encoding": "gzip"}
        if body:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        began = time.perf_counter()
        self._connection.request("POST" if body else "GET", f"/api/v1/{path}", json.dumps(body) if body else None, headers)
        response = self._connection.getresponse()
        content = response.read()
        seconds = time.perf_counter() - began
        if response.status not in (200, 201):
            raise Failed(f"{path} got {response.status}: {content[:300]!r}")
        return seconds, json.loads(gzip.decompress(content) if response.headers["Content-Encoding"] == "gzip" else content)

    def open_conversations(self) -> list[str]:
        """Returns the ids of conversations whose windows stay open for `MEASURING`, up to `OPEN_CONVERSATIONS`."""
        found: list[str] = []
        until = (datetime.now(UTC) + MEASURING).isoformat()
        cursor = ""
        while len(found) < OPEN_CONVERSATIONS:
            page = self.request(f"conversations/?limit=100{cursor}")[1]
            found += [each["id"] for each in page["results"] if each["window_open"] and each["window_closes_at"] > until]
            if page["next_cursor"] is None or not any(each["window_open"] for each in page["results"]):
                break
            cursor = f"&cursor={page['next_cursor']}"
        if not found:
            raise Failed("no conversation has an open window")
        return found


def measure_api(big: Database, small: Database, directory: Path, contacts: int, messages: int) -> None:
    """Shows the figures of each kind of request: p95 on the big hub, and its ratio to the small hub. First on the server as it is,
    then on one with the default buffer pool, which holds a small part of the big hub's tables."""
    hubs = prepare_hubs(big, small, directory, contacts, messages)
    say("on the server as it is configured")
    _show(hubs, "api")
    with default_buffer_pool(big):
        _show(hubs, "api.default_pool")


def _show(hubs: dict[str, Hub], prefix: str) -> None:
    with ExitStack() as stack:
        programs = {name: Program(hub, stack.enter_context(hub.web())) for name, hub in hubs.items()}
        times = _measure(programs)
    p95 = {key: percentile(seconds, 0.95) for key, seconds in times.items()}
    for kind, limit in LIMITS.items():
        show(f"{prefix}.{kind}_p95", 1000 * p95["big", kind], "ms", goal=at_most(limit))
        ratio = p95["big", kind] / p95["small", kind]
        show(f"{prefix}.{kind}_p95_ratio", ratio, "ratio", vs="a hundredth of the data", goal=at_most(1.3))


def _measure(programs: dict[str, Program]) -> dict[tuple[str, str], list[float]]:
    """Returns the seconds of each request by hub and kind, without those of the first rounds."""
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    rounds = {name: _rounds(program) for name, program in programs.items()}
    for round_number in range(WARM_UP + REQUESTS):
        for name, requests in rounds.items():
            for each in next(requests):
                seconds, _ = programs[name].request(each.path, each.body or None)
                if round_number >= WARM_UP:
                    times[name, each.kind].append(seconds)
    return times


def _rounds(program: Program) -> Iterator[list[Request]]:
    """Yields the requests of each round, with other parts of the lists, other conversations and other words each time."""
    dice = random.Random(5)  # noqa: S311  repeatable, not secret
    is_open = cycle(program.open_conversations())
    cursor = copied_up_to = ""
    while True:
        page = program.request(f"conversations/?limit=50{cursor}")[1]
        copied = program.request(f"contacts/?order=added{copied_up_to}")[1]
        copied_up_to = f"&cursor={copied['next_cursor']}" if copied["next_cursor"] else ""
        chosen = dice.choice(page["results"])["id"]
        thread = program.request(f"conversations/{chosen}/messages/")[1]["results"]
        name = program.request(f"contacts/{chosen}/")[1]["name"].partition(" ")[0]
        yield [
            Request("contacts", f"contacts/?show={dice.choice(SHOWN)}{cursor if dice.random() < 0.3 else ''}"),
            Request("contacts_in_fixed_order", f"contacts/?order=added{copied_up_to}"),
            Request("conversations", f"conversations/?show={dice.choice(SHOWN)}"),
            Request("search_name", f"contacts/?search={quote(name or 'maria')}"),
            Request("search_text", f"messages/?search={quote(dice.choice(WORDS))}"),
            Request("messages", f"conversations/{chosen}/messages/"),
            Request("notes", f"contacts/{chosen}/notes/"),
            Request("labels", "labels/"),
            Request("templates", "message-templates/"),
            Request("webhooks", "webhooks/"),
            Request("contact", f"contacts/{chosen}/"),
            Request("conversation", f"conversations/{chosen}/"),
            Request("message", f"messages/{dice.choice(thread)['id']}/"),
            Request("send", f"conversations/{next(is_open)}/messages/", {"kind": "text", "body": f"Pedido {uuid.uuid4()}"}),
        ]
        cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else ""
