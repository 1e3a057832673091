"""Saving files in the storage, which is a directory or a bucket, and the errors of the storage."""

import errno
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from django.core.files.base import File
from django.core.files.storage import default_storage

try:
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:  # without requirements/s3.txt the storage is a directory
    BUCKET_ERRORS: tuple[type[Exception], ...] = ()
else:
    BUCKET_ERRORS = (Boto3Error, BotoCoreError, ClientError)

STORAGE_ERRORS: tuple[type[Exception], ...] = (OSError, *BUCKET_ERRORS)
"""Errors of a storage that refuses, is full or does not answer. FileNotFoundError is one of them: the file does not exist."""


class StorageFailed(Exception):
    """The storage did not save a file. The message says why, for operators."""


def save_file(name: str, content: "File[Any]") -> None:
    """Saves the content in the storage. No other file may have this name. Raises StorageFailed, and deletes what was saved of the
    file if the storage allows it."""
    try:
        default_storage.save(name, content)
    except STORAGE_ERRORS as error:
        delete_files([name])  # a part of it may be saved, for example if the disk became full
        raise StorageFailed(storage_error_text(error)) from error


def delete_files(names: Iterable[str]) -> None:
    """Deletes files from the storage that no row refers to. Errors of the storage are ignored."""
    for name in names:
        with suppress(*STORAGE_ERRORS):
            default_storage.delete(name)


def storage_error_text(error: Exception) -> str:
    """Returns a short text for logs, such as “PermissionError EACCES” or “ClientError AccessDenied”. It never contains a path."""
    kind = type(error).__name__
    if isinstance(error, OSError):
        return f"{kind} {errno.errorcode.get(error.errno or 0, '')}".strip()
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code", "") if isinstance(response, dict) else ""
    return f"{kind} {code}".strip()[:100]
