"""Two-factor sign-in: the seeds of codes are stored encrypted, as all secrets are."""

from collections.abc import Callable, Mapping
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter

from organizations.fields import decrypt, encrypt, is_encrypted

SEEDS = ("secret", "seed")
"""Of an authenticator's `data`: what an app's codes are made from, and what recovery codes are."""
CODES = "migrated_codes"
"""Recovery codes themselves, which allauth keeps where it did not make them."""


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # it has no types
    """How django-allauth stores seeds. InvalidToken for one that no key opens."""

    def encrypt(self, text: str) -> str:
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """While a hub is updated, a process of the version before may still store a seed in clear."""
        return decrypt(encrypted_text) if is_encrypted(encrypted_text) else encrypted_text


def with_secrets_changed(data: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """An authenticator's `data` with `change` applied to each of its secrets."""
    changed: dict[str, Any] = {key: change(data[key]) for key in SEEDS if key in data}
    if CODES in data:
        changed[CODES] = [change(code) for code in data[CODES]]
    return {**data, **changed}
