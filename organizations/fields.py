"""Model fields: identifiers that are compared byte by byte, encrypted secrets, digests by which secrets are found."""

import functools
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class IdentifierField(models.CharField):  # type: ignore[type-arg]
    """Text that is compared byte by byte. MySQL's default collation ignores case, but Meta's ids differ by case."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        parameters = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = "utf8mb4_bin"
        return parameters


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Text that is stored as a Fernet token. The first of FIELD_ENCRYPTION_KEYS encrypts, all of them decrypt. An empty text is
    stored as it is.

    Reading raises cryptography.fernet.InvalidToken if no key can decrypt the value. The column cannot be searched, because each
    encryption of a text gives another token. Add a DigestField to search for it.
    """

    def get_prep_value(self, value: Any) -> Any:
        if not value:
            return ""
        return encrypt(str(value))

    def from_db_value(self, value: str | None, expression: Any, connection: BaseDatabaseWrapper) -> str:
        return decrypt(value) if value else ""


class DigestField(IdentifierField):
    """A keyed digest of another field of the same row, computed at each save. With it, a secret can be found through an index."""

    def __init__(self, *, of: str, **options: Any) -> None:
        self.of = of
        options.update(max_length=64, editable=False, blank=True, default="")
        super().__init__(**options)

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        for implied in ("max_length", "editable", "blank", "default"):
            options.pop(implied, None)
        return name, path, args, options | {"of": self.of}

    def pre_save(self, instance: models.Model, add: bool) -> str:
        text = getattr(instance, self.of)
        value = digests(text)[0] if text else ""
        setattr(instance, self.attname, value)
        return value


class DerivedField(IdentifierField):
    """Text that is computed from the row at each save. With it, rows can be found through an index."""

    def __init__(self, *, derive: Callable[[Any], str] | None = None, **options: Any) -> None:
        self.derive = derive  # None in migrations: they do not change the stored text
        options.update(editable=False, blank=True, default="", db_default="")
        super().__init__(**options)

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        for implied in ("editable", "blank", "default", "db_default"):
            options.pop(implied, None)
        return name, path, args, options

    def pre_save(self, instance: models.Model, add: bool) -> str:
        if self.derive:
            setattr(instance, self.attname, self.derive(instance)[: self.max_length])
        return str(getattr(instance, self.attname))


def digests(text: str) -> list[str]:
    """Returns the digests that a row may have for this text: one for each of FIELD_ENCRYPTION_KEYS, the current key first."""
    return [
        hmac.new(key.encode(), b"hub.digest:" + text.encode(), hashlib.sha256).hexdigest() for key in settings.FIELD_ENCRYPTION_KEYS
    ]


def encrypt(text: str) -> str:
    """Returns the text as a token, encrypted with the first of FIELD_ENCRYPTION_KEYS. Each call returns another token."""
    return _cipher(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(text.encode()).decode()


def is_encrypted(text: str) -> bool:
    """Returns whether the text is a Fernet token."""
    # All tokens begin with the version 0x80 and the high bytes of a time, encoded as base64.
    return text.startswith("gAAAA")


def decrypt(token: str) -> str:
    """Returns the text of a stored token. Raises InvalidToken if no key can decrypt it."""
    return _decrypt(token, tuple(settings.FIELD_ENCRYPTION_KEYS))


@functools.lru_cache(maxsize=4096)
def _decrypt(token: str, keys: tuple[str, ...]) -> str:
    return _cipher(keys).decrypt(token.encode()).decode()


@functools.lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key.encode()) for key in keys])
