"""A stand-in for Graph on a real socket, with the templates of one account. It can refuse requests."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


def listed_template(
    name: str, language: str = "pt_BR", body: str = "Olá {{1}}, tudo certo com o pedido.", **more: Any
) -> dict[str, Any]:
    """Returns a template as Meta lists it."""
    return {
        "id": str(1_104_889_917_755_000 + sum(name.encode() + language.encode())),
        "name": name,
        "language": language,
        "status": "APPROVED",
        "category": "UTILITY",
        "parameter_format": "POSITIONAL",
        "components": [{"type": "BODY", "text": body, "example": {"body_text": [["Maria"]]}}],
        "quality_score": {"score": "GREEN", "date": 1},
    } | more


class AccountAtMeta:
    """The templates of the account, and the requests that were made."""

    def __init__(self) -> None:
        self.templates: list[dict[str, Any]] = []
        self.page_size = 100
        self.refusal: dict[str, Any] | None = None
        self.refuse_after = 0
        """How many requests succeed before the refusal."""
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.url = ""

    def respond(self, method: str, path: str, parameters: dict[str, str], body: Any) -> tuple[int, dict[str, Any]]:
        self.requests.append((method, path, parameters, body))
        if self.refusal and len(self.requests) > self.refuse_after:
            return 400, {"error": self.refusal}
        if method == "POST":
            self.templates.append(body | {"id": "77", "status": "PENDING"})
            return 200, {"id": "77", "status": "PENDING", "category": body["category"]}
        if method == "DELETE":
            one = parameters.get("hsm_id")
            self.templates = [each for each in self.templates if each["name"] != parameters["name"] or (one and each["id"] != one)]
            return 200, {"success": True}
        start = int(parameters.get("after", "0"))
        end = start + self.page_size
        paging: dict[str, Any] = {"cursors": {"before": str(start), "after": str(end)}}
        if end < len(self.templates):
            paging["next"] = "https://graph.example/next"
        return 200, {"data": self.templates[start:end], "paging": paging}


@contextmanager
def account_at_meta() -> Iterator[AccountAtMeta]:
    """Serves an account on a free port for the time of the context."""
    account = AccountAtMeta()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            parts = urlsplit(self.path)
            parameters = {key: values[0] for key, values in parse_qs(parts.query).items()}
            status, response = account.respond(self.command, parts.path, parameters, body)
            content = json.dumps(response).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _handle

        def log_message(self, *_: Any) -> None:
            """Writes nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    account.url = f"http://127.0.0.1:{server.server_port}"
    yield account
    server.shutdown()
    server.server_close()
    thread.join()
