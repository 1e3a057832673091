"""A stand-in for Meta's files on a real socket, and pictures for tests."""

import base64
import hashlib
import io
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

ORIENTATION = 0x0112


def picture(
    width: int = 40, height: int = 30, kind: str = "JPEG", *, mode: str = "RGB", orientation: int = 0, **options: Any
) -> bytes:
    """Returns a picture with a red upper half and a blue lower half."""
    image = Image.new("RGB", (width, height), "blue")
    image.paste("red", (0, 0, width, height // 2))
    if orientation:
        exif = Image.Exif()
        exif[ORIENTATION], exif[0x010E] = orientation, "taken at home"
        options["exif"] = exif
    content = io.BytesIO()
    image.convert(mode).save(content, kind, **options)
    return content.getvalue()


def open_picture(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def digest(content: bytes) -> str:
    """Returns the digest as webhooks contain it."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


@dataclass
class FileAtMeta:
    content: bytes
    mime_type: str = "image/jpeg"
    length: int | None = None
    """The Content-Length header, if it is not the real length."""
    redirects_to: str = ""
    released: threading.Event = field(default_factory=threading.Event)
    """The file is served when this is set."""

    def __post_init__(self) -> None:
        self.released.set()


class MediaAtMeta:
    """Files at Meta, and how often each path was requested."""

    def __init__(self) -> None:
        self.files: dict[str, FileAtMeta] = {}
        self.refusals: dict[str, tuple[int, dict[str, Any]]] = {}
        self.requests: Counter[str] = Counter()
        self.tokens: set[str] = set()
        self.url = ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    meta: MediaAtMeta

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        media_id = path.rpartition("/")[2]
        self.meta.requests[path] += 1
        self.meta.tokens.add(self.headers.get("Authorization", ""))
        found = self.meta.files.get(media_id)
        if media_id in self.meta.refusals:
            status, error = self.meta.refusals[media_id]
            self._send_json(status, {"error": error})
        elif found is None:
            self._send_json(400, {"error": {"code": 100, "error_subcode": 33, "message": "Unsupported get request."}})
        elif path.startswith("/files/"):
            self._send_file(found)
        else:
            sha256, size = hashlib.sha256(found.content).hexdigest(), str(len(found.content))
            described = {"id": media_id, "url": f"{self.meta.url}/files/{media_id}", "mime_type": found.mime_type}
            self._send_json(200, {**described, "sha256": sha256, "file_size": size})

    def _send_file(self, found: FileAtMeta) -> None:
        found.released.wait(20)
        self.send_response(302 if found.redirects_to else 200)
        if found.redirects_to:
            self.send_header("Location", found.redirects_to)
        self.send_header("Content-Length", str(len(found.content) if found.length is None else found.length))
        self.end_headers()
        self.wfile.write(found.content)

    def _send_json(self, status: int, response: dict[str, Any]) -> None:
        content = json.dumps(response).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Writes nothing."""


@contextmanager
def media_at_meta() -> Iterator[MediaAtMeta]:
    """Serves files on a free port for the time of the context."""
    meta = MediaAtMeta()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OfOne", (Handler,), {"meta": meta}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    meta.url = f"http://127.0.0.1:{server.server_port}"
    yield meta
    server.shutdown()
    server.server_close()
    thread.join()
