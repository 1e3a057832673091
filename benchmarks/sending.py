"""How fast the outbox sends, how exactly it keeps a number's pace, and how long a message takes from a person's click to Graph.

Graph is the simulator's stand-in, a process of its own that takes a tenth of a second for each call, as Meta does. When a message
arrived there is read from its clock, which is the machine's monotonic one, like ours.
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

from benchmarks.databases import Database, fetch
from benchmarks.figures import Failed, at_least, at_most, percentile, say, show
from benchmarks.hub import Hub
from benchmarks.outbox_rows import ORGANIZATION
from benchmarks.processes import Server, free_port
from simulator.standin import RunningStandIn

LATENCY = 0.1
NUMBERS = 5
EACH = 3_000
FAST = 1_000
WARM_UP = 5.0
SECONDS = 20.0
PACE = 80
PACED = 2_400
CLICKS = 200
BETWEEN_CLICKS = 0.25
QUEUE = 100_000
PATIENCE = 30.0
CSRF = "a" * 32


@dataclass(frozen=True)
class Number:
    """A number of the hub's, which the stand-in knows too."""

    phone_number_id: str

    @property
    def token(self) -> str:
        return f"token-of-{self.phone_number_id}"


FASTS = [Number(f"7000000000{place}") for place in range(NUMBERS)]
SLOW, STAFFED, CROWDED = Number("71000000000"), Number("72000000000"), Number("73000000000")


def send_out(database: Database, directory: Path) -> None:
    """All figures, one after the other, each with a worker of its own beside whatever else it needs."""
    port = free_port()
    hub = Hub(database, directory, more={"META_GRAPH_URL": f"http://127.0.0.1:{port}"})
    hub.prepare()
    with _standin(hub, port) as meta:
        _measure_pace(hub, meta)
        _measure_rate(hub, meta)
        _measure_clicks(hub, meta)


@contextmanager
def _standin(hub: Hub, port: int) -> Iterator[RunningStandIn]:
    with hub.simulator(port), requests.Session() as session:
        session.trust_env = False
        meta = RunningStandIn(f"http://127.0.0.1:{port}", session)
        for number in (*FASTS, SLOW, STAFFED, CROWDED):
            _until_up(meta, number)
            meta.latency(number.phone_number_id, LATENCY)
        yield meta


def _until_up(meta: RunningStandIn, number: Number) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            meta.connect(
                number.phone_number_id,
                token=number.token,
                waba_id=f"9{number.phone_number_id}",
                throughput=FAST,  # that the pace is kept is the hub's business, and measured
                statuses=False,
            )
        except requests.ConnectionError:
            if time.monotonic() > until:
                raise Failed("the stand-in does not answer") from None
            time.sleep(0.2)
        else:
            return


def _measure_rate(hub: Hub, meta: RunningStandIn) -> None:
    say(f"{NUMBERS} numbers with {EACH} messages each, to as many people; Graph takes {LATENCY} s")
    for number in FASTS:
        hub.queue(number.phone_number_id, number.token, per_second=FAST, people=EACH, messages=EACH)
    with hub.worker("--lanes", "outbox"):
        time.sleep(WARM_UP + SECONDS)
    arrivals = sorted(at for number in FASTS for at in _arrivals(meta, number))
    if len(arrivals) == NUMBERS * EACH:
        say("  all were sent before the time was over: the rate is of what there was")
    began = arrivals[0] + WARM_UP
    measured = [at for at in arrivals if began <= at]
    show("sending.rate", (len(measured) - 1) / (measured[-1] - measured[0]), "1/s", goal=at_least(300))


def _measure_pace(hub: Hub, meta: RunningStandIn) -> None:
    say(f"{PACED} messages of a number that may send {PACE} a second")
    hub.queue(SLOW.phone_number_id, SLOW.token, per_second=PACE, people=PACED, messages=PACED)
    with hub.worker("--lanes", "outbox"):
        time.sleep(PACED / PACE + WARM_UP)
    arrivals = sorted(_arrivals(meta, SLOW))
    if len(arrivals) != PACED:
        raise Failed(f"{len(arrivals)} of {PACED} messages were sent")
    show("sending.pace", (len(arrivals) - 1) / (arrivals[-1] - arrivals[0]), "1/s", goal=at_most(PACE * 1.01))
    show("sending.pace_most_in_a_second", _most_within(arrivals, 1.0), "messages")


def _most_within(arrivals: Sequence[float], seconds: float) -> int:
    most = first = 0
    for last, at in enumerate(arrivals):
        while at - arrivals[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def _measure_clicks(hub: Hub, meta: RunningStandIn) -> None:
    hub.queue(STAFFED.phone_number_id, STAFFED.token, per_second=PACE, people=CLICKS, messages=0)
    with hub.web() as server, hub.worker():
        person = Person(hub, server)
        say(f"{CLICKS} answers of a person, the worker idle between them")
        delays = person.clicks(meta, STAFFED, CLICKS)
        show("sending.click_to_graph_p50", percentile(delays, 0.5), "s")
        show("sending.click_to_graph_p99", percentile(delays, 0.99), "s", goal=at_most(0.5))
        say(f"the same beside another number's queue of {QUEUE} messages")
        hub.queue(CROWDED.phone_number_id, CROWDED.token, per_second=PACE, people=QUEUE // 100, messages=QUEUE)
        time.sleep(WARM_UP)
        delays = person.clicks(meta, STAFFED, CLICKS // 4)
        show("sending.click_beside_a_queue_max", max(delays), "s", goal=at_most(2))


class Person:
    """Somebody who answers people in the inbox."""

    def __init__(self, hub: Hub, server: Server) -> None:
        session, self._organization = hub.member(ORGANIZATION).split()
        self._headers = {
            "Cookie": f"sessionid={session}; csrftoken={CSRF}",
            "X-CSRFToken": CSRF,
            "HX-Request": "true",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        with hub.database.connect() as connection:
            query = f"SELECT id FROM contacts WHERE create_for_phone_number = '{STAFFED.phone_number_id}' ORDER BY id"  # noqa: S608
            self._contacts = [row[0] for row in fetch(connection, query)]

    def clicks(self, meta: RunningStandIn, number: Number, count: int) -> list[float]:
        """Seconds from each click until the message is at Graph."""
        began = {}
        for contact in self._contacts[:count]:
            token = str(uuid.uuid4())
            began[token] = time.monotonic()
            self._answer(contact, token)
            time.sleep(BETWEEN_CLICKS)
        time.sleep(WARM_UP)
        arrived = {each["callback_data"]: each["monotonic"] for each in meta.sent(number.phone_number_id)}
        if missing := began.keys() - arrived.keys():
            raise Failed(f"{len(missing)} of {count} answers did not arrive")
        return [arrived[token] - at for token, at in began.items()]

    def _answer(self, contact: int, token: str) -> None:
        said = urllib.parse.urlencode({"text": "Bom dia", "token": token})
        self._connection.request("POST", f"/o/{self._organization}/inbox/{contact}/send/", said, self._headers)
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != 204:
            raise Failed(f"an answer got {answer.status}")


def _arrivals(meta: RunningStandIn, number: Number) -> list[float]:
    return [each["monotonic"] for each in meta.sent(number.phone_number_id)]
