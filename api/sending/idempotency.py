"""The same idempotency key sends a message once.

The key and its owner make the token of the message, and `queue_message` stores one message for each token. The hash of the first
request is stored with it, so that a key that is used again for something else is noticed.
"""

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError
from django.db.models import Subquery
from django.utils import timezone

from api.access.access import ApiAccess
from api.models import SendRequest
from jobs.transactions import run_in_transaction

NAMESPACE = uuid.UUID("5e0fd0f4-9a55-4b53-8d0d-8a7b7f3c8a11")
LIFETIME = timedelta(days=30)
"""How long the hash of a request is stored."""
ROWS_AT_ONCE = 5_000
MAX_STEPS = 20
"""In one run of the chore, which runs each minute: more than an organization can send."""


class KeyReused(Exception):
    """The idempotency key was used for another request."""


@dataclass(frozen=True, kw_only=True)
class IdempotentRequest:
    """A request with an idempotency key. `recorded` is the hash that was stored for its token before, None if there is none."""

    token: uuid.UUID
    hash: str
    recorded: str | None


class AlreadyRecorded(Exception):
    """A request with the same token was recorded a moment ago."""


def message_token(access: ApiAccess, idempotency_key: str) -> uuid.UUID:
    """Returns the token of the message that this owner sends under this idempotency key, always the same one."""
    return uuid.uuid5(NAMESPACE, f"{access.owner} {idempotency_key}")


def request_hash(contact_id: int, body: Any) -> str:
    """Returns the hash of a request. Bodies whose members are in another order have the same one."""
    return hashlib.sha256(json.dumps([contact_id, body], sort_keys=True).encode()).hexdigest()


def recorded_hash(token: uuid.UUID) -> Subquery:
    """Returns the hash of the recorded request with this token, as a column of another query. Null if there is none."""
    return Subquery(SendRequest.objects.filter(pk=token).values("request_hash"))


def check_recorded(request: IdempotentRequest) -> None:
    """Raises KeyReused if another request was recorded with this token."""
    if SendRequest.objects.filter(pk=request.token).exclude(request_hash=request.hash).exists():
        raise KeyReused


def record_request(request: IdempotentRequest, now: datetime) -> None:
    """Stores the hash of the request, in the transaction that queues its message. Raises AlreadyRecorded, which must end the
    transaction."""
    try:
        SendRequest.objects.create(token=request.token, request_hash=request.hash, create_in=now)
    except IntegrityError:
        raise AlreadyRecorded from None


def delete_old_requests() -> int:
    """Deletes hashes that are older than `LIFETIME`. Returns how many. A chore of the worker."""
    old = SendRequest.objects.filter(create_in__lt=timezone.now() - LIFETIME).order_by("create_in")
    total = 0
    for _ in range(MAX_STEPS):
        tokens = list(old.values_list("pk", flat=True)[:ROWS_AT_ONCE])
        if not tokens:
            break
        total += run_in_transaction(SendRequest.objects.filter(pk__in=tokens).delete)[0]
    return total
