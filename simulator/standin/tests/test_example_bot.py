"""The example webhook bot, asked over a socket with signatures of the Standard Webhooks specification."""

import base64
import json
import re
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

from simulator.standin import running_standin
from simulator.standin.example_bot.api import BROKEN, METADATA, SLOW
from simulator.standin.state.journal import JOURNAL

TOP = Path(__file__).resolve().parent.parent.parent.parent
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"o" * 32).decode()
NUMBER = "448190735512098"
HOURS = {"messages": ["Atendemos de segunda a sábado, das 9h às 18h."]}
FILE = {"messages": ["Recebi o seu arquivo. Uma pessoa vai olhar."], "hand_over": "Mandou um arquivo."}


@pytest.fixture(scope="module")
def running():
    with running_standin() as standin:
        yield standin


@pytest.fixture
def standin(running):
    running.put_example_bot("loja", SECRET)
    return running


def signed(body: bytes, *, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    at, key = at or datetime.now(tz=UTC), str(uuid.uuid4())
    signature = Webhook(secret).sign(key, at, body.decode())
    return {"webhook-id": key, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


def body_of(*messages: Any, **more: Any) -> bytes:
    described = [{"kind": "text", "text": each, "choice_id": None} if isinstance(each, str) else each for each in messages]
    return json.dumps({"type": "message.received", "request_id": "r1", "messages": described} | more).encode()


def post(standin: Any, *messages: Any, name: str = "loja", **more: Any) -> requests.Response:
    body = body_of(*messages, **more)
    return requests.post(f"{standin.url}/bots/example/{name}", data=body, headers=signed(body), timeout=20, allow_redirects=False)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (["qual o horário?"], HOURS),
        (["oi", "vcs abrem", "domingo?"], HOURS),
        (["o que é isso?", {"kind": "interactive", "text": "Horários", "choice_id": "hours"}], HOURS),
        (["horário do ATENDENTE"], {"messages": ["Vou chamar uma pessoa."], "hand_over": "Pediu uma pessoa ao bot de exemplo."}),
        (["um orçamento, por favor"], {"messages": ["Anotei o pedido de orçamento."], "labels": {"add": ["Orçamento"]}}),
        (["oi, meu nome é Ana Beatriz!"], {"messages": ["Prazer, Ana Beatriz!"], "fields": {"name": "Ana Beatriz"}}),
        (["nada"], {"messages": []}),
        (["me responde depois"], {"later": True}),
        ([{"kind": "image", "text": "", "choice_id": None}], FILE),
    ],
)
def test_the_bot_answers_by_rules(standin, messages: list[Any], expected: Any) -> None:
    response = post(standin, *messages)
    assert (response.status_code, response.json()) == (200, expected)


def test_whoever_writes_something_else_gets_a_menu_whose_buttons_are_answered(standin) -> None:
    (menu,) = post(standin, "oi").json()["messages"]
    assert menu["type"] == "buttons"
    for button in menu["buttons"]:
        answer = post(standin, {"kind": "interactive", "text": button["title"], "choice_id": button["id"]}).json()
        assert answer["messages"]
        assert answer["messages"] != [menu]


def test_a_request_without_a_valid_signature_is_refused(standin) -> None:
    url, body = f"{standin.url}/bots/example/loja", body_of("oi")
    old = datetime.now(tz=UTC) - timedelta(minutes=10)
    valid, before = signed(body), len(standin.example_bot("loja", SECRET)["requests"])
    for headers in (
        {},
        signed(body, secret=OTHER_SECRET),
        signed(body + b" "),
        signed(body, at=old),
        valid | {"webhook-signature": "v1,***"},
        valid | {"webhook-signature": "no-comma"},
        valid | {"webhook-timestamp": "soon"},
    ):
        assert requests.post(url, data=body, headers=headers, timeout=10).status_code == 401
    assert len(standin.example_bot("loja", SECRET)["requests"]) == before
    # Two live secrets: one of the signatures is enough.
    both = f"{signed(body, secret=OTHER_SECRET)['webhook-signature']} {valid['webhook-signature']}"
    assert requests.post(url, data=body, headers=valid | {"webhook-signature": both}, timeout=10).status_code == 200


@pytest.mark.parametrize("body", [b"{", b"[]", b'"a"'])
def test_a_signed_body_that_is_no_object_is_refused(standin, body: bytes) -> None:
    response = requests.post(f"{standin.url}/bots/example/loja", data=body, headers=signed(body), timeout=10)
    assert response.status_code in (400, 401)


@pytest.mark.parametrize("messages", [None, "oi", [1, None], [{"text": 5, "choice_id": ["a"]}]])
def test_messages_of_another_form_are_answered_with_the_menu(standin, messages: Any) -> None:
    body = json.dumps({"messages": messages}).encode()
    response = requests.post(f"{standin.url}/bots/example/loja", data=body, headers=signed(body), timeout=10)
    assert (response.status_code, response.json()["messages"][0]["type"]) == (200, "buttons")


def test_a_bot_without_a_secret_and_another_method_are_refused(standin) -> None:
    assert post(standin, "oi", name="nobody").status_code == 404
    assert post(standin, "oi", name="loja/more").status_code == 404
    assert requests.get(f"{standin.url}/bots/example/loja", timeout=10).status_code == 405


