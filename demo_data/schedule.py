"""The plan of demonstration data: who writes when. It needs a few bytes for each of millions of messages.

A message is a step of an episode: some messages of one contact and the business, minutes apart. An episode follows one of the
scripts, which are made once. The plan has only the contact, the script and the beginning of each episode. Episodes of a contact do
not overlap, so all messages of a contact have different times. Times are whole seconds since the plan's beginning, midnight (UTC)
of its first day.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random

from chats.models import Origin

DAY = 86_400
DAYS = 548
"""Eighteen months."""
LENGTHS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12)
LENGTH_ODDS = tuple(accumulate((10, 14, 16, 16, 13, 10, 8, 6, 4, 3)))
VARIANTS = 200
"""Scripts of each length."""
HOURS = tuple(accumulate((3, 2, 1, 0.5, 0.3, 0.2, 0.3, 0.5, 1, 2, 4, 8, 11, 12, 12, 11, 10, 11, 11, 11, 10, 8, 6, 5)))
"""Weights of the hours of the day in UTC, which is three hours ahead of most of Brazil."""
WEEKDAYS = (1.1, 1.05, 1, 1, 1.05, 0.6, 0.3)
STEP_BITS = 4
KEY_BITS = 36
NEVER = -(10**9)
BEGUN_BY_CUSTOMER, ANSWERED, ANSWERED_BACK = 0.82, 0.62, 0.6
"""Probabilities."""
QUOTED, REACTED = 0.02, 0.02


@dataclass(frozen=True, slots=True)
class Step:
    """One message of a script. It may quote the step before, or be a reaction to it."""

    offset: int
    from_customer: bool
    origin: str
    content_kind: str
    """“text”, “reaction”, or a key of `texts.MAKERS`."""
    quotes: bool = False

    @property
    def is_reaction(self) -> bool:
        return self.content_kind == "reaction"


Script = tuple[Step, ...]


def make_scripts(random: Random) -> list[Script]:
    """Returns `VARIANTS` scripts of each length, in the order of `LENGTHS`."""
    return [_script(random, length) for length in LENGTHS for _ in range(VARIANTS)]


def _script(random: Random, length: int) -> Script:
    begun_by_customer = random.random() < (BEGUN_BY_CUSTOMER if length > 1 else 0.5)
    steps = [Step(0, True, Origin.LIVE, _customers_kind(random)) if begun_by_customer else Step(0, False, *_opening(random))]
    while len(steps) < length:
        steps.append(_next_step(random, steps[-1]))
    return tuple(steps)


def _next_step(random: Random, before: Step) -> Step:
    from_customer = random.random() < (1 - ANSWERED if before.from_customer else ANSWERED_BACK)
    if not from_customer and before.from_customer and random.random() < 0.25:
        return Step(before.offset + random.randint(1, 4), False, *_instant_answer(random))
    offset = before.offset + _pause(random, same_side=from_customer == before.from_customer)
    if not from_customer:
        return Step(offset, False, *_answer(random), quotes=not before.is_reaction and random.random() < QUOTED)
    if not before.from_customer and before.content_kind == "buttons":
        return Step(offset, True, Origin.LIVE, "interactive", quotes=True)
    if not before.from_customer and random.random() < REACTED:
        return Step(offset, True, Origin.LIVE, "reaction")
    return Step(offset, True, Origin.LIVE, _customers_kind(random), not before.is_reaction and random.random() < QUOTED)


def _pause(random: Random, *, same_side: bool) -> int:
    """Returns the seconds until the next message: mostly minutes, sometimes hours, rarely a day."""
    luck = random.random()
    if luck < 0.03:
        return random.randint(4 * 3600, 20 * 3600)
    if luck < 0.12:
        return random.randint(1800, 3 * 3600)
    return random.randint(3, 60) if same_side else random.randint(15, 1500)


def _customers_kind(random: Random) -> str:
    kinds = ("text", "image", "audio", "document", "location", "contacts", "order")
    return random.choices(kinds, (84, 6, 6, 1.5, 1, 0.5, 1))[0]


def _opening(random: Random) -> tuple[str, str]:
    """Returns origin and content kind of the first message of an episode that the business begins."""
    return random.choice(((Origin.STAFF, "template"), (Origin.AUTOMATIC, "template"), (Origin.PHONE_APP, "text")))


def _instant_answer(random: Random) -> tuple[str, str]:
    """Returns origin and content kind of an answer within seconds. Only bots and automatic messages are so fast."""
    return random.choice(((Origin.BOT, "buttons"), (Origin.BOT, "text"), (Origin.AUTOMATIC, "text")))


def _answer(random: Random) -> tuple[str, str]:
    origin = random.choices((Origin.STAFF, Origin.PHONE_APP, Origin.BOT), (60, 30, 10))[0]
    return origin, random.choices(("text", "image", "document", "audio"), (92, 3, 4, 1))[0]


def next_session(expires: int, at: int, *, from_customer: bool) -> tuple[bool, int]:
    """Returns whether a message at `at` opens a session, and when the session then expires. These are the rules of
    `chats.conversations.sessions.session_rules` for messages in the order of time. `expires`: of the session before."""
    if at >= expires:
        return True, at + DAY
    return False, max(expires, at + DAY) if from_customer else expires


@dataclass(slots=True)
class ContactSummary:
    """What the messages of one contact mean for its row."""

    first: int | None = None
    customer: int | None = None
    business: int | None = None
    opened_by: int = -1
    """The key of the message that opened the latest session."""
    opened_by_customer: bool = False
    expires: int = NEVER
    unanswered: int = 0
    """The number of the customer's messages since the business last wrote, without reactions."""
    unanswered_from: int | None = None
    unanswered_until: int | None = None

    @property
    def last(self) -> int | None:
        return max((at for at in (self.customer, self.business) if at is not None), default=None)

    @property
    def waiting(self) -> int | None:
        """The time of the customer's last message, if the business has not written since."""
        return self.customer if self.customer == self.last else None

    def add(self, at: int, key: int, step: Step) -> None:
        if self.first is None:
            self.first = at
        begins, self.expires = next_session(self.expires, at, from_customer=step.from_customer)
        if begins:
            self.opened_by, self.opened_by_customer = key, step.from_customer
        if not step.from_customer:
            self.business, self.unanswered = at, 0
            return
        self.customer = at
        if not step.is_reaction:
            self.unanswered_from = at if not self.unanswered else self.unanswered_from
            self.unanswered, self.unanswered_until = self.unanswered + 1, at


