"""Context processor: whether the simulator is on, for the templates of all packages."""

from django.conf import settings
from django.http import HttpRequest


def phone(request: HttpRequest) -> dict[str, bool]:
    return {"simulator_is_on": settings.SIMULATOR}
