"""How long an organization keeps messages, files and webhooks, and who its data protection officer is."""

from dataclasses import dataclass
from datetime import datetime

from jobs.transactions import run_in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import differences, record_action
from organizations.models import Organization
from organizations.permissions import Access, raise_unless
from privacy.models import PrivacySettings


@dataclass(frozen=True, slots=True)
class DayLimits:
    """The least and the greatest number of days."""

    minimum: int
    maximum: int = 3650


LIMITS = {"message_days": DayLimits(30), "file_days": DayLimits(7), "webhook_days": DayLimits(2)}
"""Statuses of a message arrive for up to 30 days, and a status of a deleted message is not stored. Meta keeps a file for 7 days. A
webhook is applied, and retried, within two days."""
COLUMNS = (*LIMITS, "officer_name", "officer_contact")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """The days after which an organization deletes what, and its officer. None: it keeps everything."""

    message_days: int | None
    file_days: int | None
    webhook_days: int | None
    officer_name: str = ""
    officer_contact: str = ""


class InvalidDays(ValueError):
    """A number of days is not within its limits. The text is the name of the column."""


def settings_of(organization: Organization) -> PrivacySettings:
    """Returns the organization's settings, not stored if it has none yet."""
    return PrivacySettings.objects.filter(pk=organization.pk).first() or PrivacySettings(organization=organization)


def change_retention(*, policy: RetentionPolicy, by: Access, now: datetime) -> None:
    """Stores the policy, and has the worker follow it from now on. Raises InvalidDays, PermissionDenied."""
    raise_unless(by.is_admin)
    for column, limits in LIMITS.items():
        days = getattr(policy, column)
        if days is not None and not limits.minimum <= days <= limits.maximum:
            raise InvalidDays(column)
    values = {column: getattr(policy, column) for column in COLUMNS} | {"prune_at": now}

    def store() -> None:
        before = PrivacySettings.objects.filter(pk=by.organization.pk).values(*COLUMNS).first()
        PrivacySettings.objects.select_for_update().update_or_create(organization=by.organization, defaults=values)
        changes = differences(before or dict.fromkeys(COLUMNS), {column: values[column] for column in COLUMNS})
        if changes:
            record_action(AuditAction.PRIVACY_CHANGED, organization=by.organization, by=by.user, changes=changes)

    run_in_transaction(store)
