"""Reads an archive. The end of a file may be incomplete: its process died while it wrote, and nothing later depends on it."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from backups.webhook_archive.records import DELETION, ERASURES, WEBHOOK, DeletionRecord, ErasureRecord, webhook_from_line
from backups.webhook_archive.writer import FILES, STATE, begin_of
from webhooks.models import Webhook

Progress = Callable[[int], object]


class ArchiveError(ValueError):
    """The directory has no archive, or one that began too late."""


class Archive:
    """The archive in a directory. Raises ArchiveError."""

    def __init__(self, directory: Path) -> None:
        try:
            began_at = datetime.fromisoformat(json.loads((directory / STATE).read_text())["began_at"])
        except (FileNotFoundError, NotADirectoryError):
            raise ArchiveError(f"{directory} has no archive of webhooks") from None
        except OSError as failure:
            raise ArchiveError(f"{directory / STATE} cannot be read: {failure.strerror}") from None
        except (ValueError, KeyError, TypeError):
            raise ArchiveError(f"{directory / STATE} is damaged") from None
        self._files = sorted(directory.glob(FILES))
        self.began_at = max(began_at, *map(begin_of, self._files[:1])) if self._files else began_at
        """Webhooks that arrived earlier may be missing: files before it are deleted, or there were none."""

    def bytes_since(self, time: datetime) -> int:
        """Returns the size of the files that may have webhooks received since this time."""
        return sum(path.stat().st_size for path in self._since(time))

    def erasures(self, since: datetime) -> dict[int, ErasureRecord]:
        """Returns the latest state of each organization that has erased somebody, if it existed at this time or later."""
        found = (line[ERASURES] for line in self._lines(self._since(since)) if ERASURES in line)
        return {each.organization_id: each for each in map(ErasureRecord.from_line, found)}

    def deletions(self, since: datetime) -> dict[int, DeletionRecord]:
        """Returns the latest state of each deletion of an organization, by its id."""
        found = (line[DELETION] for line in self._lines(self._since(since)) if DELETION in line)
        return {each.id: each for each in map(DeletionRecord.from_line, found)}

    def webhooks(self, since: datetime, bar: Progress = lambda size: None) -> Iterator[Webhook]:
        """Yields the webhooks that were received at this time or later, perhaps several times. Calls `bar` with the bytes read."""
        for path in self._since(since):
            for line in self._lines([path]):
                if WEBHOOK in line and (webhook := webhook_from_line(line[WEBHOOK])).date >= since:
                    yield webhook
            bar(path.stat().st_size)

    def _since(self, time: datetime) -> list[Path]:
        """Returns the files that were written after this time. A webhook is in a file that was begun before or after it."""
        begun_before = [path for path in self._files if begin_of(path) <= time]
        return self._files[max(0, len(begun_before) - 1) :]

    def _lines(self, files: list[Path]) -> Iterator[dict[str, Any]]:
        for path in files:
            try:
                with gzip.open(path, "rt", encoding="utf-8") as file:
                    for line in file:
                        if line.endswith("\n"):
                            yield json.loads(line)
            except (EOFError, zlib.error, gzip.BadGzipFile):
                continue
