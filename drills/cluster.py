"""`script/cluster drill`: customers write and a program answers while nodes of a cluster are killed one after the other, and then
all at once. Two hubs share the cluster. They prefer different nodes, so two nodes are written all the time.

Reports what was acknowledged and not applied (lost), what was applied or sent more than once (doubled), and the longest pauses.
"""

import argparse
import base64
import http.client
import itertools
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import MySQLdb  # type: ignore[import-untyped]

from benchmarks.environment.databases import Database
from benchmarks.environment.hub import Hub
from benchmarks.environment.processes import ROOT
from benchmarks.figures import Failed, at_most, say, show
from benchmarks.load import bodies
from whatsapp_hub.cluster.hosts import Address, parse_hosts

CLUSTER = [str(ROOT / "script" / "cluster")]
NODES = (1, 2, 3)
PEOPLE = 50
SENDERS, WRITERS = 8, 4
TAKEN = (200, 201, 202)
TIMEOUT = 20.0
RETRY_SECONDS = 1.0
"""Meta waits longer. A shorter time makes more attempts during an outage."""
QUIET_SECONDS = 8.0
"""Seconds of load before each fault."""
SETTLE_SECONDS = 240.0


@dataclass
class Log:
    """What the traffic has seen. Each list and mapping is changed by one call at a time, which Python makes atomic."""

    taken: dict[str, float] = field(default_factory=dict)
    """Seconds from the first attempt until the hub took it, by message id or text."""
    times: list[float] = field(default_factory=list)
    """When something was taken, by `time.monotonic`."""
    refusals: Counter[str] = field(default_factory=Counter)

    def longest_pause(self, fault: "Fault") -> float:
        """Returns the longest time during the fault in which nothing was taken."""
        ordered = [fault.begins, *sorted(each for each in self.times if fault.begins < each < fault.ends), fault.ends]
        return max(after - before for before, after in itertools.pairwise(ordered))


@dataclass(frozen=True)
class Fault:
    """What was done to the cluster, and from when to when by `time.monotonic`. It ends a while after the nodes are back."""

    name: str
    begins: float
    ends: float


