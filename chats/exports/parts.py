"""The file of an export: parts in the storage, each compressed by gzip. Joined, they are one gzip file (RFC 1952, 2.2)."""

import gzip
import io
import logging
import secrets
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Protocol

from django.core.files.storage import default_storage

from chats.media.file_storage import storage_error_text, storage_errors
from chats.models import ExportPart

log = logging.getLogger(__name__)


def new_part_name(organization_id: int) -> str:
    """Returns a random name, which cannot be guessed, in the directory of the organization's files."""
    return f"files/{organization_id}/exports/{secrets.token_urlsafe(18)}"


class PartText:
    """The text of one part, compressed while it is added."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes of the text."""
        self._compressed = io.BytesIO()
        self._writer = gzip.GzipFile(fileobj=self._compressed, mode="wb", mtime=0)

    def add(self, text: str) -> None:
        content = text.encode(errors="replace")
        self.size += len(content)
        self._writer.write(content)

    def finish(self) -> bytes:
        """Returns the compressed part."""
        self._writer.close()
        return self._compressed.getvalue()


class StoredPart(Protocol):
    """A part of a file. The sizes are bytes of its text, and of its file in the storage."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int | None: ...
    @property
    def compressed_size(self) -> int: ...


class JoinedParts:
    """A file-like object with all parts of an export, one after the other. With `compressed`, as they are in the
    storage: those of gzip are one gzip file."""

    def __init__(self, parts: Sequence[StoredPart], *, compressed: bool) -> None:
        self._parts = parts
        self._is_compressed = compressed
        self._ends = list(accumulate((each.compressed_size if compressed else each.size or 0) for each in parts))
        self._position = 0
        self._open: Any = None
        self._stored: Any = None
        """The part's file in the storage, which `_open` reads."""

    @property
    def size(self) -> int:
        return self._ends[-1] if self._ends else 0

    def seek(self, position: int) -> None:
        self.close()
        self._position = position

    def read(self, size: int) -> bytes:
        """Returns at most `size` bytes; none after the last."""
        while size and self._position < self.size:
            chunk = self._current().read(size)
            if chunk:
                self._position += len(chunk)
                return bytes(chunk)
            if self._position not in self._ends:
                raise OSError("a part of the export is shorter than it was")
            self.close()
        return b""

    def close(self) -> None:
        """Closes the current part. A later `read` opens it again."""
        for file in (self._open, self._stored):
            if file:
                file.close()
        self._open = self._stored = None

    def _current(self) -> Any:
        """Returns the part with the position, opened there."""
        if self._open is None:
            index = bisect_right(self._ends, self._position)
            stored = default_storage.open(self._parts[index].name, "rb")
            self._stored = stored
            self._open = stored if self._is_compressed else gzip.GzipFile(fileobj=stored)
            self._open.seek(self._position - (self._ends[index - 1] if index else 0))
        return self._open


def delete_part_file(part: ExportPart) -> bool:
    """Deletes the file of a part from the storage. Returns False if the storage fails. Its row must stay then."""
    try:
        default_storage.delete(part.name)
    except storage_errors() as failure:
        log.error("part %s of export %s cannot be deleted: %s", part.position, part.export_id, storage_error_text(failure))
        return False
    return True
