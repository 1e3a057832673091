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
from pathlib import Path
from urllib.parse import quote

from benchmarks.databases import Database
from benchmarks.figures import Failed, at_most, percentile, say, show
from benchmarks.hub import Hub
from benchmarks.processes import Server

ORGANIZATION = "Benchmark pages"
REQUESTS = 200
"""Of each page and hub."""
WARM_UP = 25
DIGITS = re.compile(rb"/inbox/(\d+)/")


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
        say(f"{contacts // share:,} contacts and {messages // share:,} messages on {hub.database.name} ({name})")
        hub.generate(ORGANIZATION, contacts // share, messages // share)
    with ExitStack() as stack:
        members = {name: Member(hub, stack.enter_context(hub.web())) for name, hub in hubs.items()}
        took = _ask_in_turns(members)
    for page in PAGES:
        p95 = {name: percentile(took[name, page], 0.95) for name in hubs}
        show(f"pages.{page}_p95", 1000 * p95["big"], "ms", goal=at_most(80))
        show(f"pages.{page}_p95_ratio", p95["big"] / p95["small"], "ratio", vs="a hundredth of the data", goal=at_most(1.3))


PAGES = ("inbox", "conversation", "older", "search_name", "search_number", "search_text", "contacts")


def _ask_in_turns(members: dict[str, Member]) -> dict[tuple[str, str], list[float]]:
    took: dict[tuple[str, str], list[float]] = defaultdict(list)
    walks = {name: _walk(member) for name, member in members.items()}
    for round_number in range(WARM_UP + REQUESTS):
        for name, walk in walks.items():
            for page, path in next(walk):
                passed, _ = members[name].look(path)
                if round_number >= WARM_UP:
                    took[name, page].append(passed)
    return took


def _walk(member: Member) -> Iterator[list[tuple[str, str]]]:
    """Paths of one round: another part of the list, other people, other words, each time."""
    dice = random.Random(5)  # noqa: S311  repeatable, not secret
    cursor = ""
    while True:
        rows = member.page(f"inbox/rows/?{cursor}")
        ids = list(dict.fromkeys(match.decode() for match in DIGITS.findall(rows)))
        chosen = dice.choice(ids)
        thread = member.page(f"inbox/{chosen}/thread/")
        first = re.search(rb"from=(\d+-\d+)", thread)
        names = re.findall(r"data-name=\"([^\"]+)", rows.decode())
        phones = re.findall(r"\+\d[\d -]{9,}", member.page(f"inbox/{chosen}/conversation/").decode())
        word = dice.choice(["pedido", "boleto", "obrigado", "entrega", "amanhã", "qwertyuiop"])
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
