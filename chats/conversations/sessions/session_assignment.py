"""Applies the session rules to rows: reads what the rules need to know of earlier messages, and writes what the rules change.

Messages that are later than all stored ones need only the contact's own columns. All other conversations are reassigned together,
with a number of statements that does not depend on the number of conversations (see `reassign`).
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Max, QuerySet

from chats.conversations.sessions.session_rules import (
    SESSION,
    Session,
    SessionAssignment,
    SessionEffect,
    SessionMessage,
    assign_sessions,
    session_after,
)
from chats.models import Message, Origin
from contacts.models import Contact
from jobs.bulk_writes import update_columns

MAX_SPANS = 250
"""Conversations in one query: SQLite takes at most 1,000 conditions joined by OR, and MySQL plans each one as a range."""
TICK = timedelta(microseconds=1)
MAX_STEP = timedelta(days=32)
"""Time that one query reads of what follows a late message. It limits the rows in memory."""
LIVE_EFFECTS = (SessionEffect.CUSTOMER, SessionEffect.BUSINESS)
SESSION_COLUMNS = ("session_id", "expires_at", "is_active", "updated_at")


class StoredMessage(NamedTuple):
    """The columns of a stored message that the rules need."""

    pk: int
    contact_id: int
    wamid: str | None
    callback_data: str | None
    create_in: datetime
    origin: str
    is_user_message: bool
    kind: str
    session_id: uuid.UUID
    expires_at: datetime
    is_active: bool

    @property
    def name(self) -> str:
        """See Message.name."""
        return self.callback_data or self.wamid or ""


STORED_COLUMNS = ("pk", *StoredMessage._fields[1:])


def effect_of_kind(origin: str, from_customer: bool, kind: str) -> SessionEffect:
    """Returns what such a message does to sessions. System messages are notices of WhatsApp's."""
    if kind == "system":
        return SessionEffect.NOTICE
    if origin == Origin.HISTORY:
        return SessionEffect.HISTORY
    return SessionEffect.CUSTOMER if from_customer else SessionEffect.BUSINESS


def effect_of(row: StoredMessage | Message) -> SessionEffect:
    """Returns what this message does to sessions."""
    return effect_of_kind(row.origin, row.is_user_message, row.kind)


def assign_rows(
    new: Sequence[Message],
    changed: Sequence[Message],
    contacts: dict[int, Contact],
    now: datetime,
    *,
    old_times: Mapping[int, datetime] = MappingProxyType({}),
) -> None:
    """Sets the session of `new` and `changed` rows, and updates other rows whose session changes because of them.

    The rows of `changed` are stored with another effect or time than they now have. `old_times` are the stored times of those that
    have another time, by primary key. The contacts are locked. They are updated, not saved.
    """
    by_contact: dict[int, list[Message]] = defaultdict(list)
    for row in (*new, *changed):
        by_contact[row.contact_id].append(row)
    spans: list[ReassignedSpan] = []
    closed: set[uuid.UUID] = set()
    reopened: set[uuid.UUID] = set()
    for contact_id, rows in by_contact.items():
        contact = contacts[contact_id]
        if not _are_latest(contact, rows):
            times = [time for row in rows for time in (row.create_in, old_times.get(row.pk)) if time]
            spans.append(ReassignedSpan(contact, min(times), max(times), {row.name: row for row in rows}))
            continue
        stored_id, was_running = {contact.session_id}, _running_ids(contact)
        _assign_latest(contact, rows, now)
        closed |= was_running - _running_ids(contact)
        # A session that the chore closed before this late message arrived.
        reopened |= (_running_ids(contact) - was_running) & stored_id
    _set_active(closed, False, now)
    _set_active(reopened, True, now)
    reassign(spans, now)


