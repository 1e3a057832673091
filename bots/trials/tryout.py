"""The try-out: a trial with a made-up customer, whose state the page keeps. Nothing is stored and nothing is sent.

The state is signed, so that a page can only go on with what it got. It belongs to one bot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.core import signing

from bots.automatic.due_messages import hand_over_message
from bots.automatic.services import hours_of, load_automatic
from bots.flows.flow import Flow
from bots.flows.turns.actions import AskAi, Call
from bots.flows.turns.events import Answer, Facts
from bots.models import AutomaticMessages, Bot
from bots.trials.facts import FactsAt, made_up_facts
from bots.trials.message_display import show_message
from bots.trials.trial import Trial, TrialLine
from cloud_api.payloads.json_values import clean
from contacts.selectors import numbers_of
from organizations.models import Organization, PhoneNumber

MAX_AGE = timedelta(days=1)
MAX_LINES = 80
"""Lines that a page keeps. Earlier ones are dropped."""
MAX_SCRIPT_LINES = 50
MAX_TEXT = 4096
MAX_MINUTES = 30 * 24 * 60
ATTACHMENTS = ("image", "audio", "video", "document", "location", "contacts", "sticker")


@dataclass(slots=True)
class Tryout:
    """A trial and what the page has chosen for it. `is_open` overrules the business hours, None does not."""

    trial: Trial
    is_open: bool | None = None
    number_id: int | None = None
    """The chosen number, whose automatic messages are sent. 0: none. None: the number where the bot answers."""
    revision: int = 0
    """The revision of the draft that answered last."""

    def surround(self, around: "Surroundings", *, is_open: bool | None, number_id: int | None) -> None:
        """Changes what surrounds the flow."""
        chosen = around.number_id if number_id is None else number_id
        automatic = around.automatic.get(chosen or 0) or AutomaticMessages()
        self.is_open, self.number_id = is_open, number_id
        self.trial.automatic, self.trial.facts_at = automatic, around.facts_at(automatic, is_open)
        self.trial.number_words = partial(_words_of, automatic)


@dataclass(frozen=True)
class Surroundings:
    """What a try-out takes from the organization and its numbers. `number_id` is the first number that names the bot, None if none
    does."""

    organization: Organization
    automatic: Mapping[int, AutomaticMessages]
    """The automatic messages of all numbers, by their primary keys."""
    numbers: Sequence[PhoneNumber] = ()
    number_id: int | None = None

    def facts_at(self, automatic: AutomaticMessages, is_open: bool | None) -> FactsAt:
        facts_at = made_up_facts(self.organization, hours_of(automatic, self.organization), is_open=is_open)
        words = tuple(automatic.person_words)
        return lambda at: replace(facts_at(at), person_words=words)


def _words_of(automatic: AutomaticMessages, facts: Facts) -> dict[str, Any] | None:
    return hand_over_message(automatic, facts=facts)


def surroundings_of(bot: Bot) -> Surroundings:
    """Returns the surroundings of a bot. Two queries."""
    numbers = numbers_of(bot.organization)
    named = next((number.pk for number in numbers if getattr(number, bot.column) == bot.key), None)
    return Surroundings(bot.organization, load_automatic([number.pk for number in numbers]), numbers, named)


def start_tryout(
    *,
    bot: Bot,
    flow: Flow,
    around: Surroundings,
    now: datetime,
    seed: str,
    is_open: bool | None,
    number_id: int | None = None,
) -> Tryout:
    """Returns a conversation that has not begun."""
    tryout = Tryout(Trial(flow, around.facts_at(AutomaticMessages(), is_open), now, seed), revision=bot.draft_revision)
    tryout.surround(around, is_open=is_open, number_id=number_id)
    return tryout


def dump_tryout(tryout: Tryout, *, bot: Bot) -> str:
    """Drops lines beyond `MAX_LINES`, and returns the state as text for a form."""
    trial = tryout.trial
    del trial.lines[:-MAX_LINES]
    kept = {
        "seed": trial.seed,
        "now": trial.now.isoformat(),
        "state": trial.state,
        "lines": [asdict(line) | {"at": line.at.isoformat()} for line in trial.lines],
        "call": asdict(trial.call) if trial.call else None,
        "question": asdict(trial.question) if trial.question else None,
        "sent_kinds": sorted(trial.sent_kinds),
        "is_answered": trial.is_answered,
        "number": tryout.number_id,
        "is_handed_over": trial.is_handed_over,
        "labels": None if trial.labels is None else sorted(trial.labels),
        "fields": trial.fields,
        "last_answer_at": trial.last_answer_at and trial.last_answer_at.isoformat(),
        "turns": trial.turns,
        "came": trial.came,
        "is_open": tryout.is_open,
        "revision": tryout.revision,
    }
    return signing.dumps(kept, salt=_salt(bot), compress=True)


def load_tryout(token: str, *, bot: Bot, flow: Flow, around: Surroundings) -> Tryout | None:
    """Returns the conversation of a page, which goes on with the flow as it is now. Returns None if the text is not the state of a
    try-out of this bot, or too old."""
    try:
        kept = signing.loads(token, salt=_salt(bot), max_age=MAX_AGE)
    except signing.BadSignature:
        return None
    last = kept["last_answer_at"]
    trial = Trial(
        flow=flow,
        facts_at=around.facts_at(AutomaticMessages(), kept["is_open"]),
        now=datetime.fromisoformat(kept["now"]),
        seed=kept["seed"],
        state=kept["state"],
        lines=[TrialLine(**line | {"at": datetime.fromisoformat(line["at"])}) for line in kept["lines"]],
        call=Call(**kept["call"]) if kept["call"] else None,
        question=_question(kept["question"]) if kept["question"] else None,
        sent_kinds=set(kept["sent_kinds"]),
        is_answered=kept["is_answered"],
        is_handed_over=kept["is_handed_over"],
        labels=None if kept["labels"] is None else frozenset(kept["labels"]),
        fields=kept["fields"],
        last_answer_at=datetime.fromisoformat(last) if last else None,
        turns=kept["turns"],
        came=kept["came"],
    )
    tryout = Tryout(trial, revision=kept["revision"])
    tryout.surround(around, is_open=kept["is_open"], number_id=kept["number"])
    return tryout


def _question(kept: dict[str, Any]) -> AskAi:
    return AskAi(**kept | {"branches": tuple((name, description) for name, description in kept["branches"])})


def _salt(bot: Bot) -> str:
    return f"bot-tryout-2:{bot.pk}"  # another number for other contents, so that a page of an older hub begins again


# ---- What the customer does ----


def write(trial: Trial, text: str) -> None:
    """The customer writes a text. An empty one is ignored."""
    text = str(clean(text[:MAX_TEXT])).strip()
    if text:
        trial.answer([Answer("text", text)])


def tap(trial: Trial, line: int, choice_id: str) -> None:
    """The customer taps a button or row of the message at this line, also of an earlier message. Ignored if it has none with this
    id."""
    message = trial.lines[line].message if 0 <= line < len(trial.lines) else {}
    choice = next((each for each in show_message(message).choices if each.id == choice_id), None) if message else None
    if choice:
        trial.answer([Answer("interactive", choice.title, choice.id)])


def attach(trial: Trial, kind: str) -> None:
    """The customer sends a file, a location or a contact card. Ignored if WhatsApp has no such kind."""
    if kind in ATTACHMENTS:
        trial.answer([Answer(kind)])


def move_clock(trial: Trial, minutes: int) -> None:
    """Lets time pass, at most a month."""
    trial.move_to(trial.now + timedelta(minutes=min(minutes, MAX_MINUTES)))


def run_script(trial: Trial, script: str) -> None:
    """Lets the customer write one message for each line. `+30` lets 30 minutes pass, and `[image]` sends a file. Web calls and
    AIs answer with the example of their step."""
    trial.answers_calls = True
    for line in filter(None, (line.strip() for line in script.splitlines()[:MAX_SCRIPT_LINES])):
        minutes = line[1:].strip()
        if line.startswith("+") and minutes.isascii() and minutes.isdigit() and len(minutes) < 6:
            move_clock(trial, int(minutes))
        elif line.startswith("[") and line.strip("[]") in ATTACHMENTS:
            attach(trial, line.strip("[]"))
        else:
            write(trial, line)


def values_of(trial: Trial) -> Mapping[str, Any]:
    """Returns the variables and fields that the flow has set, by name."""
    return {**trial.variables, **trial.fields}
