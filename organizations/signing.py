"""Which secrets may stand behind a webhook: its signers, and the tokens of Meta's handshake.

The signature has to be checked before anything in the body is believed, yet each connected number may have an app, and so a secret,
of its own. So the ids that the body names are taken as hints about whose secrets to try, never as facts; the cost of a check
depends on how many a body names and is bounded, whatever the count of connected numbers.
"""

import hmac
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db.models import ExpressionWrapper, F, Q, TextField

from cloud_api.signature import matching_secret
from organizations.fields import decrypt, digests
from organizations.models import PhoneNumber

log = logging.getLogger(__name__)

MOST_NUMBERS = 1000
"""As many numbers as one body can have changes."""
MOST_ACCOUNTS = 16
MOST_SECRETS = 32
"""How many secrets one body may cost. Meta signs a body with one app's secret, so of the numbers it names the first says enough."""
LATEST = 8
"""How many of the numbers connected last are tried for a body that names none we know: its number may be about to be connected."""

_NUMBER = re.compile(rb'"phone_number_id"\s*:\s*"?(\d{1,64})')
_ACCOUNT = re.compile(rb'"id"\s*:\s*"?(\d{5,64})[",\s}]')


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed a body: the ids of organizations that have the secret, None where it is the platform's own; and a mark of the
    secret itself, by which an organization that gets it later is known."""

    organizations: tuple[int, ...] | None
    secret_mark: str = ""


Ring = dict[str, Signature]
"""Secrets that a body may be signed with, the likeliest first, and what it means if it is."""


@dataclass(frozen=True, slots=True)
class Question:
    """Who may have signed a body that came to the path of `organization_key` (empty: the shared path)?"""

    organization_key: str
    hints: tuple[str, ...]


def ask(organization_key: str, body: bytes) -> Question:
    """The question about a body, from the ids it names: up to 1,000 numbers and its first few accounts."""
    numbers = (match[1] for match in islice(_NUMBER.finditer(body), MOST_NUMBERS))
    accounts = (match[1] for match in islice(_ACCOUNT.finditer(body), MOST_ACCOUNTS))
    return Question(organization_key, tuple(dict.fromkeys(hint.decode() for hint in chain(numbers, accounts))))


def find_secrets(questions: Sequence[Question]) -> list[Ring]:
    """For each question the secrets its path may use, each organization's current and previous."""
    hinted = _by_hint({hint for question in questions for hint in question.hints})
    latest = {key: _latest(key) for key in {question.organization_key for question in questions}}
    return [
        _ring(question, [row for hint in question.hints for row in hinted.get(hint, ())] + latest[question.organization_key])
        for question in questions
    ]


@dataclass(frozen=True, slots=True)
class _Row:
    organization_id: int
    organization_key: str
    secrets: tuple[str, ...]


def _ring(question: Question, rows: Iterable[_Row]) -> Ring:
    owners: dict[str, set[int]] = {}
    for row in rows:
        if question.organization_key in ("", row.organization_key):
            for secret in row.secrets:
                owners.setdefault(secret, set()).add(row.organization_id)
        if len(owners) >= MOST_SECRETS:
            break
    ring = {secret: Signature(tuple(sorted(ids)), digests(secret)[0]) for secret, ids in owners.items()}
    if question.organization_key or not settings.META_APP_SECRET:
        return ring
    platform = {settings.META_APP_SECRET: Signature(None)}
    return platform | ring | platform  # first to be tried, and whoever else has it


def signature(ring: Ring, body: bytes, header: str | None) -> Signature | None:
    """Who signed the body; None if with none of these secrets."""
    secret = matching_secret(body, header, ring)
    return None if secret is None else ring[secret]


def secret_marks(organization_id: int) -> set[str]:
    """The marks that signatures with the organization's secrets carry, current and previous."""
    secrets = {secret for _, _, row in _rows(Q(organization=organization_id), limit=MOST_NUMBERS) for secret in row.secrets}
    return {mark for secret in secrets for mark in digests(secret)}


def _by_hint(hints: set[str]) -> dict[str, list[_Row]]:
    found: dict[str, list[_Row]] = {}
    if not hints:
        return found
    named = Q(phone_number_id__in=hints) | Q(waba_id__in=hints)
    for phone_number_id, waba_id, row in _rows(named, limit=2 * MOST_NUMBERS):
        for hint in {phone_number_id, waba_id} & hints:
            found.setdefault(hint, []).append(row)
    return found


def _latest(organization_key: str) -> list[_Row]:
    within = Q(organization__key=organization_key) if organization_key else Q()
    return [row for _, _, row in _rows(within & ~Q(app_secret=""), limit=LATEST)]


def _rows(which: Q, *, limit: int) -> list[tuple[str, str, _Row]]:
    columns = ("phone_number_id", "waba_id", "organization_id", "organization__key")
    numbers = (
        PhoneNumber.objects.filter(which)
        .order_by("-pk")
        .values_list(*columns, _stored("app_secret"), _stored("previous_app_secret"))
    )
    return [
        (number, account, _Row(organization, key, tuple(filter(None, map(_open, tokens)))))
        for number, account, organization, key, *tokens in numbers[:limit]
    ]


def _stored(column: str) -> "ExpressionWrapper[F]":
    """The column as it is stored, so that one row which no key opens cannot cost the others."""
    return ExpressionWrapper(F(column), output_field=TextField())


def _open(token: str) -> str:
    try:
        return decrypt(token) if token else ""
    except InvalidToken:
        log.error("a stored secret cannot be decrypted with any of FIELD_ENCRYPTION_KEYS")
        return ""


def numbers_with_token(token: str, *, organization_key: str) -> list[int]:
    """The ids of the numbers that the path may use and whose verify token this is; those connected last, where many share it."""
    numbers = PhoneNumber.objects.filter(webhook_verify_token_digest__in=digests(token)).exclude(webhook_verify_token="")
    if organization_key:
        numbers = numbers.filter(organization__key=organization_key)
    stored = numbers.order_by("-pk").values_list("pk", _stored("webhook_verify_token"))[:LATEST]
    return [pk for pk, each in stored if hmac.compare_digest(_open(each).encode(), token.encode())]
