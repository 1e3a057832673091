"""The chore that derives all warnings about numbers, once a minute. Pages, mails and metrics show what it stores."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.utils import timezone

from cloud_api.errors import TOKEN_CODES
from monitoring.number_checks.no_status import find_unconfirmed_numbers
from monitoring.number_checks.silence import find_silent_numbers
from monitoring.number_checks.traffic import count_traffic
from organizations.models import NumberWarning, PhoneNumber, WarningKind
from organizations.number_watch.warnings import FoundWarning, Key, store_warnings
from organizations.numbers.credential_checks import MESSAGES_PER_SECOND_WITH_PHONE_APP
from webhooks.models import Webhook

INTERVAL = 60.0
TOKEN_EXPIRES = timedelta(days=14)
TOKEN_EXPIRES_SOON = timedelta(days=3)
PHONE_APP_UNUSED = timedelta(days=10)
"""Meta disconnects a number after about 14 days (docs/meta-platform.md 8.4)."""
MAX_INBOX_AGE = timedelta(minutes=2)
"""If a stored webhook waits for longer, nothing is known about silence: the hub is behind."""
AFTER_START = timedelta(minutes=30)
"""After this process started, or was behind, Meta repeats what it could not deliver: silence counts only after this time."""


class NumberWatch:
    """The chore of one worker. `since`: since when this worker has seen all webhooks in time; by default its first run."""

    def __init__(self, since: datetime | None = None) -> None:
        self._since = since

    def run(self) -> int:
        """Counts the traffic of the last hours and stores the warnings. Returns how many began or ended."""
        now = timezone.now()
        count_traffic(now)
        warned = set(NumberWarning.objects.open().values_list("number_id", "kind"))
        found = [*_tokens(now), *_phone_apps(now), *find_unconfirmed_numbers(now), *self._silent(now, warned)]
        return store_warnings(found, now=now)

    def _silent(self, now: datetime, warned: Collection[Key]) -> list[FoundWarning]:
        is_behind = any(waited > MAX_INBOX_AGE for waited in Webhook.objects.waiting_times())
        if self._since is None or is_behind:
            self._since = now + AFTER_START
        return find_silent_numbers(now, since=self._since, warned=warned)


def _tokens(now: datetime) -> list[FoundWarning]:
    """A token that Meta refuses already has a banner of its own."""
    numbers = PhoneNumber.objects.active().filter(token_expires_at__lt=now + TOKEN_EXPIRES, is_simulated=False)
    rows = numbers.exclude(sending_stopped_code__in=TOKEN_CODES).order_by("pk").values_list("pk", "token_expires_at")
    return [FoundWarning(pk, _token_kind(at, now), at) for pk, at in rows if at is not None]


def _token_kind(expires_at: datetime, now: datetime) -> WarningKind:
    return WarningKind.TOKEN_EXPIRES_SOON if expires_at < now + TOKEN_EXPIRES_SOON else WarningKind.TOKEN_EXPIRES


def _phone_apps(now: datetime) -> list[FoundWarning]:
    numbers = PhoneNumber.objects.active().filter(
        messages_per_second=MESSAGES_PER_SECOND_WITH_PHONE_APP, phone_app_used_at__lt=now - PHONE_APP_UNUSED, is_simulated=False
    )
    rows = numbers.order_by("pk").values_list("pk", "phone_app_used_at")
    return [FoundWarning(pk, WarningKind.PHONE_APP, at) for pk, at in rows if at is not None]
