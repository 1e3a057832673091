"""An endpoint with OpenAI's interface on this machine, which answers by rules."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150}


class Endpoint:
    """What the endpoint was asked, and how it answers. `answers` are texts by a word of the customer's last message; the text
    `PERSON` calls a person, `TOOL` uses the web call first. `status` other than 200 is an error with the body `error`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}/v1"
        self.answers: dict[str, str] = {}
        self.otherwise = "Olá! Abrimos aos sábados das 8h às 12h."
        self.status, self.error = 200, {"error": {"message": "Something broke."}}
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.may_answer = threading.Event()
        self.may_answer.set()

    def message(self, body: dict[str, Any]) -> dict[str, Any]:
        """Returns the message of the assistant."""
        last = body["messages"][-1]
        if last["role"] == "tool":
            return _called("reply", {"messages": [f"Pedido: {last['content']}"]})
        said = next((words for word, words in self.answers.items() if word in str(last["content"])), self.otherwise)
        if said == "PERSON":
            return _called("hand_over", {"reason": "asked", "summary": "Quer falar com alguém."})
        if said == "TOOL":
            return _called("order_status", {"order": "12345"})
        return {"role": "assistant", "content": said}


def _called(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    call = {"id": "call-1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


@contextmanager
def serve_endpoint() -> Iterator[Endpoint]:
    """Serves an endpoint on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            endpoint.bodies.append(body)
            endpoint.keys.append(self.headers.get("Authorization", ""))
            endpoint.may_answer.wait(20)
            choice = {"index": 0, "message": endpoint.message(body), "finish_reason": "stop"}
            answer = {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": body["model"],
                "choices": [choice],
                "usage": USAGE,
            }
            written = json.dumps(answer if endpoint.status == 200 else endpoint.error).encode()
            self.send_response(endpoint.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, *_: Any) -> None:
            """Writes nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    endpoint = Endpoint(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield endpoint
    endpoint.may_answer.set()
    server.shutdown()
    server.server_close()
    thread.join()
