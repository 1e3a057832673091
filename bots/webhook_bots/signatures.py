"""Signatures of the Standard Webhooks specification."""

import base64
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import floor
from secrets import token_bytes

from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import EmptyWebhookSecretError

SECRET_BYTES = 32
PREFIX = "whsec_"
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
HEADERS = (ID, TIMESTAMP, SIGNATURE)
MAX_HEADER = 2048
"""Characters of a header that are read."""


def new_secret() -> str:
    """Returns a random secret: `whsec_` and Base64 of 32 bytes."""
    return PREFIX + base64.b64encode(token_bytes(SECRET_BYTES)).decode()


def signed_headers(key: uuid.UUID, body: bytes, secrets: Sequence[str], now: datetime) -> dict[str, str]:
    """Returns `webhook-id`, `webhook-timestamp` and `webhook-signature`, which has a signature of each secret."""
    sent_at = now.astimezone(UTC)
    signatures = [Webhook(secret).sign(str(key), sent_at, body.decode()) for secret in secrets]
    return {ID: str(key), TIMESTAMP: str(floor(sent_at.timestamp())), SIGNATURE: " ".join(signatures)}


def is_signed(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> bool:
    """Returns whether one of the secrets signed the body with the headers, at most 5 minutes ago. Never raises."""
    lower = {name.lower(): value for name, value in headers.items()}
    signed = {name: lower.get(name, "") for name in HEADERS}
    if any(len(value) > MAX_HEADER for value in signed.values()):
        return False
    return any(_verifies(secret, body, signed) for secret in secrets)


def _verifies(secret: str, body: bytes, headers: dict[str, str]) -> bool:
    try:
        Webhook(secret).verify(body, headers, json_parse=False)
    except (WebhookVerificationError, EmptyWebhookSecretError, ValueError):  # ValueError: no Base64, no UTF-8, no comma
        return False
    return True
