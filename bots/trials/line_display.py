"""The lines of a trial, in words and as bubbles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from bots.automatic.due_messages import AutomaticKind
from bots.flows.flow import Flow
from bots.trials.message_display import ShownMessage, show_message
from bots.trials.trial import Trial, TrialLine
from contacts.consent.texts import consent_text

AI_FAILURES = {
    "ai_failed": _("the AI gave no answer that can be used"),
    "ai_no_answer": _("the AI did not answer in time"),
    "ai_refused": _("the AI refused to answer"),
    "ai_paused": _("the AI failed too often and is paused"),
    "ai_limit": _("the AI has answered as often as it may"),
    "no_ai": _("there is no such AI"),
}
BECAUSE = {
    "started": _("the conversation began"),
    "answered": _("the customer answered"),
    "choice": _("the button was tapped"),
    "keyword": _("the word was written"),
    "pattern": _("the pattern fits"),
    "number": _("the number fits"),
    "date": _("the date fits"),
    "hours": _("of the business hours"),
    "field": _("of what is known about the contact"),
    "variable": _("of a stored value"),
    "label": _("of a label"),
    "kind": _("of the kind of the answer"),
    "otherwise": _("nothing else fitted"),
    "timeout": _("no answer came in time"),
    "reminder": _("no answer came yet"),
    "invalid": _("the answer was not valid"),
    "call": _("the web address answered"),
    "call_failed": _("the web call failed"),
    "split": _("it was drawn"),
    "ai": _("the AI answered"),
    "ai_done": _("the AI said that it is clear"),
    "ai_branch": _("the AI chose this path"),
    **AI_FAILURES,
    "next": _("it comes next"),
}
REASONS = {
    "asked": _("the customer asked for a person"),
    "step": _("the bot handed over"),
    "retries": _("the customer's answers were not understood"),
    "call_failed": _("a web call of the bot failed"),
    "loop": _("too many steps in one turn"),
    "no_step": _("the bot did not know how to go on"),
    "failed": _("the bot failed"),
    "marketing": _("the customer has stopped marketing messages"),
    "ai": _("the AI called a person"),
    **AI_FAILURES,
}
KINDS = {
    "image": _("Photo"),
    "audio": _("Voice message"),
    "video": _("Video"),
    "document": _("Document"),
    "location": _("Location"),
    "contacts": _("Contact card"),
    "sticker": _("Sticker"),
}
ICONS = {
    "image": "image",
    "audio": "mic",
    "video": "video",
    "document": "file-text",
    "location": "map-pin",
    "contacts": "contact",
    "sticker": "sticker",
}
NOTICE_ICONS = {
    "call": "webhook",
    "ai": "sparkles",
    "hand_over": "user",
    "end": "circle-check",
    "silent": "bell",
    "session": "refresh-cw",
    "timer": "timer",
    "field": "pencil",
    "labels": "tag",
    "consent": "shield-check",
}


NOTICES = {
    ("end", ""): _("The flow has ended. The next message begins it again."),
    ("silent", "call"): _("The bot still waits for the web call."),
    ("silent", "person"): _("A person is in charge: the bot does not answer."),
    ("session", ""): _("A new conversation begins, because the last message is more than 24 hours ago."),
    ("timer", ""): _("The time for an answer is over."),
    ("timer", "reminder"): _("Time for the reminder."),
}
"""Notices by the kind of the line and why it is there."""


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line of the page: a bubble of either side, or a notice. `trace` says why the bot said it, and `step` links to its card."""

    index: int
    at: datetime
    side: str
    """`customer`, `bot` or `notice`."""
    bubble: ShownMessage | None = None
    words: str = ""
    icon: str = ""
    step: str = ""
    trace: str = ""
    is_new_time: bool = False
    """Whether it is later than the line before by a minute or more."""


def show_lines(trial: Trial) -> list[ShownLine]:
    """Returns the lines of the trial."""
    shown: list[ShownLine] = []
    before: TrialLine | None = None
    for index, line in enumerate(trial.lines):
        is_new_time = before is None or (line.at - before.at).total_seconds() >= 60
        shown += _show(index, line, is_new_time)
        before = line
    return shown


