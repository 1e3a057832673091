"""Absolute URLs of pages, for other people and for Meta."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port


def site_url(request: HttpRequest, path: str) -> str:
    """Returns the absolute URL of a path, for e-mails, invitations and Meta.

    A client chooses the Host header of its request, within ALLOWED_HOSTS, and any port. Therefore the origin is taken from
    CSRF_TRUSTED_ORIGINS: the one with the request's host, or else the first. If there is none, the request's host is used, with the
    hub's own port if the request names a port.
    """
    domain, port = split_domain_port(request.get_host())
    origins = [urlsplit(origin) for origin in settings.CSRF_TRUSTED_ORIGINS if "*" not in origin]
    if origins:
        origin = next((each for each in origins if each.hostname == domain), origins[0])
        return f"{origin.scheme}://{origin.netloc}{path}"
    return f"{request.scheme}://{domain}:{settings.PORT}{path}" if port else f"{request.scheme}://{domain}{path}"


def site_url_of_hub(path: str) -> str:
    """Returns the absolute URL of a path where there is no request, as in mails of the worker: below the first of
    CSRF_TRUSTED_ORIGINS or, if there is none, on this machine."""
    origins = [origin for origin in settings.CSRF_TRUSTED_ORIGINS if "*" not in origin]
    return f"{origins[0] if origins else f'http://localhost:{settings.PORT}'}{path}"
