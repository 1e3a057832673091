"""Upload and download of files (docs/meta-platform.md 8.3, 10)."""

import base64
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from urllib3.exceptions import LocationParseError
from urllib3.fields import RequestField
from urllib3.util import Url, parse_url

from cloud_api.graph.errors import WrongHost
from cloud_api.graph.transport import CHUNK

META_HOSTS = ("fbsbx.com", "facebook.com", "whatsapp.net")
PORTS = {"http": 80, "https": 443}

_HEX = re.compile(r"[0-9a-fA-F]{64}")
_UNSAFE = re.compile(r"[\\\s\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Media:
    """A file at Meta. `url` is valid for five minutes. `sha256` is lower-case hex, empty if Meta's value cannot be read.
    `file_size` is in bytes. `mime_type` is what Meta says."""

    url: str
    mime_type: str
    sha256: str
    file_size: int | None


@dataclass(frozen=True, slots=True)
class Downloaded:
    """Digest and size of a downloaded file: `sha256` in lower-case hex, `size` in bytes."""

    sha256: str
    size: int


def hex_digest(given: object) -> str:
    """Returns a SHA-256 in lower-case hex, from hex or base64: Meta uses both (docs/meta-platform.md 8.3). Empty for anything
    else."""
    text = given.strip() if isinstance(given, str) else ""
    if _HEX.fullmatch(text):
        return text.lower()
    try:
        digest = base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except ValueError:  # not base64, or not ASCII
        return ""
    return digest.hex() if len(digest) == 32 else ""


def checked_url(url: str, graph_url: str) -> str:
    """Returns the URL of a file if the token may be sent there: https below Meta's hosts, or the origin of the configured Graph
    URL. Raises WrongHost.

    Uses the parser with which urllib3 connects, because two parsers may find two different hosts in one URL.
    """
    if _UNSAFE.search(url):
        raise WrongHost("The file's address has characters that no address has.")
    try:
        parsed = parse_url(url)
    except LocationParseError:
        raise WrongHost("The file's address cannot be read.") from None
    if parsed.auth is not None or not (_is_of_meta(parsed) or _origin(parsed) == _origin(parse_url(graph_url))):
        raise WrongHost("The file's address is not one of Meta's.")
    return parsed.url


def _is_of_meta(url: Url) -> bool:
    scheme, host, port = _origin(url)
    return (scheme, port) == ("https", PORTS["https"]) and any(f".{host}".endswith(f".{known}") for known in META_HOSTS)


def _origin(url: Url) -> tuple[str, str, int | None]:
    scheme = (url.scheme or "").lower()
    return scheme, (url.host or "").lower(), url.port or PORTS.get(scheme)


class UploadForm:
    """A multipart form with one file, as chunks: the file is not read into memory. It is sent from its beginning."""

    def __init__(self, file: BinaryIO, *, name: str, mime_type: str) -> None:
        boundary = secrets.token_hex(16)
        fields = [_field("messaging_product", "whatsapp"), _field("type", mime_type)]
        heading = RequestField("file", "", filename=name)
        heading.make_multipart(content_type=mime_type)
        parts = [*fields, heading.render_headers()]
        self._before = "".join(f"--{boundary}\r\n{part}" for part in parts).encode()
        self._after = f"\r\n--{boundary}--\r\n".encode()
        self._file = file
        size = len(self._before) + file.seek(0, os.SEEK_END) + len(self._after)
        self.headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Content-Length": str(size)}

    def __iter__(self) -> Iterator[bytes]:
        yield self._before
        self._file.seek(0)
        while chunk := self._file.read(CHUNK):
            yield chunk
        yield self._after


def _field(name: str, value: str) -> str:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
