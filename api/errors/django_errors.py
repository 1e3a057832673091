"""Requests that fail outside the views of the API: a URL that does not exist, a header that Django refuses, an error of the hub.

Below /api/ the response is a problem document. Elsewhere it is Django's page.
"""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

from api.errors.problems import MEDIA_TYPE, problem_document

PREFIX = "/api/"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: a suspicious request, such as one for another host."""
    if not request.path.startswith(PREFIX):
        return defaults.bad_request(request, exception)
    return _problem(HTTPStatus.BAD_REQUEST, "bad_request", "The hub does not accept the host or a header of this request.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403 of middleware."""
    if not request.path.startswith(PREFIX):
        return defaults.permission_denied(request, exception)
    return _problem(HTTPStatus.FORBIDDEN, "permission_denied", "You may not do this.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: no version of the API has this URL."""
    if not request.path.startswith(PREFIX):
        return defaults.page_not_found(request, exception)
    return _problem(HTTPStatus.NOT_FOUND, "no_such_url", "There is no such URL. Those of the API begin with /api/v1/.")


def server_error(request: HttpRequest) -> HttpResponse:
    """500: an error of the hub, which Django has written to the log."""
    if not request.path.startswith(PREFIX):
        return defaults.server_error(request)
    return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "The hub failed. Its log says why.")


def _problem(status: HTTPStatus, code: str, detail: str) -> HttpResponse:
    return JsonResponse(problem_document(status, code=code, detail=detail), status=status, content_type=MEDIA_TYPE)
