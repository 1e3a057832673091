"""Measures the memory of a worker with 200 calls of a model in flight, and how much bots that hang delay the turns of flows.

The model and the webhook bot are those of the simulator's stand-in, a process of its own.
"""

import time
from collections.abc import Callable
from pathlib import Path

import requests

from benchmarks.environment.databases import Database
from benchmarks.environment.hub import Hub
from benchmarks.environment.processes import Process, Server, free_port
from benchmarks.figures import Failed, at_most, percentile, say, show
from benchmarks.load import bodies
from benchmarks.measurements.bots.flow_bots import NUMBERS, begin_flows, drop_queued_messages, post, tap_delays, text_webhook
from benchmarks.measurements.sending import FAST_RATE, LATENCY, Number, connect
from simulator.standin import RunningStandIn

CALLS = 200
"""Of a model, in flight at the same time."""
SLOW, HANGING_AI, HANGING_BOT = Number("75000000001"), Number("75000000002"), Number("75000000003")
MODEL = "simulated-slow-30"
TAPS_PER_SECOND = 50
WARM_UP = 3.0
SETTLED = 5.0
"""Seconds after which a worker that has nothing to do has imported what it needs."""
TIMEOUT = 120.0
PAUSE = 0.1
STRANGERS = 1_000_000
"""Index of the first customer of the remote bots."""
IN_FLIGHT = "state = 'due' AND lease_token IS NOT NULL"


def ask_remote_bots(
    database: Database, directory: Path, *, rounds: int, seconds: float, taps_per_second: int = TAPS_PER_SECOND
) -> None:
    """Measures the memory, then the delays, on the same database."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    hub = Hub(database, directory, more={"META_GRAPH_URL": url, "BOT_ALLOWED_ADDRESSES": f"127.0.0.1:{port}"})
    hub.prepare()
    hub.add_bots([number.phone_number_id for number in NUMBERS], per_second=FAST_RATE)
    hub.add_remote_bots(
        url,
        ais={SLOW.phone_number_id: MODEL, HANGING_AI.phone_number_id: "simulated-hang"},
        webhook_bots={HANGING_BOT.phone_number_id: "hang"},
    )
    with hub.simulator(port), requests.Session() as session:
        session.trust_env = False
        meta = RunningStandIn(url, session)
        for number in (*NUMBERS, SLOW, HANGING_AI, HANGING_BOT):
            connect(meta, number, app_secret=bodies.NUMBER.app_secret)
            meta.latency(number.phone_number_id, LATENCY)
        _measure_memory(hub)
        _measure_delays(hub, meta, rounds, seconds, taps_per_second)


def _measure_memory(hub: Hub) -> None:
    say(f"{CALLS} calls of a model that takes half a minute, in one worker")
    with hub.web() as server, hub.worker() as worker:
        time.sleep(SETTLED)
        before = _resident(worker)
        _write(server, CALLS, SLOW, first=STRANGERS)
        _wait_until(lambda: _in_flight(hub) >= CALLS, f"{CALLS} calls are not in flight")
        peak = _peak(hub, worker)
    answered = hub.database.ask(
        "SELECT COUNT(*), COUNT(DISTINCT contact_id) FROM chat_session_message WHERE origin = 'bot' AND NOT is_user_message"
    )
    if answered[0] != (CALLS, CALLS):
        raise Failed(f"{CALLS} customers should have one answer each: {answered[0]} answers and customers")
    show("remote_bots.worker_memory", before, "MB")
    show("remote_bots.memory_of_200_calls", peak - before, "MB", goal=at_most(150))


def _peak(hub: Hub, worker: Process) -> float:
    """Waits until all calls are answered, and returns the most memory of the worker meanwhile."""
    peak, until = _resident(worker), time.monotonic() + TIMEOUT
    while _in_flight(hub):
        if time.monotonic() > until:
            raise Failed("calls are not answered")
        time.sleep(PAUSE)
        peak = max(peak, _resident(worker))
    return peak


def _measure_delays(hub: Hub, meta: RunningStandIn, rounds: int, seconds: float, rate: int) -> None:
    count = round(rate * (WARM_UP + seconds))
    begin_flows(hub, (1 + 2 * rounds) * count)
    say(f"{rate} tapped buttons a second, without and with {2 * CALLS} requests to an AI and a webhook bot that hang")
    delays: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(1 + 2 * rounds):
        hangs = turn > 0 and turn % 2 == 0
        with hub.web() as server, hub.worker():
            if hangs:
                _hang(hub, server, first=STRANGERS + (turn + 1) * 2 * CALLS)
            measured = tap_delays(server, meta, rate=rate, warm_up=WARM_UP, seconds=seconds, first=turn * count)
            if hangs and (left := _in_flight(hub)) < 2 * CALLS:
                raise Failed(f"only {left} of {2 * CALLS} requests hung to the end")
        say(f"  {'with' if hangs else 'without'}: p99 {percentile(measured, 0.99):.3f} s")
        if turn > 0:  # the first worker also does what a new hub has to do once
            delays[hangs] += measured
        _forget_requests(hub)
    without, with_ = (percentile(delays[hangs], 0.99) for hangs in (False, True))
    show("remote_bots.tap_to_graph_p99_alone", without, "s")
    show("remote_bots.tap_to_graph_p99_beside_hanging", with_, "s")
    show("remote_bots.ratio", with_ / without, "ratio", vs="taps without bots that hang", goal=at_most(1.2))


def _hang(hub: Hub, server: Server, *, first: int) -> None:
    """Lets customers write to both bots that hang, and waits until all their requests are in flight."""
    _write(server, CALLS, HANGING_AI, first=first)
    _write(server, CALLS, HANGING_BOT, first=first + CALLS)
    _wait_until(lambda: _in_flight(hub) >= 2 * CALLS, f"{2 * CALLS} requests are not in flight")


def _write(server: Server, count: int, number: Number, *, first: int) -> None:
    now = int(time.time())
    post(server, [text_webhook(index, now, number) for index in range(first, first + count)])


def _in_flight(hub: Hub) -> int:
    return hub.database.count("bot_request", where=IN_FLIGHT)


def _forget_requests(hub: Hub) -> None:
    """Requests of one turn do not reach into the next one."""
    with hub.database.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("UPDATE bot_request SET state = 'done', outcome = 'failed', pending_contact_id = NULL, lease_token = NULL")
        cursor.execute("DELETE FROM bot_circuit")
        connection.commit()
    drop_queued_messages(hub)


def _resident(process: Process) -> float:
    """Returns the memory of a process (`VmRSS`), in millions of bytes."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6


def _wait_until(condition: Callable[[], bool], problem: str) -> None:
    until = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > until:
            raise Failed(problem)
        time.sleep(PAUSE)
