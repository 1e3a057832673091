"""Integers in URLs and forms: reads what clients sent, and refuses what a database column cannot hold."""

import re

MAX_INTEGER = 2**63 - 1
"""The largest integer that a column of any of the databases holds."""

MAX_TIMESTAMP = 10**16
"""Microseconds since 1970: later than any time in a URL, and earlier than Python's last datetime."""

_DIGITS = re.compile(r"[0-9]{1,19}")


def read_integer(text: str, *, maximum: int = MAX_INTEGER) -> int | None:
    """Returns the integer from 0 to `maximum` that the text contains. Returns None for anything else, such as a text of any length,
    digits of other scripts, signs, spaces, or an integer that no column can hold."""
    if not _DIGITS.fullmatch(text):
        return None
    number = int(text)
    return number if number <= maximum else None


class RowId:
    """Path converter for the id of a row. It matches no integer that a database cannot hold."""

    regex = "[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)
