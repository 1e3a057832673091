"""Saving files in the storage, which is a directory or a bucket, and the errors of the storage."""

import errno
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.files.base import File
from django.core.files.storage import default_storage


class StorageFailed(Exception):
    """The storage did not save, read or delete a file. The message says why, for operators."""


def storage_errors() -> tuple[type[Exception], ...]:
    """Returns the errors of a storage that refuses, is full or does not answer. FileNotFoundError is one of them: the file does not
    exist. Must be called when an error has occurred, as `except storage_errors()` does: the packages of a bucket take 25 MB of
    memory, so they are not loaded for their errors."""
    if "boto3" not in sys.modules:
        return (OSError,)
    from boto3.exceptions import Boto3Error  # noqa: PLC0415  see above
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    return (OSError, Boto3Error, BotoCoreError, ClientError)


@contextmanager
def _ignored_errors() -> Iterator[None]:
    """Context manager that ends at an error of the storage, and ignores it."""
    try:
        yield
    except storage_errors():
        pass


def save_file(name: str, content: "File[Any]") -> None:
    """Saves the content in the storage. No other file may have this name. Raises StorageFailed, and deletes what was saved of the
    file if the storage allows it."""
    try:
        default_storage.save(name, content)
    except storage_errors() as error:
        delete_files([name])  # a part of it may be saved, for example if the disk became full
        raise StorageFailed(storage_error_text(error)) from error


def delete_files(names: Iterable[str]) -> None:
    """Deletes files from the storage that no row refers to. Errors of the storage are ignored."""
    for name in names:
        with _ignored_errors():
            default_storage.delete(name)


def delete_stored_files(names: Iterable[str]) -> None:
    """Deletes files that rows refer to, before the rows. Raises StorageFailed if the storage does not delete one: the rows must
    stay then, so that it can be tried again."""
    try:
        for name in names:
            default_storage.delete(name)
    except storage_errors() as error:
        raise StorageFailed(storage_error_text(error)) from error


def delete_folder(name: str) -> None:
    """Deletes all files below a folder of the storage. Errors of the storage are ignored."""
    with _ignored_errors():
        folders, files = default_storage.listdir(name)
        delete_files(f"{name}/{each}" for each in files if each)
        for each in folders:
            delete_folder(f"{name}/{each}")


def storage_error_text(error: Exception) -> str:
    """Returns a short text for logs, such as “PermissionError EACCES” or “ClientError AccessDenied”. It never contains a path."""
    kind = type(error).__name__
    if isinstance(error, OSError):
        return f"{kind} {errno.errorcode.get(error.errno or 0, '')}".strip()
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code", "") if isinstance(response, dict) else ""
    return f"{kind} {code}".strip()[:100]
