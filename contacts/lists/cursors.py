"""Positions in lists that are read part by part, as URLs contain them: a time in microseconds since 1970, then ids."""

from datetime import UTC, datetime, timedelta

from django.db.models import Q

from organizations.url_parameters import MAX_TIMESTAMP, read_integer

EPOCH = datetime.fromtimestamp(0, UTC)


def microseconds(at: datetime) -> int:
    """Returns the microseconds since 1970."""
    return (at - EPOCH) // timedelta(microseconds=1)


def read_time(text: str) -> datetime | None:
    """Returns the time from a URL or form, None if the text is not a number of microseconds."""
    number = read_integer(text, maximum=MAX_TIMESTAMP)
    return None if number is None else EPOCH + timedelta(microseconds=number)


def beyond(column: str, at: datetime, direction: str, at_same_time: Q) -> Q:
    """Returns the condition for rows beyond a position in the order of `column`. `direction` is “lt” or “gt”. `at_same_time`
    selects among the rows with exactly this time."""
    same_time = Q(**{column: at}) & at_same_time
    # The first condition makes it a range of the index.
    return Q(**{f"{column}__{direction}e": at}) & (Q(**{f"{column}__{direction}": at}) | same_time)
