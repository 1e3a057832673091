"""For templates of all rooms: whether there is a phone to try the hub with."""

from django.conf import settings
from django.http import HttpRequest


def phone(request: HttpRequest) -> dict[str, bool]:
    return {"simulator_is_on": settings.SIMULATOR}
