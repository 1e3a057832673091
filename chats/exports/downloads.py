"""Responses with the file of an export, whole or as a byte range, so that an interrupted download goes on."""

import hashlib
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import IO, cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from chats.exports.parts import JoinedParts, StoredPart
from chats.media.file_responses import OpenFile, file_response
from chats.media.file_storage import storage_error_text, storage_errors
from chats.models import Export, ExportPart

log = logging.getLogger(__name__)

CONTENT = (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT)
"""The statuses of responses with the file or a part of it."""


class FileUnavailable(Exception):
    """The storage does not return the file of the export."""


def export_response(request: HttpRequest, export: Export, parts: Sequence[ExportPart], *, compressed: bool) -> HttpResponseBase:
    """Returns a response with the file of a finished export. With `compressed`, as a gzip file. Raises FileUnavailable."""
    name = f"{export.content}-{export.create_in:%Y-%m-%d}-{export.pk}.{export.format}{'.gz' if compressed else ''}"
    return joined_response(request, parts, name=name, compressed=compressed)


def joined_response(request: HttpRequest, parts: Sequence[StoredPart], *, name: str, compressed: bool) -> HttpResponseBase:
    """Returns a response with a file of this name, which consists of the parts (see JoinedParts). Raises FileUnavailable."""
    joined = JoinedParts(parts, compressed=compressed)
    digest = hashlib.sha256(" ".join([name, *(part.name for part in parts)]).encode()).hexdigest()
    content = cast("IO[bytes]", joined)
    try:
        response = file_response(request, OpenFile(content=content, size=joined.size, name=name, kind="export", sha256=digest))
    except storage_errors() as failure:
        log.error("the exported file %s cannot be read: %s", name, storage_error_text(failure))
        raise FileUnavailable from None
    response["Cache-Control"] = "no-store"  # not the long time for which browsers keep files of messages
    return response
