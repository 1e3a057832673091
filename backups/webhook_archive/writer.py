"""Copies new webhooks, erasures and deletions into the archive. One process does it, once a second.

Ids are not committed in their order: a transaction that got its id earlier may commit later. So the writer looks again at ids of
the last minute. A webhook is acknowledged at most five seconds after it got its id, so none is missed.
"""

import fcntl
import gzip
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from backups.backup_folders import sync
from backups.tables.snapshots import database_time
from backups.webhook_archive.records import DELETION, ERASURES, WEBHOOK, DeletionRecord, ErasureRecord, webhook_to_line
from organizations.models import Organization
from privacy.models import OrganizationDeletion
from webhooks.models import Webhook

SECOND_LOOK = timedelta(seconds=60)
MAX_FILE_SECONDS = 3600.0
MAX_FILE_BYTES = 256 * 2**20
MAX_BODIES = 8 * 2**20
"""Bytes of bodies that are read and written at once."""
MAX_ROWS = 2_000
STATE, LOCK = "state.json", "lock"
NAME, FILES = "%Y-%m-%dT%H-%M-%S-%f.jsonl.gz", "*.jsonl.gz"


class ArchiveInUse(Exception):
    """Another process writes into this archive."""


def begin_of(path: Path) -> datetime:
    """Returns when a file of the archive was begun."""
    return datetime.strptime(path.name, NAME).replace(tzinfo=UTC)


class ArchiveWriter:
    """Appends to the archive in a directory. Raises ArchiveInUse.

    With `keep`, files that were begun so long ago are deleted when a new one begins. An archive restores no backup that is older.
    """

    def __init__(self, directory: Path, *, keep: timedelta | None = None) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._keep = keep
        self._lock = (directory / LOCK).open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise ArchiveInUse(f"another process writes into {directory}") from None
        self._file: IO[bytes] | None = None
        self._opened_at = 0.0
        self._written: dict[int, datetime] = {}
        """Webhooks of the last minute that are in the archive, by id."""
        self._erased: dict[int, datetime] = {}
        self._deletions: dict[int, DeletionRecord] = {}
        self._last = self._read_state()

    def close(self) -> None:
        self._end_file()
        self._lock.close()

    def write_new(self) -> int:
        """Copies what is new, and returns how many webhooks. They are on the disk when it returns. After an error, such as a full
        disk, the next call begins another file and writes the same again."""
        file = self._current_file()
        try:
            self._append(file, [*self._changed_erasures(), *self._changed_deletions()])
            count = sum(self._append_webhooks(file, part) for part in self._parts())
        except OSError:
            self._end_file()
            raise
        self._forget_old()
        return count

    def _append_webhooks(self, file: IO[bytes], ids: Sequence[int]) -> int:
        webhooks = list(Webhook.objects.filter(pk__in=ids).order_by("pk"))
        self._append(file, [{WEBHOOK: webhook_to_line(each)} for each in webhooks])
        self._written |= {each.pk: each.date for each in webhooks}
        return len(webhooks)

    def _parts(self) -> Iterator[list[int]]:
        """Yields the ids of new webhooks, as many as may be read at once."""
        part: list[int] = []
        size = 0
        rows = Webhook.objects.filter(pk__gt=self._last).order_by("pk").values_list("pk", "size")
        for pk, length in rows.iterator():
            if pk in self._written:
                continue
            if part and (len(part) == MAX_ROWS or size + length > MAX_BODIES):
                yield part
                part, size = [], 0
            part.append(pk)
            size += length
        if part:
            yield part

    def _changed_erasures(self) -> Iterator[dict[str, Any]]:
        for organization in Organization.objects.exclude(erased_until=None).order_by("pk"):
            until = organization.erased_until
            if until and self._erased.get(organization.pk) != until:
                yield {ERASURES: asdict(ErasureRecord.of(organization, until))}
                self._erased[organization.pk] = until

    def _changed_deletions(self) -> Iterator[dict[str, Any]]:
        for record in map(DeletionRecord.of, OrganizationDeletion.objects.order_by("pk")):
            if self._deletions.get(record.id) != record:
                yield {DELETION: asdict(record)}
                self._deletions[record.id] = record

    def _append(self, file: IO[bytes], lines: Sequence[dict[str, Any]]) -> None:
        """Appends lines as one compressed member, and waits for the disk."""
        if lines:
            text = "".join(json.dumps(each, cls=DjangoJSONEncoder) + "\n" for each in lines)
            file.write(gzip.compress(text.encode(), compresslevel=3))
            file.flush()
            os.fsync(file.fileno())

    def _forget_old(self) -> None:
        """Moves on to the ids of the last minute."""
        before = database_time(connection) - SECOND_LOOK
        old = [pk for pk, date in self._written.items() if date < before]
        if old:
            self._last = max(self._last, *old)
            self._written = {pk: date for pk, date in self._written.items() if pk > self._last}
            self._write_state()

    def _current_file(self) -> IO[bytes]:
        """Returns the file to append to: a new one if there is none, or if it is old or large."""
        if self._file and time.monotonic() - self._opened_at < MAX_FILE_SECONDS and self._file.tell() < MAX_FILE_BYTES:
            return self._file
        self._end_file()
        now = database_time(connection)
        if self._keep:
            self._delete_until(now - self._keep)
        path = self._directory / now.strftime(NAME)
        self._file = path.open("xb")
        self._opened_at = time.monotonic()
        path.chmod(0o600)
        sync(self._directory)
        self._erased, self._deletions = {}, {}
        return self._file

    def _delete_until(self, time: datetime) -> None:
        for path in self._directory.glob(FILES):
            if begin_of(path) < time:
                path.unlink()

    def _end_file(self) -> None:
        if self._file:
            self._file.close()
        self._file = None

    def _read_state(self) -> int:
        """Returns the last webhook that needs no second look. A new archive begins with the webhooks of the last minute."""
        path = self._directory / STATE
        if path.exists():
            return int(json.loads(path.read_text())["last"])
        now = database_time(connection)
        earlier = Webhook.objects.filter(date__lt=now - SECOND_LOOK).order_by("-pk").values_list("pk", flat=True).first()
        self._last = earlier or 0
        self._began_at = now.isoformat()
        self._write_state()
        return self._last

    def _write_state(self) -> None:
        path = self._directory / STATE
        values = json.loads(path.read_text()) if path.exists() else {"began_at": self._began_at}
        part = self._directory / f".{STATE}"
        part.write_text(json.dumps(values | {"last": self._last}))
        sync(part)
        part.rename(path)
        sync(self._directory)
