"""Response times of pages, with much data and with a hundredth of it. A signed-in member requests pages of both hubs alternately,
one request at a time, over one connection."""

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

from benchmarks.environment.databases import Database, default_buffer_pool, fetch
from benchmarks.environment.hub import Hub
from benchmarks.environment.processes import Server
from benchmarks.figures import Failed, at_most, percentile, say, show

ORGANIZATION = "Benchmark pages"
REQUESTS = 200
"""For each page and hub."""
WARM_UP = 25
WORDS = ("pedido", "boleto", "obrigado", "entrega", "amanhã", "AMANHA", "jabuticab", "acordeao xique", "pe", "qwertyuiop")
"""Common and rare words, two words, the beginning of many words, and a word that no message contains."""
MIN_MESSAGES = 75
"""Only conversations with so many messages are opened, so that both hubs show equally many. The latest conversations of the lists
would differ: the first hundred of a million contacts write more than the first hundred of ten thousand."""


class Member:
    """A signed-in member of an organization."""

    def __init__(self, hub: Hub, server: Server, organization: str = ORGANIZATION) -> None:
        self._cookie, self._organization = hub.member(organization).split()
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def request(self, path: str) -> tuple[float, bytes]:
        """Returns the seconds until the response was read, and its compressed body."""
        headers = {"Cookie": f"sessionid={self._cookie}", "Accept-Encoding": "gzip"}
        began = time.perf_counter()
        self._connection.request("GET", f"/o/{self._organization}/{path}", headers=headers)
        response = self._connection.getresponse()
        body = response.read()
        seconds = time.perf_counter() - began
        if response.status != 200:
            raise Failed(f"{path} got {response.status}")
        return seconds, body

    def page(self, path: str) -> bytes:
        return gzip.decompress(self.request(path)[1])


def pages(big: Database, small: Database, directory: Path, contacts: int, messages: int) -> None:
    """Shows the figures of each page: p95 on the big hub, and its ratio to the small hub."""
    hubs = prepare_hubs(big, small, directory, contacts, messages)
    with ExitStack() as stack:
        stack.enter_context(default_buffer_pool(big))
        members = {name: Member(hub, stack.enter_context(hub.web())) for name, hub in hubs.items()}
        times = _measure(members, {name: long_conversations(hub.database) for name, hub in hubs.items()})
    p95 = {key: percentile(seconds, 0.95) for key, seconds in times.items()}
    for page in PAGES:
        show(f"pages.{page}_p95", 1000 * p95["big", page], "ms", goal=at_most(80))
        ratio = p95["big", page] / p95["small", page]
        show(f"pages.{page}_p95_ratio", ratio, "ratio", vs="a hundredth of the data", goal=at_most(1.3))
    for page in PAGES:
        if page.startswith("search"):
            ratio = p95["big", page] / p95["big", "contacts"]
            show(f"pages.{page}_p95_vs_contacts", ratio, "ratio", vs="the contacts page", goal=at_most(2))


def measure_pages(hub: Hub, organization: str) -> dict[str, list[float]]:
    """Returns the seconds of each request to one hub, by page."""
    with hub.web() as server:
        times = _measure({"": Member(hub, server, organization)}, {"": long_conversations(hub.database)})
    return {page: seconds for (_, page), seconds in times.items()}


def prepare_hubs(big: Database, small: Database, directory: Path, contacts: int, messages: int) -> dict[str, Hub]:
    """Returns two hubs, one with so much data and one with a hundredth of it, unless their databases have it already."""
    limits = {"API_REQUESTS_PER_MINUTE": "1000000"}
    hubs = {name: Hub(database, directory / name, more=limits) for name, database in (("big", big), ("small", small))}
    for name, hub in hubs.items():
        share = 1 if name == "big" else 100
        (directory / name).mkdir()
        hub.prepare()
        if not hub.database.count("contacts"):
            say(f"{contacts // share:,} contacts and {messages // share:,} messages on {hub.database.name} ({name})")
            hub.generate(ORGANIZATION, contacts // share, messages // share)
        hub.index_texts()
    return hubs


PAGES = ("inbox", "conversation", "older", "search_name", "search_number", "search_text", "contacts")


def long_conversations(database: Database) -> list[str]:
    """Returns the ids of contacts with at least `MIN_MESSAGES` messages, in random order."""
    query = f"SELECT contact_id FROM chat_session_message GROUP BY contact_id HAVING COUNT(*) >= {MIN_MESSAGES}"  # noqa: S608
    with database.connect() as connection:
        ids = [str(row[0]) for row in fetch(connection, query)]
    random.Random(6).shuffle(ids)  # noqa: S311  repeatable, not secret
    return ids


def _measure(members: dict[str, Member], conversations: dict[str, list[str]]) -> dict[tuple[str, str], list[float]]:
    """Returns the seconds of each request by hub and page, without those of the first rounds."""
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    rounds = {name: _rounds(member, cycle(conversations[name])) for name, member in members.items()}
    for round_number in range(WARM_UP + REQUESTS):
        for name, paths in rounds.items():
            for page, path in next(paths):
                seconds, _ = members[name].request(path)
                if round_number >= WARM_UP:
                    times[name, page].append(seconds)
    return times


def _rounds(member: Member, conversations: Iterator[str]) -> Iterator[list[tuple[str, str]]]:
    """Yields the pages and paths of each round, with other parts of the list, other conversations and other words each time."""
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
