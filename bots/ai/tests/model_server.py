"""A small server with OpenAI's interface, whose responses a test writes."""

import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bots.ai.client import AiEndpoint
from bots.ai.questions import Dialogue, PastMessage
from bots.ai.settings import AiSettings
from bots.web_requests.allow_list import AllowList

KEY = "sk-test-7f3b9c2d41"
Respond = Callable[[dict[str, Any]], "Response"]


class Response:
    """What the server answers. A `stream` is sent until the client goes away, `delay` seconds after the request."""

    def __init__(
        self, body: bytes | dict[str, Any], status: int = 200, *, headers: dict[str, str] | None = None, delay: float = 0.0
    ) -> None:
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status = status
        self.headers = headers or {}
        self.delay = delay
        self.is_endless = False


def says(content: str | None, *, calls: Sequence[tuple[str, Any]] = (), usage: Any = None, **fields: Any) -> Response:
    """A completion with this text and these calls of tools, by name and arguments."""
    named = [
        {
            "id": f"call_{index}",
            "type": "function",
            "function": {"name": name, "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments)},
        }
        for index, (name, arguments) in enumerate(calls)
    ]
    message = {"role": "assistant", "content": content, **({"tool_calls": named} if named else {}), **fields.pop("message", {})}
    choice = {"index": 0, "finish_reason": fields.pop("finish_reason", "tool_calls" if named else "stop"), "message": message}
    counted = {"prompt_tokens": 100, "completion_tokens": 10} if usage is None else usage
    return Response({"id": "c1", "object": "chat.completion", "model": "prov-1", "choices": [choice], "usage": counted} | fields)


def replies(*messages: str) -> Response:
    return says(None, calls=[("reply", {"messages": list(messages)})])


def calls(name: str, **arguments: Any) -> Response:
    return says(None, calls=[(name, arguments)])


def fails(status: int, message: str = "no", **error: Any) -> Response:
    return Response({"error": {"message": message, "type": "invalid_request_error", **error}}, status)


def endless() -> Response:
    response = Response(b"")
    response.is_endless = True
    return response


class ModelServer:
    """Answers each request with the next of `responses`, the last one for ever. A function gets the body of the request."""

    def __init__(self) -> None:
        self.responses: list[Response | Respond] = [replies("Olá!")]
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.bytes: list[bytes] = []
        self.paths: list[str] = []
        self.before: Callable[[], None] = lambda: None
        """Called before each response, in a thread of the server."""
        own, self._ended = self, threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                own.bytes.append(body)
                own.headers.append({name.lower(): value for name, value in self.headers.items()})
                own.paths.append(self.path)
                own.requests.append(json.loads(body) if body else {})
                own.before()
                found = own.responses.pop(0) if len(own.responses) > 1 else own.responses[0]
                with suppress(OSError):
                    own._write(self, found if isinstance(found, Response) else found(own.requests[-1]))

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                """Writes nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def _write(self, handler: BaseHTTPRequestHandler, response: Response) -> None:
        if response.delay:
            self._ended.wait(response.delay)
        handler.send_response(response.status)
        for name, value in {"Content-Type": "application/json", **response.headers}.items():
            handler.send_header(name, value)
        if not response.is_endless:
            handler.send_header("Content-Length", str(len(response.body)))
        handler.end_headers()
        handler.wfile.write(response.body)
        while response.is_endless and not self._ended.is_set():
            handler.wfile.write(b"data: {}\n\n")
            time.sleep(0.01)

    @property
    def allowed(self) -> AllowList:
        return AllowList.parse([f"127.0.0.1:{self.port}"])

    def endpoint(self, **columns: Any) -> AiEndpoint:
        given: dict[str, Any] = {"base_url": self.url, "api_key": KEY, "timeout_seconds": 5.0, "allowed": self.allowed}
        return AiEndpoint(**given | columns)

    def dialogue(self, *texts: str, endpoint: AiEndpoint | None = None, **columns: Any) -> Dialogue:
        """A question of a customer who wrote these texts."""
        settings = columns.pop("settings", AiSettings(model="prov", who="Você é a Bia.", knowledge="Rosas custam R$ 12."))
        history = [PastMessage("customer", "text", text) for text in texts or ("Quanto custam as rosas?",)]
        columns.setdefault("key", uuid.UUID(int=7))
        return Dialogue(settings=settings, endpoint=endpoint or self.endpoint(), history=history, **columns)

    def close(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def closed_port() -> int:
    """Returns a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
