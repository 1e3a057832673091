"""Columns of special kinds: identifiers compared byte by byte, secrets encrypted at rest, digests by which a secret is found."""

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
    """Text that is equal only when every byte is: MySQL's default collation ignores case, and Meta's ids do not."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        parameters = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = "utf8mb4_bin"
        return parameters


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Text stored as a Fernet token (keys: FIELD_ENCRYPTION_KEYS; the first encrypts, all decrypt). Empty stays empty.

    A value that no key opens raises cryptography.fernet.InvalidToken; nothing is ever blanked. It cannot be searched: the same text
    gives another token each time; add a DigestField for that.
    """

    def get_prep_value(self, value: Any) -> Any:
        if not value:
            return ""
        return encrypt(str(value))

    def from_db_value(self, value: str | None, expression: Any, connection: BaseDatabaseWrapper) -> str:
        return decrypt(value) if value else ""


class DigestField(IdentifierField):
    """A keyed digest of another field of the same row, made anew at each save, so that a secret can be looked up by index."""

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
    """Text that is worked out from the row whenever it is saved, so that it can be looked up by index."""

    def __init__(self, *, derive: Callable[[Any], str] | None = None, **options: Any) -> None:
        self.derive = derive  # None in migrations, whose rows keep what they have
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
    """The digests a row may carry for this text, one for each key of FIELD_ENCRYPTION_KEYS, the current one first."""
    return [
        hmac.new(key.encode(), b"hub.digest:" + text.encode(), hashlib.sha256).hexdigest() for key in settings.FIELD_ENCRYPTION_KEYS
    ]


def encrypt(text: str) -> str:
    """A token of the text, made with the first of FIELD_ENCRYPTION_KEYS: another one each time."""
    return _box(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(text.encode()).decode()


def is_encrypted(text: str) -> bool:
    """Whether the text is a Fernet token: all begin with the version 0x80 and the high bytes of a time."""
    return text.startswith("gAAAA")


def decrypt(token: str) -> str:
    """The text inside a stored token; InvalidToken if no key opens it."""
    return _opened(token, tuple(settings.FIELD_ENCRYPTION_KEYS))


@functools.lru_cache(maxsize=4096)
def _opened(token: str, keys: tuple[str, ...]) -> str:
    return _box(keys).decrypt(token.encode()).decode()


@functools.lru_cache(maxsize=4)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key.encode()) for key in keys])
