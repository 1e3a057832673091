"""Addresses of pages: the one reader of numbers that a client wrote, and where other people find a page."""

import re
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port

MAX_INTEGER = 2**63 - 1
"""The largest whole number that a column of any of the databases holds."""

MAX_TIMESTAMP = 10**16
"""Microseconds after 1970: more than any time in an address, and less than Python's largest."""

_DIGITS = re.compile(r"[0-9]{1,19}")


def read_integer(text: str, *, most: int = MAX_INTEGER) -> int | None:
    """The whole number from 0 to `most` that the text is; None for anything else, however long it is: digits of other scripts,
    signs, spaces, more than a column holds."""
    if not _DIGITS.fullmatch(text):
        return None
    number = int(text)
    return number if number <= most else None


class RowId:
    """The id of a row in a path, never one that a database could not hold."""

    regex = "[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


def site_url(request: HttpRequest, path: str) -> str:
    """The address of a path for other people: for mails, invitations, Meta.

    A client chooses the Host header of its request, within ALLOWED_HOSTS, and any port. So the origin is taken from
    CSRF_TRUSTED_ORIGINS: the one with the request's host, or else the first. Without any, it is the request's host, with the
    hub's own port or none.
    """
    domain, port = split_domain_port(request.get_host())
    origins = [urlsplit(origin) for origin in settings.CSRF_TRUSTED_ORIGINS if "*" not in origin]
    if origins:
        origin = next((each for each in origins if each.hostname == domain), origins[0])
        return f"{origin.scheme}://{origin.netloc}{path}"
    return f"{request.scheme}://{domain}:{settings.PORT}{path}" if port else f"{request.scheme}://{domain}{path}"
