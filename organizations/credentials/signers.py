"""Finds the organizations whose app secret signed a webhook, and the numbers of a verify token.

Nothing in a body can be believed before its signature is checked. But each number may have an app, and so an app secret, of its
own. Therefore the ids in the body are hints about whose secrets to try, never facts. How many secrets are tried depends on the ids
that a body names and has a limit, however many numbers are connected.
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
"""Numbers, and as many accounts, of a body whose secrets are tried. Meta signs a body with the secret of one app, so the first
stored one is enough."""
MAX_MATCHES = 64
"""How often a large body may name a number, or an account, before the rest of it is not searched for hints."""
SEARCHED_BYTES = 128 * 2**10
"""Bytes at the beginning of a large body, and at its end, that are searched for hints. Meta names the first number near the
beginning."""
WINDOW = 64 * 2**10
"""Bytes of one search. A search lets no other thread run until it ends, and some bodies make it slow."""
MAX_ID_BYTES = 256
"""Bytes of an id with its key, and the white space around it."""
MAX_CHANGES = 1000
"""Changes that Meta puts into one body at most."""
MAX_SECRETS = 16
"""Secrets with which one body may be compared."""
MAX_HASHED_BYTES = 32 * 2**20
"""Bytes that are hashed to check one body. With a large body, fewer secrets are tried."""
LATEST = 8
"""Numbers connected last that are tried for a body that names no stored number: its number may be about to be connected."""
MAX_IDS = 400
"""Ids in one query: databases limit the parameters of a statement."""
MAX_ROWS = 1000
"""Numbers that one query finds."""

_NUMBER = re.compile(rb'"phone_number_id"\s*+:\s*+"?(\d{1,64})')
_ACCOUNT = re.compile(rb'"id"\s*+:\s*+"?(\d{5,64}+)[",\s}]')


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed a body. `organizations` are the ids of those that have the secret, None for the platform's app. `secret_digest`
    identifies the secret, also for an organization that gets it later."""

    organizations: tuple[int, ...] | None
    secret_digest: str = ""


KeyRing = dict[str, Signature]
"""Secrets with which a body may be signed, the most likely first, and the signature that each of them means."""


@dataclass(frozen=True, slots=True)
class SignerQuery:
    """Asks which secrets may have signed a body that arrived at the path of `organization_key` (empty: the shared path)."""

    organization_key: str
    hints: tuple[str, ...]
    is_partial: bool = field(default=False, compare=False)
    """Whether the body may name more numbers and accounts than the hints."""


@dataclass(frozen=True, slots=True)
class PartialSignature:
    """The verified signature of a body that may name more numbers and accounts than were searched. `query` has all of them.
    `organizations` are those that are known so far to have the secret."""

    query: SignerQuery
    secret: str
    organizations: tuple[int, ...]


def build_hint_query(organization_key: str, body: bytes) -> SignerQuery:
    """Returns the query for an unverified body, from the first few numbers and accounts that it names."""
    numbers, has_more_numbers = _search_hints(_NUMBER, body)
    accounts, has_more_accounts = _search_hints(_ACCOUNT, body)
    return SignerQuery(organization_key, tuple(dict.fromkeys(numbers + accounts)), has_more_numbers or has_more_accounts)


def build_full_query(organization_key: str, body: bytes) -> SignerQuery:
    """Returns the query for a verified body, from all numbers and accounts that it names."""
    found = chain.from_iterable(islice(_search_ids(pattern, body, 0, len(body)), MAX_CHANGES) for pattern in (_NUMBER, _ACCOUNT))
    return SignerQuery(organization_key, tuple(dict.fromkeys(found)))


def _search_hints(pattern: re.Pattern[bytes], body: bytes) -> tuple[list[str], bool]:
    """Returns the first ids, each once, and whether there may be more."""
    if len(body) <= WINDOW:
        ids = list(dict.fromkeys(pattern.findall(body)))
        return [hint.decode() for hint in ids[:MAX_HINTS]], len(ids) > MAX_HINTS
    is_long = len(body) > 2 * SEARCHED_BYTES
    matches = _search_ids(pattern, body, 0, SEARCHED_BYTES if is_long else len(body))
    if is_long:
        matches = chain(matches, _search_ids(pattern, body, len(body) - SEARCHED_BYTES, len(body)))
    found: dict[str, None] = {}
    for count, hint in enumerate(matches):
        if count >= MAX_MATCHES or (len(found) >= MAX_HINTS and hint not in found):
            return list(found), True
        found[hint] = None
    return list(found), is_long


