"""Meta's signature (docs/meta-platform.md 1.2): HMAC-SHA256 of the raw body with the app secret, in the header
X-Hub-Signature-256."""

import hmac
import re
from collections.abc import Iterable

_HEADER = re.compile(r"sha256=([0-9a-f]{64})")


def sign(body: bytes, secret: str) -> str:
    """Returns the header's value for this body."""
    return "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()


def is_well_formed(header: str) -> bool:
    """Returns whether the header has the form of a signature."""
    return _HEADER.fullmatch(header) is not None


def matching_secret(body: bytes, header: str | None, secrets: Iterable[str]) -> str | None:
    """Returns the secret that signed the body. None if no secret did, or if the header is missing or malformed. Compares in
    constant time."""
    if header is None or not is_well_formed(header):
        return None
    for secret in secrets:
        if hmac.compare_digest(sign(body, secret), header):
            return secret
    return None
