"""The raw store: webhooks into the database, many in one statement and one commit."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from organizations.signing import Signature
from webhooks.models import Webhook

log = logging.getLogger(__name__)

LONGEST_LIKENESS = 64 * 1024
"""Bytes shown of a body that is no text: each takes up to four letters, and a packet to the database has its limits."""


@dataclass(frozen=True, slots=True)
class SignedBody:
    """A body whose signature is good."""

    body: bytes
    signature: Signature


def store(bodies: Sequence[SignedBody]) -> list[None | Exception]:
    """Make these durable; for each None, or the exception that kept it out.

    A group that fails is stored one by one, so that one body cannot cost the others their 200.
    """
    close_old_connections()
    try:
        _insert(bodies)
    except (DatabaseError, InterfaceError) as failure:
        log.warning("storing %s webhooks together failed: %s", len(bodies), type(failure).__name__)
        return _one_by_one(bodies, failure)
    return [None] * len(bodies)


def _one_by_one(bodies: Sequence[SignedBody], failure: Exception) -> list[None | Exception]:
    try:
        connection.close()
        connection.ensure_connection()
    except (DatabaseError, InterfaceError):
        return [failure] * len(bodies)
    outcomes: list[Exception | None] = []
    for body in bodies:
        try:
            _insert([body])
            outcomes.append(None)
        except (DatabaseError, InterfaceError) as own_failure:
            outcomes.append(own_failure)
    return outcomes


def _insert(bodies: Sequence[SignedBody]) -> None:
    Webhook.objects.bulk_create([_row(each) for each in bodies])


def _row(signed: SignedBody) -> Webhook:
    try:
        text, raw = signed.body.decode(), None
    except UnicodeDecodeError:
        text, raw = signed.body[:LONGEST_LIKENESS].decode(errors="backslashreplace"), signed.body
    return Webhook(
        json=text,
        raw=raw,
        size=len(signed.body),
        signed_for=signed.signature.organizations,
        signed_with=signed.signature.secret_mark,
    )