def _search_ids(pattern: re.Pattern[bytes], body: bytes, start: int, end: int) -> Iterator[str]:
    """Yields the ids whose keys begin between `start` and `end`."""
    for position in range(start, end, WINDOW):
        next_position = min(position + WINDOW, end)
        for match in pattern.finditer(body, position, next_position + MAX_ID_BYTES):
            if match.start() < next_position:
                yield match[1].decode()


def find_key_rings(queries: Sequence[SignerQuery]) -> list[KeyRing]:
    """Returns the key ring of each query: the secrets that its path may use. Of an organization these are the current secret and,
    while it is still accepted, the previous one."""
    hinted = _rows_by_hint({hint for query in queries for hint in query.hints})
    latest = {key: _latest_rows(key) for key in _existing_keys({query.organization_key for query in queries})}
    return [_key_ring(query, [*_rows_of(query, hinted), *latest.get(query.organization_key, [])]) for query in queries]


def find_signers(signatures: Sequence[PartialSignature]) -> list[Signature]:
    """Returns the complete signature of each partial one: all organizations that have the secret, among those whose numbers or
    accounts the body names. A webhook of several organizations is in the log of none of them."""
    hinted = _rows_by_hint({hint for signature in signatures for hint in signature.query.hints})
    return [_complete(signature, _rows_of(signature.query, hinted)) for signature in signatures]


@dataclass(frozen=True, slots=True)
class _Row:
    """The readable secrets of one number, and its organization."""

    organization_id: int
    organization_key: str
    secrets: tuple[str, ...]


def _rows_of(query: SignerQuery, hinted: Mapping[str, list[_Row]]) -> Iterator[_Row]:
    """Yields the rows of the query's hints that the query's path may use."""
    for row in chain.from_iterable(hinted.get(hint, ()) for hint in query.hints):
        if query.organization_key in ("", row.organization_key):
            yield row


def _complete(signature: PartialSignature, rows: Iterable[_Row]) -> Signature:
    owners = {row.organization_id for row in rows if signature.secret in row.secrets}
    return Signature(tuple(sorted(owners.union(signature.organizations))), digests(signature.secret)[0])


def _key_ring(query: SignerQuery, rows: Iterable[_Row]) -> KeyRing:
    owners: dict[str, set[int]] = {}
    for row in rows:
        for secret in row.secrets:
            if secret in owners or len(owners) < MAX_SECRETS:
                owners.setdefault(secret, set()).add(row.organization_id)
    ring = {secret: Signature(tuple(sorted(ids)), digests(secret)[0]) for secret, ids in owners.items()}
    if query.organization_key or not settings.META_APP_SECRET:
        return ring
    platform = {settings.META_APP_SECRET: Signature(None)}
    return platform | ring | platform  # it is tried first, and it means the platform, even if an organization has it too


