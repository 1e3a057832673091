"""Values of columns in a file: JSON, so that any database can read them. Secrets stay encrypted, because nothing decrypts them."""

import base64
import uuid
from dataclasses import dataclass
from typing import Any

from django.db import connection, models


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, and how its values are written."""

    name: str
    is_binary: bool
    is_uuid: bool

    def to_file(self, value: Any) -> Any:
        """Returns a value that the database driver returned as JSON has it: bytes in Base64, times as text in UTC."""
        if value is None or isinstance(value, int | float | str):
            return value
        if isinstance(value, bytes | bytearray | memoryview):
            return base64.b64encode(value).decode() if self.is_binary else bytes(value).decode()
        return str(value)

    def from_file(self, value: Any) -> Any:
        """Returns a value that the driver of the present database accepts."""
        if value is None:
            return None
        if self.is_binary:
            return base64.b64decode(value)
        if self.is_uuid:
            identifier = uuid.UUID(value)
            return str(identifier) if connection.features.has_native_uuid_field else identifier.hex
        return value


def columns_of(model: type[models.Model]) -> list[Column]:
    """Returns the columns of the model's table, in the order of its fields."""
    return [
        Column(str(each.column), isinstance(each, models.BinaryField), isinstance(each, models.UUIDField))
        for each in model._meta.local_concrete_fields
    ]
