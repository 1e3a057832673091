"""Meta's signature: HMAC-SHA256 of the raw body with the app secret, in the header X-Hub-Signature-256 (reference 1.2)."""

import hmac
import re
from collections.abc import Iterable

_HEADER = re.compile(r"sha256=([0-9a-f]{64})")


def sign(body: bytes, secret: str) -> str:
    """The header's value for this body."""
    return "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()


def matching_secret(body: bytes, header: str | None, secrets: Iterable[str]) -> str | None:
    """The secret that signed the body; None if none did, or the header is missing or malformed. Compared in constant time."""
    if header is None or not _HEADER.fullmatch(header):
        return None
    for secret in secrets:
        if hmac.compare_digest(sign(body, secret), header):
            return secret
    return None
