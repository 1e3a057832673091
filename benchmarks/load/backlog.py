"""What piles up while the worker is away: 50,000 items of three hours, most of them alone in their webhook."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.load import bodies
from benchmarks.load.bodies import Change

STEPS = ("sent", "delivered", "read")
PEOPLE = 5_000
SPAN = 3 * 3600


@dataclass(frozen=True)
class Totals:
    """What has to be in the tables once a backlog is applied."""

    webhooks: int
    items: int
    messages: int
    contacts: int
    status_events: int
    read_messages: int

    def __add__(self, other: "Totals") -> "Totals":
        """Those of two parts of one backlog, which are about the same people."""
        return Totals(
            self.webhooks + other.webhooks,
            self.items + other.items,
            self.messages + other.messages,
            max(self.contacts, other.contacts),
            self.status_events + other.status_events,
            self.read_messages + other.read_messages,
        )


@dataclass(frozen=True)
class Backlog:
    """Bodies in the order they came."""

    webhooks: list[bytes]
    totals: Totals


def backlog(items: int, *, late: bool = False, part: int = 0) -> Backlog:
    """60 % statuses and 40 % messages. Three in ten messages are the business's own, each later sent, delivered and read; the other
    statuses are of messages that the hub does not know. With `late`, half of the messages come after one that the same person's
    conversation has from the same second, or from up to an hour later. Parts have the same people and other messages."""
    statuses = items * 6 // 10 // len(STEPS) * len(STEPS)
    messages = items - statuses
    echoes = messages * 3 // 10
    dice = random.Random(9)  # noqa: S311  repeatable, not secret
    first = part * items
    timeline = sorted(_timeline(messages, echoes, statuses // len(STEPS), first, dice, late=late), key=lambda change: change[0])
    webhooks = list(_bundled([change for _, change in timeline], dice))
    return Backlog(webhooks, Totals(len(webhooks), items, messages, _people(messages), statuses, echoes))


def _people(messages: int) -> int:
    """Of whom each has two messages at least."""
    return min(PEOPLE, messages // 2)


def _timeline(
    messages: int, echoes: int, followed: int, first: int, dice: random.Random, *, late: bool
) -> Iterator[tuple[int, Change]]:
    """Changes, each with the time at which it comes. The ids of messages begin with number `first`."""
    start = int(time.time()) - SPAN - 120
    sent: dict[int, int] = {}
    people = _people(messages)
    for index in range(messages):
        someone, at = bodies.person(index % people), start + dice.randrange(SPAN)
        comes = at
        if late and index // people % 2:
            at = sent[index - people] - dice.choice((0, dice.randrange(1, 3600)))
            comes = sent[index - people] + dice.randrange(300, 1200)
        sent[index] = at
        if index < echoes:
            id = bodies.wamid("echo", first + index)
            yield comes, bodies.echo(someone, id, at, dice)
            yield from _statuses(someone, id, comes, dice)
        else:
            yield comes, bodies.message(someone, bodies.wamid("customer", first + index), at, dice)
    for index in range(followed - echoes):
        at = start + dice.randrange(SPAN)
        yield from _statuses(bodies.person(index % people), bodies.wamid("unknown", first + index), at, dice)


def _statuses(someone: bodies.Person, id: str, at: int, dice: random.Random) -> Iterator[tuple[int, Change]]:
    for step in STEPS:
        at += dice.randint(1, 30)
        yield at, bodies.status(someone, id, at, step)


def _bundled(changes: list[Change], dice: random.Random) -> Iterator[bytes]:
    """One webhook in ten contains two to five changes."""
    place = 0
    while place < len(changes):
        size = dice.randint(2, 5) if dice.random() < 0.1 else 1
        yield bodies.webhook(changes[place : place + size])
        place += size
