"""The session rules (docs/architecture.md "Sessions and the service window"), applied to the messages of a conversation in order of
time.

    customer at t    joins the session that runs at t and moves its expiry to at least t + 24 h; otherwise opens one
    business at t    joins it and moves nothing; otherwise opens one that expires at t + 24 h
    notice at t      (WhatsApp's own) joins it; otherwise gets a closed session of its own; opens nothing
    history at t     joins it and moves nothing; otherwise gets a closed session with its imported neighbours; opens nothing

A session runs at t if t < its expiry. Only times decide, so every order of arrival has the same result. A late message may lengthen
a session, join two or divide them. The id of a session is computed from its earliest message and has the form of a uuid4. Therefore
it also does not depend on the order of arrival, and a rebuild gives the same id. If two sessions become one, the earlier id stays.
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
    NOTICE = "notice"
    HISTORY = "history"


@dataclass(frozen=True, slots=True)
class SessionMessage:
    """A message as the rules see it. `key` is unique in its number, never changes, and orders messages of the same time."""

    key: str
    sent_at: datetime
    effect: SessionEffect


@dataclass(frozen=True, slots=True)
class Session:
    """A running session. One that consists of imported history is not live: no live message joins it."""

    id: uuid.UUID
    expires_at: datetime
    is_live: bool = True

    def runs_at(self, time: datetime) -> bool:
        return time < self.expires_at


@dataclass(frozen=True, slots=True)
class SessionAssignment:
    """The session of a message, and the expiry of that session as known after the message."""

    message: SessionMessage
    session_id: uuid.UUID
    expires_at: datetime
    latest: Session | None
    """The last live session up to this message. It may have expired."""


def assign_sessions(
    messages: Iterable[SessionMessage], *, scope: str, running: Session | None = None
) -> Iterator[SessionAssignment]:
    """Yields the session of each message, in order of time.

    `running` is the session after the messages before these (see `session_after`). `scope` is the phone_number_id: it keeps session
    ids of different numbers apart.
    """
    latest = running if running and running.is_live else None
    for message in sorted(messages, key=lambda message: (message.sent_at, message.key)):
        joined = running if running and running.runs_at(message.sent_at) else None
        if message.effect in (SessionEffect.CUSTOMER, SessionEffect.BUSINESS):
            running = latest = _join_or_open(message, joined, scope)
            yield SessionAssignment(message, running.id, running.expires_at, latest)
        elif joined and joined.is_live:
            yield SessionAssignment(message, joined.id, joined.expires_at, latest)
        elif message.effect is SessionEffect.HISTORY:
            running = Session(joined.id if joined else session_id(scope, message.key), message.sent_at + SESSION, is_live=False)
            yield SessionAssignment(message, running.id, message.sent_at, latest)
        else:
            own_id = joined.id if joined else session_id(scope, message.key)
            yield SessionAssignment(message, own_id, message.sent_at, latest)


def session_after(message: SessionMessage, session_id: uuid.UUID, expires_at: datetime) -> Session | None:
    """Returns the session that runs after a message with these stored values, so that assignment can continue after it. None for a
    notice outside a live session: it changes none, and does not say which one there was."""
    if message.effect in (SessionEffect.CUSTOMER, SessionEffect.BUSINESS) or message.sent_at < expires_at:
        return Session(session_id, expires_at)
    return Session(session_id, message.sent_at + SESSION, is_live=False) if message.effect is SessionEffect.HISTORY else None


def session_id(scope: str, key: str) -> uuid.UUID:
    """Returns the id of the session that begins with the message that has this key."""
    return uuid.UUID(bytes=hashlib.sha256(f"{scope} {key}".encode()).digest()[:16], version=4)


def _join_or_open(message: SessionMessage, joined: Session | None, scope: str) -> Session:
    if joined is None or not joined.is_live:
        return Session(session_id(scope, message.key), message.sent_at + SESSION)
    if message.effect is SessionEffect.BUSINESS:
        return joined
    return replace(joined, expires_at=max(joined.expires_at, message.sent_at + SESSION))
