"""The hub with its processes, its database and the stand-in for Meta, as drills find it: everything runs, nothing fails."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from benchmarks.environment.databases import Database
from benchmarks.environment.hub import Hub
from benchmarks.environment.processes import free_port
from benchmarks.figures import Failed
from benchmarks.load import bodies
from drills import checker
from drills.checker import Findings
from drills.environment.numbers import ConnectedNumber, connect_numbers
from drills.environment.servers import MariaDbServer
from drills.environment.services import Service
from drills.report import Result
from drills.traffic.deliveries import text_message
from drills.traffic.graph_proxy import GraphProxy, graph_proxy
from drills.traffic.meta_sender import Connection, DeliveryLog, MetaSender
from drills.traffic.staff import Answers
from simulator.standin import RunningStandIn

WEB_PROCESSES = 2
PATIENCE = 90.0
"""Seconds in which the hub has to finish its work after a drill."""
POLL = 0.1
SPARE_NUMBERS = {None: 12, "flow": 3}
"""So many numbers are connected together, because a process that connects them takes seconds to start."""
NOW = {"mariadb": "UTC_TIMESTAMP(6)", "sqlite": "STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')"}


@dataclass
class Site:
    """`server` is None on SQLite, or if the database is on a server that others use."""

    database: Database
    hub: Hub
    standin: RunningStandIn
    graph: GraphProxy
    web: Service
    worker: Service
    server: MariaDbServer | None = None
    seed: int = 0
    is_long: bool = False
    deliveries: int = 0
    """Of the long form."""
    directory: Path = field(default_factory=Path)
    bot_port: int = 0
    """Where bots may be called on this machine."""
    unused_numbers: dict[str | None, list[ConnectedNumber]] = field(default_factory=dict)
    """By their bot."""

    @property
    def port(self) -> int:
        return self.hub.port

    def start_worker(self) -> None:
        """Starts the worker, and waits until it works."""
        started = self._worker_starts()
        self.worker.start()
        self.wait(lambda: self._worker_starts() > started, "the worker does not start")

    def _worker_starts(self) -> int:
        log = self.hub.directory / "worker.log"
        return log.read_text().count("worker started") if log.exists() else 0

    @property
    def now(self) -> str:
        """The database's clock, as it stores times."""
        return NOW[self.database.name]

    def heal(self) -> None:
        """Starts what does not run, and ends faults of the network."""
        if self.server:
            self.server.service.start()
        self.web.start()
        self.worker.start()
        self.graph.heal()

    def post(self, request: bytes) -> int:
        """Returns the status that one request gets, 0 if there is no response."""

        async def exchange() -> int:
            connection = Connection(self.port)
            try:
                return await connection.post(request)
            finally:
                connection.close()

        return asyncio.run(exchange())

    # Numbers and conversations

    def connect(self, count: int = 1, *, bot: str | None = None) -> list[ConnectedNumber]:
        """Returns numbers that no drill has used. `bot`: None, "flow" or the URL of a webhook bot."""
        unused = self.unused_numbers.setdefault(bot, [])
        if len(unused) < count:
            unused += connect_numbers(self.hub, self.standin, [bot] * max(count, SPARE_NUMBERS.get(bot, 1)))
        return [unused.pop() for _ in range(count)]

    def open_conversations(self, number: ConnectedNumber, people: int, *, first: int = 1_000_000) -> list[int]:
        """People write to the number. Returns the ids of their contacts, who may be answered for a day."""
        dice, chosen = random.Random(first), [bodies.person(first + index) for index in range(people)]
        for each in chosen:
            self.standin.add_customer(number.id, name=each.name, wa_id=each.wa_id, user_id=each.bsuid, wrote_at=time.time())
        opened = [
            text_message(number.meta, each, bodies.wamid("opening", first + index), dice) for index, each in enumerate(chosen)
        ]
        with MetaSender(self.port, opened) as sender:
            sender.finish(takes_all=True)
        query = f"SELECT id FROM contacts WHERE create_for_phone_number = '{number.id}' ORDER BY id"
        self.wait(lambda: len(self.database.ask(query)) >= people, "the conversations are not open")
        return [row[0] for row in self.database.ask(query)]

    # Time

    def wait(self, is_so: Callable[[], object], otherwise: str, *, seconds: float = PATIENCE) -> float:
        """Waits until it is so, and returns how many seconds that took. Raises Failed if it never is."""
        started_at = time.monotonic()
        while not is_so():
            if time.monotonic() - started_at > seconds:
                raise Failed(f"{otherwise}, after {seconds:.0f} s")
            time.sleep(POLL)
        return time.monotonic() - started_at

    def wait_until_idle(self, *, seconds: float = PATIENCE) -> None:
        """Waits until every webhook is applied, no customer waits for a bot, and no message waits to be sent now."""
        self.wait(lambda: not self.due_webhooks(), "webhooks are due", seconds=seconds)
        self.wait(lambda: not self.database.count("chat_bot_turn"), "bots have not answered", seconds=seconds)
        self.wait(lambda: not self._sending(), "messages are being sent", seconds=seconds)

    def wait_until_sent(self, number: ConnectedNumber, count: int, otherwise: str) -> float:
        """Waits until Graph has accepted so many messages of the number, and returns how many seconds that took."""
        return self.wait(lambda: sum(self.sent_tokens(number).values()) >= count, otherwise)

    def wait_for_token(self, number: ConnectedNumber, token: str, otherwise: str) -> float:
        """Waits until Graph has accepted the message with this token."""
        return self.wait(lambda: token in self.sent_tokens(number), otherwise)

    def sent_tokens(self, number: ConnectedNumber) -> Counter[str]:
        """Returns how often Graph has accepted the message with each token."""
        return Counter(sent["callback_data"] for sent in self.standin.sent(number.id))

    def due_webhooks(self) -> int:
        return self.database.count("webhook", where="state = 'due'")

    def _sending(self) -> int:
        return self.database.count("chat_outgoing")

    def end_leases(self) -> None:
        """Lets the time of all leases pass, after their worker was killed. In the long form they end by themselves."""
        if self.is_long:
            return
        with self.database.connect() as connection:
            for table in ("webhook", "webhook_held_item", "chat_turn"):
                statement = f"UPDATE {table} SET due_at = {self.now} WHERE lease_token IS NOT NULL"
                connection.cursor().execute(statement)

    # Checks

    def last_webhook(self) -> int:
        return int(self.database.ask("SELECT COALESCE(MAX(id), 0) FROM webhook")[0][0])

    def check(
        self,
        result: Result,
        numbers: Sequence[ConnectedNumber],
        *,
        logs: Sequence[DeliveryLog] = (),
        answers: Sequence[Answers] = (),
        seconds: float = PATIENCE,
    ) -> None:
        """Waits until the hub is idle, and adds what it has lost or doubled to the result."""
        self.wait_until_idle(seconds=seconds)
        ids = [number.id for number in numbers]
        stored = checker.read_webhooks(self.database, ids)
        for log in logs:
            result.add_log(log)
            result.add_findings(checker.check_deliveries(log.acknowledged.values(), stored))
        for each in answers:
            result.add_answers(each)
        result.add_findings(self.check_answers(numbers, answers))

    def check_answers(self, numbers: Sequence[ConnectedNumber], answers: Sequence[Answers]) -> Findings:
        ids = [number.id for number in numbers]
        at_graph = sum((self.sent_tokens(number) for number in numbers), Counter[str]())
        written = [token for each in answers for token in each.written]
        return checker.check_answers(written, checker.read_answers(self.database, ids), at_graph)


