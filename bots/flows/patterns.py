"""Patterns of flows. RE2 takes linear time, so no pattern and no answer can stop a worker."""

from functools import lru_cache
from typing import Any

import re2

MAX_MEMORY = 1 << 20
"""Bytes of one pattern: RE2 refuses those that need more."""


class InvalidPattern(ValueError):
    """RE2 does not read this pattern."""


@lru_cache(maxsize=1000)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    return re2.compile(pattern, options)


def check_pattern(pattern: str) -> None:
    """Raises InvalidPattern with RE2's reason."""
    try:
        _compiled(pattern)
    except re2.error as failure:
        reason = failure.args[0] if failure.args else ""
        raise InvalidPattern(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from failure


def is_found(pattern: str, text: str) -> bool:
    """Returns whether the text contains the pattern, ignoring case. An invalid pattern is never found."""
    try:
        return _compiled(pattern).search(text) is not None
    except re2.error:
        return False
