"""What people agree to: marketing, service, or a purpose in the organization's own words."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from contacts.services import InvalidInput, collapse_whitespace

MARKETING = "marketing"
SERVICE = "service"
PURPOSE_LABELS = {MARKETING: _("Marketing messages"), SERVICE: _("Service messages")}
"""The purposes that the hub knows, by their codes. Only that of marketing has consequences."""
MAX_PURPOSE = 60


def purpose_label(purpose: str) -> Any:
    """Returns the purpose as pages show it."""
    return PURPOSE_LABELS.get(purpose, purpose)


def read_purpose(typed: str) -> str:
    """Returns the purpose as it is stored: a code, or the organization's own words in one line. Raises InvalidInput."""
    purpose = collapse_whitespace(typed)
    if not purpose:
        raise InvalidInput(_("Say what the person agreed to."))
    if len(purpose) > MAX_PURPOSE:
        raise InvalidInput(_("A purpose has at most 60 characters."))
    return purpose.casefold() if purpose.casefold() in PURPOSE_LABELS else purpose
