"""The hashes in tombstones.

Each organization has a random key, made at its first erasure and stored encrypted in its row. A new SECRET_KEY does not change it.
When FIELD_ENCRYPTION_KEYS are rotated, `rotate_keys` encrypts it again, and it stays the same key. So a hash stays valid, and
without the key nobody can try out all phone numbers.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Iterator

from cloud_api.payloads import Person
from cloud_api.payloads.erasure import phone_of


def new_tombstone_key() -> str:
    """Returns 256 random bits as text."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def digest_of_phone(key: str, phone: str) -> str:
    """Returns the hash of a phone. All forms of one mobile have the same one."""
    return _digest(key, f"phone:{phone_of(phone)}")


def digest_of_bsuid(key: str, bsuid: str) -> str:
    return _digest(key, f"bsuid:{bsuid}")


def digests_of(key: str, person: Person) -> Iterator[str]:
    """Yields the hashes of the person's identifiers."""
    if person.bsuid:
        yield digest_of_bsuid(key, person.bsuid)
    if person.wa_id:
        yield digest_of_phone(key, person.wa_id)


def _digest(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
