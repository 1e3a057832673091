"""All secrets that the database holds: whether the keys of this hub open them, and their encryption with another key.

They are the encrypted columns of any model, and the seeds of two-factor sign-in.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from allauth.mfa.models import Authenticator
from cryptography.fernet import InvalidToken
from django.apps import apps
from django.db import models
from django.db.models import ExpressionWrapper, F, QuerySet, TextField

from jobs.transactions import in_transaction
from organizations.fields import DigestField, EncryptedTextField, decrypt, digests, encrypt, is_encrypted
from organizations.login.two_factor import with_secrets_changed

BATCH = 200
"""Rows that are locked together."""
SAMPLE = 200
"""Rows of each table, its oldest and its newest, that are read to see whether the keys are the right ones."""
MOST_NAMED = 10


class UnreadableSecrets(Exception):
    """The database holds secrets that no key of FIELD_ENCRYPTION_KEYS opens; the text says what to do, for an operator."""


def require_readable_secrets() -> None:
    """Raises UnreadableSecrets if a secret cannot be opened. Looks at the `SAMPLE` oldest and newest rows of each table, so that it
    costs milliseconds however many there are."""
    unreadable = [name for source in _sources() for name in source.unreadable(SAMPLE)]
    if unreadable:
        named = ", ".join(unreadable[:MOST_NAMED]) + (" …" if len(unreadable) > MOST_NAMED else "")
        raise UnreadableSecrets(
            f"no key of FIELD_ENCRYPTION_KEYS opens the stored secrets of: {named}.\n"
            "Put the key that they were encrypted with behind the current one: FIELD_ENCRYPTION_KEYS=current,former. A hub without "
            "configuration keeps its key in the file field_encryption_keys of VAR_DIR: put that file back from a backup.\n"
            "If the key is lost for good: manage.py rotate_keys --forget-unreadable removes these secrets, to be entered anew."
        )


@dataclass
class Rotation:
    """What `rotate_keys` did. `unreadable` names the rows with a secret that no key opens; they were left, or forgotten."""

    rows: int = 0
    unreadable: list[str] = field(default_factory=list)


def rotate_keys(*, forget_unreadable: bool = False, progress: Callable[[str, int], None]) -> Rotation:
    """Encrypt every stored secret with the first of FIELD_ENCRYPTION_KEYS and renew its digest.

    Rows are locked batch by batch (on SQLite by the transaction itself, which is IMMEDIATE), so no edit made meanwhile
    is lost. `progress` gets the table's name and how many of its rows are done. With `forget_unreadable` a secret that no key
    opens is emptied, and an authenticator whose seed is such a secret is deleted.
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


class Columns:
    """The encrypted columns of one model."""

    def __init__(self, model: type[models.Model]) -> None:
        self.model = model
        self.table = model._meta.db_table

    def unreadable(self, count: int) -> list[str]:
        """Names of rows with a secret that no key opens, among the `count` oldest and newest."""
        rows = {row.pop("pk"): row for order in ("pk", "-pk") for row in self._stored().order_by(order)[:count]}
        return [f"{self.table} {pk}" for pk in sorted(rows) if not all(map(_opens, rows[pk].values()))]

    def _stored(self) -> QuerySet[Any, dict[str, Any]]:
        """The tokens as they are in the table, each under `stored_` and its column's name."""
        tokens = {
            f"stored_{column.name}": ExpressionWrapper(F(column.name), output_field=TextField())
            for column in _columns(self.model, EncryptedTextField)
        }
        return self.model._default_manager.values("pk", **tokens)

    @in_transaction
    def rotate_batch(self, last: int, *, forget_unreadable: bool) -> dict[int, bool]:
        """The ids of the next rows after `last`, and whether each was readable throughout."""
        rows = self._stored().select_for_update().filter(pk__gt=last).order_by("pk")
        return {row["pk"]: self._rotate_row(forget_unreadable, **row) for row in rows[:BATCH]}

    def _rotate_row(self, forget_unreadable: bool, pk: int, **stored: str) -> bool:
        readable = {column.removeprefix("stored_"): token for column, token in stored.items() if _opens(token)}
        clear = {column: decrypt(token) if token else "" for column, token in readable.items()}
        if forget_unreadable:
            clear = {column.removeprefix("stored_"): "" for column in stored} | clear
        marks = {mark.name: _digest(clear[mark.of]) for mark in _columns(self.model, DigestField) if mark.of in clear}
        self.model._default_manager.filter(pk=pk).update(**clear, **marks)
        return len(readable) == len(stored)


class Seeds:
    """The seeds of two-factor sign-in, in a column of django-allauth's."""

    table = Authenticator._meta.db_table

    def unreadable(self, count: int) -> list[str]:
        """Names of authenticators with a seed that no key opens, among the `count` oldest and newest."""
        rows = {row.pk: row for order in ("pk", "-pk") for row in Authenticator.objects.order_by(order)[:count]}
        return [f"{self.table} {pk}" for pk in sorted(rows) if _encrypted_anew(rows[pk].data) is None]

    @in_transaction
    def rotate_batch(self, last: int, *, forget_unreadable: bool) -> dict[int, bool]:
        """As that of Columns."""
        rows = Authenticator.objects.select_for_update().filter(pk__gt=last).order_by("pk")[:BATCH]
        return {row.pk: self._rotate_row(row.pk, row.data, forget_unreadable) for row in rows}

    def _rotate_row(self, pk: int, data: dict[str, Any], forget_unreadable: bool) -> bool:
        anew = _encrypted_anew(data)
        row = Authenticator.objects.filter(pk=pk)
        if anew is not None:
            row.update(data=anew)
        elif forget_unreadable:
            row.delete()
        return anew is not None


def _sources() -> Iterator[Columns | Seeds]:
    yield from (Columns(model) for model in apps.get_models() if _columns(model, EncryptedTextField))
    yield Seeds()


def _columns(model: type[models.Model], kind: type[EncryptedTextField] | type[DigestField]) -> list[Any]:
    return [column for column in model._meta.local_concrete_fields if isinstance(column, kind)]


def _opens(token: str) -> bool:
    try:
        return not token or bool(decrypt(token))
    except InvalidToken:
        return False


def _encrypted_anew(data: dict[str, Any]) -> dict[str, Any] | None:
    """With the first key, in clear or not as it was; None if no key opens it."""
    try:
        return with_secrets_changed(data, lambda seed: encrypt(decrypt(seed) if is_encrypted(seed) else seed))
    except InvalidToken:
        return None


def _digest(text: str) -> str:
    return digests(text)[0] if text else ""
