"""How each user wants the pages: language, time zone, appearance, shortcuts."""

import zoneinfo
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from organizations.models import Organization, User


class PreferencesMiddleware:
    """Each page in the signed-in user's language and time zone. Whoever has chosen none gets what the browser asks for, and the
    zone of the organization whose page it is (see `activate_zone_of`), elsewhere the hub's own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        zone = ""
        if isinstance(user, User):
            zone = user.time_zone
            if user.language:
                translation.activate(user.language)
                request.LANGUAGE_CODE = translation.get_language() or user.language
        with timezone.override(_zone(zone)):
            return self.get_response(request)


def activate_zone_of(organization: Organization, user: User) -> None:
    """Show times in the organization's zone for the rest of the request, if the user has chosen none."""
    zone = None if user.time_zone else _zone(organization.time_zone)
    if zone:
        timezone.activate(zone)  # until the middleware puts back what was before


def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    """None for no name, and for one that this machine does not know."""
    try:
        return zoneinfo.ZoneInfo(name) if name else None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return None


def appearance(request: HttpRequest) -> dict[str, Any]:
    """For templates: the theme, and the access to the organization whose page this is (None elsewhere)."""
    user = getattr(request, "user", None)
    return {"theme": getattr(user, "theme", ""), "access": getattr(request, "access", None)}
