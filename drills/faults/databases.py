"""The database server ends, refuses, or is held up by others."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from benchmarks.environment.databases import fetch
from benchmarks.load import bodies
from drills.environment.site import Site
from drills.faults.kills import ANSWERS_PER_SECOND, RATE
from drills.report import Result
from drills.traffic.deliveries import mixed_deliveries, text_message
from drills.traffic.meta_sender import MetaSender
from drills.traffic.staff import Staff

OUTAGE = 4.0
"""Seconds."""
MAX_RESPONSE_SECONDS = 5.0
"""In which a webhook gets its 503."""
MEETINGS = 10
"""Contacts that others lock while the worker changes them."""
HOLD_SECONDS = 3.0
"""Longer than the server lets a statement wait for a lock (`innodb_lock_wait_timeout` of the site's server)."""
CONNECTION_KILLS = 12


def kill_database(site: Site, result: Result) -> None:
    """The database server is killed under load, and comes back. Webhooks get 503 meanwhile, and soon."""
    assert site.server
    [number] = site.connect()
    contacts = site.open_conversations(number, 20)
    with (
        MetaSender(site.port, mixed_deliveries(number.meta, seed=site.seed), rate=RATE) as sender,
        Staff(site.port, number, contacts, rate=ANSWERS_PER_SECOND) as staff,
    ):
        for _ in range(3 if site.is_long else 2):
            time.sleep(2)
            site.server.service.kill()
            probe = text_message(number.meta, bodies.person(1), bodies.wamid("probe", 1), random.Random(1))
            started_at = time.monotonic()
            status = site.post(probe.request)
            seconds = time.monotonic() - started_at
            result.check(status == 503, f"a webhook got {status} while the database was away")
            result.check(seconds < MAX_RESPONSE_SECONDS, f"a webhook got its response after {seconds:.1f} s")
            time.sleep(OUTAGE)
            site.server.service.start()
        time.sleep(2)
    result.note(f"while the server was away, {sender.log.refusals[503]} attempts got 503, and {sender.log.refusals[0]} nothing")
    site.check(result, [number], logs=[sender.log], answers=[staff.answers])


def contention(site: Site, result: Result) -> None:
    """Others lock rows in the opposite order and for longer than a statement may wait, and connections of the hub are ended."""
    [number] = site.connect()
    contacts = site.open_conversations(number, MEETINGS)
    disturb = _hold_sqlite if site.database.name == "sqlite" else _lock_contacts
    before = _deadlocks(site)
    with (
        _repeating(lambda: disturb(site, contacts)),
        MetaSender(site.port, _among(number, site.seed), rate=RATE) as sender,
        Staff(site.port, number, contacts, rate=ANSWERS_PER_SECOND) as staff,
    ):
        for _ in range(CONNECTION_KILLS):
            time.sleep(1)
            _kill_connection(site)
    if site.database.name != "sqlite":
        deadlocks = _deadlocks(site) - before
        result.check(deadlocks, "there was no deadlock")
        result.note(f"{deadlocks} deadlocks, {CONNECTION_KILLS} connections ended; refused attempts: {dict(sender.log.refusals)}")
    site.check(result, [number], logs=[sender.log], answers=[staff.answers])


def power_loss(site: Site, result: Result) -> None:
    """What a commit promises is on the disk: the settings of the hub's own connections. (A killed process proves nothing here.)"""
    if site.database.name == "sqlite":
        query, wanted = "SELECT journal_mode, synchronous FROM pragma_journal_mode, pragma_synchronous", "wal 2"
    else:
        query, wanted = "SELECT @@innodb_flush_log_at_trx_commit, @@innodb_doublewrite, @@autocommit", "1 1 1"
    code = f"from django.db import connection\nwith connection.cursor() as c:\n c.execute({query!r})\n print(*c.fetchone())"
    found = site.hub.manage("shell", "-v0", "-c", code).strip().replace("ON", "1")
    result.note(f"{query.removeprefix('SELECT ')} = {found}")
    result.check(found == wanted, f"{query} should give {wanted}, not {found}")


def _among(number: Any, seed: int) -> Iterator[Any]:
    """Yields texts of the people whose contacts others lock."""
    dice, index = random.Random(seed), 0
    while True:
        index += 1
        someone = bodies.person(1_000_000 + dice.randrange(MEETINGS))
        yield text_message(number.meta, someone, bodies.wamid("met", index), dice)


def _lock_contacts(site: Site, contacts: list[int]) -> None:
    """Locks contacts one by one, those with the highest ids first, as the hub never does; now and then for long."""
    dice = random.Random()
    with site.database.connect() as connection, suppress(Exception):
        cursor = connection.cursor()
        cursor.execute("START TRANSACTION")
        for pk in sorted(dice.sample(contacts, 4), reverse=True):
            cursor.execute(f"UPDATE contacts SET name = name, unread_at = unread_at WHERE id = {pk}")
            cursor.execute(f"SELECT id FROM chat_session_message WHERE contact_id = {pk} FOR UPDATE")
            time.sleep(0.02)
        time.sleep(HOLD_SECONDS if dice.random() < 0.05 else 0.02)
        cursor.execute("ROLLBACK")


def _hold_sqlite(site: Site, _contacts: list[int]) -> None:
    """Holds the only write lock."""
    with site.database.connect() as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(HOLD_SECONDS)
        connection.execute("ROLLBACK")
    time.sleep(HOLD_SECONDS)


def _kill_connection(site: Site) -> None:
    """Ends a random connection of the hub."""
    if site.database.name == "sqlite":
        return
    with site.database.connect() as connection:
        query = "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
        ids = [row[0] for row in fetch(connection, query)]
        with suppress(Exception):  # it has ended by itself
            connection.cursor().execute(f"KILL CONNECTION {random.choice(ids)}")


def _deadlocks(site: Site) -> int:
    if site.database.name == "sqlite":
        return 0
    return int(site.database.ask("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")[0][1])


@contextmanager
def _repeating(work: Callable[[], object]) -> Iterator[None]:
    """Does the work again and again in a thread."""
    stopping = threading.Event()

    def run() -> None:
        while not stopping.is_set():
            work()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
