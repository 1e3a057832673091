"""Fingerprints of what a template shows: as keys of the `cache` tag, and as ETags.

Rows of the list and messages of a thread stay rendered in the memory of a web process (`CACHES["fragments"]`), because open pages
fetch them again after each change of one of them (docs/decisions/0026).
"""

import re
from hashlib import blake2b

from django.db.models import Model
from django.utils import timezone
from django.utils.translation import get_language

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="\w*"')


def fingerprint(*shown: object) -> str:
    """Returns a text that differs if one of these values does, a column of one of these rows, the language or the time zone."""
    values = [_columns(each) if isinstance(each, Model) else each for each in shown]
    return repr((get_language(), timezone.get_current_timezone_name(), values))


def etag_of(html: str) -> str:
    """Returns the ETag of a part of a page. Tokens against forged requests do not count: they differ in each response."""
    return f'"{blake2b(TOKEN.sub("", html).encode(), digest_size=16).hexdigest()}"'


def _columns(row: Model) -> dict[str, object]:
    return {name: value for name, value in vars(row).items() if name != "_state"}