@dataclass(slots=True)
class ReassignedSpan:
    """Part of a conversation in which messages are new, have another effect than before, or came from another conversation.

    `first_at` and `last_at` are the times of the first and the last of these messages. `rows` are, by name, the messages that the
    table does not contain as they are now. If there are none, the stored messages count.
    """

    contact: Contact
    first_at: datetime
    last_at: datetime
    rows: dict[str, Message] = field(default_factory=dict)
    previous_at: datetime | None = None
    """The time of the last message before the span, if its session may still run. None once that session is known."""
    start: datetime = field(init=False)
    end: datetime = field(init=False)
    """The messages from `start` to `end` are assigned next."""
    running: Session | None = None
    latest: Session | None = None
    """The last live session, if the contact has to be updated with it."""
    assigned_until: datetime | None = None
    """The time of the last assigned message that determines which session runs."""
    assignments: list[tuple[SessionAssignment, StoredMessage | None]] = field(default_factory=list)
    """Of the new rows (with None), and of the stored rows that may have to change."""

    def __post_init__(self) -> None:
        self.start, self.end = self.first_at, self.last_at + SESSION

    @property
    def changes_live_sessions(self) -> bool:
        """Whether live sessions may change: only live messages decide them, neither history nor notices."""
        return not self.rows or any(effect_of(row) in LIVE_EFFECTS for row in self.rows.values())

    def start_after(self, previous_at: datetime) -> None:
        """Start after the stored message of this time."""
        self.previous_at, self.start = previous_at, previous_at + TICK

    def assign(self, stored: Sequence[StoredMessage]) -> bool:
        """Assigns the messages from `start` to `end`. `stored` are the stored rows of that time and those of `previous_at`. Returns
        whether the span is complete: all later messages keep their sessions."""
        if self.previous_at:
            self.running = _session_after_last(row for row in stored if row.create_in == self.previous_at)
            self.previous_at = None
        by_name = {row.name: row for row in stored if row.name not in self.rows and row.create_in >= self.start}
        messages = [_session_message(row) for row in by_name.values()]
        messages += [_session_message(row) for row in self.rows.values() if row.create_in >= self.start]
        for assignment in assign_sessions(messages, scope=self.contact.create_for_phone_number_id, running=self.running):
            row = by_name.get(assignment.message.key)
            if row and self._is_unchanged(assignment, row):
                self.latest = None
                return True
            self._add(assignment, row)
        return self._is_last()

    def extend(self, step: timedelta) -> None:
        """Continue with the messages that follow, as far as `step`."""
        self.start, self.end = self.end + TICK, self.end + step

    def _add(self, assignment: SessionAssignment, row: StoredMessage | None) -> None:
        message = assignment.message
        if session := session_after(message, assignment.session_id, assignment.expires_at):
            self.running, self.assigned_until = session, message.sent_at
        if message.effect in LIVE_EFFECTS:
            self.latest = assignment.latest
        is_changed = row and (row.session_id, row.expires_at) != (assignment.session_id, assignment.expires_at)
        if row is None or row.is_active or is_changed:
            self.assignments.append((assignment, row))

    def _is_unchanged(self, assignment: SessionAssignment, row: StoredMessage) -> bool:
        """Whether the same session runs after this row as before, so that all later messages keep their sessions."""
        message = assignment.message
        is_changed = (row.session_id, row.expires_at) != (assignment.session_id, assignment.expires_at)
        if message.sent_at <= self.last_at or is_changed:
            return False
        if message.effect in LIVE_EFFECTS:
            return True
        return not self.changes_live_sessions and session_after(message, row.session_id, row.expires_at) is not None

    def _is_last(self) -> bool:
        """Whether the conversation ends here, or pauses for so long that the next message opens a session, as it did before."""
        last = self.contact.last_message_timestamp
        if last is None or last <= self.end:
            return True
        if self.assigned_until and self.assigned_until + SESSION > self.end:
            return False
        known_until = self.contact.session_expires_at
        if known_until and known_until > self.end:  # of a session that begins after the pause
            self.latest = None
        return True


def reassign(spans: Sequence[ReassignedSpan], now: datetime) -> None:
    """Assigns sessions again in these parts of conversations, at most one part for each contact, and after them as far as sessions
    change. The contacts are locked. They are updated, not saved.

    The number of statements does not depend on the number of spans, up to `MAX_SPANS` at a time: one finds where each span starts,
    one reads a day of what follows, and few write the changes. More days are read only if that day does not complete the span.
    """
    for begin in range(0, len(spans), MAX_SPANS):
        _reassign(spans[begin : begin + MAX_SPANS], now)


def close_sessions(contacts: Iterable[Contact], now: datetime) -> int:
    """Closes the expired sessions of these contacts. Returns the number of changed messages. The contacts are updated, not
    saved."""
    ids = []
    for contact in contacts:
        contact.session_is_active = False
        ids.append(contact.session_id)
    return _set_active({each for each in ids if each}, False, now)


def _reassign(spans: Sequence[ReassignedSpan], now: datetime) -> None:
    _find_starts(spans)
    incomplete, step = list(spans), SESSION
    while incomplete:
        stored = _read(incomplete)
        incomplete = [span for span in incomplete if not span.assign(stored[span.contact.pk])]
        step = min(2 * step, MAX_STEP)
        for span in incomplete:
            span.extend(step)
    changed: dict[int, tuple[Any, ...]] = {}
    closed: set[uuid.UUID] = set()
    opened: set[uuid.UUID] = set()
    for span in spans:
        was_running = _running_ids(span.contact)
        if span.latest:
            _set_session_of_contact(span.contact, span.latest, now)
        changed |= _set_sessions_of_rows(span, now)
        closed |= was_running - _running_ids(span.contact)
        opened |= _running_ids(span.contact) - was_running
    update_columns(Message, SESSION_COLUMNS, changed)
    _set_active(closed, False, now)
    _set_active(opened, True, now)


