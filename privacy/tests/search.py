"""Searches everything that the hub stores for the values of a person: each column of each table, and each file. Tables and files of
later versions are searched too."""

import base64
import contextlib
import re
import subprocess
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import connection

from organizations.fields import decrypt, is_encrypted

TOKEN = re.compile(r"(?<![\w+/-])gAAAA[\w-]+=*")
"""Not within other Base64, such as that of the cache."""


def traces(values: Collection[str]) -> list[str]:
    """Returns where one of the values is: in a table, in a file's name or content, or in the database's own files."""
    needles = [form for value in values for form in forms(value)]
    return [*_in_tables(needles), *_in_files(needles), *_in_database_files(needles)]


def forms(value: str) -> Iterator[str]:
    """Yields the value as it is, as JSON escapes it, and as it stands in Base64."""
    yield value.lower()
    yield ascii(value)[1:-1].lower()
    if value.isdigit() and len(value) > 8:
        for offset in range(3):
            encoded = base64.b64encode(b"\0" * offset + value.encode()).decode()
            yield encoded[-(-offset * 4 // 3) : (offset + len(value)) * 4 // 3].lower()


def _in_tables(needles: Collection[str]) -> Iterator[str]:
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            columns = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for column, value in zip(columns, row, strict=True):
                    text = _text(value)
                    yield from (f"{table}.{column}: {needle}" for needle in needles if needle in text)


def _text(value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        content = bytes(value)
        with contextlib.suppress(zlib.error):
            content = zlib.decompress(content)
        return content.decode("latin-1").lower() + content.decode(errors="replace").lower()
    text = str(value)
    opened = " ".join(_opened(token) for token in TOKEN.findall(text) if is_encrypted(token))
    return f"{text} {opened}".lower()


def _opened(token: str) -> str:
    """Returns the text of a token; nothing if it only looks like one, as a value of the cache may."""
    try:
        return decrypt(token)
    except InvalidToken:
        return ""


def _in_files(needles: Collection[str]) -> Iterator[str]:
    for path in Path(settings.MEDIA_ROOT).rglob("*"):
        content = path.read_bytes().lower() if path.is_file() else b""
        yield from (f"{path.name}: {each}" for each in needles if each in str(path).lower() or each.encode() in content)


def _in_database_files(needles: Collection[str]) -> Iterator[str]:
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    name = Path(str(connection.settings_dict["NAME"]))
    for path in name.parent.glob(f"{name.name}*"):
        # By another process: if this one closed a file of the database, SQLite's locks would be gone, and others could break it.
        content = subprocess.run(["/bin/cat", str(path)], capture_output=True, check=True).stdout.lower()
        yield from (f"{path.name}: {needle}" for needle in needles if needle.encode() in content)
