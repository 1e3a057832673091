"""Applies the session rules to rows: finds what the rules need to know of the messages before, and writes what they changed."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from chats.models import Message, Origin
from chats.sessions import Entry, Filing, Role, Session, file_messages
from contacts.models import Contact

FILED = ("wamid", "callback_data", "create_in", "origin", "is_user_message", "kind", "session_id", "expires_at", "is_active")
MOVED = ("session_id", "expires_at", "is_active", "updated_at")


def role(origin: str, from_customer: bool, kind: str) -> Role:
    """What a message of this sort does to sessions. System notices nobody wrote."""
    if kind == "system":
        return Role.ASIDE
    if origin == Origin.HISTORY:
        return Role.HISTORY
    return Role.CUSTOMER if from_customer else Role.BUSINESS


def file_rows(fresh: Sequence[Message], promoted: Sequence[Message], contacts: dict[int, Contact], now: datetime) -> None:
    """Give each fresh row its session and move what it changes of the rows before. The contacts are updated, not saved."""
    by_contact: dict[int, list[Message]] = defaultdict(list)
    for row in (*fresh, *promoted):
        by_contact[row.contact_id].append(row)
    closed: set[uuid.UUID] = set()
    reopened: set[uuid.UUID] = set()
    for contact_id, rows in by_contact.items():
        contact = contacts[contact_id]
        if not _come_after_all(contact, rows):
            refile(contact, rows, now)
            continue
        known, was_running = {contact.session_id}, _running(contact)
        _continue(contact, rows, now)
        closed |= was_running - _running(contact)
        reopened |= (_running(contact) - was_running) & known  # closed by the sweep, and then a message came late
    _set_active(closed, False, now)
    _set_active(reopened, True, now)


def refile(contact: Contact, rows: Sequence[Message], now: datetime, *, since: datetime | None = None) -> None:
    """File rows that are late, or stored and changed: go through the conversation again from where they, or `since`, come in."""
    new = {row.name: row for row in rows}
    running, after = _left_before(contact, since or min(row.create_in for row in rows))
    later = Message.objects.filter(contact=contact).only(*FILED)
    later = later.filter(create_in__gt=after) if after else later
    stored = {row.name: row for row in later if row.name not in new}
    filings = list(_file(contact, [*stored.values(), *rows], running))
    was_running = _running(contact)
    if filings and filings[-1].latest:
        _remember(contact, filings[-1].latest, now)
    for filing in filings:
        if filing.entry.key in new:
            _put(new[filing.entry.key], filing, contact)
    moved = [row for filing in filings if (row := stored.get(filing.entry.key)) and _put(row, filing, contact)]
    for row in moved:
        row.updated_at = now
    Message.objects.bulk_update(moved, MOVED, batch_size=200)
    _set_active(was_running - _running(contact), False, now)
    _set_active(_running(contact) - was_running, True, now)


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
    return all(
        row._state.adding and (last is None or row.create_in > last) and _role(row) in (Role.CUSTOMER, Role.BUSINESS)
        for row in rows
    )


def _continue(contact: Contact, rows: Sequence[Message], now: datetime) -> None:
    running = None
    if contact.session_id and contact.session_expires_at:
        running = Session(contact.session_id, contact.session_expires_at)
    by_key = {row.name: row for row in rows}
    filings = list(_file(contact, rows, running))
    if filings[-1].latest:
        _remember(contact, filings[-1].latest, now)
    for filing in filings:
        _put(by_key[filing.entry.key], filing, contact)


def _file(contact: Contact, rows: Iterable[Message], running: Session | None) -> Iterable[Filing]:
    entries = [Entry(row.name, row.create_in, _role(row)) for row in rows]
    return file_messages(entries, scope=contact.create_for_phone_number_id, running=running)


def _role(row: Message) -> Role:
    return role(row.origin, row.is_user_message, row.kind)


def _left_before(contact: Contact, at: datetime) -> tuple[Session | None, datetime | None]:
    """The live session as the last message before `at` left it, and when that was; what came before has no say any more."""
    live = Message.objects.filter(contact=contact, create_in__lt=at).exclude(origin=Origin.HISTORY).exclude(kind="system")
    when = live.order_by("-create_in", "-pk").values_list("create_in", flat=True).first()
    if when is None:
        return None, None
    last = max(live.filter(create_in=when).only(*FILED), key=lambda row: row.name)  # of those of one second the rules' last
    return Session(last.session_id, last.expires_at), when


def _remember(contact: Contact, session: Session, now: datetime) -> None:
    contact.session_id = session.id
    contact.session_expires_at = session.expires_at
    contact.session_is_active = session.runs_at(now)


def _put(row: Message, filing: Filing, contact: Contact) -> bool:
    """Whether that changed anything."""
    before = (row.session_id, row.expires_at, row.is_active)
    row.session_id, row.expires_at = filing.session_id, filing.expires_at
    row.is_active = contact.session_is_active and filing.session_id == contact.session_id
    return before != (row.session_id, row.expires_at, row.is_active)


def _set_active(sessions: set[uuid.UUID], active: bool, now: datetime) -> int:
    if not sessions:
        return 0
    rows = Message.objects.filter(session_id__in=sessions, is_active=not active)
    return rows.update(is_active=active, updated_at=now)
