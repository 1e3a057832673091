"""User sessions: where a user is signed in, and signing out elsewhere.

Django's table of sessions does not say to which user a session belongs. So each session is recorded when a user signs in, and
again, at most every few minutes, when one of its pages opens its event stream. Ordinary pages write nothing.
"""

import hashlib
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, update_session_auth_hash
from django.contrib.sessions.models import Session
from django.db import IntegrityError
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext

from jobs.transactions import run_in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_user_action
from organizations.models import User, UserSession
from organizations.user_agents import UserAgent, read_user_agent

MAX_LISTED = 50
MAX_USER_AGENT_LENGTH = 300
RECORD_INTERVAL = 300.0
"""Seconds in which each process records a session once."""
MAX_CACHED = 20_000
_recorded_at: dict[str, float] = {}
"""When this process recorded a session, by its key. Times of `time.monotonic`."""

BATCH = 500
"""Sessions that one transaction deletes."""
MAX_BATCHES = 40
"""In one run of the chore. A worker that has to stop waits until the run ends; the next run continues."""


def delete_expired_sessions() -> int:
    """Deletes expired sessions and their records, and returns how many. A chore, because Django itself never deletes them."""
    total = 0
    for _ in range(MAX_BATCHES):
        expired = Session.objects.filter(expire_date__lt=timezone.now()).order_by("expire_date", "pk")
        keys = list(expired.values_list("pk", flat=True)[:BATCH])
        if not keys:
            break
        run_in_transaction(Session.objects.filter(pk__in=keys).delete)  # again if another worker locks the same rows
        total += len(keys)
    return total


@dataclass(frozen=True, slots=True)
class SessionLine:
    """A session as the profile page shows it. Forms contain `mark` and not the session key, which would give access."""

    mark: str
    device: str
    is_phone: bool
    is_current: bool
    signed_in_at: datetime
    seen_at: datetime


def record_session_of_request(request: HttpRequest, user: User) -> None:
    """Records the session of a request in which the user has just signed in, or views their sessions."""
    if not request.session.session_key:
        request.session.save()
    record_session(
        str(request.session.session_key), user_id=user.pk, user_agent=request.headers.get("User-Agent", ""), now=timezone.now()
    )


def record_session_at_intervals(session_key: str, *, user_id: int, user_agent: str, now: datetime) -> None:
    """Records a session that is in use, unless this process has done so within `RECORD_INTERVAL`."""
    clock = time.monotonic()
    if clock - _recorded_at.get(session_key, -RECORD_INTERVAL) < RECORD_INTERVAL:
        return
    if len(_recorded_at) >= MAX_CACHED:
        _recorded_at.clear()
    _recorded_at[session_key] = clock
    record_session(session_key, user_id=user_id, user_agent=user_agent, now=now)


def record_session(session_key: str, *, user_id: int, user_agent: str, now: datetime) -> None:
    """Stores the user and the browser of a session, and `now` as the time at which it was last seen."""
    columns = {"user_id": user_id, "user_agent": user_agent[:MAX_USER_AGENT_LENGTH], "seen_at": now}
    if UserSession.objects.filter(pk=session_key).update(**columns):
        return
    with suppress(IntegrityError):  # another process was first
        run_in_transaction(lambda: UserSession.objects.create(session_id=session_key, signed_in_at=now, **columns))


def sessions_of(user: User, *, current_key: str, now: datetime) -> list[SessionLine]:
    """Returns where the user is signed in: the current session first, then the session that was seen last, and so on."""
    rows = UserSession.objects.filter(user=user, session__expire_date__gt=now).select_related("session").order_by("-seen_at")
    lines = [_session_line(row, current_key) for row in rows[:MAX_LISTED] if _is_valid(row.session, user)]
    return sorted(lines, key=lambda each: not each.is_current)


def _is_valid(session: Session, user: User) -> bool:
    """Returns False if the password has changed since, or the user has signed out everywhere else."""
    content = session.get_decoded()
    session_hash = str(content.get(HASH_SESSION_KEY, ""))
    return content.get(SESSION_KEY) == str(user.pk) and constant_time_compare(session_hash, user.get_session_auth_hash())


def _session_line(row: UserSession, current_key: str) -> SessionLine:
    agent = read_user_agent(row.user_agent)
    return SessionLine(
        mark=_mark(row.pk),
        device=_device(agent),
        is_phone=agent.is_phone,
        is_current=row.pk == current_key,
        signed_in_at=row.signed_in_at,
        seen_at=row.seen_at,
    )


def _device(agent: UserAgent) -> str:
    if agent.browser and agent.system:
        return gettext("%(browser)s on %(system)s") % {"browser": agent.browser, "system": agent.system}
    return agent.browser or agent.system or gettext("Unknown device")


def _mark(session_key: str) -> str:
    return hashlib.sha256(session_key.encode()).hexdigest()[:32]


def end_session(*, user: User, mark: str) -> bool:
    """Ends the user's session that has this mark. Returns False if there is none. Its event streams end within seconds."""
    keys = UserSession.objects.filter(user=user).values_list("pk", flat=True)
    key = next((each for each in keys if constant_time_compare(_mark(each), mark)), None)
    if key is None:
        return False

    def end() -> bool:
        is_ended = bool(Session.objects.filter(pk=key).delete()[0])
        if is_ended:
            record_user_action(AuditAction.SESSIONS_ENDED, user=user, by=user)
        return is_ended

    return run_in_transaction(end)


def end_other_sessions(request: HttpRequest, *, user: User) -> None:
    """Ends all sessions of the user except that of the request, also those that were never recorded."""

    def end() -> None:
        User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
        user.refresh_from_db()
        Session.objects.filter(pk__in=UserSession.objects.filter(user=user).values("pk")).exclude(
            pk=request.session.session_key
        ).delete()
        record_user_action(AuditAction.SESSIONS_ENDED, user=user, by=user)

    run_in_transaction(end)
    request.user = user
    update_session_auth_hash(request, user)
    record_session_of_request(request, user)
