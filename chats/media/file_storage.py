"""Putting files into the storage, a directory or a bucket, and what it means when it does not take or give them."""

import errno
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from django.core.files.base import File
from django.core.files.storage import default_storage

try:
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:  # without requirements/s3.txt the files are on this machine
    BUCKET_ERRORS: tuple[type[Exception], ...] = ()
else:
    BUCKET_ERRORS = (Boto3Error, BotoCoreError, ClientError)

STORAGE_ERRORS: tuple[type[Exception], ...] = (OSError, *BUCKET_ERRORS)
"""What a storage raises that refuses, is full or does not answer. FileNotFoundError is among them: the file is not there."""


class StorageFailed(Exception):
    """The storage did not take a file; the text says why, for operators."""


def save_file(name: str, content: "File[Any]") -> None:
    """Put the content into the storage under a name that nothing else has. Raises StorageFailed, and then nothing of it stays where
    that can be helped."""
    try:
        default_storage.save(name, content)
    except STORAGE_ERRORS as failure:
        delete_files([name])  # it may be there in part, and the disk full
        raise StorageFailed(storage_error_text(failure)) from failure


def delete_files(names: Iterable[str]) -> None:
    """Remove from the storage what no row names, as far as it can be done now."""
    for name in names:
        with suppress(*STORAGE_ERRORS):
            default_storage.delete(name)


def storage_error_text(failure: Exception) -> str:
    """In short, such as “PermissionError EACCES” or “ClientError AccessDenied”; never with a path."""
    kind = type(failure).__name__
    if isinstance(failure, OSError):
        return f"{kind} {errno.errorcode.get(failure.errno or 0, '')}".strip()
    response = getattr(failure, "response", None)
    code = response.get("Error", {}).get("Code", "") if isinstance(response, dict) else ""
    return f"{kind} {code}".strip()[:100]
