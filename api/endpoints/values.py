"""Fields and serializers that refuse what they do not know: other types, unknown names, values that a database cannot store."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import QueryDict
from rest_framework import serializers

from api.endpoints.ids import IdKind, seal, unseal_pk
from cloud_api.payloads.json_values import clean

UNKNOWN = "There is no field or parameter with this name."
REPEATED = "This parameter is given more than once."


class StrictSerializer(serializers.Serializer):
    """Refuses unknown and, in a URL, repeated names."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self.fields]
            repeated = [name for name in data if isinstance(data, QueryDict) and len(data.getlist(name)) > 1]
            errors = {name: [serializers.ErrorDetail(UNKNOWN, "unknown")] for name in unknown}
            errors |= {name: [serializers.ErrorDetail(REPEATED, "repeated")] for name in repeated}
            if errors:
                raise serializers.ValidationError(errors)
        # As a plain dictionary: of a QueryDict, REST framework ignores empty values instead of refusing them.
        return super().to_internal_value(data.dict() if isinstance(data, QueryDict) else data)


class Text(serializers.CharField):
    """A string. Numbers and booleans are refused, where REST framework's field turns them into text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=options.pop("trim_whitespace", False), **options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Flag(serializers.BooleanField):
    """true or false. Words and numbers are refused."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return bool(data)


class QueryFlag(serializers.BooleanField):
    """true or false, as words of a URL or of a form."""

    def to_internal_value(self, data: Any) -> bool:
        word = data.lower() if isinstance(data, str) else ""  # some clients write True
        if word not in ("true", "false"):
            self.fail("invalid", input=data)
        return word == "true"


class Decimal(serializers.FloatField):
    """A finite number."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        if not _is_finite(data):  # also an integer that no float can hold
            self.fail("invalid")
        return float(data)


class StorableJson(serializers.JSONField):
    """Any JSON object that every database can store."""

    default_error_messages: ClassVar = {
        "unstorable": "This has characters, numbers or levels that cannot be stored.",
        "type": "Not an object.",
    }

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            self.fail("type")
        if clean(data) != data or not _is_finite(data):
            self.fail("unstorable")
        return data


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    if isinstance(value, int):
        return abs(value) < 2**63
    return not isinstance(value, float) or math.isfinite(value)


class SealedId(serializers.CharField):
    """The id of a row (`api.endpoints.ids`). As input it becomes the row's primary key."""

    default_error_messages: ClassVar = {"unknown_id": "There is no object with this id."}

    def __init__(self, kind: IdKind, **options: Any) -> None:
        self.kind = kind
        super().__init__(**options)

    def to_representation(self, value: Any) -> str:
        return seal(self.context["access"].organization, self.kind, value)

    def to_internal_value(self, data: Any) -> Any:
        pk = unseal_pk(self.context["access"].organization, self.kind, data) if isinstance(data, str) else None
        if pk is None:
            self.fail("unknown_id")
        return pk


def invalid(field: str, words: str, *, rule: str = "invalid") -> serializers.ValidationError:
    """Returns the error for one field of a body, or for one header."""
    return serializers.ValidationError({field: [serializers.ErrorDetail(words, rule)]})
