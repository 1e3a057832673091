"""Responses with stored files, whole or as a byte range. No file can run a script in a browser."""

import logging
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO, Any

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header
from django.utils.translation import gettext

from chats.media.file_names import offered_name
from chats.media.file_storage import storage_error_text, storage_errors
from chats.media.file_types import HEAD, detect_type

log = logging.getLogger(__name__)

MAX_OPEN_RANGE = 2 * 2**20
"""Bytes of a range without an end. A player that requests one reads some bytes, and keeps the connection open while it plays."""
MAX_AGE = 7 * 24 * 3600
"""Seconds for which browsers cache a file."""
PICTURE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
PLAYABLE_TYPES = frozenset({"video/mp4", "video/3gpp", "audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"})
"""Types that browsers may show, by the first bytes of the file. None can contain a script. Other files are saved."""

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class OpenFile:
    """An open file of the storage."""

    content: IO[bytes]
    size: int
    name: str
    """The name that the sender gave."""
    kind: str
    sha256: str


class RangeNotSatisfiable(Exception):
    """The requested range is not in the file."""


class FilePart:
    """A file-like object with `length` bytes of a file, from `start` on."""

    def __init__(self, content: IO[bytes], start: int, length: int) -> None:
        content.seek(start)
        self._content = content
        self._left = length

    def read(self, size: int) -> bytes:
        """Returns at most `size` bytes; none after the last."""
        chunk = self._content.read(min(size, self._left))
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        self._content.close()


def file_response(request: HttpRequest, stored: OpenFile) -> HttpResponseBase:
    """Returns a response with the file, or with the range that the request asks for (RFC 9110, 14). Closes the file."""
    mime_type = detect_type(stored.content.read(HEAD))
    headers = _headers(stored, mime_type)
    tag = headers.get("ETag")
    # Not by Django's middleware, which would not close the file.
    if not_modified := get_conditional_response(request, etag=tag):
        stored.content.close()
        return not_modified
    try:
        byte_range = _byte_range(request, stored.size, tag, is_playable=mime_type in PLAYABLE_TYPES)
    except RangeNotSatisfiable:
        stored.content.close()
        return HttpResponse(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers={"Content-Range": f"bytes */{stored.size}"})
    start, length = byte_range or (0, stored.size)
    headers["Content-Length"] = str(length)
    if byte_range:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{stored.size}"
    status = HTTPStatus.PARTIAL_CONTENT if byte_range else HTTPStatus.OK
    if request.method == "HEAD":
        stored.content.close()
        return HttpResponse(status=status, headers=headers)
    content_type = headers.pop("Content-Type")  # with the headers, FileResponse would replace it
    return FileResponse(FilePart(stored.content, start, length), status=status, headers=headers, content_type=content_type)


def _headers(stored: OpenFile, mime_type: str) -> dict[str, str]:
    is_shown = mime_type in PICTURE_TYPES | PLAYABLE_TYPES
    name = offered_name(stored.name, stored.kind, mime_type)
    headers = {
        "Content-Type": mime_type if is_shown or mime_type == "application/pdf" else "application/octet-stream",
        "Content-Disposition": content_disposition_header(not is_shown, name) or "attachment",
        "Content-Encoding": "identity",  # ranges count the bytes of the file, not of a compressed body
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": f"private, max-age={MAX_AGE}, immutable",
        "Accept-Ranges": "bytes",
    }
    return headers | ({"ETag": f'"{stored.sha256}"'} if stored.sha256 else {})


def _byte_range(request: HttpRequest, size: int, tag: str | None, *, is_playable: bool) -> tuple[int, int] | None:
    """Returns start and length of the requested range; None for the whole file. Ignores a header that asks for several ranges, is
    malformed, or is for another version of the file. Raises RangeNotSatisfiable."""
    requested = _RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    if not requested or requested.group(0) == "bytes=-" or request.headers.get("If-Range", tag) != tag:
        return None
    first, last = requested.groups()
    if not first:
        length = min(int(last), size)
        return _checked_range(size - length, length, size)
    if last and int(last) < int(first):
        return None
    limit = size if last or not is_playable else MAX_OPEN_RANGE
    end = min(int(last) + 1 if last else size, size)
    return _checked_range(int(first), min(end - int(first), limit), size)


def _checked_range(start: int, length: int, size: int) -> tuple[int, int]:
    if start >= size or length <= 0:
        raise RangeNotSatisfiable
    return start, length


def open_stored_file(field: Any, *, name: str, kind: str, sha256: str) -> OpenFile | None:
    """Opens the file of a FileField's value. Returns None if the storage no longer has it."""
    try:
        content = field.storage.open(field.name, "rb")
        return OpenFile(content=content, size=content.size, name=name, kind=kind, sha256=sha256)
    except FileNotFoundError:
        return None


def stored_file_response(request: HttpRequest, column: Any, **properties: str) -> HttpResponseBase:
    """Returns the file of a column: 404 if the storage does not have it, 503 if the storage fails."""
    stored = None
    try:
        stored = open_stored_file(column, **properties)
        if stored:
            return file_response(request, stored)
    except storage_errors() as failure:
        log.error("a stored file cannot be read: %s", storage_error_text(failure))
        if stored:
            stored.content.close()
        return _unavailable(request)
    context = {
        "code": 404,
        "what": gettext("This file is not in the storage"),
        "do": gettext("It was here, but the hub's storage does not have it any more. An administrator may find it in a backup."),
    }
    return render(request, "error.html", context, status=404)


def _unavailable(request: HttpRequest) -> HttpResponse:
    context = {
        "code": 503,
        "what": gettext("This file cannot be read at the moment"),
        "do": gettext("The hub's storage does not return it. Try again later. The operator of the hub can see why."),
    }
    response = render(request, "error.html", context, status=503)
    response["Retry-After"] = "60"
    return response
