"""Applies the session rules to rows: finds what the rules need to know of the messages before, and writes what they changed."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from chats.models import Message, Origin
from chats.sessions import Entry, Filing, Role, Session, file_messages
from contacts.models import Contact


def role(origin: str, from_customer: bool, kind: str, group_id: str | None) -> Role:
    """What a message of this sort does to sessions. Groups have a window of their own; system notices nobody wrote."""
    if kind == "system" or group_id:
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
        before = contact.session_id if contact.session_is_active else None
        if _come_after_all(contact, rows):
            _continue(contact, rows, now)
        else:
            refile(contact, rows, now)
        after = contact.session_id if contact.session_is_active else None
        if before != after:
            closed.update({before} - {None})
            reopened.update({after} - {None})
    _set_active(closed, False, now)
    _set_active(reopened, True, now)


def refile(contact: Contact, rows: Sequence[Message], now: datetime, *, since: datetime | None = None) -> None:
    """File rows that are late, or stored and changed: read the conversation again from the session that they, or `since`, may touch."""
    new = {row.wamid: row for row in rows}
    start = _safe_start(contact, since or min(row.create_in for row in rows))
    stored = {row.wamid: row for row in Message.objects.filter(contact=contact, create_in__gte=start) if row.wamid not in new}
    filings = list(_file(contact, [*stored.values(), *rows], None))
    if filings and filings[-1].latest:
        _remember(contact, filings[-1].latest, now)
    for filing in filings:
        if filing.entry.key in new:
            _put(new[filing.entry.key], filing, contact)
        else:
            _move(stored[filing.entry.key], filing, contact, now)


def close_sessions(contacts: Iterable[Contact], now: datetime) -> int:
    """Close these contacts' sessions, which have expired; returns how many messages that changed."""
    ids = []
    for contact in contacts:
        contact.session_is_active = False
        ids.append(contact.session_id)
    return _set_active({each for each in ids if each}, False, now)


def _come_after_all(contact: Contact, rows: Iterable[Message]) -> bool:
    """Whether the contact's own columns say all that the rules need to know."""
    last = contact.last_message_timestamp
    return all(
        row.pk is None and (last is None or row.create_in > last) and _role(row) in (Role.CUSTOMER, Role.BUSINESS) for row in rows
    )


def _continue(contact: Contact, rows: Sequence[Message], now: datetime) -> None:
    running = None
    if contact.session_id and contact.session_expires_at:
        running = Session(contact.session_id, contact.session_expires_at)
    by_key = {row.wamid: row for row in rows}
    filings = list(_file(contact, rows, running))
    if filings[-1].latest:
        _remember(contact, filings[-1].latest, now)
    for filing in filings:
        _put(by_key[filing.entry.key], filing, contact)


def _file(contact: Contact, rows: Iterable[Message], running: Session | None) -> Iterable[Filing]:
    entries = [Entry(row.wamid or "", row.create_in, _role(row)) for row in rows]
    return file_messages(entries, scope=contact.create_for_phone_number_id, running=running)


def _role(row: Message) -> Role:
    return role(row.origin, row.is_user_message, row.kind, row.group_id)


def _safe_start(contact: Contact, at: datetime) -> datetime:
    """The start of the session before `at`: nothing earlier is touched by what happens at `at`."""
    before = Message.objects.filter(contact=contact, create_in__lt=at).order_by("-create_in", "-pk").first()
    if before is None:
        return at
    first = Message.objects.filter(contact=contact, session_id=before.session_id).order_by("create_in").first()
    return first.create_in if first else at


def _remember(contact: Contact, session: Session, now: datetime) -> None:
    contact.session_id = session.id
    contact.session_expires_at = session.expires_at
    contact.session_is_active = session.runs_at(now)


def _put(row: Message, filing: Filing, contact: Contact) -> None:
    row.session_id = filing.session_id
    row.expires_at = filing.expires_at
    row.is_active = contact.session_is_active and filing.session_id == contact.session_id


def _move(row: Message, filing: Filing, contact: Contact, now: datetime) -> None:
    before = (row.session_id, row.expires_at, row.is_active)
    _put(row, filing, contact)
    if before != (row.session_id, row.expires_at, row.is_active):
        row.updated_at = now
        row.save(update_fields=["session_id", "expires_at", "is_active", "updated_at"])


def _set_active(sessions: set[uuid.UUID], active: bool, now: datetime) -> int:
    if not sessions:
        return 0
    rows = Message.objects.filter(session_id__in=sessions, is_active=not active)
    return rows.update(is_active=active, updated_at=now)
