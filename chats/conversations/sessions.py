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


class SessionEffect(Enum):
    """What a message does to sessions."""

    CUSTOMER = "customer"
    BUSINESS = "business"
    ASIDE = "aside"
    HISTORY = "history"


@dataclass(frozen=True, slots=True)
class SessionMessage:
    """A message as the rules see it. `key` is unique in its number, never changes, and breaks ties of time."""

    key: str
    at: datetime
    role: SessionEffect


@dataclass(frozen=True, slots=True)
class Session:
    """A running session. One of imported history alone is not live: nothing live joins it."""

    id: uuid.UUID
    expires_at: datetime
    live: bool = True

    def runs_at(self, at: datetime) -> bool:
        return at < self.expires_at


@dataclass(frozen=True, slots=True)
class SessionAssignment:
    """Where an entry belongs, and the session's expiry as known once it was there."""

    entry: SessionMessage
    session_id: uuid.UUID
    expires_at: datetime
    latest: Session | None
    """The live session that runs or ran last, up to this entry."""


def assign_sessions(
    entries: Iterable[SessionMessage], *, scope: str, running: Session | None = None
) -> Iterator[SessionAssignment]:
    """File the entries, in order of time. `running` is the session that the entries before them left (see `session_after`); `scope` (the
    phone_number_id) keeps session ids of different numbers apart."""
    latest = running if running and running.live else None
    for entry in sorted(entries, key=lambda entry: (entry.at, entry.key)):
        joined = running if running and running.runs_at(entry.at) else None
        if entry.role in (SessionEffect.CUSTOMER, SessionEffect.BUSINESS):
            running = latest = _speak(entry, joined, scope)
            yield SessionAssignment(entry, running.id, running.expires_at, latest)
        elif joined and joined.live:
            yield SessionAssignment(entry, joined.id, joined.expires_at, latest)
        elif entry.role is SessionEffect.HISTORY:
            running = _import(entry, joined, scope)
            yield SessionAssignment(entry, running.id, entry.at, latest)
        else:
            yield SessionAssignment(entry, joined.id if joined else session_id(scope, entry.key), entry.at, latest)


def session_after(entry: SessionMessage, session_id: uuid.UUID, expires_at: datetime) -> Session | None:
    """The session that an entry left when it was filed with these values, so that filing can go on after it. None for a notice that
    joined no live session: it changes none, and does not say which there was."""
    if entry.role in (SessionEffect.CUSTOMER, SessionEffect.BUSINESS) or entry.at < expires_at:
        return Session(session_id, expires_at)
    return Session(session_id, entry.at + SESSION, live=False) if entry.role is SessionEffect.HISTORY else None


def _speak(entry: SessionMessage, joined: Session | None, scope: str) -> Session:
    if joined is None or not joined.live:
        return Session(session_id(scope, entry.key), entry.at + SESSION)
    if entry.role is SessionEffect.BUSINESS:
        return joined
    return replace(joined, expires_at=max(joined.expires_at, entry.at + SESSION))


def _import(entry: SessionMessage, joined: Session | None, scope: str) -> Session:
    until = entry.at + SESSION
    return replace(joined, expires_at=until) if joined else Session(session_id(scope, entry.key), until, live=False)


def session_id(scope: str, key: str) -> uuid.UUID:
    """The id of the session that begins with this message."""
    return uuid.UUID(bytes=hashlib.sha256(f"{scope} {key}".encode()).digest()[:16], version=4)
