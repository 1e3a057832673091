"""The messages of an export: number by number, and in order of time.

The position is `{"number": …, "at": …, "id": …}`, the last message that was read, or `{"number": …, "at": None}` after the last
message of that number. A step reads a range of the index `message_latest`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from chats.exports.chunks import Chunk, json_lines
from chats.exports.message_columns import message_cells, message_objects
from chats.media.message_files import all_files_of
from chats.models import Export, Message
from contacts.csv.exports import csv_text, number_names
from contacts.models import Contact
from contacts.selectors import numbers_of

MESSAGES_AT_ONCE = 1_000
Keys: TypeAlias = "QuerySet[Message, tuple[datetime, int]]"


def last_message_id() -> int:
    """Returns the id of the newest message of all organizations."""
    return Message.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def read_messages(export: Export, position: dict[str, Any]) -> Chunk:
    """Returns the next messages after the position."""
    names = number_names(numbers_of(export.organization))
    wanted = [each for each in sorted(names) if export.phone_number_id in ("", each)]
    left = list(_numbers_left(wanted, position))
    if not left:
        return Chunk("", 0, position, 1.0, is_last=True)
    number = left[0]
    keys = _next_keys(_keys_of(export, number), position if position.get("number") == number else {})
    is_end = len(keys) < MESSAGES_AT_ONCE
    following = {"number": number, "at": None} if is_end else _position_of(number, *keys[-1])
    done = 1.0 if is_end else _fraction(_keys_of(export, number), keys[-1][0])
    fraction = (len(wanted) - len(left) + done) / len(wanted)
    chosen = _chosen(export, [pk for _at, pk in keys if pk <= (export.end_id or 0)])
    return Chunk(_text(export, chosen, names), len(chosen), following, fraction, is_last=is_end and len(left) == 1)


def _numbers_left(numbers: Sequence[str], position: Mapping[str, Any]) -> Iterator[str]:
    """Yields the numbers whose messages have not all been read. A number that left the organization meanwhile is not among them."""
    current = position.get("number", "")
    for each in numbers:
        if each > current or (each == current and position["at"]):
            yield each


def _keys_of(export: Export, phone_number_id: str) -> Keys:
    """Returns the times and ids of the number's messages in the period, in order.

    Only these two columns, and no condition on the id: otherwise MariaDB reads the index from its beginning instead of the range
    after a position.
    """
    rows = Message.objects.filter(phone_number__phone_number_id=phone_number_id)
    if export.since:
        rows = rows.filter(create_in__gte=export.since)
    if export.until:
        rows = rows.filter(create_in__lt=export.until)
    return rows.order_by("create_in", "pk").values_list("create_in", "pk")


def _next_keys(keys: Keys, position: Mapping[str, Any]) -> list[tuple[datetime, int]]:
    """Returns the next keys after the position: those of the same time with a higher id, then those of later times."""
    if not position.get("at"):
        return list(keys[:MESSAGES_AT_ONCE])
    at = datetime.fromisoformat(position["at"])
    found = list(keys.filter(create_in=at, pk__gt=position["id"])[:MESSAGES_AT_ONCE])
    return found + list(keys.filter(create_in__gt=at)[: MESSAGES_AT_ONCE - len(found)])


def _position_of(number: str, at: datetime, pk: int) -> dict[str, Any]:
    return {"number": number, "at": at.isoformat(), "id": pk}


def _fraction(keys: Keys, at: datetime) -> float:
    """Returns how much of the time of these messages is before `at`, which one of them has."""
    first, last = keys.first() or (at, 0), keys.last() or (at, 0)
    return (at - first[0]) / max(last[0] - first[0], timedelta(seconds=1))


def _chosen(export: Export, ids: Sequence[int]) -> list[Message]:
    """Returns the messages, in order, whose contact is the organization's, and has the label."""
    rows = Message.objects.filter(pk__in=ids).select_related("contact", "written_by")
    found = rows.defer("flow_state", "bot_trace", "errors", "written_by__password").order_by("create_in", "pk")
    own = [each for each in found if each.contact.organization_id == export.organization_id]
    if export.label_id is None:
        return own
    given = Contact.labels.through._default_manager.filter(label=export.label_id, contact__in={each.contact_id for each in own})
    with_label = set(given.values_list("contact", flat=True))
    return [each for each in own if each.contact_id in with_label]


def _text(export: Export, messages: Sequence[Message], names: Mapping[str, str]) -> str:
    zone, files = ZoneInfo(export.time_zone), all_files_of(messages)
    if export.format == Export.Format.JSON_LINES:
        return json_lines(message_objects(messages, files, zone))
    return csv_text(message_cells(messages, files, names, zone), export.language)
