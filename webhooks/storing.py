"""The raw store: webhooks into the database, many in one statement and one commit."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db import DatabaseError, InterfaceError, connection

from organizations.signing import Signature

log = logging.getLogger(__name__)

LONGEST_LIKENESS = 64 * 1024
"""Bytes shown of a body that is no text: each takes up to four letters, and a packet to the database has its limits."""


@dataclass(frozen=True, slots=True)
class SignedBody:
    """A body whose signature is good."""

    body: bytes
    signature: Signature


def store(bodies: Sequence[SignedBody]) -> list[None | Exception]:
    """Make these durable, with one statement and so one commit; for each None, or the exception that kept it out.

    A group that fails is stored one by one, so that one body cannot cost the others their 200.
    """
    try:
        _insert(bodies)
    except (DatabaseError, InterfaceError) as failure:
        log.warning("storing %s webhooks together failed: %s", len(bodies), type(failure).__name__)
        return _one_by_one(bodies, failure)
    return [None] * len(bodies)


def _one_by_one(bodies: Sequence[SignedBody], failure: Exception) -> list[None | Exception]:
    """On a new connection, because the old one may be what failed."""
    try:
        connection.close()
        connection.ensure_connection()
    except (DatabaseError, InterfaceError):
        return [failure] * len(bodies)
    outcomes: list[None | Exception] = []
    for body in bodies:
        try:
            _insert([body])
            outcomes.append(None)
        except (DatabaseError, InterfaceError) as own_failure:
            outcomes.append(own_failure)
    return outcomes


def _insert(bodies: Sequence[SignedBody]) -> None:
    """One INSERT, whatever the number. Written out, because what an ORM does for a row costs more than the rest of its way; the
    columns that are missing have defaults in the database."""
    places = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(bodies))
    statement = f"INSERT INTO webhook (json, raw, size, signed_for, signed_with, organization_id) VALUES {places}"  # noqa: S608  no input in it
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for body in bodies for value in _values(body)])


def _values(signed: SignedBody) -> tuple[str | bytes | int | None, ...]:
    try:
        text, raw = signed.body.decode(), None
    except UnicodeDecodeError:
        text, raw = signed.body[:LONGEST_LIKENESS].decode(errors="backslashreplace"), signed.body
    signature = signed.signature
    owner = signature.organizations[0] if signature.organizations and len(signature.organizations) == 1 else None
    return text, raw, len(signed.body), _listed(signature.organizations), signature.secret_mark, owner


@lru_cache(maxsize=4096)
def _listed(organizations: tuple[int, ...] | None) -> str | None:
    return None if organizations is None else json.dumps(organizations)
