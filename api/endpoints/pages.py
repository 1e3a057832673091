"""Lists of the API: page by page, by a cursor, and with chosen fields only."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework import serializers
from rest_framework.response import Response

from api.endpoints.ids import IdKind, seal, unseal
from api.endpoints.values import StrictSerializer
from organizations.url_parameters import read_integer

Position = TypeVar("Position")
DEFAULT_LIMIT = 50
MAX_LIMIT = 100


class ListQuery(StrictSerializer):
    """Parameters of every list."""

    cursor = serializers.CharField(required=False, max_length=600, help_text="`next_cursor` of the page before.")
    limit = serializers.IntegerField(
        default=DEFAULT_LIMIT, min_value=1, max_value=MAX_LIMIT, help_text="How many objects the page has at most."
    )
    fields = serializers.CharField(
        required=False, max_length=1000, help_text="The fields to return, separated by commas. Without it, all fields."
    )


class OnePageQuery(ListQuery):
    """Parameters of a list that has one page."""

    cursor = None
    limit = None


@cache
def page_of(item: type[serializers.Serializer]) -> type[serializers.Serializer]:
    """Returns the serializer of a page of such objects."""
    name = item.__name__.removesuffix("Serializer")
    fields = {
        "results": item(many=True),
        "next_cursor": serializers.CharField(
            allow_null=True, help_text="The parameter `cursor` of the next page. Null on the last page."
        ),
        "__doc__": "A page of a list.",
    }
    return type(f"{name}Page", (serializers.Serializer,), fields)


def read_cursor(query: Any, access: Any, read: Callable[[str], Position | None]) -> Position | None:
    """Returns the position in the cursor of the query, None without one. Raises ValidationError."""
    sealed = query.get("cursor")
    if sealed is None:
        return None
    text = unseal(access.organization, IdKind.CURSOR, sealed)
    position = None if text is None else read(text)
    if position is None:
        detail = serializers.ErrorDetail("This is no cursor of this list.", "invalid")
        raise serializers.ValidationError({"cursor": [detail]})
    return position


def page_response(
    item: type[serializers.Serializer],
    rows: Sequence[Any],
    *,
    query: Any,
    access: Any,
    next_position: object | None,
    context: dict[str, Any] | None = None,
) -> Response:
    """Returns a page of these rows. `next_position` is where the next page begins, None on the last one."""
    serializer = item(rows, many=True, context={"access": access} | (context or {}))
    _keep_fields(serializer.child, query.get("fields"))
    cursor = None if next_position is None else seal(access.organization, IdKind.CURSOR, str(next_position))
    return Response({"results": serializer.data, "next_cursor": cursor})


def _keep_fields(serializer: Any, names: str | None) -> None:
    """Removes all other fields. Raises ValidationError for a field that does not exist."""
    if names is None:
        return
    wanted = {name.strip() for name in names.split(",")}
    unknown = sorted(wanted - set(serializer.fields))
    if unknown:
        words = f"There is no field “{unknown[0]}”. There are: {', '.join(serializer.fields)}."
        raise serializers.ValidationError({"fields": [serializers.ErrorDetail(words, "unknown")]})
    for name in set(serializer.fields) - wanted:
        serializer.fields.pop(name)


def respond_by_pk(
    item: type[serializers.Serializer],
    rows: QuerySet[Model],
    *,
    query: Any,
    access: Any,
    newest_first: bool = False,
    context: dict[str, Any] | None = None,
) -> Response:
    """Returns a page of the rows in the order of their ids."""
    after = read_cursor(query, access, read_integer)
    if after is not None:
        rows = rows.filter(**{"pk__lt" if newest_first else "pk__gt": after})
    found = list(rows.order_by("-pk" if newest_first else "pk")[: query["limit"] + 1])
    page = found[: query["limit"]]
    next_position = page[-1].pk if len(found) > len(page) else None
    return page_response(item, page, query=query, access=access, next_position=next_position, context=context)
