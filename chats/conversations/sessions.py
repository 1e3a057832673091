"""The session rules (docs/architecture.md "Sessions and the service window"), as a fold over a conversation's messages in order of
time.

    customer at t    joins the session running at t and moves its expiry to t + 24 h at least, else opens one
    business at t    joins it and moves nothing, else opens one that expires at t + 24 h
    aside at t       (WhatsApp's own notices) joins it, else is filed alone, already closed; opens nothing
    history at t     joins it and moves nothing, else is filed with its imported neighbours, already closed; opens nothing

A session runs at t if t < its expiry. Times alone decide, so the result is the same whatever the order of arrival: a late message
may lengthen a session, join two, or part them. A session's id is made from its earliest message, shaped like a uuid4: it too is the
same after any order of arrival and after a rebuild, and of two sessions that become one, the earlier one's id stays.
"""

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

SESSION = timedelta(hours=24)


class Role(Enum):
    """What a message does to sessions."""

    CUSTOMER = "customer"
    BUSINESS = "business"
    ASIDE = "aside"
    HISTORY = "history"


@dataclass(frozen=True, slots=True)
class Entry:
    """A message as the rules see it. `key` is unique in its number, never changes, and breaks ties of time."""

    key: str
    at: datetime
    role: Role


@dataclass(frozen=True, slots=True)
class Session:
    """A running session. One of imported history alone is not live: nothing live joins it."""

    id: uuid.UUID
    expires_at: datetime
    live: bool = True

    def runs_at(self, at: datetime) -> bool:
        return at < self.expires_at


@dataclass(frozen=True, slots=True)
class Filing:
    """Where an entry belongs, and the session's expiry as known once it was there."""

    entry: Entry
    session_id: uuid.UUID
    expires_at: datetime
    latest: Session | None
    """The live session that runs or ran last, up to this entry."""


def file_messages(entries: Iterable[Entry], *, scope: str, running: Session | None = None) -> Iterator[Filing]:
    """File the entries, in order of time. `running` is the session that the entries before them left (see `left_by`); `scope` (the
    phone_number_id) keeps session ids of different numbers apart."""
    latest = running if running and running.live else None
    for entry in sorted(entries, key=lambda entry: (entry.at, entry.key)):
        joined = running if running and running.runs_at(entry.at) else None
        if entry.role in (Role.CUSTOMER, Role.BUSINESS):
            running = latest = _speak(entry, joined, scope)
            yield Filing(entry, running.id, running.expires_at, latest)
        elif joined and joined.live:
            yield Filing(entry, joined.id, joined.expires_at, latest)
        elif entry.role is Role.HISTORY:
            running = _import(entry, joined, scope)
            yield Filing(entry, running.id, entry.at, latest)
        else:
            yield Filing(entry, joined.id if joined else session_id(scope, entry.key), entry.at, latest)


def left_by(entry: Entry, session_id: uuid.UUID, expires_at: datetime) -> Session | None:
    """The session that an entry left when it was filed with these values, so that filing can go on after it. None for a notice that
    joined no live session: it changes none, and does not say which there was."""
    if entry.role in (Role.CUSTOMER, Role.BUSINESS) or entry.at < expires_at:
        return Session(session_id, expires_at)
    return Session(session_id, entry.at + SESSION, live=False) if entry.role is Role.HISTORY else None


def _speak(entry: Entry, joined: Session | None, scope: str) -> Session:
    if joined is None or not joined.live:
        return Session(session_id(scope, entry.key), entry.at + SESSION)
    if entry.role is Role.BUSINESS:
        return joined
    return replace(joined, expires_at=max(joined.expires_at, entry.at + SESSION))


def _import(entry: Entry, joined: Session | None, scope: str) -> Session:
    until = entry.at + SESSION
    return replace(joined, expires_at=until) if joined else Session(session_id(scope, entry.key), until, live=False)


def session_id(scope: str, key: str) -> uuid.UUID:
    """The id of the session that begins with this message."""
    return uuid.UUID(bytes=hashlib.sha256(f"{scope} {key}".encode()).digest()[:16], version=4)
