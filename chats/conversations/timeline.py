"""A conversation in time order: its messages, and between them lines with notes and with changes of the contact.

A part of a thread starts and ends at a position, whatever kind of row is there. Each kind is read by its own index from that
position, at most as many rows as a part has. So a part costs the same in a long conversation.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from django.db.models import Exists, OuterRef, Q, QuerySet

from chats.models import Message
from contacts.lists.cursors import beyond, microseconds, read_time
from contacts.models import Contact, ContactChange, Note, RetiredIdentity
from jobs.index_hints import read_by_index
from organizations.url_parameters import read_integer

MESSAGE, NOTE, CHANGE, NUMBER = 0, -1, -2, -3
"""Rows of the same time are in the order of these numbers: what a message changed is above the message."""


@dataclass(frozen=True, order=True)
class ThreadPosition:
    """The position of a row in its conversation. `kind` is one of MESSAGE, NOTE, CHANGE and NUMBER."""

    at: datetime
    kind: int = field(default=MESSAGE, kw_only=True)
    pk: int

    @classmethod
    def of(cls, message: Message) -> Self:
        return cls(message.create_in, message.pk)

    @classmethod
    def read(cls, text: str) -> "ThreadPosition | None":
        """Returns the position that `str` wrote. None if the text is not a position."""
        written_at, _, rest = text.partition("-")
        written_pk, _, written_kind = rest.partition("-")
        at, pk, kind = read_time(written_at), read_integer(written_pk), read_integer(written_kind or "0", maximum=-NUMBER)
        return None if at is None or pk is None or kind is None else cls(at, pk, kind=-kind)

    def __str__(self) -> str:
        kind = f"-{-self.kind}" if self.kind else ""
        return f"{microseconds(self.at)}-{self.pk}{kind}"

    def rows_before(self, kind: int, column: str = "create_in") -> Q:
        """Returns the condition for rows of this kind before the position."""
        return beyond(column, self.at, "lt", self._at_once(kind, "lt"))

    def rows_after(self, kind: int, column: str = "create_in") -> Q:
        """Returns the condition for rows of this kind after the position."""
        return beyond(column, self.at, "gt", self._at_once(kind, "gt"))

    def rows_from(self, kind: int, column: str = "create_in") -> Q:
        """Returns the condition for rows of this kind at or after the position."""
        return self.previous.rows_after(kind, column)

    @property
    def previous(self) -> Self:
        """The previous position."""
        return replace(self, pk=self.pk - 1)

    @property
    def next(self) -> Self:
        """The next position."""
        return replace(self, pk=self.pk + 1)

    def _at_once(self, kind: int, direction: str) -> Q:
        if kind == self.kind:
            return Q(**{f"pk__{direction}": self.pk})
        is_beyond = kind < self.kind if direction == "lt" else kind > self.kind
        return Q(pk__gt=0) if is_beyond else Q(pk__in=[])


@dataclass(frozen=True)
class TimelineLine:
    """A note or a change."""

    position: ThreadPosition
    row: Note | ContactChange | RetiredIdentity


@dataclass(frozen=True)
class LineSource:
    """One kind of line, and its rows with their column of time."""

    kind: int
    rows: "QuerySet[Any]"
    column: str

    def newest(self, limit: int, *, before: ThreadPosition | None, since: ThreadPosition | None) -> list[TimelineLine]:
        """Returns the last lines before `before` and not before `since`, the newest first."""
        rows = self.rows
        if before:
            rows = rows.filter(before.rows_before(self.kind, self.column))
        if since:
            rows = rows.filter(since.rows_from(self.kind, self.column))
        return [self._line(row) for row in rows.order_by(f"-{self.column}", "-pk")[:limit]]

    def oldest(self, limit: int, *, after: ThreadPosition) -> list[TimelineLine]:
        """Returns the first lines after a position."""
        rows = self.rows.filter(after.rows_after(self.kind, self.column))
        return [self._line(row) for row in rows.order_by(self.column, "pk")[:limit]]

    def _line(self, row: Any) -> TimelineLine:
        return TimelineLine(ThreadPosition(getattr(row, self.column), row.pk, kind=self.kind), row)


def changes_of(contact: Contact) -> "QuerySet[ContactChange]":
    """Returns the contact's changes, with who made them."""
    changes = ContactChange.objects.filter(contact=contact).select_related("actor").defer("actor__password")
    return read_by_index(changes, "change_of_contact")


def _sources(contact: Contact) -> list[LineSource]:
    """Returns the sources that have lines of this contact. Most contacts have none, so one query finds out."""
    by_staff = ("author__name", "author__email")
    notes = Note.objects.filter(contact=contact).select_related("author").only("contact", "text", "api_key", "create_in", *by_staff)
    changes = changes_of(contact)
    numbers = RetiredIdentity.objects.filter(contact=contact, kind=RetiredIdentity.Kind.WA_ID)
    sources = [
        LineSource(NOTE, notes, "create_in"),
        LineSource(CHANGE, changes, "create_in"),
        LineSource(NUMBER, numbers, "retired_at"),
    ]
    own = [Exists(each.rows.model._default_manager.filter(contact=OuterRef("pk"))) for each in sources]
    exists = Contact.objects.filter(pk=contact.pk).values_list(*own).first() or ()
    return [source for source, has_lines in zip(sources, exists, strict=False) if has_lines]


def newest_lines(
    contact: Contact, limit: int, *, before: ThreadPosition | None = None, since: ThreadPosition | None = None
) -> list[TimelineLine]:
    """Returns the contact's last lines before `before` and not before `since`, the newest first."""
    found = [line for each in _sources(contact) for line in each.newest(limit, before=before, since=since)]
    return sorted(found, key=lambda line: line.position, reverse=True)[:limit]


def oldest_lines(contact: Contact, limit: int, *, after: ThreadPosition) -> list[TimelineLine]:
    """Returns the contact's first lines after a position, the oldest first."""
    found = [line for each in _sources(contact) for line in each.oldest(limit, after=after)]
    return sorted(found, key=lambda line: line.position)[:limit]


@dataclass(frozen=True)
class ThreadPart:
    """A part of a thread in time order, and what is before it."""

    messages: list[Message]
    lines: list[TimelineLine]
    message_before: Message | None
    """The last message before the part, of those that were read."""
    position_before: ThreadPosition | None
    """The position of the row before the part, of those that were read."""


def latest_part(messages: Sequence[Message], lines: Sequence[TimelineLine], limit: int) -> ThreadPart:
    """Returns the last `limit` of these messages and lines together. Both must be in order, the newest first."""
    positions = sorted([*map(ThreadPosition.of, messages), *(line.position for line in lines)], reverse=True)
    position_before = positions[limit] if len(positions) > limit else None
    edge = min(positions[:limit], default=None)
    shown = [message for message in messages if edge and ThreadPosition.of(message) >= edge]
    shown_lines = [line for line in lines if edge and line.position >= edge]
    message_before = messages[len(shown)] if len(messages) > len(shown) else None
    return ThreadPart(shown[::-1], shown_lines[::-1], message_before, position_before)


def in_time_order(messages: Iterable[Message], lines: Iterable[TimelineLine]) -> list[Message | TimelineLine]:
    """Returns both together, in time order."""
    return sorted(
        [*messages, *lines], key=lambda each: each.position if isinstance(each, TimelineLine) else ThreadPosition.of(each)
    )
