"""A ZIP file in parts: joined, they are one file that every program reads."""

import json
import tempfile
import zipfile
from pathlib import Path

from privacy.person_export.zip_parts import entries_of, last_zip_part, zip_part

LARGE = 5 * 2**30


def test_parts_beyond_four_gigabytes_are_one_file() -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "joined.zip"
        with path.open("w+b") as joined, tempfile.TemporaryFile() as part, tempfile.TemporaryFile() as last:
            with zip_part(part) as archive:
                archive.writestr(zipfile.ZipInfo("files/1-ação.txt", (2026, 1, 2, 3, 4, 6)), "olá")
                entries = json.loads(json.dumps(entries_of(archive)))
            size = part.tell()
            with last_zip_part(last, [(LARGE, []), (size, entries)]) as archive:
                assert archive.namelist() == ["files/1-ação.txt"]
                archive.writestr("index.html", "<p>" * 1000)
            joined.seek(LARGE)  # a hole in the file, which takes no room
            for each in (part, last):
                each.seek(0)
                joined.write(each.read())
        with zipfile.ZipFile(path) as whole:
            assert whole.testzip() is None
            assert whole.read("files/1-ação.txt") == "olá".encode()
            assert whole.getinfo("files/1-ação.txt").date_time == (2026, 1, 2, 3, 4, 6)
            assert whole.read("index.html") == b"<p>" * 1000
