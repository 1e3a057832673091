"""The business profile of a number, as Graph has it at `/<number>/whatsapp_business_profile`: what customers see of a business.

For the limits see docs/meta-platform.md 8.4. The API has no opening hours: they are set in the WhatsApp Business app only.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cloud_api.limits import InvalidMessage, check_count, check_text
from cloud_api.payloads.texts import text

PROFILE_FIELDS = "about,address,description,email,profile_picture_url,websites,vertical"
LENGTHS = {"about": 139, "address": 256, "description": 512, "email": 128}
MAX_WEBSITE_LENGTH = 256
MAX_WEBSITES = 2
PICTURE_TYPES = ("image/jpeg", "image/png")
MAX_PICTURE = 5 * 2**20
"""In bytes."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def _(words: str) -> str:
    """Marks a text for translation. It is translated where it is shown."""
    return words


VERTICALS = {
    "UNDEFINED": _("not said"),
    "AUTO": _("Vehicles"),
    "BEAUTY": _("Beauty, spa and salon"),
    "APPAREL": _("Clothing"),
    "EDU": _("Education"),
    "ENTERTAIN": _("Entertainment"),
    "EVENT_PLAN": _("Event planning and services"),
    "FINANCE": _("Finance and banking"),
    "GROCERY": _("Food and groceries"),
    "GOVT": _("Public service"),
    "HOTEL": _("Hotel and lodging"),
    "HEALTH": _("Medicine and health"),
    "NONPROFIT": _("Non-profit organization"),
    "PROF_SERVICES": _("Professional services"),
    "RETAIL": _("Shopping and retail"),
    "TRAVEL": _("Travel and transport"),
    "RESTAURANT": _("Restaurant"),
    "NOT_A_BIZ": _("Not a business"),
    "OTHER": _("Other"),
}
"""Meta's constants for the kind of business, and the hub's words for them."""


@dataclass(frozen=True, slots=True)
class BusinessProfile:
    """The profile of a number. WhatsApp does not show empty texts. `picture_url` is Meta's address of the picture and expires."""

    about: str = ""
    address: str = ""
    description: str = ""
    email: str = ""
    vertical: str = ""
    websites: list[str] = field(default_factory=list)
    picture_url: str = ""


def profile_of(answer: Mapping[str, Any]) -> BusinessProfile:
    """Returns the profile in Graph's response, which leaves out empty fields."""
    listed = answer.get("data")
    found = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    websites = found.get("websites")
    return BusinessProfile(
        about=text(found, "about"),
        address=text(found, "address"),
        description=text(found, "description"),
        email=text(found, "email"),
        vertical=text(found, "vertical"),
        websites=[each for each in websites if isinstance(each, str)] if isinstance(websites, list) else [],
        picture_url=text(found, "profile_picture_url"),
    )


def check_profile(changes: Mapping[str, Any]) -> None:
    """Checks the changes of a profile before Graph gets them. Raises InvalidMessage, with `field` as the API names it."""
    for name, most in LENGTHS.items():
        if name in changes:
            check_text(name, changes[name], most, required=name == "about")
    if changes.get("email") and not _EMAIL.fullmatch(changes["email"]):
        raise InvalidMessage("email", _("This is not an e-mail address."))
    if changes.get("vertical", "OTHER") not in VERTICALS:
        raise InvalidMessage("vertical", _("WhatsApp does not know this kind of business."))
    websites = changes.get("websites") or []
    if websites:
        check_count("websites", websites, MAX_WEBSITES)
    for each in websites:
        if not check_text("websites", each, MAX_WEBSITE_LENGTH).startswith(("https://", "http://")):
            raise InvalidMessage("websites", _("An address begins with https:// or http://."))