@contextmanager
def receiver(*statuses: int) -> Iterator[tuple[str, list[Any]]]:
    """Runs a server that responds with these statuses, and then with 200. Yields its URL, and the path, headers and body of each
    request."""
    received: list[Any] = []
    given = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(given.pop(0) if given else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    thread.join()
    server.server_close()


def until_called_back(standin: Any) -> Any:
    end = time.monotonic() + 10
    while not (called_back := standin.example_bot("loja", SECRET)["callbacks"]) and time.monotonic() < end:
        time.sleep(0.05)
    return called_back


def test_a_later_answer_is_a_signed_call_back_which_is_repeated_until_it_is_received(standin) -> None:
    standin.put_example_bot("loja", SECRET, callback_seconds=0.05)
    with receiver(503) as (url, received):
        assert post(standin, "depois", callback_url=f"{url}/callbacks/1/", callback_path="/x").json() == {"later": True}
        assert until_called_back(standin)[-1] == {"request_id": "r1", "status": 200}
    assert [path for path, _, _ in received] == ["/callbacks/1/"] * 2
    for _, headers, body in received:
        assert Webhook(SECRET).verify(body, headers) == {"messages": ["Aqui está a resposta que prometi. 🌷"]}


def test_without_a_call_back_url_the_hub_of_the_stand_in_is_called() -> None:
    with receiver(409) as (url, received), running_standin(hub_url=url) as standin:
        standin.put_example_bot("loja", SECRET, callback_seconds=0)
        post(standin, "depois", callback_url=None, callback_path="/bots/callbacks/1/")
        assert until_called_back(standin) == [{"request_id": "r1", "status": 409}]
    assert [path for path, _, _ in received] == ["/bots/callbacks/1/"]


# Bots that fail on purpose


def test_a_slow_bot_answers_after_seconds(standin) -> None:
    standin.put_example_bot(SLOW, SECRET)
    began = time.monotonic()
    assert post(standin, "horário", name=SLOW).status_code == 200
    assert time.monotonic() - began >= 5


def test_bots_answer_nonsense_on_purpose(standin) -> None:
    assert post(standin, "oi", name="error").status_code == 500
    assert post(standin, "oi", name="html").headers["content-type"] == "text/html"
    redirect = post(standin, "oi", name="redirect")
    assert (redirect.status_code, redirect.headers["location"]) == (302, METADATA)
    assert len(post(standin, "oi", name="huge").content) > 1_000_000


def test_a_bot_that_hangs_does_not_answer_and_holds_up_no_other(standin) -> None:
    host, port = standin.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=0.5) as connection:
        connection.sendall(f"POST /bots/example/hang HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n".encode())
        assert post(standin, "horário").status_code == 200
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_every_name_is_documented() -> None:
    documented = set(re.findall(r"\| `/bots/example/([a-z]+)`", (TOP / "docs" / "simulator.md").read_text()))
    assert documented == {*BROKEN, SLOW}


# The control API


def put(standin: Any, name: str, content: Any, *, token: str = "", **options: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} | options.pop("headers", {})
    options = options or {"json": content}
    return requests.put(f"{standin.url}/control/example-bots/{name}", headers=headers, timeout=10, **options)


def test_only_who_knows_the_bot_or_has_a_number_changes_it(standin) -> None:
    standin.connect(NUMBER)
    assert put(standin, "loja", {"secret": OTHER_SECRET}).status_code == 403
    assert put(standin, "loja", {"secret": OTHER_SECRET}, token=OTHER_SECRET).status_code == 403
    assert requests.get(f"{standin.url}/control/example-bots/loja", timeout=10).status_code == 403
    assert put(standin, "loja", {"secret": OTHER_SECRET}, token=SECRET).status_code == 200
    assert post(standin, "oi").status_code == 401
    assert put(standin, "loja", {"secret": SECRET}, token=f"token-of-{NUMBER}").status_code == 200
    assert post(standin, "oi").status_code == 200


@pytest.mark.parametrize(
    "content",
    [{}, {"secret": "abc"}, {"secret": "whsec_"}, {"secret": "whsec_a"}, {"secret": 5}, {"secret": SECRET, "callback_seconds": -1}],
)
def test_a_secret_that_is_none_is_refused(standin, content: Any) -> None:
    assert put(standin, "new", content).status_code == 400
    assert requests.get(f"{standin.url}/control/example-bots/new", timeout=10).status_code == 404


def test_a_page_of_another_site_cannot_create_a_bot(standin) -> None:
    content = json.dumps({"secret": SECRET})
    assert put(standin, "new", None, data=content, headers={"Content-Type": "text/plain"}).status_code == 415
    assert put(standin, "a.b", {"secret": SECRET}).status_code == 400
    assert requests.post(f"{standin.url}/control/example-bots/new", json={"secret": SECRET}, timeout=10).status_code == 405


def test_no_secret_is_shown(standin) -> None:
    post(standin, "oi")
    shown = standin.example_bot("loja", SECRET)
    assert shown["requests"][-1]["messages"][0]["text"] == "oi"
    assert SECRET not in json.dumps(shown)


def test_a_restart_keeps_the_secret(tmp_path) -> None:
    with running_standin(directory=tmp_path) as standin:
        standin.put_example_bot("loja", OTHER_SECRET)
        standin.put_example_bot("loja", SECRET, previous=OTHER_SECRET, callback_seconds=7)
    with running_standin(directory=tmp_path) as standin:
        assert post(standin, "horário").status_code == 200
    (line,) = (tmp_path / JOURNAL).read_text().splitlines()
    assert json.loads(line) == {"kind": "example_bot", "name": "loja", "secret": SECRET, "callback_seconds": 7}
