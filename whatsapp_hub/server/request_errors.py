"""Errors with which a request ends before the Django site sees it."""

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from asgiref.typing import ASGISendCallable
from prometheus_client import Counter

from api.errors.django_errors import PREFIX
from api.errors.problems import MEDIA_TYPE, problem_document

REFUSED = Counter("hub_page_refusals", "Requests that were refused before the site saw them", ["status"])
RETRY_AFTER = 5
"""Seconds."""
METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
"""That pages and operations have. A page that lacks one of them says so itself."""
PROBLEM_CODES = {
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
    HTTPStatus.REQUEST_TIMEOUT: "too_slow",
    HTTPStatus.SERVICE_UNAVAILABLE: "unavailable",
}


class RequestRefused(Exception):
    """The request is not served; `status` says why. Its body may not have been read."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(f"{status.value} {status.phrase}")
        self.status = status


async def send_error_response(
    refusal: RequestRefused, send: ASGISendCallable, *, path: str, discard_body: Callable[[], Awaitable[None]]
) -> None:
    """Responds with the status of `refusal`, in plain text or, below /api/, as a problem document. Then it discards what is left of
    the body, and closes the connection."""
    REFUSED.labels(refusal.status.value).inc()
    is_api = path.startswith(PREFIX)
    body = _problem(refusal.status) if is_api else str(refusal).encode()
    headers = [
        (b"content-type", MEDIA_TYPE.encode() if is_api else b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", str(RETRY_AFTER).encode()))
    if refusal.status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append((b"allow", METHODS))
    await send({"type": "http.response.start", "status": refusal.status.value, "headers": headers, "trailers": False})
    # The end is sent later, because the server closes the connection at the end.
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await discard_body()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _problem(status: HTTPStatus) -> bytes:
    code = PROBLEM_CODES.get(status, "bad_request")
    return json.dumps(problem_document(status, code=code, detail=f"The web server refused the request: {status.phrase}.")).encode()
