"""Ids of objects in the API: sealed with a secret of the organization.

The ids of rows are counted over all organizations, so they say how busy the hub is. The API encrypts them, with authentication, by
AES-SIV under a key that is derived from the organization's webhook key. The same row always has the same id. An id of another
organization, or of another kind of object, cannot be opened, and is not found.
"""

import base64
import binascii
import hashlib
from enum import StrEnum
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from organizations.models import Organization
from organizations.url_parameters import read_integer

MAX_LENGTH = 600
"""Characters of an id. A wamid has up to 255."""


class IdKind(StrEnum):
    """What an id is of. Ids begin with it."""

    BOT = "bot"
    BOT_VERSION = "ver"
    CONTACT = "con"
    CANNED_REPLY = "rep"
    CONSENT = "cns"
    CURSOR = "cur"
    EXPORT = "exp"
    LABEL = "lab"
    MEDIA = "med"
    MEMBER = "mem"
    MESSAGE = "msg"
    NOTE = "nte"
    PROPOSAL = "prp"
    TEMPLATE = "tpl"
    WEBHOOK = "whk"


def seal(organization: Organization, kind: IdKind, text: str | int) -> str:
    """Returns the id for a row's id or another text, which must not be empty."""
    sealed = _cipher(organization.key).encrypt(str(text).encode(), [kind.encode()])
    return f"{kind}_{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"


def unseal(organization: Organization, kind: IdKind, sealed: str) -> str | None:
    """Returns the text that was sealed. None if the id is of another organization or kind, or is no id."""
    prefix, _, encoded = sealed.partition("_")
    if prefix != kind or not encoded.isascii() or len(sealed) > MAX_LENGTH:
        return None
    try:
        raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        if base64.urlsafe_b64encode(raw).decode().rstrip("=") != encoded:  # another way to write the same bytes
            return None
        return _cipher(organization.key).decrypt(raw, [kind.encode()]).decode()
    except (InvalidTag, ValueError, binascii.Error):
        return None


def unseal_pk(organization: Organization, kind: IdKind, sealed: str) -> int | None:
    """Returns the id of the row, None if it is no id of the organization."""
    text = unseal(organization, kind, sealed)
    return None if text is None else read_integer(text)


@lru_cache(maxsize=1024)
def _cipher(organization_key: str) -> AESSIV:
    return AESSIV(hashlib.sha512(b"ids of the API:" + organization_key.encode()).digest())
