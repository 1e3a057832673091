"""Connects a number on behalf of the operator, and replaces the secrets of a number."""

import re
from dataclasses import dataclass, replace

from django.utils import timezone

from cloud_api.errors import TOKEN_CODES
from cloud_api.wa_ids import BRAZIL, NotAPhoneNumber, read_phone_number
from jobs.transactions import run_in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action
from organizations.models import Organization, PhoneNumber, Proof
from organizations.numbers.audit_entries import record_columns, record_number
from organizations.numbers.number_secrets import read_secret
from organizations.numbers.ownership import (
    AlreadyConnected,
    OwnedElsewhere,
    find_current_row,
    find_number,
    move_replaced,
    phone_number_id_for,
    prove_ownership_in_transaction,
    raise_if_account_owned,
)


class CannotConnect(ValueError):
    """The number cannot be connected as requested. The text explains why, for an operator."""


@dataclass(frozen=True)
class ConnectedNumber:
    """The result of `connect_number`."""

    number: PhoneNumber
    organization_is_new: bool
    number_is_new: bool
    app_secret_was_replaced: bool


def connect_number(
    *,
    organization: str,
    phone_number_id: str,
    wa_id: str,
    verify_token: str,
    app_secret: str,
    meta_token: str,
    waba_id: str = "",
) -> ConnectedNumber:
    """Connects a number to the organization of that name, or updates the number. Creates the organization if it is missing.

    The operator's request counts as a proof of ownership: an organization without a proof loses the number. Safe to repeat and to
    run concurrently. An empty `waba_id` keeps the stored one. Raises CannotConnect.
    """
    name = _checked_text("organization", organization, 150)
    country = Organization.objects.filter(organization_name=name).values_list("country", flat=True).first()
    columns = {
        "organization": name,
        "phone_number_id": parse_meta_id("phone number ID", phone_number_id),
        "wa_id": parse_phone(wa_id, country=country or BRAZIL),
        "waba_id": parse_meta_id("WhatsApp Business Account ID", waba_id) if waba_id.strip() else "",
        "verify_token": _checked_text("verify token", verify_token, 1000),
        "app_secret": _checked_text("app secret", app_secret, 1000),
        "meta_token": _checked_text("access token", meta_token, 10_000),
    }
    try:
        connection = run_in_transaction(lambda: _connect(**columns))  # retried if another process connected it first
    except OwnedElsewhere:
        raise CannotConnect(f"number {phone_number_id} is already connected to another organization") from None
    except AlreadyConnected as refusal:
        name = f"account {waba_id}" if refusal.field == "waba_id" else f"number {phone_number_id}"
        raise CannotConnect(f"{name} is already connected to another organization") from None
    move_replaced()
    return replace(connection, number=find_current_row(connection.number))


def _connect(*, organization: str, phone_number_id: str, wa_id: str, waba_id: str, **tokens: str) -> ConnectedNumber:
    owner, owner_is_new = Organization.objects.get_or_create(organization_name=organization)
    Organization.objects.select_for_update().get(pk=owner.pk)  # concurrent calls wait for each other
    known = find_number(owner, phone_number_id)
    if waba_id and not (known and known.waba_id == waba_id):
        raise_if_account_owned(owner, waba_id)
    number = known or PhoneNumber(organization=owner, phone_number_id=phone_number_id_for(owner, phone_number_id))
    number.wa_id = wa_id
    number.waba_id = waba_id or number.waba_id
    changed = replace_secrets(number, **tokens)
    columns = ["wa_id", "waba_id", *changed]
    before = PhoneNumber.objects.filter(pk=number.pk).defer(*PhoneNumber.SECRETS).first() or PhoneNumber()
    number.save(update_fields=columns if known else None)
    if owner_is_new:
        record_action(AuditAction.ORGANIZATION_CREATED, organization=owner, changes={"name": [None, organization]})
    if known is None:
        record_number(AuditAction.NUMBER_CONNECTED, number, {"phone_number_id": [None, phone_number_id]}, by=None)
    record_columns(before, number, columns, by=None)
    prove_ownership_in_transaction(number, proof=Proof.OPERATOR, account_too=bool(waba_id), now=timezone.now())
    return ConnectedNumber(number, owner_is_new, known is None, bool(known) and "app_secret" in changed)


def replace_secrets(number: PhoneNumber, *, verify_token: str = "", meta_token: str = "", app_secret: str = "") -> list[str]:
    """Sets the secrets that are not empty on the number, without saving it. Returns the columns to save.

    A secret that no key decrypts can be replaced like any other. There is no previous app secret then. A stopped number sends
    again, but after a refused access token only with another token.
    """
    changed = []
    is_new_token = bool(meta_token) and meta_token != read_secret(number, "meta_token")
    may_fix = is_new_token or ((meta_token or app_secret) and number.sending_stopped_code not in TOKEN_CODES)
    if number.sending_stopped_at and may_fix:  # the first message shows whether it does
        number.sending_stopped_at = number.sending_stopped_code = None
        changed += ["sending_stopped_at", "sending_stopped_code"]
    if verify_token and verify_token != read_secret(number, "webhook_verify_token"):
        number.webhook_verify_token, number.handshake_at = verify_token, None  # Meta has not checked with this one
        changed += ["webhook_verify_token", "webhook_verify_token_digest", "handshake_at"]
    if is_new_token:
        number.meta_token = meta_token
        number.proof_checked_at = number.asked_meta_at = number.token_expires_at = None  # ask Graph as soon as possible
        changed += ["meta_token", "proof_checked_at", "asked_meta_at", "token_expires_at"]
    known = read_secret(number, "app_secret")
    if not app_secret or app_secret == known:
        return changed
    if known is None:
        number.app_secret, number.previous_app_secret = app_secret, ""
    else:
        number.replace_app_secret(app_secret)
    return [*changed, "app_secret", "previous_app_secret", "app_secret_replaced_at"]


def parse_phone(typed: str, *, country: str = BRAZIL) -> str:
    """Returns the digits of a phone number, with the country code, from any notation: +55 (61) 3321-4400, or as people of
    `country` dial it. Digits alone are read with a country code if that is possible. Raises CannotConnect."""
    try:
        return read_phone_number(typed, country=country, is_international=typed.strip().isdigit())[0]
    except NotAPhoneNumber:
        if not typed.strip():
            raise CannotConnect("the number (wa_id) is empty") from None
        raise CannotConnect(f"“{typed.strip()}” is no complete phone number, such as 556133214400 or +55 61 3321-4400") from None


def parse_meta_id(name: str, typed: str) -> str:
    """Returns one of Meta's ids. Raises CannotConnect."""
    text = _checked_text(name, typed, 64)
    if not re.fullmatch(r"[0-9]+", text):
        raise CannotConnect(f"the {name} is digits and nothing else, such as 524386454098961")
    return text


def _checked_text(name: str, text: str, max_length: int) -> str:
    text = text.strip()
    if not text:
        raise CannotConnect(f"the {name} is empty")
    if len(text) > max_length:
        raise CannotConnect(f"the {name} is longer than {max_length} characters")
    return text
