"""A conversation in time order: its messages, and between them lines with notes and with what changed about the contact.

Pages of a thread have a place as their edge, whichever kind of row stands there. Each kind is read by its own index from that place
on, at most as many rows as a page has, so a page costs the same however long the conversation is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from contacts.lists.cursors import beyond, microseconds, read_time
from django.db.models import Exists, OuterRef, Q, QuerySet
from organizations.url_parameters import read_integer

from chats.models import Message
from contacts.models import Contact, ContactChange, Note, RetiredIdentity

MESSAGE, NOTE, CHANGE, NUMBER = 0, -1, -2, -3
"""Of what stands in a conversation at the same moment, the lower comes first: what a message told stands above it."""


@dataclass(frozen=True, order=True)
class ThreadPosition:
    """A row's place in its conversation. `kind` is one of MESSAGE, NOTE, CHANGE and NUMBER."""

    at: datetime
    kind: int = field(default=MESSAGE, kw_only=True)
    pk: int

    @classmethod
    def of(cls, message: Message) -> Self:
        return cls(message.create_in, message.pk)

    @classmethod
    def read(cls, text: str) -> "ThreadPosition | None":
        """From `str`; None if it is none."""
        written_at, _, rest = text.partition("-")
        written_pk, _, written_kind = rest.partition("-")
        at, pk, kind = read_time(written_at), read_integer(written_pk), read_integer(written_kind or "0", maximum=-NUMBER)
        return None if at is None or pk is None or kind is None else cls(at, pk, kind=-kind)

    def __str__(self) -> str:
        kind = f"-{-self.kind}" if self.kind else ""
        return f"{microseconds(self.at)}-{self.pk}{kind}"

    def rows_before(self, kind: int, column: str = "create_in") -> Q:
        """Which rows of this kind come before."""
        return beyond(column, self.at, "lt", self._at_once(kind, "lt"))

    def rows_after(self, kind: int, column: str = "create_in") -> Q:
        """Which rows of this kind come after."""
        return beyond(column, self.at, "gt", self._at_once(kind, "gt"))

    def rows_from(self, kind: int, column: str = "create_in") -> Q:
        """Which rows of this kind stand here or come after."""
        return replace(self, pk=self.pk - 1).rows_after(kind, column)

    @property
    def next(self) -> Self:
        """The place right after this one."""
        return replace(self, pk=self.pk + 1)

    def _at_once(self, kind: int, direction: str) -> Q:
        if kind == self.kind:
            return Q(**{f"pk__{direction}": self.pk})
        is_beyond = kind < self.kind if direction == "lt" else kind > self.kind
        return Q(pk__gt=0) if is_beyond else Q(pk__in=[])


@dataclass(frozen=True)
class TimelineLine:
    """A note, or something that changed."""

    place: ThreadPosition
    row: Note | ContactChange | RetiredIdentity


@dataclass(frozen=True)
class Source:
    """One kind of line, and how its rows are found in time order."""

    kind: int
    rows: "QuerySet[Any]"
    column: str

    def newest(self, limit: int, *, before: ThreadPosition | None, since: ThreadPosition | None) -> list[TimelineLine]:
        """The last of them before a place and not before another one, the newest first."""
        rows = self.rows
        if before:
            rows = rows.filter(before.rows_before(self.kind, self.column))
        if since:
            rows = rows.filter(since.rows_from(self.kind, self.column))
        return [self._line(row) for row in rows.order_by(f"-{self.column}", "-pk")[:limit]]

    def oldest(self, limit: int, *, after: ThreadPosition) -> list[TimelineLine]:
        """The first of them after a place."""
        rows = self.rows.filter(after.rows_after(self.kind, self.column))
        return [self._line(row) for row in rows.order_by(self.column, "pk")[:limit]]

    def _line(self, row: Any) -> TimelineLine:
        return TimelineLine(ThreadPosition(getattr(row, self.column), row.pk, kind=self.kind), row)


def _sources(contact: Contact) -> list[Source]:
    """Those that have something of this contact: most have nothing, and then one query is all."""
    by_staff = ("author__name", "author__email")
    notes = Note.objects.filter(contact=contact).select_related("author").only("contact", "text", "create_in", *by_staff)
    changes = ContactChange.objects.filter(contact=contact).select_related("actor").defer("actor__password")
    numbers = RetiredIdentity.objects.filter(contact=contact, kind=RetiredIdentity.Kind.WA_ID)
    sources = [Source(NOTE, notes, "create_in"), Source(CHANGE, changes, "create_in"), Source(NUMBER, numbers, "retired_at")]
    own = [Exists(each.rows.model._default_manager.filter(contact=OuterRef("pk"))) for each in sources]
    there = Contact.objects.filter(pk=contact.pk).values_list(*own).first() or ()
    return [source for source, is_there in zip(sources, there, strict=False) if is_there]


def newest_lines(
    contact: Contact, limit: int, *, before: ThreadPosition | None = None, since: ThreadPosition | None = None
) -> list[TimelineLine]:
    """The contact's last lines before a place and not before another one, the newest first."""
    found = [line for each in _sources(contact) for line in each.newest(limit, before=before, since=since)]
    return sorted(found, key=lambda line: line.place, reverse=True)[:limit]


def oldest_lines(contact: Contact, limit: int, *, after: ThreadPosition) -> list[TimelineLine]:
    """The contact's first lines after a place, the oldest first."""
    found = [line for each in _sources(contact) for line in each.oldest(limit, after=after)]
    return sorted(found, key=lambda line: line.place)[:limit]


@dataclass(frozen=True)
class ThreadPart:
    """What of some rows a page shows, in time order, and what came before it."""

    messages: list[Message]
    lines: list[TimelineLine]
    message_before: Message | None
    """The last message before the page, of those that were read."""
    position_before: ThreadPosition | None
    """Where the row before the page stands, of those that were read."""


def latest_part(messages: Sequence[Message], lines: Sequence[TimelineLine], limit: int) -> ThreadPart:
    """The last `limit` of these messages and lines together, both of which are given the newest first."""
    places = sorted([*map(ThreadPosition.of, messages), *(line.place for line in lines)], reverse=True)
    position_before = places[limit] if len(places) > limit else None
    edge = min(places[:limit], default=None)
    shown = [message for message in messages if edge and ThreadPosition.of(message) >= edge]
    shown_lines = [line for line in lines if edge and line.place >= edge]
    message_before = messages[len(shown)] if len(messages) > len(shown) else None
    return ThreadPart(shown[::-1], shown_lines[::-1], message_before, place_before)


def in_time_order(messages: Iterable[Message], lines: Iterable[TimelineLine]) -> list[Message | TimelineLine]:
    """Both together."""
    return sorted([*messages, *lines], key=lambda each: each.place if isinstance(each, TimelineLine) else ThreadPosition.of(each))
