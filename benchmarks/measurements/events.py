"""Measures how many events a second one worker delivers to one address, in the same run as how many messages it sends.

The address is the stand-in's, a process of its own that accepts every event. Events are written into the tables: half of the
conversations have one, the others three.
"""

import time
from pathlib import Path

from benchmarks.environment.databases import Database
from benchmarks.environment.hub import Hub
from benchmarks.environment.processes import free_port
from benchmarks.figures import Failed, at_least, say, show
from benchmarks.measurements.sending import WARM_UP, measure_rate, stand_in

EVENTS = 30_000
MEASURED_SECONDS = 15.0
PATH = "/events/example"
TICK = 0.5


def deliver_events(database: Database, directory: Path) -> None:
    """Measures the rate of the outbox, then that of the lane of events."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    hub = Hub(database, directory, more={"META_GRAPH_URL": url, "BOT_ALLOWED_ADDRESSES": f"127.0.0.1:{port}"})
    hub.prepare()
    with stand_in(hub, port) as meta:
        sent = measure_rate(hub, meta)
        hub.add_events(url + PATH, EVENTS)
        delivered = _measure_rate(hub)
    show("events.sending_rate", sent, "1/s")
    show("events.rate", delivered, "1/s")
    show("events.ratio", delivered / sent, "ratio", vs="messages that one worker sends in a second", goal=at_least(1.5))


def _measure_rate(hub: Hub) -> float:
    say(f"{EVENTS} events for one address, delivered by one worker")
    with hub.worker("--lanes", "events"):
        while not _delivered(hub):
            time.sleep(TICK)
        time.sleep(WARM_UP)
        before, started_at = _delivered(hub), time.monotonic()
        time.sleep(MEASURED_SECONDS)
        after, ended_at = _delivered(hub), time.monotonic()
    if after >= EVENTS:
        raise Failed("all events were delivered before the end: add more")
    return (after - before) / (ended_at - started_at)


def _delivered(hub: Hub) -> int:
    return hub.database.count("event_delivery", where="outcome = 'delivered'")
