"""Stores webhooks in the raw log: many bodies with one statement and one commit."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection

from organizations.credentials.signers import Signature
from webhooks.intake.database_groups import run_for_group
from webhooks.models import queue_of

MAX_ESCAPED_BYTES = 64 * 1024
"""Bytes of a body that is not UTF-8 which are shown as text. Each takes up to four characters, and the size of a packet to the
database is limited."""


@dataclass(frozen=True, slots=True)
class SignedBody:
    """A body with its verified signature."""

    body: bytes
    signature: Signature


def store_bodies(bodies: Sequence[SignedBody]) -> list[None | Exception]:
    """Stores the bodies durably, with one statement and one commit. Returns None for each, or the exception that prevented it."""
    return run_for_group(_insert, bodies)


def _insert(bodies: Sequence[SignedBody]) -> list[None]:
    # Without the ORM, whose work for each row takes longer than everything else. Columns that are missing here have defaults in the
    # database.
    rows = ", ".join(["(%s, %s, %s, %s, %s, %s, %s)"] * len(bodies))
    statement = f"INSERT INTO webhook (json, raw, size, signed_for, signed_with, organization_id, queue_id) VALUES {rows}"  # noqa: S608  no input in it
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for body in bodies for value in _column_values(body)])
    return [None] * len(bodies)


def _column_values(signed: SignedBody) -> tuple[str | bytes | int | None, ...]:
    try:
        text, raw = signed.body.decode(), None
    except UnicodeDecodeError:
        text, raw = signed.body[:MAX_ESCAPED_BYTES].decode(errors="backslashreplace"), signed.body
    signature = signed.signature
    first, *others = signature.organizations or (None,)
    owner, queue_id = None if others else first, queue_of(first, size=len(signed.body))
    return text, raw, len(signed.body), _to_json(signature.organizations), signature.secret_digest, owner, queue_id


@lru_cache(maxsize=4096)
def _to_json(organizations: tuple[int, ...] | None) -> str | None:
    return None if organizations is None else json.dumps(organizations)
