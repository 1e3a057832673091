"""Filters of lists: declared once with django-filter, which also make the serializer of the list's query."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import django_filters
from django.db.models import Model, QuerySet
from rest_framework import serializers

from api.endpoints.pages import ListQuery
from api.endpoints.values import QueryFlag

Rows = TypeVar("Rows", bound=Model)
FIELDS: Mapping[type[django_filters.Filter], Callable[..., serializers.Field]] = {
    django_filters.CharFilter: serializers.CharField,
    django_filters.ChoiceFilter: serializers.ChoiceField,
    django_filters.BooleanFilter: QueryFlag,
    django_filters.UUIDFilter: serializers.UUIDField,
    django_filters.IsoDateTimeFilter: serializers.DateTimeField,
}
"""The field of the query for each type of filter. It refuses what the filter's form would ignore."""


def query_with(filters: type[django_filters.FilterSet]) -> type[ListQuery]:
    """Returns the serializer of the query of a list with these filters."""
    fields = {name: _field(each) for name, each in filters.base_filters.items()}
    return type(f"{filters.__name__}Query", (ListQuery,), fields | {"__doc__": filters.__doc__})


def _field(each: django_filters.Filter) -> serializers.Field:
    options = {name: each.extra[name] for name in ("help_text", "max_length", "choices") if name in each.extra}
    return FIELDS[type(each)](required=False, **options)


def filter_rows(filters: type[django_filters.FilterSet], rows: QuerySet[Rows], query: Mapping[str, Any]) -> QuerySet[Rows]:
    """Returns the rows that the values of a query select. They were checked by the serializer of `query_with`."""
    for name, each in filters.base_filters.items():
        if name in query:
            rows = each.filter(rows, query[name])
    return rows
