"""Giving out stored files: whole or in part, in pieces, and so that nothing in them can act in a browser."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO, Any

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header

from chats.media.file_names import offered_name
from chats.media.file_types import HEAD, detect_type

MAX_OPEN_RANGE = 2 * 2**20
"""Bytes of a part that a player asks for without an end: it reads some, and holds on to the rest while it plays."""
MAX_AGE = 7 * 24 * 3600
PICTURE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
PLAYABLE_TYPES = frozenset({"video/mp4", "video/3gpp", "audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"})
"""What browsers may show, decided by the file's own bytes: none of these can hold a script. All else is saved."""

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class OpenFile:
    """An open file of the storage, and what is known of it."""

    content: IO[bytes]
    size: int
    name: str
    """As the sender called it."""
    kind: str
    sha256: str


class RangeNotSatisfiable(Exception):
    """The part that was asked for is not in the file."""


class FilePart:
    """`length` bytes of a file, from `start` on, to be read as a file of their own."""

    def __init__(self, content: IO[bytes], start: int, length: int) -> None:
        content.seek(start)
        self._content = content
        self._left = length

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; none after the last."""
        chunk = self._content.read(min(size, self._left))
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        self._content.close()


def file_response(request: HttpRequest, stored: OpenFile) -> HttpResponseBase:
    """The file, or the part that the request asks for (RFC 9110, 14)."""
    mime_type = detect_type(stored.content.read(HEAD))
    headers = _headers(stored, mime_type)
    tag = headers.get("ETag")
    if known := get_conditional_response(request, etag=tag):  # here, because a middleware that does it does not close the file
        stored.content.close()
        return known
    try:
        part = _part(request, stored.size, tag, is_played=mime_type in PLAYABLE_TYPES)
    except RangeNotSatisfiable:
        stored.content.close()
        return HttpResponse(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers={"Content-Range": f"bytes */{stored.size}"})
    start, length = part or (0, stored.size)
    headers["Content-Length"] = str(length)
    if part:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{stored.size}"
    status = HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK
    if request.method == "HEAD":
        stored.content.close()
        return HttpResponse(status=status, headers=headers)
    content_type = headers.pop("Content-Type")  # FileResponse would find one of its own if it came with the headers
    return FileResponse(FilePart(stored.content, start, length), status=status, headers=headers, content_type=content_type)


def _headers(stored: OpenFile, mime_type: str) -> dict[str, str]:
    is_shown = mime_type in PICTURE_TYPES | PLAYABLE_TYPES
    name = offered_name(stored.name, stored.kind, mime_type)
    headers = {
        "Content-Type": mime_type if is_shown or mime_type == "application/pdf" else "application/octet-stream",
        "Content-Disposition": content_disposition_header(not is_shown, name) or "attachment",
        "Content-Encoding": "identity",  # compressed, its parts would be other bytes
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": f"private, max-age={MAX_AGE}, immutable",
        "Accept-Ranges": "bytes",
    }
    return headers | ({"ETag": f'"{stored.sha256}"'} if stored.sha256 else {})


def _part(request: HttpRequest, size: int, tag: str | None, *, is_played: bool) -> tuple[int, int] | None:
    """Where the part begins and how long it is; None for the whole. Raises Unsatisfiable. A header that asks for several parts, or
    that cannot be read, counts for nothing, and so does one for another version of the file."""
    asked = _RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    if not asked or asked.group(0) == "bytes=-" or request.headers.get("If-Range", tag) != tag:
        return None
    first, last = asked.groups()
    if not first:
        length = min(int(last), size)
        return _existing(size - length, length, size)
    if last and int(last) < int(first):
        return None
    most = size if last or not is_played else MAX_OPEN_RANGE
    end = min(int(last) + 1 if last else size, size)
    return _existing(int(first), min(end - int(first), most), size)


def _existing(start: int, length: int, size: int) -> tuple[int, int]:
    if start >= size or length <= 0:
        raise RangeNotSatisfiable
    return start, length


def open_stored_file(field: Any, *, name: str, kind: str, sha256: str) -> OpenFile | None:
    """The file that a column names; None if the storage has it no more."""
    try:
        content = field.storage.open(field.name, "rb")
        return OpenFile(content=content, size=content.size, name=name, kind=kind, sha256=sha256)
    except FileNotFoundError:
        return None
