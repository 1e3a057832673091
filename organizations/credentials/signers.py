"""Which secrets may stand behind a webhook: its signers, and the tokens of Meta's handshake.

The signature has to be checked before anything in the body is believed, yet each connected number may have an app, and so a secret,
of its own. So the ids that the body names are taken as hints about whose secrets to try, never as facts; the cost of a check
depends on how many a body names and is bounded, whatever the count of connected numbers.
"""

import hmac
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import chain, islice
from typing import Any

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db.models import ExpressionWrapper, F, Q, QuerySet, TextField
from django.utils import timezone

from cloud_api.signature import matching_secret
from organizations.fields import decrypt, digests
from organizations.models import Organization, PhoneNumber

log = logging.getLogger(__name__)

MAX_HINTS = 4
"""How many numbers, and how many accounts, of a body say whose secrets to try. Meta signs a body with one app's secret, so the
first known one is enough."""
MOST_MATCHES = 64
"""How many times a large body may name a number, or an account, before the rest is not read for hints."""
MOST_READ = 128 * 2**10
"""Bytes at the beginning of a large body, and as many at its end, that are read for hints. Meta names the first number near the
beginning."""
WINDOW = 64 * 2**10
"""Bytes that are searched at once: a search lets no other thread run until it ends, and some bodies make it slow."""
LONGEST_NAME = 256
"""Bytes of an id with its key, and the space around it."""
MOST_CHANGES = 1000
"""As many changes as Meta puts into one body."""
MAX_SECRETS = 16
"""How many secrets one body may be compared with."""
MOST_HASHED = 32 * 2**20
"""Bytes that are hashed to check one body: of a large one, fewer secrets are tried."""
LATEST = 8
"""How many of the numbers connected last are tried for a body that names none we know: its number may be about to be connected."""
CHUNK = 400
"""How many ids one query looks for: databases limit the parameters of a statement."""
MOST_ROWS = 1000
"""How many numbers one query finds."""

_NUMBER = re.compile(rb'"phone_number_id"\s*+:\s*+"?(\d{1,64})')
_ACCOUNT = re.compile(rb'"id"\s*+:\s*+"?(\d{5,64}+)[",\s}]')


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed a body: the ids of organizations that have the secret, None where it is the platform's own; and a mark of the
    secret itself, by which an organization that gets it later is known."""

    organizations: tuple[int, ...] | None
    secret_digest: str = ""


KeyRing = dict[str, Signature]
"""Secrets that a body may be signed with, the likeliest first, and what it means if it is."""


@dataclass(frozen=True, slots=True)
class SignerQuery:
    """Who may have signed a body that came to the path of `organization_key` (empty: the shared path)?"""

    organization_key: str
    hints: tuple[str, ...]
    is_partial: bool = field(default=False, compare=False)
    """Whether the body may name more than the hints."""


@dataclass(frozen=True, slots=True)
class PartialSignature:
    """A body that names more than a question may hint at has been signed with `secret`, which `organizations` are known to have."""

    question: SignerQuery
    secret: str
    organizations: tuple[int, ...]


def build_hint_query(organization_key: str, body: bytes) -> SignerQuery:
    """The question about a body that anybody may have sent, from the first few numbers and accounts it names."""
    numbers, names_more_numbers = _hints(_NUMBER, body)
    accounts, names_more_accounts = _hints(_ACCOUNT, body)
    return SignerQuery(organization_key, tuple(dict.fromkeys(numbers + accounts)), names_more_numbers or names_more_accounts)


def build_full_query(organization_key: str, body: bytes) -> SignerQuery:
    """The question about a body that is known to be signed, from all that it names."""
    found = chain.from_iterable(islice(_ids(pattern, body, 0, len(body)), MOST_CHANGES) for pattern in (_NUMBER, _ACCOUNT))
    return SignerQuery(organization_key, tuple(dict.fromkeys(found)))


def _hints(pattern: re.Pattern[bytes], body: bytes) -> tuple[list[str], bool]:
    """The first ids, each once, and whether there may be more."""
    if len(body) <= WINDOW:
        every = list(dict.fromkeys(pattern.findall(body)))
        return [hint.decode() for hint in every[:MAX_HINTS]], len(every) > MAX_HINTS
    is_long = len(body) > 2 * MOST_READ
    read = _ids(pattern, body, 0, MOST_READ if is_long else len(body))
    if is_long:
        read = chain(read, _ids(pattern, body, len(body) - MOST_READ, len(body)))
    found: dict[str, None] = {}
    for count, hint in enumerate(read):
        if count >= MOST_MATCHES or (len(found) >= MAX_HINTS and hint not in found):
            return list(found), True
        found[hint] = None
    return list(found), is_long


def _ids(pattern: re.Pattern[bytes], body: bytes, start: int, end: int) -> Iterator[str]:
    """The ids whose keys begin between `start` and `end`."""
    for position in range(start, end, WINDOW):
        next_position = min(position + WINDOW, end)
        for match in pattern.finditer(body, position, next_position + LONGEST_NAME):
            if match.start() < next_position:
                yield match[1].decode()


def find_key_rings(questions: Sequence[SignerQuery]) -> list[KeyRing]:
    """For each question the secrets its path may use, each organization's current and, while it is still accepted, previous."""
    hinted = _by_hint({hint for question in questions for hint in question.hints})
    latest = {key: _latest(key) for key in _known_keys({question.organization_key for question in questions})}
    return [_ring(each, _rows_of(each, hinted) + latest.get(each.organization_key, [])) for each in questions]


