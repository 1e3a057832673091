"""Keeps the state over restarts: one line of JSON for each change, and the bytes of files in a directory.

Nothing is synchronized to the disk. What the operating system has written survives the end of the process.
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

Content = dict[str, Any]

JOURNAL = "journal.jsonl"
FILES = "files"

log = logging.getLogger(__name__)


class Journal:
    """A journal in a directory. Without one, files are in memory and nothing else is kept."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._out: IO[bytes] | None = None
        self._files: dict[str, bytes] = {}
        if directory:
            (directory / FILES).mkdir(parents=True, exist_ok=True)

    def read(self) -> Iterator[Content]:
        """Yields the changes in order. Skips lines that cannot be read, such as the last line of a process that was killed."""
        path = self._directory and self._directory / JOURNAL
        if not (path and path.exists()):
            return
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    record = json.loads(line)
                except ValueError:
                    log.warning("line %s of the simulator's journal cannot be read", number)
                    continue
                if isinstance(record, dict):
                    yield record

    def rewrite(self, records: Iterable[Content]) -> None:
        """Replaces the content of the journal with these records."""
        if not self._directory:
            return
        fresh = self._directory / f"{JOURNAL}.new"
        with fresh.open("wb") as out:
            out.writelines(map(_line, records))
        fresh.replace(self._directory / JOURNAL)
        self.close()
        self._out = (self._directory / JOURNAL).open("ab", buffering=0)

    def write(self, record: Callable[[], Content]) -> None:
        """Appends a record. `record` is called only if there is a journal."""
        if self._out:
            self._out.write(_line(record()))

    def save_file(self, file_id: str, content: bytes) -> None:
        if self._directory:
            (self._directory / FILES / file_id).write_bytes(content)
        else:
            self._files[file_id] = content

    def file(self, file_id: str) -> bytes:
        """Returns the file's content. Raises KeyError if there is none."""
        if not self._directory:
            return self._files[file_id]
        try:
            return (self._directory / FILES / file_id).read_bytes()
        except FileNotFoundError:
            raise KeyError(file_id) from None

    def drop_file(self, file_id: str) -> None:
        self._files.pop(file_id, None)
        if self._directory:
            (self._directory / FILES / file_id).unlink(missing_ok=True)

    def close(self) -> None:
        if self._out:
            self._out.close()
            self._out = None


def _line(record: Content) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"
