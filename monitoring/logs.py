"""Log lines: their formats, their filters, and the request id of pages and of the API."""

import json
import logging
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from jobs.tracing import current_ids, log_ids

GIVEN_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")
"""A request id that a proxy or a client may set."""

TOKENS = re.compile(r"(/(?:invitations|profile/email|accounts/password/reset/key)/)[^/\s?#\"'\\]+")
"""Parts of paths that let in anybody who has them."""


def hide_tokens(text: str) -> str:
    """Returns the text with stars in place of the tokens of links: of invitations, of new passwords and of new e-mails."""
    return TOKENS.sub(r"\1***", text)


class RefusalsInOneLine(logging.Filter):
    """Removes the traceback from records of refused requests: a missing role, a wrong host, a form that is too large. The line says
    what was refused, and the hub has no error."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", HTTPStatus.INTERNAL_SERVER_ERROR) < HTTPStatus.INTERNAL_SERVER_ERROR:
            record.exc_info = record.exc_text = None
        return True


def _ids_of(record: logging.LogRecord) -> Mapping[str, object]:
    return {**current_ids(), **getattr(record, "ids", {})}


class LineFormatter(logging.Formatter):
    """One line for people: time, level, logger, message, then ids as `name=value`."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name} {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:
        ids = "".join(f" {name}={value}" for name, value in _ids_of(record).items())
        return super().formatMessage(record) + ids

    def format(self, record: logging.LogRecord) -> str:
        return hide_tokens(super().format(record))  # Django's lines about refused requests contain their path


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (UTC), `level`, `logger`, `message`, `traceback` if there is one, and the ids."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return hide_tokens(json.dumps({**_ids_of(record), **line}, ensure_ascii=False, default=str))


class RequestIdMiddleware:
    """Gives each request of a page or of the API an id: the X-Request-ID of a proxy, or a new one. It is in the response, and in
    each log line of the request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if GIVEN_ID.fullmatch(given) else uuid.uuid4().hex[:16]
        with log_ids(request_id=request_id):
            response = self._get_response(request)
        response["X-Request-ID"] = request_id
        return response
