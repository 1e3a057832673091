"""Why a bot sent a message, in words: from `Message.bot_trace`."""

from collections.abc import Mapping
from typing import Any

from django.utils import formats
from django.utils.dateparse import parse_date
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chats.models import Message

BECAUSE: Mapping[str, Any] = {
    "started": _("the conversation with the bot began"),
    "answered": _("the customer answered"),
    "choice": _("the customer chose “%(detail)s”"),
    "keyword": _("the customer wrote “%(detail)s”"),
    "pattern": _("the answer fits the pattern %(detail)s"),
    "number": _("the answer is the number %(detail)s"),
    "date": _("the answer is the date %(detail)s"),
    "field": _("of a field of the contact (%(detail)s)"),
    "variable": _("of the variable “%(detail)s”"),
    "label": _("of the label “%(detail)s”"),
    "kind": _("of the kind of message (%(detail)s)"),
    "otherwise": _("no other path fitted the answer"),
    "timeout": _("the customer did not answer in time"),
    "reminder": _("the customer had not answered yet"),
    "invalid": _("the answer was not valid"),
    "call": _("a web call succeeded"),
    "call_failed": _("a web call failed"),
    "split": _("of a random split (%(detail)s)"),
    "next": _("the step before leads here"),
    "greeting": _("a new conversation began"),
    "away": _("it was outside the business hours"),
    "handed_over": _("a person was asked for"),
}
"""By `because`. The last ones are of automatic messages."""
HOURS = {"open": _("it was within the business hours"), "closed": _("it was outside the business hours")}


def trace_words(message: Message) -> list[str]:
    """Returns the step of the flow and why it was reached, each a sentence. Empty without a trace."""
    trace = message.bot_trace if isinstance(message.bot_trace, dict) else {}
    step, title, because = trace.get("step"), str(trace.get("title") or ""), str(trace.get("because") or "")
    words = []
    if step and title:
        words.append(gettext("Step %(step)s: “%(title)s”") % {"step": step, "title": title})
    elif step:
        words.append(gettext("Step %(step)s") % {"step": step})
    if reason := _reason(because, str(trace.get("detail") or "")):
        words.append(gettext("Why: %(reason)s") % {"reason": reason})
    return words


def _reason(because: str, detail: str) -> str:
    if because == "hours" and detail in HOURS:
        return str(HOURS[detail])
    if because == "date" and (day := parse_date(detail)):
        detail = formats.date_format(day, "SHORT_DATE_FORMAT")
    return str(BECAUSE.get(because, "")) % {"detail": detail}
