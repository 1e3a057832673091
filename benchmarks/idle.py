"""What a hub costs that has nothing to do, and how soon it notices its first message.

Some numbers have messages that cannot be sent now: half of them are stopped until somebody mends something, half are held back by
Graph for an hour. The pauses of an idle worker have reached their longest a few seconds after the last thing that happened, so a
message after `GAP` seconds finds what one after ten minutes does; `--gap 600` measures that itself.
"""

import http.client
import time
from pathlib import Path

from benchmarks import bodies
from benchmarks.databases import Database, fetch
from benchmarks.figures import Failed, at_most, percentile, say, show
from benchmarks.hub import Hub
from benchmarks.processes import Process, Server

SETTLED_AFTER = 12.0
SECONDS = 60.0
NUMBERS = 10
"""Stopped, and as many held back."""
QUEUE = 20
"""Messages of each."""
FIRSTS = 25
GAP = 4.0
POLL = 0.002
PATIENCE = 30.0
QUERIES = "SHOW GLOBAL STATUS WHERE variable_name IN ('Questions', 'Com_admin_commands')"
"""The second counts the pings, by which Django checks a connection that it has kept."""


def stay_idle(database: Database, directory: Path, *, seconds: float, firsts: int, gap: float) -> None:
    """Processor time and queries of an idle hub for so many seconds, then so many first messages, `gap` seconds apart."""
    hub = Hub(database, directory, more={"META_GRAPH_URL": "http://127.0.0.1:9"})  # where nobody listens
    hub.prepare()
    for index in range(NUMBERS):
        for waits, prefix in (("stopped", "74"), ("held", "75")):
            hub.queue(f"{prefix}0000000{index:02}", "token", per_second=80, people=QUEUE, messages=QUEUE, waits=waits)
    if database.name != "sqlite":
        say(f"the database server answers {_queries(database, 3):.1f} queries a second of others: they count as the hub's")
    with hub.serve() as server:
        time.sleep(SETTLED_AFTER)
        say(f"idle on {database.name} for {seconds:g} s: {NUMBERS} numbers stopped, {NUMBERS} held back, no page open")
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
    """That the database's server answers in a second, pings too, for so many seconds. The hub's database may not be there yet."""
    with database.connect_to_server() as connection:
        before = _count(connection)
        time.sleep(seconds)
        return (_count(connection) - before - 1) / seconds  # this one


def _count(connection: object) -> int:
    return sum(int(value) for _, value in fetch(connection, QUERIES))


def _first_message(database: Database, server: Server, id: str, request: bytes, gap: float) -> float:
    """Seconds from sending it until its row is there."""
    time.sleep(gap)
    head, _, body = request.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    with database.connect() as connection:
        began = time.monotonic()
        if server.answer("POST", body, headers) != http.client.OK:
            raise Failed("a webhook was not acknowledged")
        query = f"SELECT 1 FROM chat_session_message WHERE wamid = '{id}'"  # noqa: S608  our own words
        while not fetch(connection, query):
            if time.monotonic() - began > PATIENCE:
                raise Failed("a message was acknowledged and is not in the table")
            time.sleep(POLL)
        return time.monotonic() - began
