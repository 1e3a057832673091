"""What the machine and its database can do by themselves, so that figures of different machines can be compared."""

import time
from collections.abc import Callable

from benchmarks.environment.databases import Database
from benchmarks.figures import say, show

SECONDS = 1.5
"""For each of the measurements."""
STEP = 10_000
ROWS = 500
"""In one statement."""
CONTENT = "a" * 400


def measure_machine(database: Database, *, seconds: float = SECONDS) -> None:
    """Python's operations, and the durable commits and inserted rows of one connection to this empty database."""
    say("what the machine does by itself:")
    show("yardstick.python", STEP * _rounds_per_second(_count, seconds), "operations/s")
    with database.connect() as connection:
        cursor = connection.cursor()
        if database.name == "sqlite":
            cursor.execute("PRAGMA journal_mode = WAL")  # as the hub has it
            cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("CREATE TABLE yardstick (id INTEGER PRIMARY KEY, content TEXT NOT NULL)")
        insert = Insertion(cursor.execute)
        show(f"yardstick.{database.name}.commits", _rounds_per_second(lambda: insert(1), seconds), "commits/s")
        show(f"yardstick.{database.name}.rows", ROWS * _rounds_per_second(lambda: insert(ROWS), seconds), "rows/s")


class Insertion:
    """Inserts rows with one statement and one commit."""

    def __init__(self, execute: Callable[[str], object]) -> None:
        self._execute = execute
        self._last = 0

    def __call__(self, count: int) -> None:
        rows = ", ".join(f"({self._last + index}, '{CONTENT}')" for index in range(1, count + 1))
        self._execute(f"INSERT INTO yardstick (id, content) VALUES {rows}")  # noqa: S608  our own words
        self._last += count


def _count() -> None:
    """Operations of the kind that applying webhooks is made of: dictionaries, strings, small objects."""
    words: dict[str, int] = {}
    for index in range(STEP):
        word = f"word-{index % 100}"
        words[word] = words.get(word, 0) + index


def _rounds_per_second(run: Callable[[], None], seconds: float) -> float:
    rounds, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        run()
        rounds += 1
    return rounds / spent
