"""Preferences of each user for pages: language, time zone, theme, shortcuts."""

import zoneinfo
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from organizations.models import Organization, User


class PreferencesMiddleware:
    """Serves each page in the signed-in user's language and time zone.

    Without these preferences, a page has the language that the browser requests, and the time zone of its organization (see
    `activate_zone_of`). A page of no organization has the time zone of the settings.
    """

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
    """Activates the organization's time zone for the rest of the request, if the user has chosen none."""
    zone = None if user.time_zone else _zone(organization.time_zone)
    if zone:
        timezone.activate(zone)  # the middleware restores the previous one


def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    """Returns None without a name, and for a name that this machine does not have."""
    try:
        return zoneinfo.ZoneInfo(name) if name else None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return None


def appearance(request: HttpRequest) -> dict[str, Any]:
    """Context processor: the theme, and the access to the page's organization (None on other pages)."""
    user = getattr(request, "user", None)
    return {"theme": getattr(user, "theme", ""), "access": getattr(request, "access", None)}
