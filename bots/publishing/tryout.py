"""The try-out: a trial with a made-up customer, whose state the page keeps. Nothing is stored and nothing is sent.

The state is signed, so that a page can only go on with what it got. It belongs to one bot.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core import signing

from bots.automatic.due_messages import hand_over_message
from bots.automatic.services import hours_of
from bots.flows.actions import Call
from bots.flows.events import Answer, Facts
from bots.flows.flow import Flow
from bots.models import AutomaticMessages, Bot
from bots.publishing.message_display import show_message
from bots.publishing.services import numbers_naming
from bots.publishing.trial import Trial, TrialLine
from bots.publishing.trial_facts import FactsAt, automatic_of, made_up_facts
from cloud_api.payloads.json_values import clean
from organizations.models import Organization

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
    revision: int = 0
    """The revision of the draft that answered last."""


@dataclass(frozen=True)
class Surroundings:
    """What a try-out takes from the organization, and from the first number that names the bot."""

    organization: Organization
    automatic: AutomaticMessages

    def facts_at(self, is_open: bool | None) -> FactsAt:
        return made_up_facts(self.organization, hours_of(self.automatic, self.organization), is_open=is_open)

    def number_words(self, facts: Facts) -> dict[str, Any] | None:
        return hand_over_message(self.automatic, facts=facts)


def surroundings_of(bot: Bot) -> Surroundings:
    """Returns the surroundings of a bot. Two queries."""
    number = next(iter(numbers_naming(bot)), None)
    return Surroundings(bot.organization, automatic_of(number) if number else AutomaticMessages())


def start_tryout(*, bot: Bot, flow: Flow, around: Surroundings, now: datetime, seed: str, is_open: bool | None) -> Tryout:
    """Returns a conversation that has not begun."""
    return Tryout(Trial(flow, around.facts_at(is_open), now, seed, number_words=around.number_words), is_open, bot.draft_revision)


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
        facts_at=around.facts_at(kept["is_open"]),
        number_words=around.number_words,
        now=datetime.fromisoformat(kept["now"]),
        seed=kept["seed"],
        state=kept["state"],
        lines=[TrialLine(**line | {"at": datetime.fromisoformat(line["at"])}) for line in kept["lines"]],
        call=Call(**kept["call"]) if kept["call"] else None,
        is_handed_over=kept["is_handed_over"],
        labels=None if kept["labels"] is None else frozenset(kept["labels"]),
        fields=kept["fields"],
        last_answer_at=datetime.fromisoformat(last) if last else None,
        turns=kept["turns"],
        came=kept["came"],
    )
    return Tryout(trial, kept["is_open"], kept["revision"])


def _salt(bot: Bot) -> str:
    return f"bot-tryout:{bot.pk}"


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
    """Lets the customer write one message for each line. `+30` lets 30 minutes pass, and `[image]` sends a file. Web calls get the
    example of their step."""
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
