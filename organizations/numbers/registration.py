"""Writes across the rows of this room: connecting a number, replacing its secrets."""

import re
import secrets
from dataclasses import dataclass, replace

from cryptography.fernet import InvalidToken
from django.db import IntegrityError, transaction
from django.utils import timezone

from cloud_api.errors import TOKEN_CODES
from cloud_api.wa_ids import BRAZIL, NotAPhoneNumber, read_phone_number
from jobs.transactions import run_in_transaction
from organizations.models import Organization, PhoneNumber, Proof, User
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

FIRST_SUPERUSER = "admin@localhost"


class CannotConnect(ValueError):
    """A number cannot be connected as asked; the text says why, for an operator."""


@dataclass(frozen=True)
class ConnectedNumber:
    """What `connect_number` did."""

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
    """Connect a number to the organization of that name, created if missing, or renew what is known of the number.

    Whoever runs the hub says so, which counts as proof of ownership: an organization that has only typed the id gives it away.
    Safe to repeat, and to run twice at once. An empty `waba_id` keeps the known one. Raises CannotConnect.
    """
    name = _given("organization", organization, 150)
    country = Organization.objects.filter(organization_name=name).values_list("country", flat=True).first()
    wanted = {
        "organization": name,
        "phone_number_id": parse_meta_id("phone number ID", phone_number_id),
        "wa_id": parse_phone(wa_id, country=country or BRAZIL),
        "waba_id": parse_meta_id("WhatsApp Business Account ID", waba_id) if waba_id.strip() else "",
        "verify_token": _given("verify token", verify_token, 1000),
        "app_secret": _given("app secret", app_secret, 1000),
        "meta_token": _given("access token", meta_token, 10_000),
    }
    try:
        connection = run_in_transaction(lambda: _connect(**wanted))  # twice, if somebody else connected it first
    except OwnedElsewhere:
        raise CannotConnect(f"number {phone_number_id} is already connected to another organization") from None
    except AlreadyConnected as refusal:
        what = f"account {waba_id}" if refusal.field == "waba_id" else f"number {phone_number_id}"
        raise CannotConnect(f"{what} is already connected to another organization") from None
    move_replaced()
    return replace(connection, number=find_current_row(connection.number))


def _connect(*, organization: str, phone_number_id: str, wa_id: str, waba_id: str, **tokens: str) -> ConnectedNumber:
    owner, owner_is_new = Organization.objects.get_or_create(organization_name=organization)
    Organization.objects.select_for_update().get(pk=owner.pk)  # two calls at once wait for each other
    known = find_number(owner, phone_number_id)
    if waba_id and not (known and known.waba_id == waba_id):
        raise_if_account_owned(owner, waba_id)
    number = known or PhoneNumber(organization=owner, phone_number_id=phone_number_id_for(owner, phone_number_id))
    number.wa_id = wa_id
    number.waba_id = waba_id or number.waba_id
    changed = replace_secrets(number, **tokens)
    number.save(update_fields=["wa_id", "waba_id", *changed] if known else None)
    prove_ownership_in_transaction(number, proof=Proof.OPERATOR, account_too=bool(waba_id), now=timezone.now())
    return ConnectedNumber(number, owner_is_new, known is None, bool(known) and "app_secret" in changed)


def replace_secrets(number: PhoneNumber, *, verify_token: str = "", meta_token: str = "", app_secret: str = "") -> list[str]:
    """Put the secrets that are given into the number, unsaved; returns the columns to save.

    A secret that no key opens any more is replaced like any other; then there is no previous app secret. A number whose sending was
    stopped goes on, but for a dead access token only with another one.
    """
    changed = []
    is_new_token = bool(meta_token) and meta_token != read_secret(number, "meta_token")
    may_mend = is_new_token or ((meta_token or app_secret) and number.sending_stopped_code not in TOKEN_CODES)
    if number.sending_stopped_at and may_mend:  # the first message tells
        number.sending_stopped_at = number.sending_stopped_code = None
        changed += ["sending_stopped_at", "sending_stopped_code"]
    if verify_token and verify_token != read_secret(number, "webhook_verify_token"):
        number.webhook_verify_token, number.handshake_at = verify_token, None  # Meta has not checked with this one
        changed += ["webhook_verify_token", "webhook_verify_token_digest", "handshake_at"]
    if is_new_token:
        number.meta_token, number.proof_checked_at = meta_token, None  # so that Graph is asked soon whether it opens the number
        changed += ["meta_token", "proof_checked_at"]
    known = read_secret(number, "app_secret")
    if not app_secret or app_secret == known:
        return changed
    if known is None:
        number.app_secret, number.previous_app_secret = app_secret, ""
    else:
        number.replace_app_secret(app_secret)
    return [*changed, "app_secret", "previous_app_secret", "app_secret_replaced_at"]


def read_secret(number: PhoneNumber, column: str) -> str | None:
    """A secret of the number; None if no key of FIELD_ENCRYPTION_KEYS opens it."""
    try:
        return str(getattr(number, column))
    except InvalidToken:
        return None


def parse_phone(typed: str, *, country: str = BRAZIL) -> str:
    """The digits, country code first, of a phone number as people type it: +55 (61) 3321-4400, or as those of `country` dial it.
    Digits and nothing else begin with their country code where they can. Raises CannotConnect."""
    try:
        return read_phone_number(typed, country=country, is_international=typed.strip().isdigit())[0]
    except NotAPhoneNumber:
        if not typed.strip():
            raise CannotConnect("the number (wa_id) is empty") from None
        raise CannotConnect(f"“{typed.strip()}” is no complete phone number, such as 556133214400 or +55 61 3321-4400") from None


def parse_meta_id(what: str, typed: str) -> str:
    """One of Meta's ids. Raises CannotConnect."""
    text = _given(what, typed, 64)
    if not re.fullmatch(r"[0-9]+", text):
        raise CannotConnect(f"the {what} is digits and nothing else, such as 524386454098961")
    return text


def _given(what: str, text: str, longest: int) -> str:
    text = text.strip()
    if not text:
        raise CannotConnect(f"the {what} is empty")
    if len(text) > longest:
        raise CannotConnect(f"the {what} is longer than {longest} characters")
    return text


def create_first_superuser() -> tuple[str, str] | None:
    """The e-mail and random password of a superuser made for a hub that has none; None if it has one."""
    if User.objects.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(12)
    try:
        with transaction.atomic():
            User.objects.create_superuser(FIRST_SUPERUSER, password, name="Admin")
    except IntegrityError:  # another process was first, or somebody has the address
        return None
    return FIRST_SUPERUSER, password