class Graph(ThreadingHTTPServer):
    """Accepts every message, and counts how often each text was sent."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), GraphRequest)
        self.sent: deque[str] = deque()


class GraphRequest(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Graph

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if body.get("type") == "text":
            self.server.sent.append(body["text"]["body"])
            self._respond({"messages": [{"id": f"wamid.{secrets.token_hex(20)}"}]})
        else:
            self._respond({"success": True})

    def do_GET(self) -> None:
        self._respond({"data": []})

    def _respond(self, content: dict[str, Any]) -> None:
        text = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


class Traffic:
    """Senders and writers in threads of their own. Each request goes to the hubs in turn, as a balancer would do it, and is
    repeated until it is taken."""

    def __init__(self, ports: list[int], api_key: str, *, rate: float) -> None:
        self.deliveries, self.answers = Log(), Log()
        self._ports = itertools.cycle(ports)
        self._api_key = api_key
        self._interval = 1 / rate
        self._ids = itertools.count()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._deliver, args=[index]) for index in range(SENDERS)]
        self._conversations: list[str] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        for each in self._threads:
            each.start()
        try:
            self._start_writers()
            yield
        finally:
            self._stopping.set()
            for each in self._threads:
                each.join()

    def _start_writers(self) -> None:
        until = time.monotonic() + SETTLE_SECONDS
        while len(self._conversations) < PEOPLE // 2:
            if time.monotonic() > until:
                raise Failed("the hub applies no messages")
            time.sleep(1)
            status, found = self._request("GET", "/api/v1/conversations/?limit=50", b"", self._headers)
            self._conversations = [each["id"] for each in found["results"]] if status == 200 else []
        writers = [threading.Thread(target=self._answer, args=[index]) for index in range(WRITERS)]
        self._threads += writers
        for each in writers:
            each.start()

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._api_key}", "Content-Type": "application/json"}

    def _deliver(self, sender: int) -> None:
        dice = random.Random(sender)
        while not self._stopping.wait(self._interval * SENDERS * dice.uniform(0.5, 1.5)):
            wamid = bodies.wamid("drill", next(self._ids))
            change = bodies.message(bodies.person(dice.randrange(PEOPLE)), wamid, int(time.time()), dice)
            head, _, body = bodies.request(bodies.webhook([change])).partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
            self._post_until_taken(self.deliveries, wamid, bodies.PATH, body, headers)

    def _answer(self, writer: int) -> None:
        dice = random.Random(100 + writer)
        while not self._stopping.wait(self._interval * WRITERS * 4 * dice.uniform(0.5, 1.5)):
            text = f"drill {secrets.token_hex(8)}"
            path = f"/api/v1/conversations/{dice.choice(self._conversations)}/messages/"
            body = json.dumps({"kind": "text", "body": text}).encode()
            headers = self._headers | {"Idempotency-Key": text}
            self._post_until_taken(self.answers, text, path, body, headers)

    def _post_until_taken(self, log: Log, name: str, path: str, body: bytes, headers: dict[str, str]) -> None:
        start = time.monotonic()
        while (status := self._request("POST", path, body, headers)[0]) not in TAKEN:
            log.refusals[str(status)] += 1
            if time.monotonic() - start > SETTLE_SECONDS:
                return
            time.sleep(RETRY_SECONDS)
        log.times.append(time.monotonic())
        log.taken[name] = time.monotonic() - start

    def _request(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
        """Returns the status, 0 without a response, and the content if it is JSON."""
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", next(self._ports), timeout=TIMEOUT)) as connection:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                content = response.read()
        except (OSError, http.client.HTTPException):
            return 0, None
        is_json = response.getheader("Content-Type", "").startswith("application/json")
        return response.status, json.loads(content) if is_json and content else None


def run_cluster(*words: str) -> None:
    ended = subprocess.run([*CLUSTER, *words], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise Failed(f"script/cluster {' '.join(words)} failed:\n{ended.stderr}")


def kill_nodes() -> list[Fault]:
    """Kills each node and starts it again, one after the other. Then kills all and starts them again."""
    time.sleep(QUIET_SECONDS)
    faults = [kill_and_start(f"node_{node}_killed", [node], ["start", str(node)]) for node in NODES]
    return [*faults, kill_and_start("all_killed", NODES, ["up"])]


def kill_and_start(name: str, nodes: Sequence[int], start: list[str]) -> Fault:
    begins = time.monotonic()
    for node in nodes:
        run_cluster("kill", str(node))
    say(name)
    if len(nodes) < len(NODES):  # the others go on
        time.sleep(QUIET_SECONDS)
    run_cluster(*start)
    say(f"{name}: started again")
    time.sleep(QUIET_SECONDS)
    return Fault(name, begins, time.monotonic())


@dataclass
class Cluster:
    """The cluster's URL, with a database that is dropped in the end."""

    url: str

    @property
    def nodes(self) -> list[Address]:
        return parse_hosts(urlsplit(self.url).netloc.rpartition("@")[2])

    def url_from(self, first: int, name: str) -> str:
        """Returns the URL of the database, with the nodes from this one on."""
        nodes = self.nodes[first - 1 :] + self.nodes[: first - 1]
        return f"mysql://hub:hub@{','.join(f'{each.host}:{each.port}' for each in nodes)}/{name}"

    @contextmanager
    def connect(self, database: str = "") -> Iterator[Any]:
        address = self.nodes[0]
        login = {"user": "hub", "password": "hub", "database": database, "autocommit": True}
        with (
            closing(MySQLdb.connect(host=address.host, port=address.port, **login)) as connection,
            closing(connection.cursor()) as cursor,
        ):
            yield cursor


def ask(cluster: Cluster, database: str, query: str) -> list[tuple[Any, ...]]:
    with cluster.connect(database) as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def wait_until_idle(cluster: Cluster, name: str) -> None:
    """Returns when everything is applied and sent. Raises Failed if that takes too long."""
    until = time.monotonic() + SETTLE_SECONDS
    queries = ("SELECT COUNT(*) FROM webhook WHERE state = 'due'", "SELECT COUNT(*) FROM chat_outgoing")
    while left := [int(ask(cluster, name, query)[0][0]) for query in queries]:
        if not any(left):
            return
        if time.monotonic() > until:
            raise Failed(f"{left[0]} webhooks are not applied and {left[1]} messages not sent after {SETTLE_SECONDS:.0f} s")
        time.sleep(1)


