"""The secrets of a number: reading one, and what pages show of it."""

from datetime import datetime

from cryptography.fernet import InvalidToken
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext

from organizations.models import PhoneNumber

SHOWN_FROM = 8
"""The last four characters are shown of a secret of at least this length."""


def read_secret(number: PhoneNumber, column: str) -> str | None:
    """Returns a secret of the number, or None if no key of FIELD_ENCRYPTION_KEYS decrypts it."""
    try:
        return str(getattr(number, column))
    except InvalidToken:
        return None


def secret_state(number: PhoneNumber, column: str) -> str:
    """Returns what pages may show of a secret: whether it is set, and the last four characters of a long one."""
    secret = read_secret(number, column)
    if secret is None:
        return gettext("Set, but no key of FIELD_ENCRYPTION_KEYS opens it")
    if not secret:
        return gettext("Not set")
    if len(secret) < SHOWN_FROM:
        return gettext("Set")
    return gettext("Set, ends in %(end)s") % {"end": secret[-4:]}


def previous_secret_state(number: PhoneNumber, *, now: datetime) -> str:
    """Returns a sentence about how long the number's previous app secret is accepted, or an empty text if there is none."""
    if read_secret(number, "previous_app_secret") == "":
        return ""
    expires_at = number.previous_app_secret_expires_at
    if expires_at is None or expires_at <= now:
        return gettext("The previous app secret has expired: what is signed with it is refused.")
    until = date_format(localtime(expires_at), "SHORT_DATETIME_FORMAT")
    return gettext("The previous app secret is accepted until %(date)s.") % {"date": until}