def find_signers(claims: Sequence[PartialSignature]) -> list[Signature]:
    """For each claim all organizations that have the secret, among those whose numbers or accounts the body names: a webhook of
    several organizations is in the log of none."""
    hinted = _by_hint({hint for claim in claims for hint in claim.question.hints})
    return [_signers(each, _rows_of(each.question, hinted)) for each in claims]


def _rows_of(question: SignerQuery, hinted: Mapping[str, list["_Row"]]) -> list["_Row"]:
    return [row for hint in question.hints for row in hinted.get(hint, ())]


def _signers(claim: PartialSignature, rows: Iterable["_Row"]) -> Signature:
    key = claim.question.organization_key
    owners = {row.organization_id for row in rows if key in ("", row.organization_key) and claim.secret in row.secrets}
    return Signature(tuple(sorted(owners.union(claim.organizations))), digests(claim.secret)[0])


@dataclass(frozen=True, slots=True)
class _Row:
    organization_id: int
    organization_key: str
    secrets: tuple[str, ...]


def _ring(question: SignerQuery, rows: Iterable[_Row]) -> KeyRing:
    owners: dict[str, set[int]] = {}
    for row in rows:
        if question.organization_key in ("", row.organization_key):
            for secret in row.secrets:
                if secret in owners or len(owners) < MAX_SECRETS:
                    owners.setdefault(secret, set()).add(row.organization_id)
    ring = {secret: Signature(tuple(sorted(ids)), digests(secret)[0]) for secret, ids in owners.items()}
    if question.organization_key or not settings.META_APP_SECRET:
        return ring
    platform = {settings.META_APP_SECRET: Signature(None)}
    return platform | ring | platform  # first to be tried, and whoever else has it


