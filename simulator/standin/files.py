"""Files at the stand-in: from businesses and customers, and served at addresses that expire (docs/meta-platform.md 8.3)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Any

from cloud_api.media_types import HEAD, check_content, check_media, fitting_kind
from simulator.standin.errors import bad_parameter
from simulator.standin.identifiers import new_id
from simulator.standin.request_checks import as_refusal
from simulator.standin.world import File, Number, World

Content = dict[str, Any]

FILES_PATH = "files"
SECONDS_OF_ADDRESS = 300


class Files:
    """`now` gives the time in seconds since 1970."""

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

    def of(self, number: Number, file_id: str) -> File | None:
        file = self._world.files.get(file_id)
        return file if file and file.phone_number_id == number.phone_number_id else None

    def address(self, file: File, base_url: str) -> str:
        """Where the file can be had for five minutes, with the bearer token."""
        expires = str(int(self._now()) + SECONDS_OF_ADDRESS)
        return f"{base_url}/{FILES_PATH}/{file.id}?ext={expires}&hash={self._mark(file.id, expires)}"

    def is_address(self, file_id: str, expires: str, mark: str) -> bool:
        """Whether such an address was given, and is still good."""
        is_ours = hmac.compare_digest(self._mark(file_id, expires).encode(), mark.encode())
        return is_ours and self._now() < int(expires)

    def _mark(self, file_id: str, expires: str) -> str:
        return hmac.new(self._key, f"{file_id} {expires}".encode(), "sha256").hexdigest()


def check_upload(mime_type: str, content: bytes) -> None:
    """Raises Refusal for what no message can carry."""
    kind = fitting_kind(mime_type)
    if kind is None:
        raise bad_parameter(f"Param file must be a file of a supported type. Received file of type '{mime_type}'.")
    if kind == "image":
        kind = "document"  # which a picture may be sent as
    with as_refusal():
        check_media(kind, mime_type, len(content))
        check_content(mime_type, content[:HEAD], len(content))


def in_webhook(file: File, content: Content, url: str) -> Content:
    """The media object of a customer's message; `content` holds what the customer added."""
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    return content | {"mime_type": file.mime_type, "sha256": digest, "id": file.id, "url": url}


def brief(file: File) -> Content:
    return {"id": file.id, "mime_type": file.mime_type, "name": file.name}
