"""Why a message failed, or why nobody knows whether it arrived, in words."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext

from chats.models import Message, MessageStatus, SendProblem
from cloud_api.errors import codes_of, meaning_of, meta_words


def failure_words(message: Message, errors: Iterable[Any]) -> str:
    """Returns why the message failed, with Meta's code. Empty if it did not fail."""
    if message.message_status != MessageStatus.FAILED:
        return ""
    for code in codes_of(errors):
        return f"{gettext(meaning_of(code).words)} ({code})"
    if words := _send_problem_text(message):
        return words
    was_reached = not any(map(_is_from_hub, message.errors or ()))
    return gettext("WhatsApp could not deliver it.") if was_reached else gettext("WhatsApp could not be reached.")


def failure_details(message: Message, errors: Iterable[Any]) -> str:
    """Returns Meta's text about the failure if it contains more than the hub's text."""
    if message.message_status != MessageStatus.FAILED:
        return ""
    meta_errors = (error for error in errors if not _is_from_hub(error))
    return next(filter(None, map(meta_words, meta_errors)), "")


def doubt_words(message: Message) -> str:
    """Returns why it is uncertain whether the message arrived. Empty if it is not uncertain."""
    if message.message_status != MessageStatus.UNCERTAIN:
        return ""
    return _send_problem_text(message) or gettext("WhatsApp did not answer. The message may have arrived.")


def _is_from_hub(error: Any) -> bool:
    """Returns whether the hub wrote the error: Graph was not reached, or the message was not sent."""
    return isinstance(error, dict) and ("problem" in error or "reason" in error)


def _send_problem_text(message: Message) -> str:
    """Returns the text of the message's send problem. Empty if it has none."""
    problems = [error.get("problem") for error in message.errors or () if isinstance(error, dict)]
    return next((str(SendProblem(problem).label) for problem in problems if problem in SendProblem.values), "")
