"""The settings of automatic messages: read for the numbers of a batch, and saved for one."""

from collections.abc import Collection, Mapping
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone

from bots.automatic.business_hours import BusinessHours
from bots.automatic.switching import update_answers_since
from bots.models import AutomaticMessages
from contacts.consent.words import MarketingWords, with_words
from jobs.transactions import in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import differences
from organizations.live.revisions import publish_revisions
from organizations.models import Organization, PhoneNumber, User
from organizations.numbers.audit_entries import record_number


def load_automatic(number_ids: Collection[int]) -> dict[int, AutomaticMessages]:
    """Returns the settings of these numbers by their primary keys. Those of a number without any are the defaults, not saved. One
    query."""
    stored = {each.pk: each for each in AutomaticMessages.objects.filter(number__in=number_ids)}
    return {pk: stored.get(pk) or AutomaticMessages(number_id=pk) for pk in number_ids}


@in_transaction
def save_automatic(
    *,
    number: PhoneNumber,
    columns: Mapping[str, Any],
    number_columns: Mapping[str, Any],
    marketing_words: MarketingWords | None = None,
    by: User | None,
    now: datetime,
) -> None:
    """Saves columns of the number's automatic messages, and columns of the number itself that the same page has. From now on the
    number answers automatically if anything is on, and these words stop and resume marketing messages. None: they stay."""
    locked = PhoneNumber.objects.select_for_update().get(pk=number.pk)
    if marketing_words:
        number_columns = {**number_columns, "marketing_words": with_words(locked.marketing_words, marketing_words, now)}
    stored = AutomaticMessages.objects.filter(number=locked).first() or AutomaticMessages(number=locked)
    before = {column: getattr(stored, column) for column in columns} | {
        column: getattr(locked, column) for column in number_columns
    }
    if changes := differences(before, {**columns, **number_columns}):
        record_number(AuditAction.AUTOMATIC_MESSAGES_CHANGED, locked, changes, by=by)
    PhoneNumber.objects.filter(pk=locked.pk).update(**number_columns)
    AutomaticMessages.objects.update_or_create(number=locked, defaults=columns)
    update_answers_since(number=locked, now=now)
    publish_revisions([locked.organization_id])


def hours_of(settings: AutomaticMessages, organization: Organization) -> BusinessHours:
    """Returns the business hours of the number, which belongs to the organization."""
    return BusinessHours.read(
        settings.hours,
        settings.closed_days,
        country=organization.country,
        state=settings.holiday_state,
        holidays_on=settings.holidays,
        zone=zone_of(organization),
    )


def zone_of(organization: Organization) -> tzinfo:
    """Returns the organization's time zone, or the hub's if it has none, or one that this machine does not know."""
    try:
        return ZoneInfo(organization.time_zone) if organization.time_zone else timezone.get_default_timezone()
    except (ZoneInfoNotFoundError, ValueError):
        return timezone.get_default_timezone()