def _find_starts(spans: Sequence[ReassignedSpan]) -> None:
    """Finds the last message before each span that determines which session ran. One of more than a day before has no effect."""
    ranges = [(span.contact.pk, span.first_at - SESSION, span.first_at - TICK) for span in spans]
    rows = _messages_in(ranges).exclude(kind="system").order_by()
    starts = dict(rows.values_list("contact").annotate(Max("create_in")))
    for span in spans:
        if time := starts.get(span.contact.pk):
            span.start_after(time)


def _read(spans: Iterable[ReassignedSpan]) -> dict[int, list[StoredMessage]]:
    """Returns the stored rows of the current part of each span, by contact."""
    ranges = [(span.contact.pk, span.previous_at or span.start, span.end) for span in spans]
    found: dict[int, list[StoredMessage]] = defaultdict(list)
    for values in _messages_in(ranges).order_by().values_list(*STORED_COLUMNS):
        found[values[1]].append(StoredMessage(*values))
    return found


def _messages_in(ranges: Sequence[tuple[int, datetime, datetime]]) -> QuerySet[Message]:
    """Returns the messages of these contacts, each between two times."""
    # Building the same condition from Q objects takes longer than the query. As RawSQL, MySQL and MariaDB would get it as
    # `(…) = 1`, for which they use no index.
    adapt = connection.ops.adapt_datetimefield_value
    arguments = [each for contact, first, last in ranges for each in (contact, adapt(first), adapt(last))]
    condition = " OR ".join(["(contact_id = %s AND create_in >= %s AND create_in <= %s)"] * len(ranges))
    return Message.objects.extra(where=[condition], params=arguments)  # noqa: S610  contains no input


def _session_after_last(rows: Iterable[StoredMessage]) -> Session | None:
    """Returns the session after the last of these messages of one time. The rules order them by name."""
    last = max((row for row in rows if row.kind != "system"), key=lambda row: row.name)
    return session_after(_session_message(last), last.session_id, last.expires_at)


def _set_sessions_of_rows(span: ReassignedSpan, now: datetime) -> dict[int, tuple[Any, ...]]:
    """Writes the assignments into the new rows. Returns `SESSION_COLUMNS` of the stored rows that change, by primary key."""
    changed: dict[int, tuple[Any, ...]] = {}
    for assignment, row in span.assignments:
        if row is None:
            _set_session(span.rows[assignment.message.key], assignment, span.contact)
            continue
        values = (assignment.session_id, assignment.expires_at, _is_active(assignment, span.contact))
        if values != (row.session_id, row.expires_at, row.is_active):
            changed[row.pk] = (*values, now)
    return changed


def _running_ids(contact: Contact) -> set[uuid.UUID]:
    """Returns the id of the session that is marked as running, if there is one."""
    return {contact.session_id} if contact.session_id and contact.session_is_active else set()


def _are_latest(contact: Contact, rows: Iterable[Message]) -> bool:
    """Whether the contact's own columns contain all that the rules need to know."""
    last = contact.last_message_timestamp
    return all(row._state.adding and (last is None or row.create_in > last) and effect_of(row) in LIVE_EFFECTS for row in rows)


def _assign_latest(contact: Contact, rows: Sequence[Message], now: datetime) -> None:
    running = None
    if contact.session_id and contact.session_expires_at:
        running = Session(contact.session_id, contact.session_expires_at)
    by_name = {row.name: row for row in rows}
    messages = [_session_message(row) for row in rows]
    assignments = list(assign_sessions(messages, scope=contact.create_for_phone_number_id, running=running))
    if assignments[-1].latest:
        _set_session_of_contact(contact, assignments[-1].latest, now)
    for assignment in assignments:
        _set_session(by_name[assignment.message.key], assignment, contact)


def _session_message(row: StoredMessage | Message) -> SessionMessage:
    return SessionMessage(row.name, row.create_in, effect_of(row))


def _set_session_of_contact(contact: Contact, session: Session, now: datetime) -> None:
    contact.session_id = session.id
    contact.session_expires_at = session.expires_at
    contact.session_is_active = session.runs_at(now)


def _set_session(row: Message, assignment: SessionAssignment, contact: Contact) -> None:
    row.session_id, row.expires_at = assignment.session_id, assignment.expires_at
    row.is_active = _is_active(assignment, contact)


def _is_active(assignment: SessionAssignment, contact: Contact) -> bool:
    return contact.session_is_active and assignment.session_id == contact.session_id


def _set_active(sessions: set[uuid.UUID], active: bool, now: datetime) -> int:
    if not sessions:
        return 0
    rows = Message.objects.filter(session_id__in=sessions, is_active=not active)
    return rows.update(is_active=active, updated_at=now)
