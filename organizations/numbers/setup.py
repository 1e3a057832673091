"""The guided set-up of a number: its steps, and the changes that each step makes.

    ids ──> secrets ──> Meta verifies the URL ──> the first webhook
    the row      app secret,      handshake_at        first_webhook_at
    exists       access token

The proof of ownership is separate (`organizations.numbers.ownership`).

The state of the set-up is derived from the number's row, so any administrator can leave the set-up at any step and continue it.
"""

import secrets
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import IntegrityError, models
from django.utils.translation import gettext_lazy as _

from jobs.transactions import run_in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import differences
from organizations.live.revisions import publish_revisions
from organizations.models import Organization, PhoneNumber, Profile, Proof, User
from organizations.numbers.audit_entries import record_columns, record_number
from organizations.numbers.ownership import (
    AlreadyConnected,
    NumberMoved,
    find_number,
    is_move_target,
    phone_number_id_for,
    raise_if_account_owned,
    release_id,
)
from organizations.numbers.registration import replace_secrets
from organizations.numbers.states import NumberState

CALLBACK_PATH = "/webhooks/whatsapp/"
"""Where Meta sends webhooks. An organization's own callback URL has its key at the end."""


def required_secrets() -> tuple[str, ...]:
    """Returns the secrets without which a number does not work. The platform's app secret replaces an app secret of its own."""
    return ("meta_token",) if settings.META_APP_SECRET else ("app_secret", "meta_token")


class Step(models.TextChoices):
    """The pages of the guided set-up, in order."""

    PREPARE = "prepare", _("Prepare")
    IDS = "ids", _("The number")
    SECRETS = "secrets", _("Secrets")
    CALLBACK = "callback", _("Address")
    FIELDS = "fields", _("Subscribe")
    TEST = "test", _("Try it")

    @property
    def position(self) -> int:
        return list(Step).index(self)


NEXT_STEP = {
    NumberState.SECRETS: Step.SECRETS,
    NumberState.CALLBACK: Step.CALLBACK,
    NumberState.NOT_PROVEN: Step.SECRETS,
    NumberState.SILENT: Step.FIELDS,
}
"""Where an unfinished set-up continues."""


class NumberInUse(Exception):
    """The number's id cannot change any more, because conversations belong to it."""


def add_number(*, organization: Organization, phone_number_id: str, wa_id: str, waba_id: str, by: User) -> PhoneNumber:
    """Returns a new number of the organization, with a verify token that the hub generated. It is a claim if another organization
    has the id and has not proven its ownership. Returns the existing number if it has the same ids and has received no webhook.

    Raises AlreadyConnected.
    """

    def add() -> PhoneNumber:
        if known := find_number(organization, phone_number_id):
            if known.first_webhook_at is None and (known.wa_id, known.waba_id) == (wa_id, waba_id):
                return known
            raise AlreadyConnected("phone_number_id", known)
        raise_if_account_owned(organization, waba_id)
        number = PhoneNumber.objects.create(
            organization=organization,
            phone_number_id=phone_number_id_for(organization, phone_number_id),
            wa_id=wa_id,
            waba_id=waba_id,
            waba_is_claimed=True,
            webhook_verify_token=secrets.token_urlsafe(24),
        )
        changes = {"phone_number_id": [None, phone_number_id], "wa_id": [None, wa_id], "waba_id": [None, waba_id]}
        record_number(AuditAction.NUMBER_CONNECTED, number, changes, by=by)
        publish_revisions([organization.pk])
        return number

    return run_in_transaction(add)


def change_ids(*, number: PhoneNumber, phone_number_id: str, wa_id: str, waba_id: str, by: User | None) -> None:
    """Corrects the ids. A proof for another id or another account is withdrawn.

    Raises AlreadyConnected, and NumberInUse if the phone number ID changes and conversations belong to the old one.
    """
    organization = number.organization
    columns: dict[str, Any] = {"wa_id": wa_id, "waba_id": waba_id}

    def change() -> None:
        if waba_id != number.waba_id:
            raise_if_account_owned(organization, waba_id)
            columns.update(waba_is_claimed=True, proof_checked_at=None)
        if phone_number_id != number.meta_id:
            if known := find_number(organization, phone_number_id):
                raise AlreadyConnected("phone_number_id", known)
            key = phone_number_id_for(organization, phone_number_id)
            columns.update(phone_number_id=key, proven_at=None, proven_by=Proof.NONE, proof_checked_at=None)
        PhoneNumber.objects.filter(pk=number.pk, replaced_by=None).update(**columns)
        before = {"phone_number_id": number.meta_id, "wa_id": number.wa_id, "waba_id": number.waba_id}
        after = {"phone_number_id": phone_number_id, "wa_id": wa_id, "waba_id": waba_id}
        if changes := differences(before, after):
            record_number(AuditAction.NUMBER_CHANGED, number, changes, by=by)
        publish_revisions([organization.pk])

    try:
        run_in_transaction(change)
    except IntegrityError:  # it was raised again after a retry, so no concurrent change is the cause
        raise NumberInUse from None
    release_id(meta_id=number.meta_id)


def save_secrets(*, number: PhoneNumber, app_secret: str, meta_token: str, by: User) -> list[str]:
    """Stores the secrets. An empty one keeps the stored one. Returns the columns that changed."""
    changed = replace_secrets(number, app_secret=app_secret, meta_token=meta_token)
    _save(number, changed, by=by)
    return changed


def replace_verify_token(*, number: PhoneNumber, by: User | None) -> None:
    """Generates a new verify token. It has to be entered at Meta, which then verifies the callback URL again."""
    _save(number, replace_secrets(number, verify_token=secrets.token_urlsafe(24)), by=by)


def set_name(*, number: PhoneNumber, name: str, by: User | None) -> None:
    """Sets the name that staff give to the number. If it is empty, pages show its digits."""
    number.name = name
    _save(number, ["name"], by=by)


def set_default_profile(*, number: PhoneNumber, profile: Profile, by: User | None) -> None:
    """Sets who answers contacts that write for the first time from now on."""
    number.default_profile = profile
    _save(number, ["default_profile"], by=by)


def set_read_receipts(*, number: PhoneNumber, sends: bool, by: User | None) -> None:
    """Sets whether customers see that their messages were read."""
    number.sends_read_receipts = sends
    _save(number, ["sends_read_receipts"], by=by)


def switch_number(*, number: PhoneNumber, activate: bool, by: User | None) -> None:
    """Activates or deactivates the number. While it is inactive, its webhooks are stored and wait. Raises NumberMoved while
    conversations are being moved to it: it cannot be activated until then."""
    if activate and is_move_target(number):
        raise NumberMoved
    number.activate = activate
    _save(number, ["activate"], by=by)


def _save(number: PhoneNumber, columns: Sequence[str], *, by: User | None) -> None:
    if not columns:
        return

    def save() -> None:
        stored = PhoneNumber.objects.select_for_update().defer(*PhoneNumber.SECRETS).filter(pk=number.pk).first()
        if stored is None:
            raise NumberMoved
        record_columns(stored, number, columns, by=by)
        number.save(update_fields=columns)
        publish_revisions([number.organization_id])

    run_in_transaction(save)
