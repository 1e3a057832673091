"""Sessions of users: where somebody is signed in, and signing out elsewhere.

Django's table of sessions does not say whose a session is. So each is noted when somebody signs in, and again, at most every few
minutes, when one of its pages opens its event stream, which costs no page anything.
"""

import hashlib
import re
import time
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, update_session_auth_hash
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext

from jobs.transactions import run_in_transaction
from organizations.models import User, UserSession

MOST_SHOWN = 50
LONGEST_USER_AGENT = 300
PAUSE = 300.0
"""Seconds in which a session is noted once by each process."""
MOST_REMEMBERED = 20_000
_noted: dict[str, float] = {}
"""When this process noted a session, by its key; times of `time.monotonic`."""

BROWSERS = [
    ("Edge", re.compile(r"\bEdg(e|A|iOS)?/")),
    ("Opera", re.compile(r"\b(OPR|Opera)/")),
    ("Samsung Internet", re.compile(r"\bSamsungBrowser/")),
    ("Firefox", re.compile(r"\b(Firefox|FxiOS)/")),
    ("Chrome", re.compile(r"\b(HeadlessChrome|Chrome|CriOS|Chromium)/")),
    ("Safari", re.compile(r"\bSafari/")),
]
"""The first that fits: most browsers name others, too."""
SYSTEMS = [
    ("iPhone", re.compile(r"\biPhone\b")),
    ("iPad", re.compile(r"\biPad\b")),
    ("Android", re.compile(r"\bAndroid\b")),
    ("Windows", re.compile(r"\bWindows\b")),
    ("ChromeOS", re.compile(r"\bCrOS\b")),
    ("macOS", re.compile(r"\b(Macintosh|Mac OS X)\b")),
    ("Linux", re.compile(r"\bLinux\b")),
]
PHONES = ("iPhone", "Android")


STEP = 500
"""Sessions that are deleted in one transaction."""
MOST_STEPS = 40
"""In one run: a worker that is to stop waits for no more. The next run goes on."""


def delete_expired_sessions() -> int:
    """A chore: delete sessions that have expired, and what was noted of them; returns how many. Django itself never does."""
    total = 0
    for _ in range(MOST_STEPS):
        expired = Session.objects.filter(expire_date__lt=timezone.now()).order_by("expire_date", "pk")
        keys = list(expired.values_list("pk", flat=True)[:STEP])
        if not keys:
            break
        run_in_transaction(Session.objects.filter(pk__in=keys).delete)  # again if another worker is at the same rows
        total += len(keys)
    return total


@dataclass(frozen=True, slots=True)
class Shown:
    """A session as the profile shows it. `mark` stands for it in forms: the key itself would let somebody in."""

    mark: str
    device: str
    is_phone: bool
    is_current: bool
    signed_in_at: datetime
    seen_at: datetime


def record_session_of_request(request: HttpRequest, user: User) -> None:
    """Note the session of a request by which the user has just signed in, or looks at their sessions."""
    if not request.session.session_key:
        request.session.save()
    record_session(
        str(request.session.session_key), user_id=user.pk, user_agent=request.headers.get("User-Agent", ""), now=timezone.now()
    )


def record_session_at_intervals(session_key: str, *, user_id: int, user_agent: str, now: datetime) -> None:
    """Note a session that is in use, unless this process did so a moment ago."""
    moment = time.monotonic()
    if moment - _noted.get(session_key, -PAUSE) < PAUSE:
        return
    if len(_noted) >= MOST_REMEMBERED:
        _noted.clear()
    _noted[session_key] = moment
    record_session(session_key, user_id=user_id, user_agent=user_agent, now=now)


def record_session(session_key: str, *, user_id: int, user_agent: str, now: datetime) -> None:
    """Remember whose the session is, its browser, and that it is in use."""
    columns = {"user_id": user_id, "user_agent": user_agent[:LONGEST_USER_AGENT], "seen_at": now}
    if UserSession.objects.filter(pk=session_key).update(**columns):
        return
    try:
        with transaction.atomic():
            UserSession.objects.create(session_id=session_key, signed_in_at=now, **columns)
    except IntegrityError:
        return  # another process was first


def sessions_of(user: User, *, current_key: str, now: datetime) -> list[Shown]:
    """Where the user is signed in, this session first, then by when they were last seen."""
    rows = UserSession.objects.filter(user=user, session__expire_date__gt=now).select_related("session").order_by("-seen_at")
    shown = [_shown(row, current_key) for row in rows[:MOST_SHOWN] if _is_good(row.session, user)]
    return sorted(shown, key=lambda each: not each.is_current)


def _is_good(session: Session, user: User) -> bool:
    """Whether it lets the user in: not if the password has changed since, or they have signed out everywhere else."""
    held = session.get_decoded()
    known = str(held.get(HASH_SESSION_KEY, ""))
    return held.get(SESSION_KEY) == str(user.pk) and constant_time_compare(known, user.get_session_auth_hash())


def _shown(row: UserSession, current_key: str) -> Shown:
    system = _named(row.user_agent, SYSTEMS)
    return Shown(
        mark=_mark(row.pk),
        device=_device(_named(row.user_agent, BROWSERS), system),
        is_phone=system in PHONES,
        is_current=row.pk == current_key,
        signed_in_at=row.signed_in_at,
        seen_at=row.seen_at,
    )


def _named(user_agent: str, known: list[tuple[str, re.Pattern[str]]]) -> str:
    return next((name for name, pattern in known if pattern.search(user_agent)), "")


def _device(browser: str, system: str) -> str:
    if browser and system:
        return gettext("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or gettext("Unknown device")


def _mark(session_key: str) -> str:
    return hashlib.sha256(session_key.encode()).hexdigest()[:32]


def end_session(*, user: User, mark: str) -> bool:
    """Sign the user out where the mark says; False if there is no such session of theirs. Its open pages end within seconds."""
    keys = UserSession.objects.filter(user=user).values_list("pk", flat=True)
    key = next((each for each in keys if constant_time_compare(_mark(each), mark)), None)
    return key is not None and bool(Session.objects.filter(pk=key).delete()[0])


def end_other_sessions(request: HttpRequest, *, user: User) -> None:
    """Sign the user out everywhere but here, also where the session was never noted."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
        user.refresh_from_db()
        Session.objects.filter(pk__in=UserSession.objects.filter(user=user).values("pk")).exclude(
            pk=request.session.session_key
        ).delete()
    request.user = user
    update_session_auth_hash(request, user)
    record_session_of_request(request, user)
