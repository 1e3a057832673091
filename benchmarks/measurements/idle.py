"""Load of an idle hub, and how soon it applies the first message.

Some numbers have messages that cannot be sent now: half of the numbers are stopped, and half are paused for an hour. The pauses of
an idle worker reach their maximum a few seconds after its last work. So a message after `GAP` seconds is as good a test as one
after ten minutes; `--gap 600` measures that one.
"""

import http.client
import time
from pathlib import Path

from benchmarks.environment.databases import Database, fetch
from benchmarks.environment.hub import Hub
from benchmarks.environment.processes import Process, Server
from benchmarks.figures import Failed, at_most, percentile, say, show
from benchmarks.load import bodies

SETTLED_AFTER = 12.0
SECONDS = 60.0
NUMBERS = 10
"""Stopped numbers, and as many paused ones."""
QUEUE = 20
"""Queued messages of each number."""
FIRSTS = 25
GAP = 4.0
POLL_SECONDS = 0.002
TIMEOUT = 30.0
QUERIES = "SHOW GLOBAL STATUS WHERE variable_name IN ('Questions', 'Com_admin_commands')"
"""The second one counts the pings with which Django checks a persistent connection."""


def stay_idle(database: Database, directory: Path, *, seconds: float, firsts: int, gap: float) -> None:
    """Measures processor time and queries of an idle hub for `seconds`, and then `firsts` messages with `gap` seconds between
    them."""
    hub = Hub(database, directory, more={"META_GRAPH_URL": "http://127.0.0.1:9"})  # no server listens there
    hub.prepare()
    for index in range(NUMBERS):
        for waits, prefix in (("stopped", "74"), ("held", "75")):
            hub.queue(f"{prefix}0000000{index:02}", "token", per_second=80, people=QUEUE, messages=QUEUE, waits=waits)
    if database.name != "sqlite":
        say(f"other programs make {_queries(database, 3):.1f} queries a second: they are counted as queries of the hub")
    with hub.serve() as server:
        time.sleep(SETTLED_AFTER)
        say(f"idle on {database.name} for {seconds:g} s: {NUMBERS} numbers stopped, {NUMBERS} paused, no page open")
        _measure_idleness(database, server.process, seconds)
        say(f"{firsts} messages, the hub idle for {gap:g} s before each")
        delays = [_first_message(database, server, *each, gap) for each in bodies.message_requests(firsts, per_second=1)]
    show(f"idle.{database.name}.first_message_p50", percentile(delays, 0.5), "s")
    show(f"idle.{database.name}.first_message_p99", percentile(delays, 0.99), "s", goal=at_most(0.15))


def _measure_idleness(database: Database, process: Process, seconds: float) -> None:
    before = process.processor_seconds()
    if database.name == "sqlite":
        time.sleep(seconds)
    else:
        show(f"idle.{database.name}.queries", _queries(database, seconds), "1/s", goal=at_most(5))
    after = process.processor_seconds()
    if before.keys() != after.keys():
        raise process.failure("has started a process again")
    shares = {name: 100 * (after[name] - before[name]) / seconds for name in before}
    say(f"  {', '.join(f'{name} {share:.2f} %' for name, share in shares.items())}")
    show(f"idle.{database.name}.processor", sum(shares.values()), "% of a core", goal=at_most(1))


def _queries(database: Database, seconds: float) -> float:
    """Returns the queries and pings a second of the database server, over `seconds`. The hub's database need not exist yet."""
    with database.connect_to_server() as connection:
        before = _count(connection)
        time.sleep(seconds)
        return (_count(connection) - before - 1) / seconds  # without this query


def _count(connection: object) -> int:
    return sum(int(value) for _, value in fetch(connection, QUERIES))


def _first_message(database: Database, server: Server, id: str, request: bytes, gap: float) -> float:
    """Returns the seconds from sending the message until its row exists."""
    time.sleep(gap)
    head, _, body = request.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    with database.connect() as connection:
        began = time.monotonic()
        if server.answer("POST", body, headers) != http.client.OK:
            raise Failed("a webhook was not acknowledged")
        number = bodies.NUMBER.phone_number_id  # without it, the query would read the whole table
        query = f"SELECT 1 FROM chat_session_message WHERE phone_number_id = '{number}' AND wamid = '{id}'"  # noqa: S608  our own ids
        while not fetch(connection, query):
            if time.monotonic() - began > TIMEOUT:
                raise Failed("a message was acknowledged and is not in the table")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - began
