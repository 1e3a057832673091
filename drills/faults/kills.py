"""Processes of the hub are killed while webhooks arrive and staff answer."""

import os
import random
import signal
import time

from drills.environment.numbers import connect_at_standin
from drills.environment.site import Site
from drills.report import Result
from drills.traffic.deliveries import answer_statuses, mixed_deliveries
from drills.traffic.meta_sender import MetaSender
from drills.traffic.staff import Staff

RATE = 150
"""Deliveries a second."""
ANSWERS_PER_SECOND = 4
KILLS = 6


def kill_web(site: Site, result: Result) -> None:
    """Each web process is killed, and then their master, which is started again at once, as an operator's system does it."""
    [number] = site.connect()
    dice = random.Random(site.seed)
    contacts = site.open_conversations(number, 20)
    with (
        MetaSender(site.port, mixed_deliveries(number.meta, seed=site.seed), rate=RATE) as sender,
        Staff(site.port, number, contacts, rate=ANSWERS_PER_SECOND) as staff,
    ):
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.3, 1.0))
            os.kill(dice.choice(site.web.process.child_pids()), signal.SIGKILL)
        time.sleep(1)
        site.web.kill()
        site.web.start()
        time.sleep(2)
    result.check(sender.log.refusals, "no delivery failed, so nothing was killed in the middle of one")
    result.note(f"{KILLS} web processes and their master were killed; attempts without a response: {sender.log.refusals[0]}")
    site.check(result, [number], logs=[sender.log], answers=[staff.answers])


def kill_worker(site: Site, result: Result) -> None:
    """The worker is killed at random moments while it applies webhooks and sends messages, and started again."""
    [number] = site.connect()
    dice = random.Random(site.seed + 1)
    contacts = site.open_conversations(number, 40)
    kills = 20 if site.is_long else KILLS
    with (
        MetaSender(site.port, mixed_deliveries(number.meta, seed=site.seed), rate=2 * RATE) as sender,
        Staff(site.port, number, contacts, rate=ANSWERS_PER_SECOND) as staff,
    ):
        for _ in range(kills):
            time.sleep(dice.uniform(0.5, 1.5))
            site.worker.kill()
            site.end_leases()
            site.start_worker()
    site.check(result, [number], logs=[sender.log], answers=[staff.answers])
    result.note(f"the worker was killed {kills} times")


def kill_while_sending(site: Site, result: Result) -> None:
    """The worker is killed after Graph has accepted messages and before it has responded. They become uncertain, are not sent
    again, and their statuses settle them."""
    [number] = site.connect()
    contacts = site.open_conversations(number, 5)
    connect_at_standin(site.standin, number.meta, statuses=False)
    site.standin.fault(number.id, "no_answer")
    staff = Staff(site.port, number, contacts, rate=ANSWERS_PER_SECOND)
    tokens = [staff.write(contact) for contact in contacts]
    site.wait(lambda: len(site.standin.sent(number.id)) == len(tokens), "Graph has not got the messages")
    site.worker.kill()
    site.standin.clear_faults(number.id)
    site.end_leases()
    site.worker.start()
    site.check(result, [number], answers=[staff.answers])
    where = f"phone_number_id = '{number.id}' AND message_status = 'uncertain'"
    uncertain = site.database.count("chat_session_message", where=where)
    result.check(uncertain == len(tokens), f"{uncertain} of {len(tokens)} messages are uncertain")
    statuses = [each for sent in site.standin.sent(number.id) for each in answer_statuses(number.meta, sent)]
    with MetaSender(site.port, statuses) as sender:
        sender.finish(takes_all=True)
    site.check(result, [number], logs=[sender.log], answers=[])
    left = site.database.count("chat_session_message", where=where)
    result.check(not left, f"{left} messages are uncertain although their statuses have arrived")
    result.note(f"{len(tokens)} messages were accepted by Graph when the worker was killed: uncertain, then settled by statuses")
