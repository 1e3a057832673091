"""Entries of the audit log about numbers."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from organizations.audit.actions import AuditAction
from organizations.audit.log import differences, record_action
from organizations.models import PhoneNumber, User

SECRETS = ("webhook_verify_token", "meta_token", "app_secret")
"""Of these, entries say only that they changed."""
SETTINGS = ("phone_number_id", "wa_id", "waba_id", "name", "default_profile", "sends_read_receipts", "activate")


def record_number(
    action: AuditAction, number: PhoneNumber, changes: Mapping[str, Sequence[Any] | None], *, by: User | None = None
) -> None:
    """Records an action about the number."""
    record_action(action, organization=number.organization_id, by=by, target=("number", number.pk), changes=changes)


def record_columns(before: PhoneNumber, after: PhoneNumber, columns: Collection[str], *, by: User | None) -> None:
    """Records what changed of these columns of a number. Columns that the hub computes are left out."""
    if secrets := [column for column in SECRETS if column in columns]:
        record_number(AuditAction.NUMBER_SECRETS_CHANGED, after, dict.fromkeys(secrets), by=by)
    settings = [column for column in SETTINGS if column in columns]
    old, new = ({column: getattr(number, column) for column in settings} for number in (before, after))
    if changes := differences(old, new):
        record_number(AuditAction.NUMBER_CHANGED, after, changes, by=by)
