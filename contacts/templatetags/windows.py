"""The customer service window in templates. The browser counts on from here: see hub.js."""

from datetime import datetime

from django import template
from django.utils.translation import gettext

from contacts.models import CLOSING_SOON, Contact

register = template.Library()


@register.filter
def window_state(contact: Contact, now: datetime) -> str:
    """open, closing (soon) or closed."""
    until = contact.window_expires_at
    if until is None or until <= now:
        return "closed"
    return "closing" if until - now <= CLOSING_SOON else "open"


@register.filter
def window_left(contact: Contact, now: datetime) -> str:
    """How long it stays open, in hours and minutes as hub.js writes them."""
    until = contact.window_expires_at
    if until is None or until <= now:
        return gettext("closed")
    minutes = int((until - now).total_seconds()) // 60
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"
