"""Errors with which a request ends before the Django site sees it."""

from http import HTTPStatus

from asgiref.typing import ASGISendCallable
from prometheus_client import Counter

REFUSED = Counter("hub_page_refusals", "Requests for pages that were refused before the site saw them", ["status"])
RETRY_AFTER = 5
"""Seconds."""


class RequestRefused(Exception):
    """The request is not served; `status` says why. The connection is closed, because the body may not have been read."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(f"{status.value} {status.phrase}")
        self.status = status


async def send_error_response(refusal: RequestRefused, send: ASGISendCallable) -> None:
    """Responds with the status of `refusal`, in plain text, and closes the connection."""
    REFUSED.labels(refusal.status.value).inc()
    body = str(refusal).encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", str(RETRY_AFTER).encode()))
    await send({"type": "http.response.start", "status": refusal.status.value, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})
