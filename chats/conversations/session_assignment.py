"""Applies the session rules to rows: finds what the rules need to know of the messages before, and writes what they changed.

Messages that come after all that is known need nothing but the contact's own columns. All other conversations of a group are filed
anew together, with a number of statements that does not depend on how many they are (see `reassign`).
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import BooleanField, Max
from django.db.models.expressions import RawSQL

from chats.conversations.sessions import (
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

SPANS = 250
"""Conversations in one query: SQLite takes at most 1,000 conditions joined by OR, and MySQL plans each one as a range."""
TICK = timedelta(microseconds=1)
LONGEST_STEP = timedelta(days=32)
"""Of one look at what follows a late message, which bounds the rows in memory."""
LIVE = (SessionEffect.CUSTOMER, SessionEffect.BUSINESS)
MOVED = ("session_id", "expires_at", "is_active", "updated_at")


class StoredMessage(NamedTuple):
    """A message that is in the table, as far as the rules need it."""

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


COLUMNS = ("pk", *StoredMessage._fields[1:])


def effect_of_kind(origin: str, from_customer: bool, kind: str) -> SessionEffect:
    """What a message of this sort does to sessions. System notices nobody wrote."""
    if kind == "system":
        return SessionEffect.ASIDE
    if origin == Origin.HISTORY:
        return SessionEffect.HISTORY
    return SessionEffect.CUSTOMER if from_customer else SessionEffect.BUSINESS


def effect_of(row: StoredMessage | Message) -> SessionEffect:
    """What this message does to sessions."""
    return effect_of_kind(row.origin, row.is_user_message, row.kind)


def assign_rows(
    fresh: Sequence[Message],
    promoted: Sequence[Message],
    contacts: dict[int, Contact],
    now: datetime,
    *,
    vacated: Mapping[int, datetime] = MappingProxyType({}),
) -> None:
    """Give each fresh row its session, and each promoted one, which is stored with another role or time than it now has; move what
    that changes of other rows. `vacated`: by primary key, the times that promoted rows are stored with. The contacts are locked;
    they are updated, not saved."""
    by_contact: dict[int, list[Message]] = defaultdict(list)
    for row in (*fresh, *promoted):
        by_contact[row.contact_id].append(row)
    late: list[ReassignedSpan] = []
    closed: set[uuid.UUID] = set()
    reopened: set[uuid.UUID] = set()
    for contact_id, rows in by_contact.items():
        contact = contacts[contact_id]
        if not _come_after_all(contact, rows):
            times = [at for row in rows for at in (row.create_in, vacated.get(row.pk)) if at]
            late.append(ReassignedSpan(contact, min(times), max(times), {row.name: row for row in rows}))
            continue
        known, was_running = {contact.session_id}, _running(contact)
        _continue(contact, rows, now)
        closed |= was_running - _running(contact)
        reopened |= (_running(contact) - was_running) & known  # closed by the sweep, and then a message came late
    _set_active(closed, False, now)
    _set_active(reopened, True, now)
    reassign(late, now)


@dataclass(slots=True)
class ReassignedSpan:
    """Part of a conversation in which messages are new, have another role than before, or came from another conversation.

    `since` and `until` are the times of the first and the last of them. `rows` are, by name, those that the table does not have as
    they are now; without any, the stored ones count.
    """

    contact: Contact
    since: datetime
    until: datetime
    rows: dict[str, Message] = field(default_factory=dict)
    before: datetime | None = None
    """The time of the last message before, if one may say which session ran then."""
    start: datetime = field(init=False)
    end: datetime = field(init=False)
    """What lies between them is the next to be filed."""
    running: Session | None = None
    latest: Session | None = None
    """The last live session, where the contact has to learn it."""
    last_at: datetime | None = None
    """The time of the last message filed anew that says which session ran then."""
    filings: list[tuple[SessionAssignment, StoredMessage | None]] = field(default_factory=list)
    """Of the new rows, and of the stored ones that may have to change."""

    def __post_init__(self) -> None:
        self.start, self.end = self.since, self.until + SESSION

    @property
    def touches_live(self) -> bool:
        """Whether live sessions may change: live messages alone decide them, neither history nor notices."""
        return not self.rows or any(effect_of(row) in LIVE for row in self.rows.values())

    def begin_after(self, time: datetime) -> None:
        """File what is later than the message of this time."""
        self.before, self.start = time, time + TICK

    def look(self, found: Sequence[StoredMessage]) -> bool:
        """File anew what lies between `start` and `end`. `found` are its stored rows, and those of the time `before`. Returns
        whether that was all: what follows stays as it is."""
        if self.before:
            self.running, self.before = _session_left_by(row for row in found if row.create_in == self.before), None
        rows = [row for row in found if row.name not in self.rows and row.create_in >= self.start]
        fresh = [row for row in self.rows.values() if row.create_in >= self.start]
        stored = {row.name: row for row in rows}
        entries = [*map(_entry, rows), *map(_entry, fresh)]
        for filing in assign_sessions(entries, scope=self.contact.create_for_phone_number_id, running=self.running):
            row = stored.get(filing.entry.key)
            if row and self._is_settled(filing, row):
                self.latest = None
                return True
            self._keep(filing, row)
        return self._is_followed_by_nothing()

    def go_on(self, step: timedelta) -> None:
        """Look further."""
        self.start, self.end = self.end + TICK, self.end + step

    def _keep(self, filing: SessionAssignment, row: StoredMessage | None) -> None:
        if left := session_after(filing.entry, filing.session_id, filing.expires_at):
            self.running, self.last_at = left, filing.entry.at
        if filing.entry.role in LIVE:
            self.latest = filing.latest
        if row is None or row.is_active or (row.session_id, row.expires_at) != (filing.session_id, filing.expires_at):
            self.filings.append((filing, row))

    def _is_settled(self, filing: SessionAssignment, row: StoredMessage) -> bool:
        """Whether this row leaves the same session as before, so that all that follows stays as it is."""
        if filing.entry.at <= self.until or (row.session_id, row.expires_at) != (filing.session_id, filing.expires_at):
            return False
        if filing.entry.role in LIVE:
            return True
        return not self.touches_live and session_after(filing.entry, row.session_id, row.expires_at) is not None

    def _is_followed_by_nothing(self) -> bool:
        """Whether the conversation ends here, or pauses for so long that what follows begins anew, as it did before."""
        last = self.contact.last_message_timestamp
        if last is None or last <= self.end:
            return True
        if self.last_at and self.last_at + SESSION > self.end:
            return False
        known_until = self.contact.session_expires_at
        if known_until and known_until > self.end:  # of a session that begins after the pause
            self.latest = None
        return True


def reassign(stretches: Sequence[ReassignedSpan], now: datetime) -> None:
    """File these parts of conversations anew, at most one of each contact, and what follows them as far as they change it. The
    contacts are locked; they are updated, not saved.

    The number of statements does not depend on how many they are, up to `SPANS` at a time: one finds where each has to begin, one
    reads a day of what follows, and few write what is to change. Only where that day does not settle it, the next days are read.
    """
    for begin in range(0, len(stretches), SPANS):
        _refile(stretches[begin : begin + SPANS], now)


def _refile(stretches: Sequence[ReassignedSpan], now: datetime) -> None:
    _find_starts(stretches)
    unsettled, step = list(stretches), SESSION
    while unsettled:
        found = _read(unsettled)
        unsettled = [stretch for stretch in unsettled if not stretch.look(found[stretch.contact.pk])]
        step = min(2 * step, LONGEST_STEP)
        for stretch in unsettled:
            stretch.go_on(step)
    moved: dict[int, tuple[Any, ...]] = {}
    closed: set[uuid.UUID] = set()
    opened: set[uuid.UUID] = set()
    for stretch in stretches:
        was_running = _running(stretch.contact)
        if stretch.latest:
            _remember(stretch.contact, stretch.latest, now)
        moved |= _put_all(stretch, now)
        closed |= was_running - _running(stretch.contact)
        opened |= _running(stretch.contact) - was_running
    update_columns(Message, MOVED, moved)
    _set_active(closed, False, now)
    _set_active(opened, True, now)


def _find_starts(stretches: Sequence[ReassignedSpan]) -> None:
    """The last message before each stretch that says which session ran. One of more than a day before has no say any more."""
    spans = [(stretch.contact.pk, stretch.since - SESSION, stretch.since - TICK) for stretch in stretches]
    rows = Message.objects.filter(_within(spans)).exclude(kind="system").order_by()
    starts = dict(rows.values_list("contact").annotate(Max("create_in")))
    for stretch in stretches:
        if time := starts.get(stretch.contact.pk):
            stretch.begin_after(time)


def _read(stretches: Iterable[ReassignedSpan]) -> dict[int, list[StoredMessage]]:
    """The stored rows from where each of these begins to where it ends for now, by contact."""
    spans = [(stretch.contact.pk, stretch.before or stretch.start, stretch.end) for stretch in stretches]
    found: dict[int, list[StoredMessage]] = defaultdict(list)
    for values in Message.objects.filter(_within(spans)).order_by().values_list(*COLUMNS):
        found[values[1]].append(StoredMessage(*values))
    return found


def _within(spans: Sequence[tuple[int, datetime, datetime]]) -> RawSQL:
    """Messages of these contacts, of each from one time to another. To build the same from Q objects costs more than the query."""
    moment = connection.ops.adapt_datetimefield_value
    arguments = [each for contact, first, last in spans for each in (contact, moment(first), moment(last))]
    which = " OR ".join(["(contact_id = %s AND create_in >= %s AND create_in <= %s)"] * len(spans))
    return RawSQL(which, arguments, output_field=BooleanField())  # noqa: S611  no input in it


def _session_left_by(rows: Iterable[StoredMessage]) -> Session | None:
    """What the last of these messages of one second left; the rules order them by name."""
    last = max((row for row in rows if row.kind != "system"), key=lambda row: row.name)
    return session_after(_entry(last), last.session_id, last.expires_at)


def _put_all(stretch: ReassignedSpan, now: datetime) -> dict[int, tuple[Any, ...]]:
    """Write the filings into the new rows; returns `MOVED` of the stored ones that change, by primary key."""
    moved: dict[int, tuple[Any, ...]] = {}
    for filing, row in stretch.filings:
        if row is None:
            _put(stretch.rows[filing.entry.key], filing, stretch.contact)
            continue
        values = (filing.session_id, filing.expires_at, _is_active(filing, stretch.contact))
        if values != (row.session_id, row.expires_at, row.is_active):
            moved[row.pk] = (*values, now)
    return moved


def close_sessions(contacts: Iterable[Contact], now: datetime) -> int:
    """Close these contacts' sessions, which have expired; returns how many messages that changed."""
    ids = []
    for contact in contacts:
        contact.session_is_active = False
        ids.append(contact.session_id)
    return _set_active({each for each in ids if each}, False, now)


