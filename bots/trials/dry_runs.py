"""Dry runs: what a flow would have answered in stored conversations of a number. Reads only: no message, no web call, no
question to an AI.

The customers wrote to the team, not to the bot. So the first answer of a conversation is what the bot would have said, and later
ones show how it would have understood what the customer really wrote next.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from bots.flows.customer_answers import read_message
from bots.flows.flow import Flow
from bots.flows.turns.events import Answer, Facts
from bots.trials.facts import contact_facts, hours_at
from bots.trials.trial import SESSION, Trial
from chats.conversations.bot_turns import KINDS_WITHOUT_TURN, MAX_BURST
from chats.models import Message, Origin
from contacts.models import Contact
from organizations.models import PhoneNumber

PERIOD = timedelta(days=30)
MAX_CONVERSATIONS = 1_000
"""The latest conversations that a dry run looks at."""
MAX_SCANNED = 50_000
"""The latest messages among which it looks for conversations."""
MAX_MESSAGES = 200
"""Messages of one conversation that it reads, from the first."""
CONVERSATIONS_AT_ONCE = 50
MAX_SAMPLES = 8
"""Conversations of each outcome that the result names."""


class StoredSession(NamedTuple):
    """A session of a contact."""

    contact_id: int
    session_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """A message of a customer, with the time at which it was sent."""

    at: datetime
    answer: Answer


@dataclass(slots=True)
class DryRunCounts:
    """What the flow would have done. `samples` are conversations of each outcome, as [contact id, session id]."""

    conversations: int = 0
    messages: int = 0
    answered: int = 0
    handed_over: int = 0
    fell_through: int = 0
    unanswered: int = 0
    sent: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    handed_over_at: Counter[str] = field(default_factory=Counter)
    fell_through_at: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[list[Any]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, session: StoredSession, messages: int, trial: Trial) -> None:
        """Counts the replay of one conversation."""
        self.conversations += 1
        self.messages += messages
        sent = sum(line.kind == "bot" for line in trial.lines)
        self.sent += sent
        self.answered += bool(sent)
        self._add_outcomes(trial)
        for outcome in self._outcomes(trial, sent):
            if len(self.samples[outcome]) < MAX_SAMPLES:
                self.samples[outcome].append([session.contact_id, str(session.session_id)])

    def _add_outcomes(self, trial: Trial) -> None:
        for line in trial.lines:
            if line.kind == "hand_over":
                self.reasons[line.values["reason"]] += 1
                self.handed_over_at[line.step] += 1
        self.fell_through_at.update(trial.fell_through)

    def _outcomes(self, trial: Trial, sent: int) -> Iterator[str]:
        is_handed_over = any(line.kind == "hand_over" for line in trial.lines)
        self.handed_over += is_handed_over
        self.fell_through += bool(trial.fell_through)
        self.unanswered += not sent and not is_handed_over
        if trial.fell_through:
            yield "fell_through"
        if is_handed_over:
            yield "handed_over"
        elif sent:
            yield "answered"
        else:
            yield "unanswered"


def find_sessions(number: PhoneNumber, *, now: datetime) -> list[StoredSession]:
    """Returns the latest sessions of the last month in which customers wrote, the latest first. One query by index."""
    rows = Message.objects.filter(phone_number=number.phone_number_id, create_in__range=(now - PERIOD, now)).order_by("-create_in")
    columns = ("contact_id", "session_id", "is_user_message")
    found: dict[StoredSession, None] = {}
    for contact_id, session_id, is_customer in rows.values_list(*columns)[:MAX_SCANNED].iterator():
        if is_customer:
            found.setdefault(StoredSession(contact_id, session_id))
        if len(found) == MAX_CONVERSATIONS:
            break
    return list(found)


def dry_run(
    flow: Flow, number: PhoneNumber, sessions: Sequence[StoredSession], *, on_progress: Callable[[int], None]
) -> dict[str, Any]:
    """Replays the sessions and returns the counts as JSON. Reports how many sessions are done after every few."""
    counts = DryRunCounts()
    for start in range(0, len(sessions), CONVERSATIONS_AT_ONCE):
        for session, answers, facts_at in read_sessions(number, sessions[start : start + CONVERSATIONS_AT_ONCE]):
            counts.add(session, len(answers), replay(flow, session, answers, facts_at))
        on_progress(counts.conversations)
    result = {name: getattr(counts, name) for name in DryRunCounts.__slots__}
    return result | {name: dict(result[name]) for name in ("reasons", "handed_over_at", "fell_through_at", "samples")}


def read_sessions(
    number: PhoneNumber, sessions: Iterable[StoredSession]
) -> Iterator[tuple[StoredSession, list[StoredAnswer], Callable[[datetime], Facts]]]:
    """Yields each session with what the customer wrote, and the facts about the contact. Sessions without a message that a bot
    answers are left out."""
    sessions = list(sessions)
    contacts = Contact.objects.prefetch_related("labels").in_bulk({each.contact_id for each in sessions})
    answers, hours = _read_answers(number, sessions), hours_at(number)
    for session in sessions:
        contact = contacts.get(session.contact_id)
        if contact and answers[session]:
            yield session, answers[session], contact_facts(contact, number.organization, hours)


def _read_answers(number: PhoneNumber, sessions: Sequence[StoredSession]) -> dict[StoredSession, list[StoredAnswer]]:
    rows = Message.objects.filter(
        session_id__in=[each.session_id for each in sessions],
        phone_number=number.phone_number_id,
        is_user_message=True,
        origin=Origin.LIVE,
        target_wamid=None,
        group_id="",
    ).exclude(kind__in=KINDS_WITHOUT_TURN)
    found: dict[StoredSession, list[StoredAnswer]] = defaultdict(list)
    columns = ("contact_id", "session_id", "create_in", "kind", "content", "payload")
    for contact_id, session_id, at, kind, content, payload in rows.order_by("create_in", "pk").values_list(*columns).iterator():
        answers = found[StoredSession(contact_id, session_id)]
        if len(answers) < MAX_MESSAGES:
            answers.append(StoredAnswer(at, read_message(kind, content, payload)))
    return found


def replay(flow: Flow, session: StoredSession, answers: Sequence[StoredAnswer], facts_at: Callable[[datetime], Facts]) -> Trial:
    """Returns the conversation of the customer with the flow. Web calls and AIs answer with the example of their step, and timers
    end when they would have."""
    trial = Trial(flow, facts_at, now=answers[0].at, seed=str(session.session_id), answers_calls=True)
    for burst in bursts(answers, timedelta(seconds=flow.silence_seconds)):
        trial.move_to(burst[-1].at)
        trial.answer([each.answer for each in burst])
    trial.move_to(answers[-1].at + SESSION - timedelta(seconds=1))
    return trial


def bursts(answers: Sequence[StoredAnswer], silence: timedelta) -> Iterator[list[StoredAnswer]]:
    """Yields messages that a bot answers as one: those with less than `silence` between them. A tapped button ends a burst."""
    burst: list[StoredAnswer] = []
    for each in answers:
        if burst and (burst[-1].answer.choice_id or each.at - burst[-1].at > silence or each.at - burst[0].at > MAX_BURST):
            yield burst
            burst = []
        burst.append(each)
    if burst:
        yield burst