def report(cluster: Cluster, name: str, traffic: Traffic, sent: Sequence[str], faults: Sequence[Fault]) -> bool:
    """Prints the figures. Returns whether nothing was lost or doubled."""
    stored = Counter(row[0] for row in ask(cluster, name, "SELECT wamid FROM chat_session_message WHERE is_user_message = 1"))
    answers = Counter(sent)
    states = dict(ask(cluster, name, "SELECT content, message_status FROM chat_session_message WHERE is_user_message = 0"))
    uncertain = [text for text in traffic.answers.taken if states.get(text) == "uncertain"]
    people = "SELECT COUNT(*), COUNT(DISTINCT wa_id), SUM(unread_count) FROM contacts"
    contacts, distinct, unread = (int(each) for each in ask(cluster, name, people)[0])
    sessions = int(ask(cluster, name, "SELECT COUNT(DISTINCT session_id) FROM chat_session_message")[0][0])
    lost = [wamid for wamid in traffic.deliveries.taken if not stored[wamid]]
    unsent = [text for text in traffic.answers.taken if not answers[text] and text not in uncertain]
    wrong = {
        "lost": len(lost) + len(unsent),
        "doubled": sum(count - 1 for count in (*stored.values(), *answers.values())),
        "doubled_contacts": contacts - distinct,
        "doubled_sessions": sessions - contacts,
        "unread_wrong": abs(unread - len(stored)),
    }
    show("cluster.deliveries", len(traffic.deliveries.taken), "1")
    show("cluster.answers", len(traffic.answers.taken), "1")
    show("cluster.uncertain_answers", len(uncertain), "1")
    for what, count in wrong.items():
        show(f"cluster.{what}", count, "1", goal=at_most(0))
    for who, log in (("meta", traffic.deliveries), ("staff", traffic.answers)):
        show(f"cluster.{who}_longest_wait", max(log.taken.values(), default=0), "s")
        for fault in faults:
            show(f"cluster.{who}_pause.{fault.name}", log.longest_pause(fault), "s")
        say(f"refused to {who}: {dict(log.refusals)}")
    return not any(wrong.values())


def drill(cluster: Cluster, directory: Path, *, rate: float) -> bool:
    name = f"hub_drill_{secrets.token_hex(3)}"
    graph = Graph()
    threading.Thread(target=graph.serve_forever, daemon=True).start()
    more = {
        "META_GRAPH_URL": f"http://127.0.0.1:{graph.server_port}",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "WEB_CONCURRENCY": "1",
        "FIELD_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "VAR_DIR": str(directory / "hub-node1"),  # of both, as on one machine
        "API_REQUESTS_PER_MINUTE": "100000",
    }
    databases = [Database(f"node{first}", cluster.url_from(first, name), cluster.connect, cluster.connect) for first in (1, 2)]
    one, other = (Hub(database, directory, more=more) for database in databases)
    (directory / "hub-node2").mkdir()
    try:
        one.prepare()
        with ExitStack() as stack:
            ports = [stack.enter_context(hub.serve()).port for hub in (one, other)]
            traffic = Traffic(ports, one.api_key("Benchmark"), rate=rate)
            with traffic.running():
                faults = kill_nodes()
            wait_until_idle(cluster, name)
        return report(cluster, name, traffic, list(graph.sent), faults)
    finally:
        graph.shutdown()
        with cluster.connect() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="script/cluster drill", description=__doc__)
    parser.add_argument("--rate", type=float, default=20, help="webhooks a second; a quarter as many answers (20)")
    options = parser.parse_args()
    scratch = ROOT / "var" / "benchmarks"
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cluster-", dir=scratch) as directory:
        try:
            is_right = drill(Cluster(os.environ["CLUSTER_URL"]), Path(directory), rate=options.rate)
        except Failed as failure:
            sys.exit(f"cluster drill: {failure}")
    sys.exit(not is_right)


if __name__ == "__main__":
    main()
