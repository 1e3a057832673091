"""Sends e-mails through a queue. No page waits for a mail server, and no response time reveals whether a mail was sent.

    queue_mail   adds a row, also for a mail that is to be sent to nobody
    lease_due    leases the mails that are due
    send         calls the mail server; in a thread, outside any transaction
    store        deletes mails that were sent; a refused mail waits for a retry until its link expires, or becomes dead

If a worker dies between sending and storing, a mail is sent twice. That is acceptable.
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
from jobs.workers.worker import SideLane
from organizations.models import Mail

THREADS = 4
LEASE_SECONDS = 60.0
"""Renewed while the mail server is called. EMAIL_TIMEOUT limits each step of that call."""
FIRST_DELAY = timedelta(seconds=15)
MAX_DELAY = timedelta(hours=1)
UNREADABLE = "The stored mail cannot be decrypted with any of FIELD_ENCRYPTION_KEYS."
EXPIRED = "Its link expired before a mail server accepted it."
CONSOLE_BACKEND = "django.core.mail.backends.console.EmailBackend"


def is_configured() -> bool:
    """Returns whether mails are sent. Without EMAIL_URL the worker prints them."""
    return bool(settings.EMAIL_BACKEND != CONSOLE_BACKEND)


def queue_mail(*, to: str, subject: str, text: str, expires_at: datetime) -> None:
    """Queues a mail, which a worker sends. With an empty `to` it is queued but never sent, so that the caller takes as long."""
    Mail.objects.create(to=to, subject=" ".join(subject.split())[:250], text=text, expires_at=expires_at)
    wake_after_commit(Mail)


@dataclass(frozen=True, slots=True)
class LeasedMail:
    """A mail, and the lease of its row."""

    mail_id: int
    to: str
    subject: str
    text: str
    attempts: int
    expires_at: datetime
    lease: Lease


@dataclass(frozen=True, slots=True)
class SendFailure:
    """Why a mail was not sent. If it is final, the mail is not sent again."""

    reason: str
    is_final: bool = False


def lease_due(limit: int) -> list[LeasedMail]:
    """Leases up to `limit` mails that are due."""
    lease = Mail.objects.all().lease(limit=limit, seconds=LEASE_SECONDS)
    if lease is None:
        return []
    return [mail for pk in lease.ids if (mail := _load(pk, lease))]


def _load(pk: int, lease: Lease) -> LeasedMail | None:
    """Returns None if the mail does not exist any more. A mail that cannot be decrypted becomes dead."""
    try:
        mail = Mail.objects.filter(pk=pk).first()
    except InvalidToken:
        lease.set_dead([pk], UNREADABLE)
        return None
    if mail is None:
        return None
    return LeasedMail(pk, mail.to, mail.subject, mail.text, mail.attempts, mail.expires_at, lease)


def send(mail: LeasedMail) -> SendFailure | None:
    """Sends the mail. Returns None if the mail server accepted it, or if it is to be sent to nobody."""
    if not mail.to:
        return None
    if mail.expires_at <= timezone.now():
        return SendFailure(EXPIRED, is_final=True)
    try:
        EmailMessage(mail.subject, mail.text, None, [mail.to]).send()
    except smtplib.SMTPRecipientsRefused as failure:
        codes = [code for code, _ in failure.recipients.values()]
        return SendFailure(f"The mail server refuses the address ({', '.join(map(str, codes))}).", is_final=min(codes) >= 500)
    except OSError as failure:  # includes all errors of smtplib
        return SendFailure(f"The mail server cannot be used: {type(failure).__name__}.")
    return None


def fail(mail: LeasedMail, failure: BaseException) -> SendFailure:
    """Returns the failure for an unexpected exception. The mail is sent again until its link expires."""
    return SendFailure(f"It could not be sent: {type(failure).__name__}.")


def store(outcomes: Sequence[tuple[LeasedMail, SendFailure | None]]) -> None:
    """Deletes the mails that were sent. The others wait for a retry, or become dead with their reason."""
    for mail, failure in outcomes:
        row = mail.lease.held([mail.mail_id])
        if failure is None:
            row.delete()
        elif failure.is_final:
            mail.lease.set_dead([mail.mail_id], failure.reason)
        else:
            delay = min(MAX_DELAY, FIRST_DELAY * 2 ** min(mail.attempts, 20))
            row.update(attempts=mail.attempts + 1, lease_token=None, due_at=Now() + delay, reason=failure.reason)


def reject(mail: LeasedMail, outcome: SendFailure | None, failure: Exception) -> None:
    """Makes a mail dead whose outcome cannot be stored: it may have been sent, and must not be sent again and again."""
    mail.lease.set_dead([mail.mail_id], f"its outcome cannot be stored: {type(failure).__name__}")


def return_unsent(mails: Sequence[LeasedMail]) -> None:
    """Ends the leases of mails that were not sent, with the mails due."""
    for mail in mails:
        mail.lease.give_back([mail.mail_id])


def renew(mails: Sequence[LeasedMail]) -> None:
    """Extends the leases of mails that are being sent to `LEASE_SECONDS` from now."""
    for lease in {mail.lease.token: mail.lease for mail in mails}.values():
        lease.renew(LEASE_SECONDS)


LANE = SideLane(
    "mail",
    model=Mail,
    take=lease_due,
    do=send,
    store=store,
    width=THREADS,
    fail=fail,
    reject=reject,
    give_back=return_unsent,
    renew=renew,
    lease=LEASE_SECONDS,
)