def _show(index: int, line: TrialLine, is_new_time: bool) -> list[ShownLine]:
    common: dict[str, Any] = {"index": index, "at": line.at, "step": line.step, "is_new_time": is_new_time}
    if line.kind == "customer":
        return [ShownLine(side="customer", bubble=_customer_bubble(line), **common)]
    if line.kind == "automatic":
        words = gettext("Automatic message: %(kind)s") % {"kind": AutomaticKind(line.values["kind"]).label}
        return [ShownLine(side="bot", bubble=show_message(line.message), trace=words, **common)]
    if line.kind == "bot":
        return [ShownLine(side="bot", bubble=show_message(line.message), trace=trace_words(line.values), **common)]
    notice = ShownLine(side="notice", words=_notice(line), icon=NOTICE_ICONS[line.kind], **common)
    if line.kind == "hand_over" and line.message:
        return [ShownLine(side="bot", bubble=show_message(line.message), **common), notice]
    return [notice]


def _customer_bubble(line: TrialLine) -> ShownMessage:
    kind = line.values.get("kind", "")
    return ShownMessage(line.text or str(KINDS.get(kind, kind)), icon=ICONS.get(kind, ""))


def trace_words(trace: Mapping[str, Any]) -> str:
    """Returns why the bot sent a message: “Step 3, Prices: because the button was tapped (Preços)”."""
    values = {"number": trace.get("step", ""), "title": trace.get("title", "")}
    place = gettext("Step %(number)s, %(title)s") % values if values["title"] else gettext("Step %(number)s") % values
    because = str(BECAUSE.get(str(trace.get("because")), ""))
    words = gettext("%(place)s: because %(reason)s") % {"place": place, "reason": because} if because else place
    return f"{words} ({trace['detail']})" if trace.get("detail") else words


def step_name(flow: Flow, step_id: str) -> str:
    """Returns the position of a step, and its title if it has one."""
    step = flow.steps.get(step_id)
    if step is None:
        return step_id
    number = flow.positions[step_id]
    return f"{number} · {step['title']}" if step.get("title") else str(number)


def _notice(line: TrialLine) -> str:
    if line.kind in ("call", "ai"):
        return _call_words(line) if line.kind == "call" else _ai_words(line)
    if line.kind == "hand_over":
        return _hand_over_words(line)
    if line.kind == "labels":
        return _label_words(line.values["names"], line.values["is_added"])
    if line.kind == "field":
        return gettext("Stored in the contact: %(name)s = %(value)s") % {"name": line.values["name"], "value": line.text}
    if line.kind == "consent":
        decision = consent_text(line.values["purpose"], withdrawn=line.values["withdrawn"])
        return gettext("Consent, not recorded here: %(decision)s") % {"decision": decision}
    return str(NOTICES[line.kind, line.values.get("why", "")])


def _call_words(line: TrialLine) -> str:
    ended = line.values.get("ended")
    if ended == "ok":
        return gettext("The web address answers with the example of the step.")
    if ended:
        return gettext("The web call fails.")
    return gettext("Web call, not made here: %(method)s %(url)s") % line.values


def _ai_words(line: TrialLine) -> str:
    ended, branch = line.values.get("ended"), line.values.get("branch")
    if not ended:
        return gettext("Question to an AI, not asked here: %(ai)s") % line.values
    if ended == "failed":
        return gettext("The AI gives no answer.")
    if line.values["is_choice"]:
        return gettext("The AI chooses: %(branch)s") % line.values if branch else gettext("The AI is unsure.")
    if branch:
        return gettext("The AI says that it is clear.")
    if not line.values["has_example"]:
        return gettext("The AI answers. The step has no example of an answer.")
    return gettext("The AI answers with the example of the step.")


def _hand_over_words(line: TrialLine) -> str:
    reason = REASONS.get(line.values["reason"], "")
    words = gettext("Handed over to a person: %(reason)s.") % {"reason": reason}
    return words + (" " + gettext("Note for the person: %(note)s") % {"note": line.text} if line.text else "")


def _label_words(names: Sequence[str], is_added: bool) -> str:
    joined = ", ".join(names)
    if is_added:
        return ngettext("Label added: %(names)s", "Labels added: %(names)s", len(names)) % {"names": joined}
    return ngettext("Label removed: %(names)s", "Labels removed: %(names)s", len(names)) % {"names": joined}
