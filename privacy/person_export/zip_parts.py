"""A ZIP file in parts. Each part has entries, which are stored without compression. The last part has more entries, and the
directory with the entries of all parts. Joined, the parts are the ZIP file."""

import io
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any

Entry = tuple[str, list[int], int, int, int]
"""The name of an entry, its time, its CRC-32, its size in bytes, and where it begins in its part."""


@contextmanager
def zip_part(target: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """Context manager with an archive, whose entries become a part. The target has no directory then, and is at its end."""
    with zipfile.ZipFile(target, "w") as archive:
        yield archive
        size = target.tell()
    target.truncate(size)
    target.seek(size)


def entries_of(archive: zipfile.ZipFile) -> list[Entry]:
    """Returns what the last part has to know of the entries of a part."""
    return [(each.filename, [*each.date_time], each.CRC, each.file_size, each.header_offset) for each in archive.infolist()]


@contextmanager
def last_zip_part(target: IO[bytes], parts: Iterable[tuple[int, Iterable[Entry]]]) -> Iterator[zipfile.ZipFile]:
    """Context manager with an archive that continues these parts, each with its size in bytes and its entries."""
    known = []
    begins = 0
    for size, entries in parts:
        known += [_directory_entry(entry, begins) for entry in entries]
        begins += size
    with zipfile.ZipFile(_Continued(target, begins), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.filelist += known
        archive.NameToInfo |= {each.filename: each for each in known}
        yield archive


def _directory_entry(entry: Entry, begins: int) -> zipfile.ZipInfo:
    name, time, crc, size, offset = entry
    found = zipfile.ZipInfo(name, (time[0], time[1], time[2], time[3], time[4], time[5]))
    found.CRC, found.file_size, found.compress_size, found.header_offset = crc, size, size, begins + offset
    found.external_attr = 0o600 << 16  # as of entries that zipfile writes
    return found


class _Continued(io.RawIOBase):
    """The rest of a file, with the positions of the whole file."""

    def __init__(self, rest: IO[bytes], begins: int) -> None:
        self._rest = rest
        self._begins = begins

    def write(self, content: Any) -> int:
        return self._rest.write(content)

    def tell(self) -> int:
        return self._begins + self._rest.tell()

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        return self._begins + self._rest.seek(position - self._begins if whence == io.SEEK_SET else position, whence)

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True