@contextmanager
def running_site(
    database: Database,
    directory: Path,
    *,
    server: MariaDbServer | None = None,
    seed: int = 0,
    is_long: bool = False,
    deliveries: int = 0,
) -> Iterator[Site]:
    """Sets the hub up in the directory and starts its processes."""
    with ExitStack() as stack:
        standin_port = free_port()
        proxy = stack.enter_context(graph_proxy(standin_port))
        bot_port = free_port()
        more = {"META_GRAPH_URL": f"http://127.0.0.1:{proxy.port}", "BOT_ALLOWED_ADDRESSES": f"127.0.0.1:{bot_port}"}
        hub = Hub(database, directory, web_processes=WEB_PROCESSES, more=more)
        hub.prepare()
        session = stack.enter_context(requests.Session())
        session.trust_env = False
        stack.enter_context(hub.simulator(standin_port))
        standin = RunningStandIn(f"http://127.0.0.1:{standin_port}", session)
        site = Site(
            database=database,
            hub=hub,
            standin=standin,
            graph=proxy,
            web=Service(hub.web),
            worker=Service(hub.worker),
            server=server,
            seed=seed,
            is_long=is_long,
            deliveries=deliveries,
            directory=directory,
            bot_port=bot_port,
        )
        stack.callback(site.web.stop)
        stack.callback(site.worker.stop)
        site.heal()
        yield site