def find_matching_secret(ring: KeyRing, body: bytes, header: str) -> str | None:
    """The secret that signed the body; None if none of those that are tried did."""
    return matching_secret(body, header, islice(ring, MOST_HASHED // max(len(body), 1)))


def secret_digests(organization_id: int) -> set[str]:
    """The marks that signatures with the organization's secrets carry, current and previous. A previous one that is not accepted
    any more counts too: what it signed was stored while it was."""
    numbers = PhoneNumber.objects.filter(organization=organization_id).order_by("-pk")[:MOST_ROWS]
    secrets = {secret for _, _, row in _rows(numbers) for secret in row.secrets}
    return {mark for secret in secrets for mark in digests(secret)}


def _by_hint(hints: set[str]) -> dict[str, list[_Row]]:
    found: dict[str, list[_Row]] = {}
    for chunk in _chunks(sorted(hints)):
        for phone_number_id, waba_id, row in _named(chunk):
            for hint in {phone_number_id, waba_id}.intersection(chunk):
                found.setdefault(hint, []).append(row)
    return found


def _named(hints: Sequence[str]) -> list[tuple[str, str, _Row]]:
    """The rows of numbers and accounts with these ids. Where they are too many, because an account has very many numbers, the hints
    are halved until it stands alone, so that it takes no room from others; of that one the proven and the latest rows count."""
    numbers, accounts = (PhoneNumber.objects.filter(**{f"{column}__in": hints}) for column in ("phone_number_id", "waba_id"))
    if len(hints) == 1:
        first = accounts.order_by(F("proven_at").desc(nulls_last=True), "-pk")[:MOST_ROWS]
        return _rows(numbers, _oldest_accepted()) + _rows(first, _oldest_accepted())
    # A union and no OR, and in no order: so a database stops reading at the limit.
    stored = list(_stored_rows(numbers).union(_stored_rows(accounts), all=True)[: MOST_ROWS + 1])
    if len(stored) <= MOST_ROWS:
        # Proven ones first: whoever types an account's id in many numbers must not crowd out its owner's secret.
        return _opened(sorted(stored, key=lambda row: (row[1] is not None, row[0]), reverse=True), _oldest_accepted())
    middle = len(hints) // 2
    return _named(hints[:middle]) + _named(hints[middle:])


def _known_keys(keys: set[str]) -> set[str]:
    """Those that are an organization's, and the empty one."""
    found = {""} & keys
    for chunk in _chunks(sorted(keys - {""})):
        found.update(Organization.objects.filter(key__in=chunk).values_list("key", flat=True))
    return found


def _latest(organization_key: str) -> list[_Row]:
    within = Q(organization__key=organization_key) if organization_key else Q()
    numbers = PhoneNumber.objects.filter(within & ~Q(app_secret="")).order_by("-pk")[:LATEST]
    return [row for _, _, row in _rows(numbers, _oldest_accepted())]


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))


def _oldest_accepted() -> datetime:
    """Previous app secrets that were replaced before this are not accepted any more."""
    return timezone.now() - PhoneNumber.previous_app_secret_lifetime()


def _rows(numbers: QuerySet[PhoneNumber], replaced_after: datetime | None = None) -> list[tuple[str, str, _Row]]:
    """Of each number its id, its account and its secrets; the previous one only if it was replaced after this time, where one is
    given."""
    return _opened(_stored_rows(numbers), replaced_after)


def _stored_rows(numbers: QuerySet[PhoneNumber]) -> "QuerySet[PhoneNumber, tuple[Any, ...]]":
    columns = ("pk", "proven_at", "phone_number_id", "waba_id", "organization_id", "organization__key", "app_secret_replaced_at")
    return numbers.values_list(*columns, _stored("app_secret"), _stored("previous_app_secret"))


def _opened(stored: Iterable[tuple[Any, ...]], replaced_after: datetime | None) -> list[tuple[str, str, _Row]]:
    found = []
    for pk, _, number, account, organization, key, replaced_at, current, previous in stored:
        is_accepted = replaced_after is None or (replaced_at is not None and replaced_at > replaced_after)
        tokens = (current, previous) if is_accepted else (current,)
        found.append((number, account, _Row(organization, key, tuple(filter(None, (_open(pk, token) for token in tokens))))))
    return found


def _stored(column: str) -> "ExpressionWrapper[F]":
    """The column as it is stored, so that one row which no key opens cannot cost the others."""
    return ExpressionWrapper(F(column), output_field=TextField())


def _open(number_pk: int, token: str) -> str:
    try:
        return decrypt(token) if token else ""
    except InvalidToken:
        _report_unreadable(number_pk)
        return ""


@lru_cache(maxsize=1024)
def _report_unreadable(number_pk: int) -> None:
    """Once in the life of a process for each number: anybody can make the hub look at it."""
    log.error("a secret of number %s cannot be decrypted with any of FIELD_ENCRYPTION_KEYS", number_pk)


def find_numbers_by_verify_token(token: str, *, organization_key: str) -> list[int]:
    """The ids of the numbers that the path may use and whose verify token this is; those connected last, where many share it."""
    numbers = PhoneNumber.objects.filter(webhook_verify_token_digest__in=digests(token)).exclude(webhook_verify_token="")
    if organization_key:
        numbers = numbers.filter(organization__key=organization_key)
    stored = numbers.order_by("-pk").values_list("pk", _stored("webhook_verify_token"))[:LATEST]
    return [pk for pk, each in stored if hmac.compare_digest(_open(pk, each).encode(), token.encode())]