def _running(contact: Contact) -> set[uuid.UUID]:
    """The id of the session that is marked as running, if one is."""
    return {contact.session_id} if contact.session_id and contact.session_is_active else set()


def _come_after_all(contact: Contact, rows: Iterable[Message]) -> bool:
    """Whether the contact's own columns say all that the rules need to know."""
    last = contact.last_message_timestamp
    return all(row._state.adding and (last is None or row.create_in > last) and effect_of(row) in LIVE for row in rows)


def _continue(contact: Contact, rows: Sequence[Message], now: datetime) -> None:
    running = None
    if contact.session_id and contact.session_expires_at:
        running = Session(contact.session_id, contact.session_expires_at)
    by_key = {row.name: row for row in rows}
    entries = [_entry(row) for row in rows]
    filings = list(assign_sessions(entries, scope=contact.create_for_phone_number_id, running=running))
    if filings[-1].latest:
        _remember(contact, filings[-1].latest, now)
    for filing in filings:
        _put(by_key[filing.entry.key], filing, contact)


def _entry(row: StoredMessage | Message) -> SessionMessage:
    return SessionMessage(row.name, row.create_in, effect_of(row))


def _remember(contact: Contact, session: Session, now: datetime) -> None:
    contact.session_id = session.id
    contact.session_expires_at = session.expires_at
    contact.session_is_active = session.runs_at(now)


def _put(row: Message, filing: SessionAssignment, contact: Contact) -> None:
    row.session_id, row.expires_at = filing.session_id, filing.expires_at
    row.is_active = _is_active(filing, contact)


def _is_active(filing: SessionAssignment, contact: Contact) -> bool:
    return contact.session_is_active and filing.session_id == contact.session_id


def _set_active(sessions: set[uuid.UUID], active: bool, now: datetime) -> int:
    if not sessions:
        return 0
    rows = Message.objects.filter(session_id__in=sessions, is_active=not active)
    return rows.update(is_active=active, updated_at=now)
