"""Webhooks for drills: what Meta delivers, and what each delivery must lead to."""

import hashlib
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.load import bodies
from benchmarks.load.bodies import Change, Number, Person

STEPS = ("sent", "delivered", "read")
PEOPLE = 200
BUNDLE = 5
"""Messages in a body with several."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook: the whole signed request, the SHA-256 of its body, and the ids of what it contains."""

    request: bytes
    digest: str
    messages: tuple[str, ...] = ()
    statuses: tuple[tuple[str, str], ...] = ()
    """Message id and status."""


def delivery(number: Number, body: bytes, *, messages: Sequence[str] = (), statuses: Sequence[tuple[str, str]] = ()) -> Delivery:
    request = bodies.request(body, number=number)
    return Delivery(request, hashlib.sha256(body).hexdigest(), tuple(messages), tuple(statuses))


def text_message(number: Number, sender: Person, id: str, dice: random.Random, *, at: int | None = None) -> Delivery:
    """A customer's text, sent at `at` (unix seconds), by default now."""
    change = bodies.message(sender, id, int(time.time()) if at is None else at, dice, number=number)
    return delivery(number, bodies.webhook([change], number=number), messages=[id])


def mixed_deliveries(number: Number, *, seed: int, people: int = PEOPLE) -> Iterator[Delivery]:
    """Yields deliveries without an end: texts of customers, some of them bundled, and messages of the phone app with their three
    statuses, which come in reverse order and before their message."""
    dice = random.Random(seed)
    index = 0
    while True:
        index += 1
        someone = bodies.person(dice.randrange(people))
        kind = dice.random()
        if kind < 0.7:
            yield text_message(number, someone, bodies.wamid("customer", index), dice)
        elif kind < 0.85:
            yield _bundle(number, index, dice, people)
        else:
            yield from _echo_with_statuses(number, someone, bodies.wamid("echo", index), dice)


def _bundle(number: Number, index: int, dice: random.Random, people: int) -> Delivery:
    now = int(time.time())
    ids = [bodies.wamid(f"bundle{place}", index) for place in range(BUNDLE)]
    changes = [bodies.message(bodies.person(dice.randrange(people)), id, now, dice, number=number) for id in ids]
    return delivery(number, bodies.webhook(changes, number=number), messages=ids)


def _echo_with_statuses(number: Number, someone: Person, id: str, dice: random.Random) -> Iterator[Delivery]:
    now = int(time.time())
    for step in reversed(STEPS):
        yield _status(number, someone, id, now, step)
    echo: Change = bodies.echo(someone, id, now, dice, number=number)
    yield delivery(number, bodies.webhook([echo], number=number), messages=[id])


def _status(number: Number, someone: Person, id: str, at: int, step: str) -> Delivery:
    change = bodies.status(someone, id, at, step, number=number)
    return delivery(number, bodies.webhook([change], number=number), statuses=[(id, step)])


def answer_statuses(number: Number, sent: Mapping[str, Any], steps: Sequence[str] = STEPS) -> Iterator[Delivery]:
    """Yields statuses of an answer that Graph has accepted. `sent` is as the stand-in describes it."""
    receiver = Person(sent["customer"], "", "")
    for step in steps:
        change = bodies.status(receiver, sent["wamid"], int(time.time()), step, number=number)
        change["value"]["statuses"][0]["biz_opaque_callback_data"] = sent["callback_data"]
        del change["value"]["statuses"][0]["recipient_user_id"], change["value"]["contacts"]
        yield delivery(number, bodies.webhook([change], number=number), statuses=[(sent["wamid"], step)])
