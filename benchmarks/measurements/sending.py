"""Measures the rate of the outbox, how exactly it keeps a number's rate limit, and the time from a click to Graph.

Graph is the simulator's stand-in, a process of its own that takes a tenth of a second for each call, as Meta does. It records when
a message arrived, by the monotonic clock of the machine, which this process reads too.
"""

import http.client
import time
import urllib.parse
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.environment.databases import Database, fetch
from benchmarks.environment.hub import Hub
from benchmarks.environment.outbox_rows import ORGANIZATION
from benchmarks.environment.processes import LOOPBACK, Server, free_port
from benchmarks.figures import Failed, at_least, at_most, percentile, say, show
from simulator.standin import RunningStandIn

LATENCY = 0.1
NUMBERS = 5
MESSAGES_PER_NUMBER = 3_000
FAST_RATE = 1_000
"""Messages a second."""
WARM_UP = 5.0
MEASURED_SECONDS = 20.0
RATE_LIMIT = 80
"""Messages a second."""
LIMITED_MESSAGES = 2_400
CLICKS = 200
CLICK_INTERVAL = 0.25
OTHER_QUEUE = 100_000
TIMEOUT = 30.0
CSRF = "a" * 32


@dataclass(frozen=True)
class Number:
    """A number of the hub and of the stand-in."""

    phone_number_id: str

    @property
    def token(self) -> str:
        return f"token-of-{self.phone_number_id}"


FAST_NUMBERS = [Number(f"7000000000{index}") for index in range(NUMBERS)]
LIMITED, STAFFED, CROWDED = Number("71000000000"), Number("72000000000"), Number("73000000000")


def send_out(database: Database, directory: Path) -> None:
    """Measures all figures, one after the other, each with a worker of its own."""
    port = free_port()
    hub = Hub(database, directory, more={"META_GRAPH_URL": f"http://127.0.0.1:{port}"})
    hub.prepare()
    with stand_in(hub, port) as meta:
        _measure_rate_limit(hub, meta)
        show("sending.rate", measure_rate(hub, meta), "1/s", goal=at_least(300))
        _measure_clicks(hub, meta)


@contextmanager
def stand_in(hub: Hub, port: int, *, address: str = LOOPBACK) -> Iterator[RunningStandIn]:
    """Runs the stand-in, with the numbers of this measurement."""
    with hub.simulator(port, address=address), requests.Session() as session:
        session.trust_env = False
        meta = RunningStandIn(f"http://{address}:{port}", session)
        for number in (*FAST_NUMBERS, LIMITED, STAFFED, CROWDED):
            connect(meta, number)
            meta.latency(number.phone_number_id, LATENCY)
        yield meta


