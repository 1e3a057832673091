"""The service window in templates. The browser updates what these filters print: see static/hub/pages/times.js."""

from datetime import datetime

from django import template
from django.utils.translation import gettext

from contacts.models import CLOSING_SOON, Contact

register = template.Library()


@register.filter
def window_state(contact: Contact, now: datetime) -> str:
    """Returns open, closing (within `CLOSING_SOON`) or closed."""
    until = contact.window_expires_at
    if until is None or until <= now:
        return "closed"
    return "closing" if until - now <= CLOSING_SOON else "open"


@register.filter
def window_left(contact: Contact, now: datetime) -> str:
    """Returns how long the window stays open, in hours and minutes as static/hub/pages/times.js writes them."""
    until = contact.window_expires_at
    if until is None or until <= now:
        return gettext("closed")
    minutes = int((until - now).total_seconds()) // 60
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"
