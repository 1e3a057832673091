"""The answer of a webhook bot, in a response or a call-back (docs/bots.md).

What is wrong with an answer is said in English, with the place: its author is a programmer, and reads it in the log or in the
response to a call-back.
"""

from collections.abc import Collection, Mapping
from typing import Any, NoReturn

from bots.flows.documents import InvalidFlow, read_document
from bots.flows.flow import message_problems
from bots.flows.messages import build, file_of
from bots.flows.problems import WORDS
from bots.flows.problems import Problem as FlowProblem
from bots.remote.answers import RemoteAnswer, RemoteMessage
from bots.remote.exchanges import Problem
from cloud_api.limits import InvalidMessage

MAX_BYTES = 64 * 2**10
MAX_MESSAGES = 10
MAX_LABELS = 20
MAX_LABEL = 40
MAX_NAME = 150
MAX_NOTE = 1000
FIELDS = ("messages", "hand_over", "labels", "fields", "later")

_READING = {
    "not_text": (Problem.NOT_JSON, "The answer is not text in UTF-8."),
    "not_json": (Problem.NOT_JSON, "Line %(line)s, column %(column)s is not JSON."),
    "too_large": (Problem.TOO_LARGE, "At most 64 KiB."),
    "too_deep": (Problem.FORMAT, "The answer is nested too deep: at most %(limit)s levels."),
    "repeated_key": (Problem.FORMAT, "“%(key)s” occurs twice in one object."),
    "bad_number": (Problem.FORMAT, "The answer contains a number that cannot be stored."),
    "bad_character": (Problem.FORMAT, "The answer contains a character that cannot be stored."),
}
"""Why a document cannot be read, by the codes of `bots.flows.documents`."""


class InvalidAnswer(Exception):
    """The body is no answer. `detail` says where and why, for the administrator."""

    def __init__(self, problem: Problem, detail: str) -> None:
        super().__init__(problem.value)
        self.problem = problem
        self.detail = detail


def read_answer(body: bytes, *, is_callback: bool = False) -> RemoteAnswer:
    """Returns the answer in a body. An empty one is an answer without messages. Raises InvalidAnswer."""
    if len(body) > MAX_BYTES:
        raise InvalidAnswer(*_READING["too_large"])
    if not body.strip():
        return RemoteAnswer()
    answer = _object(_read_json(body), "", FIELDS)
    if _flag(answer.get("later"), "later"):
        return _later(answer, is_callback)
    labels = _object(answer.get("labels"), "labels", ("add", "remove"))
    fields = _object(answer.get("fields"), "fields", ("name",))
    return RemoteAnswer(
        messages=_messages(answer.get("messages")),
        hand_over=_note(answer.get("hand_over")),
        labels_to_add=_labels(labels.get("add"), "labels.add"),
        labels_to_remove=_labels(labels.get("remove"), "labels.remove"),
        name=_text(fields.get("name"), "fields.name", MAX_NAME),
    )


def _read_json(body: bytes) -> Any:
    try:
        return read_document(body)
    except InvalidFlow as invalid:
        found = invalid.problems[0]
        problem, words = _READING.get(found.code, (Problem.FORMAT, "The answer cannot be stored."))
        raise InvalidAnswer(problem, words % found.values) from None


def _later(answer: Mapping[str, Any], is_callback: bool) -> RemoteAnswer:
    if is_callback:
        _refuse("later", "A call-back is the answer: it cannot announce another one.")
    if any(value for name, value in answer.items() if name != "later"):
        _refuse("later", "An answer that is announced has no other field.")
    return RemoteAnswer(is_later=True)


def _messages(found: Any) -> tuple[RemoteMessage, ...]:
    written = _list(found, "messages", MAX_MESSAGES)
    return tuple(_message(each, f"messages.{index}") for index, each in enumerate(written))


def _message(written: Any, place: str) -> RemoteMessage:
    """Returns a message in the form of flows. A text alone is a text message."""
    message = {"type": "text", "text": written} if isinstance(written, str) else written
    for problem in message_problems(message):
        _refuse(f"{place}.{problem.field}".rstrip("."), _words(problem))
    try:
        api_object = build(message, _literally)
    except InvalidMessage as invalid:
        detail = f"{place}.{invalid.field}: {invalid.words % {'limit': invalid.limit}}"
        raise InvalidAnswer(Problem.MESSAGE, detail) from None
    if api_object is None:
        raise InvalidAnswer(Problem.MESSAGE, f"{place}.text: This must not be empty.")
    return RemoteMessage(api_object, file_of(message))


def _literally(name: str) -> str:
    """The value of a placeholder: itself, because the hub fills in nothing here."""
    return f"{{{{{name}}}}}"


def _words(problem: FlowProblem) -> str:
    return (problem.words or WORDS[problem.code]) % problem.values


def _note(found: Any) -> str | None:
    """Returns the note of a hand-over, or None if there is none."""
    if found is None or isinstance(found, bool):
        return "" if found else None
    note = _text(found, "hand_over", MAX_NOTE)
    if not note:
        _refuse("hand_over", "This must not be empty. Write true to hand over without a note.")
    return note


def _labels(found: Any, place: str) -> frozenset[str]:
    names = [_text(each, f"{place}.{index}", MAX_LABEL) for index, each in enumerate(_list(found, place, MAX_LABELS))]
    return frozenset(names) - {""}


def _object(found: Any, place: str, fields: Collection[str]) -> Mapping[str, Any]:
    """Returns an object with these fields. Null is the same as an empty one."""
    if found is None and place:
        return {}
    if not isinstance(found, dict):
        _refuse(place, "This must be an object.")
    for name in found:
        if name not in fields:
            _refuse(f"{place}.{name[:60]}".lstrip("."), f"There is no such field. Known are: {', '.join(fields)}.")
    return found


def _list(found: Any, place: str, most: int) -> list[Any]:
    if found is None:
        return []
    if not isinstance(found, list):
        _refuse(place, "This must be a list.")
    if len(found) > most:
        _refuse(place, f"At most {most} of these.")
    return found


def _text(found: Any, place: str, most: int) -> str:
    if found is None:
        return ""
    if not isinstance(found, str):
        _refuse(place, "This must be a text.")
    if len(found) > most:
        _refuse(place, f"At most {most} characters.")
    return found.strip()


def _flag(found: Any, place: str) -> bool:
    if found is not None and not isinstance(found, bool):
        _refuse(place, "This must be true or false.")
    return bool(found)


def _refuse(place: str, words: str) -> NoReturn:
    raise InvalidAnswer(Problem.FORMAT, f"{place}: {words}" if place else f"The answer: {words}")