def connect(meta: RunningStandIn, number: Number, **columns: str) -> None:
    """Connects the number at the stand-in, as soon as the stand-in answers."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            meta.connect(
                number.phone_number_id,
                token=number.token,
                waba_id=f"9{number.phone_number_id}",
                throughput=FAST_RATE,  # the hub must keep the rate limit, not the stand-in
                statuses=False,
                **columns,
            )
        except requests.ConnectionError:
            if time.monotonic() > deadline:
                raise Failed("the stand-in does not answer") from None
            time.sleep(0.2)
        else:
            return


def measure_rate(hub: Hub, meta: RunningStandIn) -> float:
    """Returns how many messages a second one worker sends."""
    say(f"{NUMBERS} numbers with {MESSAGES_PER_NUMBER} messages each, to as many people; Graph takes {LATENCY} s")
    for number in FAST_NUMBERS:
        hub.queue(
            number.phone_number_id, number.token, per_second=FAST_RATE, people=MESSAGES_PER_NUMBER, messages=MESSAGES_PER_NUMBER
        )
    with hub.worker("--lanes", "outbox"):
        time.sleep(WARM_UP + MEASURED_SECONDS)
    arrivals = sorted(at for number in FAST_NUMBERS for at in _arrivals(meta, number))
    if len(arrivals) == NUMBERS * MESSAGES_PER_NUMBER:
        say("  all messages were sent before the end: the rate is that of fewer seconds")
    started_at = arrivals[0] + WARM_UP
    measured = [at for at in arrivals if started_at <= at]
    return (len(measured) - 1) / (measured[-1] - measured[0])


def _measure_rate_limit(hub: Hub, meta: RunningStandIn) -> None:
    say(f"{LIMITED_MESSAGES} messages of a number that may send {RATE_LIMIT} a second")
    hub.queue(LIMITED.phone_number_id, LIMITED.token, per_second=RATE_LIMIT, people=LIMITED_MESSAGES, messages=LIMITED_MESSAGES)
    with hub.worker("--lanes", "outbox"):
        time.sleep(LIMITED_MESSAGES / RATE_LIMIT + WARM_UP)
    arrivals = sorted(_arrivals(meta, LIMITED))
    if len(arrivals) != LIMITED_MESSAGES:
        raise Failed(f"{len(arrivals)} of {LIMITED_MESSAGES} messages were sent")
    show("sending.pace", (len(arrivals) - 1) / (arrivals[-1] - arrivals[0]), "1/s", goal=at_most(RATE_LIMIT * 1.01))
    show("sending.pace_most_in_a_second", _max_within(arrivals, 1.0), "messages")


def _max_within(arrivals: Sequence[float], seconds: float) -> int:
    """Returns the largest number of arrivals in any interval of this length."""
    largest = first = 0
    for last, at in enumerate(arrivals):
        while at - arrivals[first] >= seconds:
            first += 1
        largest = max(largest, last - first + 1)
    return largest


def _measure_clicks(hub: Hub, meta: RunningStandIn) -> None:
    hub.queue(STAFFED.phone_number_id, STAFFED.token, per_second=RATE_LIMIT, people=CLICKS, messages=0)
    with hub.web() as server, hub.worker():
        member = InboxMember(hub, server)
        time.sleep(WARM_UP)  # until the worker has started
        say(f"{CLICKS} answers of a member, with an idle worker in between")
        delays = member.click_delays(meta, STAFFED, CLICKS)
        show("sending.click_to_graph_p50", percentile(delays, 0.5), "s")
        show("sending.click_to_graph_p99", percentile(delays, 0.99), "s", goal=at_most(0.5))
        say(f"the same next to another number's queue of {OTHER_QUEUE} messages")
        hub.queue(CROWDED.phone_number_id, CROWDED.token, per_second=RATE_LIMIT, people=OTHER_QUEUE // 100, messages=OTHER_QUEUE)
        time.sleep(WARM_UP)
        delays = member.click_delays(meta, STAFFED, CLICKS // 4)
        show("sending.click_beside_a_queue_max", max(delays), "s", goal=at_most(2))


class InboxMember:
    """A member who answers customers in the inbox."""

    def __init__(self, hub: Hub, server: Server) -> None:
        session, self._organization = hub.member(ORGANIZATION).split()
        self._headers = {
            "Cookie": f"sessionid={session}; csrftoken={CSRF}",
            "X-CSRFToken": CSRF,
            "HX-Request": "true",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
        with hub.database.connect() as connection:
            query = f"SELECT id FROM contacts WHERE create_for_phone_number = '{STAFFED.phone_number_id}' ORDER BY id"  # noqa: S608
            self._contact_ids = [row[0] for row in fetch(connection, query)]

    def click_delays(self, meta: RunningStandIn, number: Number, count: int) -> list[float]:
        """Returns the seconds from each of `count` clicks until its message has arrived at Graph."""
        clicked_at = {}
        for contact_id in self._contact_ids[:count]:
            token = str(uuid.uuid4())
            clicked_at[token] = time.monotonic()
            self._answer(contact_id, token)
            time.sleep(CLICK_INTERVAL)
        time.sleep(WARM_UP)
        arrived_at = {each["callback_data"]: each["monotonic"] for each in meta.sent(number.phone_number_id)}
        if missing := clicked_at.keys() - arrived_at.keys():
            raise Failed(f"{len(missing)} of {count} answers did not arrive")
        return [arrived_at[token] - at for token, at in clicked_at.items()]

    def _answer(self, contact_id: int, token: str) -> None:
        form = urllib.parse.urlencode({"text": "Bom dia", "token": token})
        self._connection.request("POST", f"/o/{self._organization}/inbox/{contact_id}/send/", form, self._headers)
        response = self._connection.getresponse()
        response.read()
        if response.status != 204:
            raise Failed(f"an answer got {response.status}")


def _arrivals(meta: RunningStandIn, number: Number) -> list[float]:
    return [each["monotonic"] for each in meta.sent(number.phone_number_id)]
