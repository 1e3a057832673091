"""The raw store: webhooks into the database, many in one statement and one commit."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection

from organizations.credentials.signers import Signature
from webhooks.intake.database_groups import run_for_group
from webhooks.models import queue_of

LONGEST_LIKENESS = 64 * 1024
"""Bytes shown of a body that is no text: each takes up to four letters, and a packet to the database has its limits."""


@dataclass(frozen=True, slots=True)
class SignedBody:
    """A body whose signature is good."""

    body: bytes
    signature: Signature


def store_bodies(bodies: Sequence[SignedBody]) -> list[None | Exception]:
    """Make these durable, with one statement and so one commit; for each None, or the exception that kept it out."""
    return run_for_group(_insert, bodies)


def _insert(bodies: Sequence[SignedBody]) -> list[None]:
    """One INSERT, whatever the number. Written out, because what an ORM does for a row costs more than the rest of its way; the
    columns that are missing have defaults in the database."""
    places = ", ".join(["(%s, %s, %s, %s, %s, %s, %s)"] * len(bodies))
    statement = f"INSERT INTO webhook (json, raw, size, signed_for, signed_with, organization_id, queue_id) VALUES {places}"  # noqa: S608  no input in it
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for body in bodies for value in _values(body)])
    return [None] * len(bodies)


def _values(signed: SignedBody) -> tuple[str | bytes | int | None, ...]:
    try:
        text, raw = signed.body.decode(), None
    except UnicodeDecodeError:
        text, raw = signed.body[:LONGEST_LIKENESS].decode(errors="backslashreplace"), signed.body
    signature = signed.signature
    first, *others = signature.organizations or (None,)
    owner, queue_id = None if others else first, queue_of(first, size=len(signed.body))
    return text, raw, len(signed.body), _listed(signature.organizations), signature.secret_digest, owner, queue_id


@lru_cache(maxsize=4096)
def _listed(organizations: tuple[int, ...] | None) -> str | None:
    return None if organizations is None else json.dumps(organizations)
