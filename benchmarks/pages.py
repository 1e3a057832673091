"""How long the site takes to answer for its pages, on much data and on a hundredth of it; and what the first sight of the inbox
weighs. Both hubs are asked in turns, one request at a time, by a signed-in member over one connection."""

import gzip
import http.client
import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from urllib.parse import quote

from benchmarks.databases import Database, default_buffer_pool, fetch
from benchmarks.figures import Failed, at_most, percentile, say, show
from benchmarks.hub import Hub
from benchmarks.processes import Server

ORGANIZATION = "Benchmark pages"
REQUESTS = 200
"""Of each page and hub."""
WARM_UP = 25
WORDS = ("pedido", "boleto", "obrigado", "entrega", "amanhã", "AMANHA", "jabuticab", "acordeao xique", "pe", "qwertyuiop")
"""Common ones and rare ones, several together, the beginning of many, and what nobody said."""
LONG = 75
"""Messages that a conversation has at least which is opened: both hubs show as much of it. The latest ones of a list are not alike:
the first hundred of a million people write more than the first hundred of ten thousand."""


class Member:
    """A member of the organization who goes from page to page."""

    def __init__(self, hub: Hub, server: Server) -> None:
        self._cookie, self._organization = hub.member(ORGANIZATION).split()
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def look(self, path: str) -> tuple[float, bytes]:
        """The seconds that a page took, and the page."""
        headers = {"Cookie": f"sessionid={self._cookie}", "Accept-Encoding": "gzip"}
        began = time.perf_counter()
        self._connection.request("GET", f"/o/{self._organization}/{path}", headers=headers)
        answer = self._connection.getresponse()
        body = answer.read()
        passed = time.perf_counter() - began
        if answer.status != 200:
            raise Failed(f"{path} got {answer.status}")
        return passed, body

    def page(self, path: str) -> bytes:
        return gzip.decompress(self.look(path)[1])


def pages(big: Database, small: Database, directory: Path, contacts: int, messages: int) -> None:
    """Figures of each page: p95 on the big hub, and its ratio to the small one."""
    hubs = {"big": Hub(big, directory / "big"), "small": Hub(small, directory / "small")}
    for name, hub in hubs.items():
        share = 1 if name == "big" else 100
        (directory / name).mkdir()
        hub.prepare()
        if not hub.database.count("contacts"):
            say(f"{contacts // share:,} contacts and {messages // share:,} messages on {hub.database.name} ({name})")
            hub.generate(ORGANIZATION, contacts // share, messages // share)
        hub.index_texts()
    with ExitStack() as stack:
        stack.enter_context(default_buffer_pool(big))
        members = {name: Member(hub, stack.enter_context(hub.web())) for name, hub in hubs.items()}
        took = _ask_in_turns(members, {name: _long_conversations(hub.database) for name, hub in hubs.items()})
    p95 = {key: percentile(seconds, 0.95) for key, seconds in took.items()}
    for page in PAGES:
        show(f"pages.{page}_p95", 1000 * p95["big", page], "ms", goal=at_most(80))
        ratio = p95["big", page] / p95["small", page]
        show(f"pages.{page}_p95_ratio", ratio, "ratio", vs="a hundredth of the data", goal=at_most(1.3))
    for page in PAGES:
        if page.startswith("search"):
            ratio = p95["big", page] / p95["big", "contacts"]
            show(f"pages.{page}_p95_vs_contacts", ratio, "ratio", vs="the contacts page", goal=at_most(2))


PAGES = ("inbox", "conversation", "older", "search_name", "search_number", "search_text", "contacts")


def _long_conversations(database: Database) -> list[str]:
    """The ids of the contacts that have them, in any order."""
    query = f"SELECT contact_id FROM chat_session_message GROUP BY contact_id HAVING COUNT(*) >= {LONG}"  # noqa: S608
    with database.connect() as connection:
        ids = [str(row[0]) for row in fetch(connection, query)]
    random.Random(6).shuffle(ids)  # noqa: S311  repeatable, not secret
    return ids


def _ask_in_turns(members: dict[str, Member], long: dict[str, list[str]]) -> dict[tuple[str, str], list[float]]:
    took: dict[tuple[str, str], list[float]] = defaultdict(list)
    walks = {name: _walk(member, cycle(long[name])) for name, member in members.items()}
    for round_number in range(WARM_UP + REQUESTS):
        for name, walk in walks.items():
            for page, path in next(walk):
                passed, _ = members[name].look(path)
                if round_number >= WARM_UP:
                    took[name, page].append(passed)
    return took


def _walk(member: Member, conversations: Iterator[str]) -> Iterator[list[tuple[str, str]]]:
    """Paths of one round: another part of the list, other people, other words, each time."""
    dice = random.Random(5)  # noqa: S311  repeatable, not secret
    cursor = ""
    while True:
        rows = member.page(f"inbox/rows/?{cursor}")
        chosen = next(conversations)
        thread = member.page(f"inbox/{chosen}/thread/")
        first = re.search(rb"from=(\d+-\d+)", thread)
        names = re.findall(r"data-name=\"([^\"]+)", rows.decode())
        phones = re.findall(r"\+\d[\d -]{9,}", member.page(f"inbox/{chosen}/conversation/").decode())
        word = dice.choice(WORDS)
        yield [
            ("inbox", f"inbox/?view={dice.choice(['all', 'all', 'unread', 'waiting', 'closing', 'bot_off'])}"),
            ("conversation", f"inbox/{chosen}/"),
            ("older", f"inbox/{chosen}/thread/?before={first[1].decode()}" if first else f"inbox/{chosen}/thread/"),
            ("search_name", f"inbox/rows/?q={quote(dice.choice(names or ['maria']))}"),
            ("search_number", f"inbox/rows/?q={quote(phones[0] if phones else '0586')}"),
            ("search_text", f"inbox/texts/?q={quote(word)}"),
            ("contacts", f"contacts/?view={dice.choice(['all', 'unread', 'bot_off'])}"),
        ]
        found = re.search(rb"after=(\d+-\d+)", rows)
        cursor = f"after={found[1].decode()}" if found else ""