class Plan:
    """All episodes. The key of a message consists of its episode and its step: `episode << STEP_BITS | index`."""

    def __init__(self, random: Random, now: datetime) -> None:
        self._random = random
        first_day = (now.astimezone(UTC) - timedelta(days=DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)
        self.beginning = first_day
        self.now = int((now - first_day).total_seconds())
        self._scripts = make_scripts(random)
        self._days = list(range(DAYS + 1))
        self._day_odds = list(accumulate((1 + 2 * day / DAYS) * WEEKDAYS[(first_day.weekday() + day) % 7] for day in self._days))
        self._contact, self._begins, self._script = array("I"), array("i"), array("H")
        self._of_day = [array("I") for _ in self._days]

    def add_contact(self, contact: int, messages: int) -> ContactSummary:
        """Plans so many messages of a contact. Returns what they mean for its row."""
        scripts = self._choose_scripts(messages)
        first_episode = len(self._contact)
        begins = self._choose_times(scripts)
        for at, script in zip(begins, scripts, strict=True):
            self._of_day[max(0, at // DAY)].append(len(self._contact))
            self._contact.append(contact)
            self._begins.append(at)
            self._script.append(script)
        summary = ContactSummary()
        for episode, at, script in zip(range(first_episode, len(self._contact)), begins, scripts, strict=True):
            for index, step in enumerate(self._scripts[script]):
                summary.add(at + step.offset, episode << STEP_BITS | index, step)
        return summary

    def _choose_scripts(self, messages: int) -> list[int]:
        scripts = []
        while messages > 0:
            longest = next(index for index in range(len(LENGTHS) - 1, -1, -1) if LENGTHS[index] <= messages)
            choice = min(longest, bisect_left(LENGTH_ODDS, self._random.random() * LENGTH_ODDS[-1]))
            scripts.append(choice * VARIANTS + int(self._random.random() * VARIANTS))
            messages -= LENGTHS[choice]
        return scripts

    def _choose_times(self, scripts: Sequence[int]) -> list[int]:
        """Returns when each script begins, in this order. The times are drawn, then moved back until the episodes do not
        overlap."""
        draw, limit = self._random.random, self.now
        days = self._random.choices(self._days, cum_weights=self._day_odds, k=len(scripts))
        drawn = [day * DAY + bisect_left(HOURS, draw() * HOURS[-1]) * 3600 + int(draw() * 3600) for day in days]
        latest_first = sorted((at if at < self.now else at - DAY for at in drawn), reverse=True)
        times = []
        for at, script in zip(latest_first, reversed(scripts), strict=True):
            begins = min(at, limit - self._scripts[script][-1].offset - int(60 + draw() * 600))
            times.append(begins)
            limit = begins
        return times[::-1]

    def in_time_order(self) -> Iterator[tuple[int, int, int, Script]]:
        """Yields the time, key, contact and script of each message."""
        later: list[int] = []
        for day, episodes in enumerate(self._of_day):
            events = sorted(later + [event for episode in episodes for event in self._events(episode)])
            is_last = day == len(self._of_day) - 1
            end = len(events) if is_last else bisect_left(events, (day + 1) * DAY << KEY_BITS)
            later = events[end:]
            for event in events[:end]:
                key = event & ((1 << KEY_BITS) - 1)
                episode = key >> STEP_BITS
                yield event >> KEY_BITS, key, self._contact[episode], self._scripts[self._script[episode]]

    def _events(self, episode: int) -> list[int]:
        """Returns the messages of an episode as integers that sort by time."""
        begins, first = self._begins[episode], episode << STEP_BITS
        return [
            (begins + step.offset) << KEY_BITS | first | index for index, step in enumerate(self._scripts[self._script[episode]])
        ]


def split_messages(random: Random, messages: int, contacts: int) -> Iterator[int]:
    """Yields how many messages each contact has, `messages` in all. Most have few, some have hundreds, two have thousands."""
    weights = array("d", (random.lognormvariate(0, 1.7) for _ in range(contacts)))
    usual = min(messages, contacts)
    rest = messages - usual
    giants = [min(rest // 40, 5000), min(rest // 80, 2500)][:contacts]
    rest -= sum(giants)
    total, given, so_far = sum(weights), 0, 0.0
    for contact, weight in enumerate(weights):
        so_far += weight
        share = round(rest * min(1.0, so_far / total)) if contact < contacts - 1 else rest
        yield (contact < usual) + (giants[contact] if contact < len(giants) else 0) + share - given
        given = share