def find_matching_secret(ring: KeyRing, body: bytes, header: str) -> str | None:
    """Returns the secret that signed the body; None if no secret that is tried did."""
    return matching_secret(body, header, islice(ring, MAX_HASHED_BYTES // max(len(body), 1)))


def secret_digests(organization_id: int) -> set[str]:
    """Returns the digests of the organization's secrets, current and previous, as signatures carry them.

    A previous secret counts even if it is not accepted any more: bodies that it signed were stored while it was.
    """
    numbers = PhoneNumber.objects.filter(organization=organization_id).order_by("-pk")[:MAX_ROWS]
    secrets = {secret for _, _, row in _decrypt_rows(_stored_rows(numbers), None) for secret in row.secrets}
    return {digest for secret in secrets for digest in digests(secret)}


def _rows_by_hint(hints: set[str]) -> dict[str, list[_Row]]:
    found: dict[str, list[_Row]] = {}
    for chunk in _chunks(sorted(hints)):
        for phone_number_id, waba_id, row in _find_rows(chunk):
            for hint in {phone_number_id, waba_id}.intersection(chunk):
                found.setdefault(hint, []).append(row)
    return found


def _find_rows(hints: Sequence[str]) -> list[tuple[str, str, _Row]]:
    """Returns the rows of numbers that have one of the hints as their id or as their account.

    An account may have more numbers than `MAX_ROWS`. Then the hints are halved until this account is alone, so that it displaces no
    rows of other hints. Of such an account, the proven and the latest rows are returned.
    """
    numbers, accounts = (PhoneNumber.objects.filter(**{f"{column}__in": hints}) for column in ("phone_number_id", "waba_id"))
    if len(hints) == 1:
        first = accounts.order_by(F("proven_at").desc(nulls_last=True), "-pk")[:MAX_ROWS]
        replaced_after = _oldest_accepted()
        return _decrypt_rows(_stored_rows(numbers), replaced_after) + _decrypt_rows(_stored_rows(first), replaced_after)
    # A union instead of OR, and without an order: so the database stops reading at the limit.
    stored = list(_stored_rows(numbers).union(_stored_rows(accounts), all=True)[: MAX_ROWS + 1])
    if len(stored) <= MAX_ROWS:
        # Proven rows first: many rows with an account's id that another organization entered must not displace its owner's secret.
        return _decrypt_rows(sorted(stored, key=lambda row: (row[1] is not None, row[0]), reverse=True), _oldest_accepted())
    middle = len(hints) // 2
    return _find_rows(hints[:middle]) + _find_rows(hints[middle:])


def _existing_keys(keys: set[str]) -> set[str]:
    """Returns the keys that organizations have, and the empty key if it is among `keys`."""
    found = {""} & keys
    for chunk in _chunks(sorted(keys - {""})):
        found.update(Organization.objects.filter(key__in=chunk).values_list("key", flat=True))
    return found


def _latest_rows(organization_key: str) -> list[_Row]:
    within = Q(organization__key=organization_key) if organization_key else Q()
    numbers = PhoneNumber.objects.filter(within & ~Q(app_secret="")).order_by("-pk")[:LATEST]
    return [row for _, _, row in _decrypt_rows(_stored_rows(numbers), _oldest_accepted())]


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + MAX_IDS] for start in range(0, len(ids), MAX_IDS))


def _oldest_accepted() -> datetime:
    """Returns the time since which a previous app secret must have been replaced to be accepted still."""
    return timezone.now() - PhoneNumber.previous_app_secret_lifetime()


def _stored_rows(numbers: QuerySet[PhoneNumber]) -> "QuerySet[PhoneNumber, tuple[Any, ...]]":
    columns = ("pk", "proven_at", "phone_number_id", "waba_id", "organization_id", "organization__key", "app_secret_replaced_at")
    return numbers.values_list(*columns, _as_stored("app_secret"), _as_stored("previous_app_secret"))


def _decrypt_rows(stored: Iterable[tuple[Any, ...]], replaced_after: datetime | None) -> list[tuple[str, str, _Row]]:
    """Returns the id, the account and the secrets of each number. The previous secret is included if it was replaced after
    `replaced_after`, or if that is None."""
    found = []
    for pk, _, number, account, organization, key, replaced_at, current, previous in stored:
        is_accepted = replaced_after is None or (replaced_at is not None and replaced_at > replaced_after)
        tokens = (current, previous) if is_accepted else (current,)
        found.append((number, account, _Row(organization, key, tuple(filter(None, (_decrypt(pk, token) for token in tokens))))))
    return found


def _as_stored(column: str) -> "ExpressionWrapper[F]":
    """Selects the encrypted value. If no key decrypts one row, the others can still be read."""
    return ExpressionWrapper(F(column), output_field=TextField())


def _decrypt(number_pk: int, token: str) -> str:
    try:
        return decrypt(token) if token else ""
    except InvalidToken:
        _log_unreadable(number_pk)
        return ""


@lru_cache(maxsize=1024)
def _log_unreadable(number_pk: int) -> None:
    """Logs once in the life of a process for each number, because anybody can make the hub read its secret."""
    log.error("a secret of number %s cannot be decrypted with any of FIELD_ENCRYPTION_KEYS", number_pk)


def find_numbers_by_verify_token(token: str, *, organization_key: str) -> list[int]:
    """Returns the ids of the numbers that have this verify token and belong to the path. If very many have it, these are the
    numbers connected last."""
    numbers = PhoneNumber.objects.filter(webhook_verify_token_digest__in=digests(token)).exclude(webhook_verify_token="")
    if organization_key:
        numbers = numbers.filter(organization__key=organization_key)
    stored = numbers.order_by("-pk").values_list("pk", _as_stored("webhook_verify_token"))[:LATEST]
    return [pk for pk, each in stored if hmac.compare_digest(_decrypt(pk, each).encode(), token.encode())]
