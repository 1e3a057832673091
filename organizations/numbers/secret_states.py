"""What pages show of a number's secrets."""

from datetime import datetime

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext

from organizations.models import PhoneNumber
from organizations.numbers.number_secrets import read_secret

SHOWN_FROM = 8
"""The shortest secret of which the last four characters are shown."""


def secret_state(number: PhoneNumber, column: str) -> str:
    """What may be told of a secret: whether there is one, and the last four characters of a long one."""
    secret = read_secret(number, column)
    if secret is None:
        return gettext("Set, but no key of FIELD_ENCRYPTION_KEYS opens it")
    if not secret:
        return gettext("Not set")
    if len(secret) < SHOWN_FROM:
        return gettext("Set")
    return gettext("Set, ends in %(end)s") % {"end": secret[-4:]}


def previous_secret_state(number: PhoneNumber, *, now: datetime) -> str:
    """Until when the number's previous app secret is accepted, in a sentence; empty if there is none."""
    if read_secret(number, "previous_app_secret") == "":
        return ""
    expires_at = number.previous_app_secret_expires_at
    if expires_at is None or expires_at <= now:
        return gettext("The previous app secret has expired: what is signed with it is refused.")
    local = localtime(expires_at)
    until = f"{date_format(local, 'SHORT_DATE_FORMAT')} {local:%H:%M}"  # English formats end in a dot, and the sentence has its own
    return gettext("The previous app secret is accepted until %(date)s.") % {"date": until}
