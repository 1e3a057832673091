"""The file of an outbound message: read from the storage, put into the API object by its media ID, copied for a resent message,
and shared by many."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Self

from django.db.models.fields.files import FieldFile

from chats.media.file_storage import storage_error_text
from chats.media.message_files import files_of, key_of
from chats.models import Attachment, Message
from jobs.models import State


class StoredFileUnreadable(Exception):
    """The storage does not return a file that it should have. The message says why, for operators."""

    def __init__(self, error: Exception) -> None:
        super().__init__(storage_error_text(error))
        self.is_missing = isinstance(error, FileNotFoundError)


class StoredFile(io.RawIOBase):
    """A file of the storage, opened by `with` and read while it is sent. Every error of the storage becomes StoredFileUnreadable,
    so that it is not mistaken for an error of the connection to Meta."""

    def __init__(self, file: FieldFile) -> None:
        self._stored = file

    def __enter__(self) -> Self:
        with _storage_errors():
            self._content = self._stored.open("rb").file
        return self

    def close(self) -> None:
        with _storage_errors():
            self._stored.close()
        super().close()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with _storage_errors():
            return int(self._content.seek(offset, whence))

    def read(self, size: int = -1) -> bytes:
        with _storage_errors():
            return bytes(self._content.read(size))


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001  each storage has exceptions of its own: OSError, those of botocore, of urllib3
        raise StoredFileUnreadable(error) from None


def with_media_id(api_object: Mapping[str, Any], media_id: str) -> dict[str, Any]:
    """Returns the API object with the media ID of its file, in the object of its kind or in a template's header.

    See docs/meta-platform.md 8.2.
    """
    kind = api_object["type"]
    if kind != "template":
        return {**api_object, kind: {**api_object[kind], "id": media_id}}
    template = api_object["template"]
    components = [_header_with_media_id(each, media_id) if each["type"] == "header" else each for each in template["components"]]
    return {**api_object, "template": {**template, "components": components}}


def _header_with_media_id(component: Mapping[str, Any], media_id: str) -> dict[str, Any]:
    parameters = [{**each, each["type"]: {**each[each["type"]], "id": media_id}} for each in component["parameters"]]
    return {**component, "parameters": parameters}


def attach_again(message: Message, earlier: Message) -> None:
    """Copies the attachment of `earlier`, if it has one, to `message`, which resends it. Both use the same stored file."""
    file = files_of([earlier]).get(key_of(earlier))
    if file is None:
        return
    file.pk, file._state.adding = None, True
    file.message_name, file.state, file.media_id, file.media_id_until = message.name, State.DONE, "", None
    file.save(force_insert=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFile:
    """A file of the storage that any number of messages of its kind can have. `file` and `thumbnail` are names in the storage,
    `size` is in bytes, `width` and `height` are of an image in pixels."""

    kind: str
    mime_type: str
    file_name: str
    sha256: str
    size: int
    file: str
    thumbnail: str = ""
    width: int | None = None
    height: int | None = None

    def attachment_of(self, message: Message) -> Attachment:
        """Returns the attachment with which the message sends the file, not saved."""
        return Attachment(
            phone_number_id=message.phone_number_id,
            message_name=message.name,
            state=State.DONE.value,
            **asdict(self),
        )
