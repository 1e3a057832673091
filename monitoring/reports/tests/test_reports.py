"""Reports to Sentry and to an OpenTelemetry collector, as they arrive there: errors and spans, without what people wrote."""

import gzip
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PROGRAM = """
import logging
import django
from django.conf import settings
settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
django.setup()
from io import BytesIO
from wsgiref.util import setup_testing_defaults
from django.core.handlers.wsgi import WSGIHandler
from jobs.tracing import log_ids
from jobs.tracing import span

def read(text):
    password = "geheim-variable"
    raise ValueError(text)

def request(method, path, query="", body=b"", cookie="sessionid=geheim-cookie"):
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "HTTP_HOST": "testserver"}
    environ |= {"HTTP_COOKIE": cookie, "HTTP_X_SECRET": "geheim-header", "CONTENT_LENGTH": str(len(body))}
    environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
    setup_testing_defaults(environ)
    list(handler(environ | {"wsgi.input": BytesIO(body)}, lambda *_: None))

handler = WSGIHandler()
request("GET", "/accounts/login/", "token=geheim-query")
request("POST", "/accounts/login/", body=b"login=geheim%40example.com&password=geheim-body")
request("POST", "/accounts/password/reset/key/1-geheim-key/")
request("GET", "/healthz", "token=geheim-query", cookie="")
with log_ids(request_id="abc123"):
    try:
        read("geheim-message")
    except ValueError:
        logging.getLogger("chats.media").exception("row %s failed", 7)
logging.getLogger("thirdparty").error("could not read %s", "geheim-argument")
with span("lane webhooks", rows=3):
    pass
try:
    with span("lane held"):
        read("geheim-span")
except ValueError:
    pass
"""


class Recorded(ThreadingHTTPServer):
    """A server that keeps what is posted to it: path and body."""

    daemon_threads = True

    def __init__(self) -> None:
        self.posts: list[tuple[str, bytes]] = []
        recorded = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                recorded.posts.append(
                    (self.path, gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
                )
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: Any) -> None:
                """Writes nothing."""

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Has received what a hub without tables reports about requests that fail, log lines and spans."""
    server = Recorded()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    url = f"127.0.0.1:{server.server_port}"
    try:
        done = run(tmp_path_factory.mktemp("hub"), SENTRY_DSN=f"http://public@{url}/1", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{url}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert done.returncode == 0, done.stderr
    return server


def run(directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {"DJANGO_SETTINGS_MODULE": "whatsapp_hub.settings", "DATABASE_URL": f"sqlite:///{directory}/hub.sqlite3"}
    own |= {"VAR_DIR": str(directory), "ALLOWED_HOSTS": "testserver", "PYTHONPATH": str(settings.BASE_DIR)}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, env=os.environ | own | environment, capture_output=True, text=True, timeout=120, check=False)


def events(server: Recorded) -> list[dict[str, Any]]:
    """The events that Sentry received: each post is an envelope of lines."""
    lines = [line for path, body in server.posts if "/api/1/" in path for line in body.splitlines()]
    return [event for line in lines if line.startswith(b"{") and "event_id" in (event := json.loads(line)) and "level" in event]


def spans(server: Recorded) -> list[Any]:
    requests = [ExportTraceServiceRequest.FromString(body) for path, body in server.posts if path == "/v1/traces"]
    return [
        span
        for request in requests
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def test_errors_arrive_with_their_traceback_and_the_request_id(server) -> None:
    (own,) = [event for event in events(server) if event.get("logger") == "chats.media"]
    (failure,) = own["exception"]["values"]
    assert failure["type"] == "ValueError"
    assert failure["stacktrace"]["frames"][-1]["function"] == "read"
    assert own["logentry"]["formatted"] == "row 7 failed"
    assert own["tags"]["request_id"] == "abc123"


def test_a_failed_request_arrives_with_its_path_alone(server) -> None:
    failed = [event for event in events(server) if "request" in event]
    assert failed
    urls = {event["request"]["url"].removeprefix("http://testserver") for event in failed}
    assert urls == {"/accounts/login/", "/accounts/password/reset/key/***/"}
    assert all(set(event["request"]) == {"method", "url"} for event in failed)


def test_spans_arrive_with_routes_and_without_messages(server) -> None:
    named = {span.name: span for span in spans(server)}
    assert {"GET healthz", "lane webhooks", "lane held"} <= set(named)
    attributes = {each.key: each.value.string_value for each in named["lane webhooks"].attributes}
    assert attributes == {"rows": "3"}
    assert not named["lane held"].events
    assert {each.key: each.value.string_value for each in named["lane held"].attributes} == {"error.type": "ValueError"}


def test_nothing_that_people_wrote_leaves_the_hub(server) -> None:
    sent = b"\n".join(body for _, body in server.posts)
    secrets = [
        word
        for word in ("variable", "cookie", "query", "header", "body", "message", "argument", "span", "key")
        if f"geheim-{word}".encode() in sent
    ]
    source = PROGRAM.encode()
    assert server.posts
    assert source not in sent
    assert secrets == []
    assert b"geheim@" not in sent


def test_without_settings_nothing_is_imported(tmp_path) -> None:
    program = (
        "import sys, django; django.setup(); print([name for name in ('sentry_sdk', 'opentelemetry.sdk') if name in sys.modules])"
    )
    own = {"DJANGO_SETTINGS_MODULE": "whatsapp_hub.settings", "DATABASE_URL": f"sqlite:///{tmp_path}/hub.sqlite3"}
    environment = os.environ | own | {"VAR_DIR": str(tmp_path), "PYTHONPATH": str(settings.BASE_DIR), "SENTRY_DSN": ""}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"
