"""Responses of the API with a stored file, whole or as a byte range."""

import logging
from http import HTTPStatus
from typing import Any

from django.http.response import HttpResponseBase
from rest_framework.request import Request

from api.errors.problems import Problem
from chats.media.file_responses import file_response, open_stored_file
from chats.media.file_storage import storage_error_text, storage_errors

log = logging.getLogger(__name__)


def respond_with_file(request: Request, column: Any, *, name: str, kind: str, sha256: str) -> HttpResponseBase:
    """Returns the file of a column. Raises 404 if the storage does not have it, 416 for a range outside of it, and 503 if the
    storage fails."""
    try:
        stored = open_stored_file(column, name=name, kind=kind, sha256=sha256)
        response = file_response(request._request, stored) if stored else None
    except storage_errors() as failure:
        log.error("a stored file cannot be read: %s", storage_error_text(failure))
        words = "The hub's storage does not return this file now."
        raise Problem(words, code="storage_unavailable", status=HTTPStatus.SERVICE_UNAVAILABLE) from None
    if response is None:
        raise Problem("The hub's storage does not have this file any more.", code="file_gone", status=HTTPStatus.NOT_FOUND)
    if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        headers = {"Content-Range": response["Content-Range"]}
        words = "The range is not in the file."
        raise Problem(words, code="range_not_satisfiable", status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers)
    return response
