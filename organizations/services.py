"""Writes across the rows of this room: connecting a number, replacing its secrets, changing the encryption key."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import InvalidToken
from django.apps import apps
from django.db import IntegrityError, models, transaction
from django.db.models import ExpressionWrapper, F, TextField

from organizations.fields import DigestField, EncryptedTextField, decrypt, digests
from organizations.models import Organization, PhoneNumber, User

BATCH = 200
FIRST_SUPERUSER = "admin@localhost"


class NotConnected(ValueError):
    """A number cannot be connected as asked; the text says why, for an operator."""


@dataclass(frozen=True)
class Connection:
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
) -> Connection:
    """Connect a number to the organization of that name, created if missing, or renew what is known of the number.

    Safe to repeat, and to run twice at once. An empty `waba_id` keeps the known one. Raises NotConnected.
    """
    wanted = {
        "organization": _given("organization", organization, 150),
        "phone_number_id": _given("phone number ID", phone_number_id, 64),
        "wa_id": phone_digits(wa_id),
        "waba_id": _given("WhatsApp Business Account ID", waba_id, 64) if waba_id.strip() else "",
        "verify_token": _given("verify token", verify_token, 1000),
        "app_secret": _given("app secret", app_secret, 1000),
        "meta_token": _given("access token", meta_token, 10_000),
    }
    try:
        return _connect(**wanted)
    except IntegrityError:  # somebody else connected it first; now it is there to be updated
        return _connect(**wanted)


@transaction.atomic
def _connect(*, organization: str, phone_number_id: str, wa_id: str, waba_id: str, **tokens: str) -> Connection:
    owner, owner_is_new = Organization.objects.get_or_create(organization_name=organization)
    rows = PhoneNumber.objects.select_for_update().defer(*PhoneNumber.SECRETS)
    known = rows.filter(phone_number_id=phone_number_id).first()
    if known and known.organization_id != owner.pk:
        raise NotConnected(f"number {phone_number_id} is already connected to another organization")
    number = known or PhoneNumber(organization=owner, phone_number_id=phone_number_id)
    number.wa_id = wa_id
    number.waba_id = waba_id or number.waba_id
    changed = replace_secrets(number, **tokens)
    number.save(update_fields=["wa_id", "waba_id", *changed] if known else None)
    return Connection(number, owner_is_new, known is None, bool(known) and "app_secret" in changed)


def replace_secrets(number: PhoneNumber, *, verify_token: str = "", meta_token: str = "", app_secret: str = "") -> list[str]:
    """Put the secrets that are given into the number, unsaved; returns the columns to save.

    A secret that no key opens any more is replaced like any other; then there is no previous app secret. A number whose sending was
    stopped goes on.
    """
    changed = []
    if number.sending_stopped_at and (meta_token or app_secret):  # which may mend it; the first message tells
        number.sending_stopped_at = number.sending_stopped_code = None
        changed += ["sending_stopped_at", "sending_stopped_code"]
    if verify_token and verify_token != opened(number, "webhook_verify_token"):
        number.webhook_verify_token, number.handshake_at = verify_token, None  # Meta has not checked with this one
        changed += ["webhook_verify_token", "webhook_verify_token_digest", "handshake_at"]
    if meta_token and meta_token != opened(number, "meta_token"):
        number.meta_token = meta_token
        changed.append("meta_token")
    known = opened(number, "app_secret")
    if not app_secret or app_secret == known:
        return changed
    if known is None:
        number.app_secret, number.previous_app_secret = app_secret, ""
    else:
        number.replace_app_secret(app_secret)
    return [*changed, "app_secret", "previous_app_secret"]


def opened(number: PhoneNumber, column: str) -> str | None:
    """A secret of the number; None if no key of FIELD_ENCRYPTION_KEYS opens it."""
    try:
        return str(getattr(number, column))
    except InvalidToken:
        return None


def phone_digits(typed: str) -> str:
    """The digits of an international phone number as people type it: +55 (61) 3321-4400. Raises NotConnected."""
    digits = re.sub(r"[\s+().\-/\u2010-\u2015\u200e\u200f\u202a-\u202e]", "", typed)
    if not digits:
        raise NotConnected("the number (wa_id) is empty")
    if not re.fullmatch(r"[1-9][0-9]{4,14}", digits):
        raise NotConnected(f"“{typed.strip()}” is not a number with its country code, such as 556133214400")
    return digits


def _given(what: str, text: str, longest: int) -> str:
    text = text.strip()
    if not text:
        raise NotConnected(f"the {what} is empty")
    if len(text) > longest:
        raise NotConnected(f"the {what} is longer than {longest} characters")
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


@dataclass(frozen=True)
class Rotation:
    """What `rotate_keys` did; `unreadable` names the rows with a secret that no key opens."""

    rows: int
    unreadable: list[str]


def rotate_keys(*, progress: Callable[[str, int], None]) -> Rotation:
    """Encrypt every stored secret with the first of FIELD_ENCRYPTION_KEYS and renew its digest.

    Rows are locked batch by batch (on SQLite by the transaction itself, which is IMMEDIATE), so no edit made meanwhile
    is lost. `progress` hears the table's name and how many of its rows are behind us.
    """
    rows, unreadable = 0, []
    for model in _models_with_secrets():
        last, done = 0, 0
        while batch := _rotate_batch(model, last):
            last, done = max(batch), done + len(batch)
            unreadable += [f"{model._meta.db_table} {pk}" for pk, is_readable in batch.items() if not is_readable]
            progress(model._meta.db_table, done)
        rows += done
    return Rotation(rows - len(unreadable), unreadable)


def _models_with_secrets() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if _columns(model, EncryptedTextField)]


def _columns(model: type[models.Model], kind: type[EncryptedTextField] | type[DigestField]) -> list[Any]:
    return [field for field in model._meta.local_concrete_fields if isinstance(field, kind)]


@transaction.atomic
def _rotate_batch(model: type[models.Model], last: int) -> dict[int, bool]:
    """The ids of the next rows after `last`, and whether each was readable throughout."""
    stored = {
        f"stored_{field.name}": ExpressionWrapper(F(field.name), output_field=TextField())
        for field in _columns(model, EncryptedTextField)
    }
    rows = model._default_manager.select_for_update().filter(pk__gt=last).order_by("pk")
    return {row["pk"]: _rotate_row(model, **row) for row in rows.values("pk", **stored)[:BATCH]}


def _rotate_row(model: type[models.Model], pk: int, **stored: str) -> bool:
    clear: dict[str, str] = {}
    is_readable = True
    for column, token in stored.items():
        try:
            clear[column.removeprefix("stored_")] = decrypt(token) if token else ""
        except InvalidToken:
            is_readable = False
    marks = {field.name: _digest(clear[field.of]) for field in _columns(model, DigestField) if field.of in clear}
    model._default_manager.filter(pk=pk).update(**clear, **marks)
    return is_readable


def _digest(text: str) -> str:
    return digests(text)[0] if text else ""
