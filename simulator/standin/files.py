"""Files at the stand-in: uploaded by businesses and customers, and served at URLs that expire (docs/meta-platform.md 8.3)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Any

from cloud_api.media_types import HEAD, check_content, check_media, fitting_kind
from simulator.standin.errors import bad_parameter
from simulator.standin.graph.request_checks import as_error_response
from simulator.standin.state.identifiers import new_id
from simulator.standin.state.world import File, Number, World

Content = dict[str, Any]

FILES_PATH = "files"
URL_LIFETIME = 300


class Files:
    """`now` returns seconds since 1970."""

    def __init__(self, world: World, now: Callable[[], float]) -> None:
        self._world = world
        self._now = now
        self._key = secrets.token_bytes(32)

    def store(self, number: Number, content: bytes, *, mime_type: str, name: str) -> File:
        file = File(
            id=new_id(),
            phone_number_id=number.phone_number_id,
            mime_type=mime_type,
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
            name=name,
        )
        self._world.journal.save_file(file.id, content)
        self._world.put(file)
        return file

    def find(self, number: Number, file_id: str) -> File | None:
        file = self._world.files.get(file_id)
        return file if file and file.phone_number_id == number.phone_number_id else None

    def download_url(self, file: File, base_url: str) -> str:
        """Returns a URL of the file that is valid for five minutes, with the bearer token."""
        expires = str(int(self._now()) + URL_LIFETIME)
        return f"{base_url}/{FILES_PATH}/{file.id}?ext={expires}&hash={self._signature(file.id, expires)}"

    def is_valid_url(self, file_id: str, expires: str, signature: str) -> bool:
        """Whether `download_url` returned a URL with these values that has not expired."""
        is_ours = hmac.compare_digest(self._signature(file_id, expires).encode(), signature.encode())
        return is_ours and self._now() < int(expires)

    def _signature(self, file_id: str, expires: str) -> str:
        return hmac.new(self._key, f"{file_id} {expires}".encode(), "sha256").hexdigest()


def check_upload(mime_type: str, content: bytes) -> None:
    """Raises ErrorResponse if no message can contain such a file."""
    kind = fitting_kind(mime_type)
    if kind is None:
        raise bad_parameter(f"Param file must be a file of a supported type. Received file of type '{mime_type}'.")
    if kind == "image":
        kind = "document"  # a picture may be sent as a document
    with as_error_response():
        check_media(kind, mime_type, len(content))
        check_content(mime_type, content[:HEAD], len(content))


def media_object(file: File, content: Content, url: str) -> Content:
    """Returns the media object of a customer's message. `content` has what the customer added."""
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    return content | {"mime_type": file.mime_type, "sha256": digest, "id": file.id, "url": url}


def media_summary(file: File) -> Content:
    return {"id": file.id, "mime_type": file.mime_type, "name": file.name}
