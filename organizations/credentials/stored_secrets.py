"""All secrets in the database: can the keys of this hub decrypt them, and their encryption with another key.

They are the encrypted columns of all models, and the seeds of two-factor sign-in.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any

from allauth.mfa.models import Authenticator
from cryptography.fernet import InvalidToken
from django.apps import apps
from django.db import models
from django.db.models import ExpressionWrapper, F, Q, QuerySet, TextField

from jobs.transactions import in_transaction
from organizations.fields import DigestField, EncryptedTextField, decrypt, digests, encrypt, is_encrypted
from organizations.login.two_factor import with_secrets_changed

BATCH = 200
"""Rows that one transaction locks."""
SAMPLE = 200
"""Oldest rows, and as many newest rows, of each table that are read to check whether the keys are the right ones."""
MAX_LISTED = 10
"""Rows with unreadable secrets that an error names."""


class UnreadableSecrets(Exception):
    """The database has secrets that no key of FIELD_ENCRYPTION_KEYS can decrypt. The text explains to an operator what to do."""


def require_readable_secrets() -> None:
    """Raises UnreadableSecrets if a secret cannot be decrypted. Reads the `SAMPLE` oldest and newest rows of each table, so it
    takes milliseconds however many rows there are."""
    unreadable = [name for source in _sources() for name in source.list_unreadable(SAMPLE)]
    if unreadable:
        named = ", ".join(unreadable[:MAX_LISTED]) + (" …" if len(unreadable) > MAX_LISTED else "")
        raise UnreadableSecrets(
            f"no key of FIELD_ENCRYPTION_KEYS opens the stored secrets of: {named}.\n"
            "Add the key that encrypted them after the current one: FIELD_ENCRYPTION_KEYS=current,former. A hub without "
            "configuration has its key in the file field_encryption_keys of VAR_DIR: restore that file from a backup.\n"
            "If the key is lost: manage.py rotate_keys --forget-unreadable removes these secrets. Then enter them again."
        )


@dataclass
class Rotation:
    """Result of `rotate_keys`. `unreadable` names the rows with a secret that no key can decrypt. They were left as they are, or
    removed."""

    rows: int = 0
    unreadable: list[str] = field(default_factory=list)


def rotate_keys(*, forget_unreadable: bool = False, progress: Callable[[str, int], None]) -> Rotation:
    """Encrypts every stored secret with the first of FIELD_ENCRYPTION_KEYS, and renews its digest.

    Calls `progress` with the name of a table and how many of its rows are done. With `forget_unreadable`, a secret that no key can
    decrypt becomes empty, and an authenticator with such a seed is deleted.

    Locks the rows of each batch, so that no concurrent edit is lost. On SQLite the transaction itself locks, because it is
    IMMEDIATE.
    """
    rotation = Rotation()
    for source in _sources():
        last, done = 0, 0
        while batch := source.rotate_batch(last, forget_unreadable=forget_unreadable):
            last, done = max(batch), done + len(batch)
            rotation.unreadable += [f"{source.table} {pk}" for pk, is_readable in batch.items() if not is_readable]
            progress(source.table, done)
        rotation.rows += done
    rotation.rows -= len(rotation.unreadable)
    return rotation


class EncryptedColumns:
    """The encrypted columns of one model."""

    def __init__(self, model: type[models.Model]) -> None:
        self.model = model
        self.table = model._meta.db_table

    def list_unreadable(self, count: int) -> list[str]:
        """Returns the names of rows with a secret that no key can decrypt, among the `count` oldest and newest rows."""
        rows = {row.pop("pk"): row for order in ("pk", "-pk") for row in self._stored().order_by(order)[:count]}
        return [f"{self.table} {pk}" for pk in sorted(rows) if not all(map(_is_readable, rows[pk].values()))]

    def _stored(self) -> QuerySet[Any, dict[str, Any]]:
        """Selects the encrypted values, each as `stored_` with the name of its column."""
        tokens = {
            f"stored_{column.name}": ExpressionWrapper(F(column.name), output_field=TextField())
            for column in _columns(self.model, EncryptedTextField)
        }
        has_secret = reduce(or_, (Q(**{f"{name}__gt": ""}) for name in tokens))
        return self.model._default_manager.values("pk", **tokens).filter(has_secret)

    @in_transaction
    def rotate_batch(self, last: int, *, forget_unreadable: bool) -> dict[int, bool]:
        """Returns the ids of the next rows after `last`, and whether all secrets of each row were readable."""
        rows = self._stored().select_for_update().filter(pk__gt=last).order_by("pk")
        return {row["pk"]: self._rotate_row(forget_unreadable, **row) for row in rows[:BATCH]}

    def _rotate_row(self, forget_unreadable: bool, pk: int, **stored: str) -> bool:
        readable = {column.removeprefix("stored_"): token for column, token in stored.items() if _is_readable(token)}
        plain = {column: decrypt(token) if token else "" for column, token in readable.items()}
        if forget_unreadable:
            plain = {column.removeprefix("stored_"): "" for column in stored} | plain
        renewed = {
            column.name: digests(plain[column.of])[0] if plain[column.of] else ""
            for column in _columns(self.model, DigestField)
            if column.of in plain
        }
        self.model._default_manager.filter(pk=pk).update(**plain, **renewed)
        return len(readable) == len(stored)


class TwoFactorSeeds:
    """The seeds of two-factor sign-in, in a column of django-allauth."""

    table = Authenticator._meta.db_table

    def list_unreadable(self, count: int) -> list[str]:
        """Returns the names of authenticators with a seed that no key can decrypt, among the `count` oldest and newest."""
        rows = {row.pk: row for order in ("pk", "-pk") for row in Authenticator.objects.order_by(order)[:count]}
        return [f"{self.table} {pk}" for pk in sorted(rows) if _reencrypt(rows[pk].data) is None]

    @in_transaction
    def rotate_batch(self, last: int, *, forget_unreadable: bool) -> dict[int, bool]:
        """As in EncryptedColumns."""
        rows = Authenticator.objects.select_for_update().filter(pk__gt=last).order_by("pk")[:BATCH]
        return {row.pk: self._rotate_row(row.pk, row.data, forget_unreadable) for row in rows}

    def _rotate_row(self, pk: int, data: dict[str, Any], forget_unreadable: bool) -> bool:
        reencrypted = _reencrypt(data)
        row = Authenticator.objects.filter(pk=pk)
        if reencrypted is not None:
            row.update(data=reencrypted)
        elif forget_unreadable:
            row.delete()
        return reencrypted is not None


def _sources() -> Iterator[EncryptedColumns | TwoFactorSeeds]:
    yield from (EncryptedColumns(model) for model in apps.get_models() if _columns(model, EncryptedTextField))
    yield TwoFactorSeeds()


def _columns(model: type[models.Model], kind: type[EncryptedTextField] | type[DigestField]) -> list[Any]:
    return [column for column in model._meta.local_concrete_fields if isinstance(column, kind)]


def _is_readable(token: str) -> bool:
    try:
        return not token or bool(decrypt(token))
    except InvalidToken:
        return False


def _reencrypt(data: dict[str, Any]) -> dict[str, Any] | None:
    """Returns `data` with its secrets encrypted with the first key, also those that were not encrypted. None if no key decrypts
    one."""
    try:
        return with_secrets_changed(data, lambda seed: encrypt(decrypt(seed) if is_encrypted(seed) else seed))
    except InvalidToken:
        return None
