"""Why a bot sent a message, in words: from `Message.bot_trace`."""

from collections.abc import Mapping
from typing import Any

from django.utils import formats
from django.utils.dateparse import parse_date
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chats.models import Message, Origin

BECAUSE: Mapping[str, Any] = {
    "started": _("Because the conversation with the bot began"),
    "answered": _("Because the customer answered"),
    "choice": _("Because the customer chose “%(detail)s”"),
    "keyword": _("Because the customer wrote “%(detail)s”"),
    "pattern": _("Because the answer fits the pattern %(detail)s"),
    "number": _("Because the answer is the number %(detail)s"),
    "date": _("Because the answer is the date %(detail)s"),
    "field": _("Because of the contact's data: %(detail)s"),
    "variable": _("Because of what the bot asked before: %(detail)s"),
    "label": _("Because of the label “%(detail)s”"),
    "kind": _("Because of the kind of the answer: %(detail)s"),
    "otherwise": _("Because the answer fitted no other path"),
    "timeout": _("Because the customer did not answer in time"),
    "reminder": _("Because the customer had not answered yet"),
    "invalid": _("Because the answer was not valid"),
    "call": _("Because a web call succeeded"),
    "call_failed": _("Because a web call failed"),
    "split": _("Because this path was drawn: %(detail)s"),
    "ai_done": _("Because the AI said that it is clear"),
    "ai_branch": _("Because the AI chose “%(detail)s”"),
    "ai_failed": _("Because the AI gave no answer that can be used"),
    "ai_no_answer": _("Because the AI did not answer in time"),
    "ai_refused": _("Because the AI refused to answer"),
    "ai_paused": _("Because the AI failed too often and is paused"),
    "ai_limit": _("Because the AI has answered as often as it may"),
    "no_ai": _("Because there is no such AI"),
    "next": _("Because the step before leads here"),
    "greeting": _("Because a new conversation began"),
    "away": _("Because it was outside the business hours"),
    "handed_over": _("Because the customer waits for a person"),
    "hand_over": _("Because the bot handed over to a person"),
    "webhook": _("Because your own program answered so"),
}
"""By `because`: of steps of a flow, automatic messages, a bot's words when it hands over, and remote bots."""
WINDOW_CLOSES = _("Because the window was about to close")
"""Why an automatic reminder is sent. A flow has reminders of its own."""
HOURS = {"open": _("Because it was within the business hours"), "closed": _("Because it was outside the business hours")}
FIELDS = {"name": _("name"), "phone": _("phone"), "username": _("username"), "language": _("language")}


def trace_words(message: Message, kind_labels: Mapping[str, Any]) -> list[str]:
    """Returns the step of the flow and why it was reached, each a sentence. Empty without a trace, and for an AI's own words, whose
    sender says it."""
    trace = message.bot_trace if isinstance(message.bot_trace, dict) else {}
    step, title, because = trace.get("step"), str(trace.get("title") or ""), str(trace.get("because") or "")
    words = []
    if message.origin == Origin.AUTOMATIC and because == "reminder":
        return [str(WINDOW_CLOSES)]
    if step and title:
        words.append(gettext("Step %(step)s: “%(title)s”") % {"step": step, "title": title})
    elif step:
        words.append(gettext("Step %(step)s") % {"step": step})
    if reason := _reason(because, str(trace.get("detail") or ""), kind_labels):
        words.append(reason)
    return words


def is_by_ai(message: Message) -> bool:
    """Returns whether an AI wrote the message."""
    trace = message.bot_trace if isinstance(message.bot_trace, dict) else {}
    return message.origin == Origin.BOT and trace.get("because") == "ai"


def _reason(because: str, detail: str, kind_labels: Mapping[str, Any]) -> str:
    if because == "hours" and detail in HOURS:
        return str(HOURS[detail])
    if because == "date" and (day := parse_date(detail)):
        detail = formats.date_format(day, "SHORT_DATE_FORMAT")
    labels = {"kind": kind_labels, "field": FIELDS}.get(because, {})
    detail = str(labels.get(detail, detail))
    return str(BECAUSE.get(because, "")) % {"detail": detail}
