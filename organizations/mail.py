"""E-mails leave through a queue, so that no page waits for a mail server, and none tells by its time whether a mail was sent.

    queue_mail    a row, whoever the mail is for, and also where nobody gets it
    take          mails that are due, under a lease
    send          in a thread, outside any transaction: the mail server is asked
    store         what was sent is deleted; what was refused for now is tried again until its link expires; the rest is dead

A worker that dies between sending and storing sends a mail twice, which harms nobody.
"""

import smtplib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models.functions import Now
from django.utils import timezone

from jobs.models import Lease
from jobs.wakeups import wake_after_commit
from jobs.worker import SideLane
from organizations.models import Mail

WIDTH = 4
LEASE = 60.0
"""Seconds; renewed while the mail server is asked (EMAIL_TIMEOUT is for each step of the exchange)."""
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=1)
UNREADABLE = "The stored mail cannot be decrypted with any of FIELD_ENCRYPTION_KEYS."
TOO_LATE = "Its link expired before a mail server took it."
NO_SERVER = "django.core.mail.backends.console.EmailBackend"


def is_configured() -> bool:
    """Whether mails reach people. Without EMAIL_URL they are printed where the worker runs."""
    return bool(settings.EMAIL_BACKEND != NO_SERVER)


def queue_mail(*, to: str, subject: str, text: str, expires_at: datetime) -> None:
    """Have a mail sent by a worker. Without `to` nobody gets it, and it costs the caller as much."""
    Mail.objects.create(to=to, subject=" ".join(subject.split())[:250], text=text, expires_at=expires_at)
    wake_after_commit(Mail)


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail under a lease."""

    mail_id: int
    to: str
    subject: str
    text: str
    attempts: int
    expires_at: datetime
    lease: Lease


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a mail was not sent, and whether it never will be."""

    reason: str
    is_final: bool = False


def take(free: int) -> list[Letter]:
    """Up to so many mails that are due."""
    lease = Mail.objects.all().lease(limit=free, seconds=LEASE)
    if lease is None:
        return []
    return [letter for pk in lease.ids if (letter := _letter(pk, lease))]


def _letter(pk: int, lease: Lease) -> Letter | None:
    """None where the mail has gone, or cannot be read any more."""
    try:
        mail = Mail.objects.filter(pk=pk).first()
    except InvalidToken:
        lease.set_dead([pk], UNREADABLE)
        return None
    if mail is None:
        return None
    return Letter(pk, mail.to, mail.subject, mail.text, mail.attempts, mail.expires_at, lease)


def send(letter: Letter) -> Refusal | None:
    """Hand the mail to the mail server; None if that took it, or if nobody is to get it."""
    if not letter.to:
        return None
    if letter.expires_at <= timezone.now():
        return Refusal(TOO_LATE, is_final=True)
    try:
        EmailMessage(letter.subject, letter.text, None, [letter.to]).send()
    except smtplib.SMTPRecipientsRefused as failure:
        codes = [code for code, _ in failure.recipients.values()]
        return Refusal(f"The mail server refuses the address ({', '.join(map(str, codes))}).", is_final=min(codes) >= 500)
    except OSError as failure:  # all of smtplib's are, and those of the connection
        return Refusal(f"The mail server cannot be used: {type(failure).__name__}.")
    return None


def fail(letter: Letter, failure: BaseException) -> Refusal:
    """What nobody expected is tried again too, until the link expires."""
    return Refusal(f"It could not be sent: {type(failure).__name__}.")


def store(outcomes: Sequence[tuple[Letter, Refusal | None]]) -> None:
    """Delete what was sent; let the rest wait, or be dead with its reason."""
    for letter, refusal in outcomes:
        held = letter.lease.held([letter.mail_id])
        if refusal is None:
            held.delete()
        elif refusal.is_final:
            letter.lease.set_dead([letter.mail_id], refusal.reason)
        else:
            wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(letter.attempts, 20))
            held.update(attempts=letter.attempts + 1, lease_token=None, due_at=Now() + wait, reason=refusal.reason)


def reject(letter: Letter, refusal: Refusal | None, failure: Exception) -> None:
    """A mail whose outcome cannot be stored is dead: it may have been sent, and is not sent again and again."""
    letter.lease.set_dead([letter.mail_id], f"its outcome cannot be stored: {type(failure).__name__}")


def give_back(unsent: Sequence[Letter]) -> None:
    """Let these be taken again at once."""
    for letter in unsent:
        letter.lease.give_back([letter.mail_id])


def renew(under_way: Sequence[Letter]) -> None:
    """Keep the leases of these for `LEASE` seconds from now."""
    for lease in {letter.lease.token: letter.lease for letter in under_way}.values():
        lease.renew(LEASE)


LANE = SideLane(
    "mail",
    model=Mail,
    take=take,
    do=send,
    store=store,
    width=WIDTH,
    fail=fail,
    reject=reject,
    give_back=give_back,
    renew=renew,
    lease=LEASE,
)
