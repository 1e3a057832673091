"""When Meta last verified the callback URL of a number, when its first and last webhooks arrived, and when its phone app was last
used."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, F, Q, When
from django.db.models.functions import Coalesce, Greatest, Least

from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import PhoneNumber

ACTIVITY_INTERVAL = timedelta(seconds=5)
"""A newer last webhook is stored only after this time, so that the row of a busy number is not updated all the time."""
PHONE_APP_INTERVAL = timedelta(hours=1)
"""The same for the last use of the phone app."""
VERIFICATION_INTERVAL = timedelta(seconds=1)


def record_verification(number_ids: Sequence[int], *, now: datetime) -> None:
    """Stores that Meta verified the callback URL with the verify token of these numbers."""
    recent = Q(handshake_at__gt=now - VERIFICATION_INTERVAL)
    numbers = PhoneNumber.objects.filter(~recent | Q(handshake_at=None), pk__in=number_ids)

    def store() -> None:
        if numbers.update(handshake_at=now):
            organization_ids = PhoneNumber.objects.filter(pk__in=number_ids).values_list("organization_id", flat=True)
            publish_revisions(organization_ids)

    run_in_transaction(store)


@dataclass(frozen=True, slots=True)
class NumberActivity:
    """When the first and the last of some webhooks about a number were received, and the last use of the phone app that they
    show."""

    number: PhoneNumber
    first: datetime
    last: datetime
    phone_app_used_at: datetime | None = None

    @property
    def is_newer(self) -> bool:
        """Whether this activity changes the row, as it was read."""
        stored_first, stored_last = self.number.first_webhook_at, self.number.last_webhook_at
        if stored_first is None or stored_last is None:
            return True
        return self.first < stored_first or self.last > stored_last + ACTIVITY_INTERVAL

    @property
    def shows_phone_app(self) -> bool:
        """Whether the phone app was used later than the row says, as it was read."""
        stored, used_at = self.number.phone_app_used_at, self.phone_app_used_at
        return used_at is not None and (stored is None or used_at > stored + PHONE_APP_INTERVAL)


def record_activity(activities: Iterable[NumberActivity]) -> None:
    """Stores when webhooks about these numbers were received, in one statement, or in none if nothing changes. Locks the rows in
    the order of their ids. The use of phone apps, of which few webhooks tell, has statements of its own."""
    activities = list(activities)
    _record_newer([each for each in activities if each.is_newer])
    for each in activities:
        if each.shows_phone_app:
            PhoneNumber.objects.filter(pk=each.number.pk).update(phone_app_used_at=each.phone_app_used_at)


def _record_newer(newer: Sequence[NumberActivity]) -> None:
    if not newer:
        return
    first = [When(pk=each.number.pk, then=Least(Coalesce("first_webhook_at", each.first), each.first)) for each in newer]
    last = [When(pk=each.number.pk, then=Greatest(Coalesce("last_webhook_at", each.last), each.last)) for each in newer]
    numbers = PhoneNumber.objects.filter(pk__in=[each.number.pk for each in newer])
    numbers.update(
        first_webhook_at=Case(*first, default=F("first_webhook_at")), last_webhook_at=Case(*last, default=F("last_webhook_at"))
    )
