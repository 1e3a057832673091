"""Measures how many turns of a flow one worker answers from a backlog, and the time from a tapped button to Graph."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from benchmarks.environment.databases import Database
from benchmarks.environment.hub import Hub
from benchmarks.environment.processes import Server, free_port
from benchmarks.figures import Failed, at_least, at_most, percentile, say, show
from benchmarks.load import bodies, constant_rate
from benchmarks.load.backlog import backlog
from benchmarks.measurements.sending import FAST_RATE, LATENCY, Number, connect
from simulator.standin import RunningStandIn

TURNS = 20_000
NUMBERS = [Number(f"7400000000{index}") for index in range(10)]
TAPS_PER_SECOND = 100
"""Two cores that also receive, send, run the load and the stand-in have no room for half of what `sending` measures."""
SECONDS = 20
WARM_UP = 5
CONNECTIONS = 16
TIMEOUT = 600.0
ARRIVAL_TIMEOUT = 30.0


def answer_customers(database: Database, directory: Path, *, taps_per_second: int = TAPS_PER_SECOND) -> None:
    """Measures the turns, then the taps, on the same database."""
    port = free_port()
    hub = Hub(database, directory, more={"META_GRAPH_URL": f"http://127.0.0.1:{port}"})
    hub.prepare()
    hub.add_bots([number.phone_number_id for number in NUMBERS], per_second=FAST_RATE)
    _measure_turns(hub)
    with hub.simulator(port), requests.Session() as session:
        session.trust_env = False
        meta = RunningStandIn(f"http://127.0.0.1:{port}", session)
        for number in NUMBERS:
            connect(meta, number, app_secret=bodies.NUMBER.app_secret)
            meta.latency(number.phone_number_id, LATENCY)
        _measure_taps(hub, meta, taps_per_second)


def _measure_turns(hub: Hub) -> None:
    expected = backlog(TURNS)
    _receive(hub, expected.webhooks)
    say(f"one worker applies {expected.totals.items:,} items without bots")
    items = expected.totals.items / _seconds_of_worker(hub, "webhooks")
    show(f"bots.{hub.database.name}.items_per_second", items, "items/s")
    now = int(time.time())
    _receive(hub, [text_webhook(index, now) for index in range(TURNS)])
    _seconds_of_worker(hub, "webhooks")
    _make_recent(hub)
    say(f"one worker answers {TURNS:,} turns")
    turns = TURNS / _seconds_of_worker(hub, "bots")
    answered = hub.database.count("chat_session_message", where="origin = 'bot'")
    if answered != TURNS:
        raise Failed(f"{answered:,} of {TURNS:,} customers have an answer")
    show(f"bots.{hub.database.name}.turns_per_second", turns, "turns/s")
    show(f"bots.{hub.database.name}.ratio", turns / items, "ratio", vs="items of the backlog", goal=at_least(0.5))


def _make_recent(hub: Hub) -> None:
    """Turns that waited for longer than the hub answers are answered all the same: the load comes in minutes before."""
    with hub.database.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("UPDATE chat_bot_turn_message SET is_late = 0")
        connection.commit()


def _measure_taps(hub: Hub, meta: RunningStandIn, rate: int) -> None:
    say(f"{rate} tapped buttons a second over {len(NUMBERS)} numbers; Graph takes {LATENCY} s")
    drop_queued_messages(hub)
    with hub.web() as server, hub.worker():
        delays = tap_delays(server, meta, rate=rate, warm_up=WARM_UP, seconds=SECONDS)
    show("bots.tap_to_graph_p50", percentile(delays, 0.5), "s")
    show("bots.tap_to_graph_p99", percentile(delays, 0.99), "s", goal=at_most(0.3))


def drop_queued_messages(hub: Hub) -> None:
    """Messages of an earlier measurement are not sent any more."""
    with hub.database.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("DELETE FROM chat_outgoing")
        cursor.execute("UPDATE chat_turn SET state = 'done'")
        connection.commit()


def tap_delays(server: Server, meta: RunningStandIn, *, rate: int, warm_up: float, seconds: float, first: int = 0) -> list[float]:
    """Lets customers from the index `first` on tap a button, while a worker runs. Returns the seconds from each tap after the
    warm-up to Graph. Failed if one has no answer."""
    count = round(rate * (warm_up + seconds))
    people = range(first, first + count)
    now = int(time.time())
    outcome = constant_rate.offer(
        server, [bodies.request(_tap(index, now + (index - first) // rate)) for index in people], rate=rate, connections=CONNECTIONS
    )
    tapped = [bodies.person(index).wa_id for index in people]
    until = time.monotonic() + ARRIVAL_TIMEOUT
    while missing := set(tapped) - (arrived := _arrivals(meta)).keys():
        if time.monotonic() > until:
            raise Failed(f"{len(missing):,} of {count:,} taps have no answer at Graph")
        time.sleep(1)
    return [arrived[wa_id] - at for wa_id, at in zip(tapped, outcome.scheduled, strict=True)][round(rate * warm_up) :]


def _arrivals(meta: RunningStandIn) -> dict[str, float]:
    """Returns when the latest message of each customer arrived at Graph."""
    return {each["customer"]: each["monotonic"] for number in NUMBERS for each in meta.sent(number.phone_number_id)}


def _receive(hub: Hub, webhooks: Sequence[bytes]) -> None:
    with hub.web() as server:
        post(server, webhooks)


def post(server: Server, webhooks: Sequence[bytes]) -> None:
    """Posts webhooks as fast as the hub receives a backlog."""
    constant_rate.offer(server, [bodies.request(body) for body in webhooks], rate=1_500, connections=CONNECTIONS)


def begin_flows(hub: Hub, count: int) -> None:
    """Lets so many customers write, who all get the menu of the flow, without sending it."""
    now = int(time.time())
    _receive(hub, [text_webhook(index, now) for index in range(count)])
    _seconds_of_worker(hub, "webhooks")
    _make_recent(hub)
    _seconds_of_worker(hub, "bots")
    drop_queued_messages(hub)


def _seconds_of_worker(hub: Hub, lane: str) -> float:
    started = time.monotonic()
    with hub.worker("--once", "--lanes", lane) as worker:
        if worker.child.wait(TIMEOUT):
            raise worker.failure("failed")
    return time.monotonic() - started


def text_webhook(index: int, at: int, number: Number | None = None) -> bytes:
    """Returns a webhook with the text of a new customer, to one of `NUMBERS` unless another is given."""
    return _webhook(
        index,
        number or _number(index),
        {"id": bodies.wamid("turn", index), "timestamp": str(at), "type": "text", "text": {"body": "oi"}},
    )


def _tap(index: int, at: int) -> bytes:
    """Returns a webhook in which the customer of `text_webhook` with the same index taps a button of the menu."""
    reply = {"type": "button_reply", "button_reply": {"id": "prices", "title": "Preços"}}
    return _webhook(
        index, _number(index), {"id": bodies.wamid("tap", index), "timestamp": str(at), "type": "interactive", "interactive": reply}
    )


def _number(index: int) -> Number:
    return NUMBERS[index % len(NUMBERS)]


def _webhook(index: int, number: Number, content: dict[str, Any]) -> bytes:
    customer = bodies.person(index)
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "556133214400", "phone_number_id": number.phone_number_id},
        "contacts": [{"profile": {"name": customer.name}, "wa_id": customer.wa_id}],
        "messages": [{"from": customer.wa_id, **content}],
    }
    entry = {"id": bodies.NUMBER.waba_id, "changes": [{"field": "messages", "value": value}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}, separators=(",", ":")).encode()
