"""Fingerprints of what a template shows, as keys of the `cache` tag.

Rows of the list and messages of a thread stay rendered in the memory of a web process (`CACHES["fragments"]`), because open pages
fetch them again after each change of one of them (docs/decisions/0026).
"""

from django.db.models import Model
from django.utils import timezone
from django.utils.translation import get_language


def fingerprint(*shown: object) -> str:
    """Returns a text that differs if one of these values does, a column of one of these rows, the language or the time zone."""
    values = [_columns(each) if isinstance(each, Model) else each for each in shown]
    return repr((get_language(), timezone.get_current_timezone_name(), values))


def _columns(row: Model) -> dict[str, object]:
    return {name: value for name, value in vars(row).items() if name != "_state"}
