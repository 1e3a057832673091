"""A receiver of the stand-in's webhooks: checks signatures, stores bodies, and responds with given statuses."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cloud_api.signature import sign

TIMEOUT = 10.0
SECRET = "s" * 32


class Receiver:
    """`answers` are the statuses of its next responses. After them it responds with 200."""

    def __init__(self):
        self.bodies = []
        self.paths = []
        self.answers = []
        self.verify_token = "handshake-token"
        self._received = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def _handler(receiver):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                is_signed = self.headers["X-Hub-Signature-256"] == sign(body, SECRET)
                self.reply(receiver._store(self.path, body) if is_signed else 401)

            def do_GET(self):
                query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                is_ours = (query["hub.mode"], query["hub.verify_token"]) == ("subscribe", receiver.verify_token)
                self.reply(200 if is_ours else 403, query["hub.challenge"].encode() if is_ours else b"")

            def reply(self, status, body=b""):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        return Handler

    def _store(self, path, body):
        with self._received:
            self.paths.append(path)
            status = self.answers.pop(0) if self.answers else 200
            if status == 200:
                self.bodies.append(json.loads(body))
            self._received.notify_all()
        return status

    def wait(self, count=1):
        """Returns the bodies that got a 200, when there are `count` of them."""
        until = time.monotonic() + TIMEOUT
        with self._received:
            while len(self.bodies) < count:
                assert self._received.wait(until - time.monotonic()), f"{len(self.bodies)} of {count} webhooks came"
            return list(self.bodies)

    def values(self, count=1):
        """Returns the values in these bodies."""
        return [body["entry"][0]["changes"][0]["value"] for body in self.wait(count)]

    def statuses(self, count=1):
        """Returns the statuses in these bodies, sorted, because webhooks arrive in any order."""
        statuses = [status for value in self.values(count) for status in value.get("statuses", ())]
        order = ("sent", "delivered", "read", "played", "failed")
        return sorted(statuses, key=lambda status: order.index(status["status"]))

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
