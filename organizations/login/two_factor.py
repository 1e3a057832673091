"""Two-factor sign-in: the seeds of its codes are stored encrypted, like all secrets."""

from collections.abc import Callable, Mapping
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter

from organizations.fields import decrypt, encrypt, is_encrypted

SEEDS = ("secret", "seed")
"""Keys in an authenticator's `data`: the seed of an app's codes, and the seed of recovery codes."""
CODES = "migrated_codes"
"""Key in `data`: recovery codes that allauth has not made itself."""


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # it has no types
    """Encrypts and decrypts the seeds of django-allauth. Raises InvalidToken if no key can decrypt one."""

    def encrypt(self, text: str) -> str:
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        # During an upgrade, a process of an older version may still store a seed unencrypted.
        return decrypt(encrypted_text) if is_encrypted(encrypted_text) else encrypted_text


def with_secrets_changed(data: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """Returns an authenticator's `data` with `change` applied to each of its secrets."""  # a migration imports it under this name
    changed: dict[str, Any] = {key: change(data[key]) for key in SEEDS if key in data}
    if CODES in data:
        changed[CODES] = [change(code) for code in data[CODES]]
    return {**data, **changed}
