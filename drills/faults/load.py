"""Several workers, an organization with nearly all of the load, and many deliveries."""

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from itertools import islice

from benchmarks.figures import say
from benchmarks.load import bodies
from drills.environment.numbers import ConnectedNumber
from drills.environment.services import Service
from drills.environment.site import Site
from drills.report import Result
from drills.traffic.deliveries import Delivery, delivery, mixed_deliveries, text_message
from drills.traffic.meta_sender import MetaSender
from drills.traffic.staff import Staff

RATE = 250
WORKERS = 3
SECONDS = 8.0
BACKLOG = 1_000
BUNDLE = 20
"""Messages in each delivery of the noisy organization."""
QUIET = 30
MAX_AGE = 5.0
"""Seconds from a quiet organization's delivery to its row, beside the backlog of another one."""
MAX_SHARE = 1 / 3
"""The same as a share of the time that the backlog takes, on a machine that is busy with other things."""


def workers(site: Site, result: Result) -> None:
    """Several workers on the same rows. None is applied or sent twice, and each worker has its share."""
    [number] = site.connect(bot="flow")
    contacts = site.open_conversations(number, 40)
    with ExitStack() as stack:
        for index in range(1, WORKERS):
            service = Service(partial(site.hub.worker, name=f"worker-{index}"))
            stack.callback(service.stop)
            service.start()
        with (
            MetaSender(site.port, mixed_deliveries(number.meta, seed=site.seed), rate=RATE) as sender,
            Staff(site.port, number, contacts, rate=5) as staff,
        ):
            time.sleep(SECONDS)
        site.check(result, [number], logs=[sender.log], answers=[staff.answers])
    result.note(
        f"{WORKERS} workers; {len(site.standin.sent(number.id))} messages sent, {len(staff.answers.written)} of them by staff"
    )


def noisy_organization(site: Site, result: Result) -> None:
    """One organization has 99 % of the load and a long backlog. The messages of another one do not wait for it."""
    noisy, quiet = site.connect(2)
    site.worker.stop()
    with MetaSender(site.port, islice(_bundles(noisy, site.seed), BACKLOG), connections=24) as sender:
        sender.finish(takes_all=True)
    due = site.due_webhooks()
    dice, ages = random.Random(site.seed), []
    site.start_worker()
    started_at = time.monotonic()
    for index in range(QUIET):
        id = bodies.wamid("quiet", index)
        one = text_message(quiet.meta, bodies.person(index), id, dice)
        with MetaSender(site.port, [one], connections=1) as sending:
            sending.finish(takes_all=True)
        left = site.due_webhooks()
        where = f"phone_number_id = '{quiet.id}' AND wamid = '{id}'"
        age = site.wait(partial(site.database.count, "chat_session_message", where=where), "a quiet message waits")
        if left:
            ages.append(age)
        result.add_log(sending.log)
    result.check(ages, "the backlog was gone before the first quiet message")
    site.wait_until_idle()
    seconds, longest = time.monotonic() - started_at, max(ages, default=0.0)
    result.check(longest < max(MAX_AGE, MAX_SHARE * seconds), f"a quiet message waited for {longest:.1f} s")
    result.note(
        f"beside {due} webhooks of {BUNDLE} messages, in {seconds:.0f} s, {len(ages)} quiet ones waited up to {longest:.2f} s"
    )
    site.check(result, [noisy, quiet], logs=[sender.log])


def many_deliveries(site: Site, result: Result) -> None:
    """The long form: many deliveries, as fast as they are acknowledged, while processes are killed at random moments."""
    [number] = site.connect()
    dice, amount = random.Random(site.seed), site.deliveries
    services = [site.web, site.worker, *([site.server.service] if site.server else [])]
    contacts = site.open_conversations(number, 50)
    with (
        MetaSender(
            site.port, islice(mixed_deliveries(number.meta, seed=site.seed, people=20_000), amount), connections=24
        ) as sender,
        Staff(site.port, number, contacts, rate=2) as staff,
    ):
        kills = 0
        while sender.is_running:
            time.sleep(dice.uniform(5, 40))
            service = dice.choice(services)
            service.kill()
            kills += 1
            time.sleep(dice.uniform(0, 3))
            service.start()
            say(f"{len(sender.log.acknowledged):,} of {amount:,} acknowledged, {kills} kills")
        sender.finish(takes_all=True)
    site.check(result, [number], logs=[sender.log], answers=[staff.answers], seconds=24 * 3600)
    result.note(f"{kills} kills of web processes, worker and database; attempts without a 200: {dict(sender.log.refusals)}")


def _bundles(number: ConnectedNumber, seed: int) -> Iterator[Delivery]:
    dice, now, index = random.Random(seed), int(time.time()), 0
    while True:
        ids = [bodies.wamid("noisy", index + place) for place in range(BUNDLE)]
        changes = [bodies.message(bodies.person(dice.randrange(2_000)), id, now, dice, number=number.meta) for id in ids]
        yield delivery(number.meta, bodies.webhook(changes, number=number.meta), messages=ids)
        index += BUNDLE
