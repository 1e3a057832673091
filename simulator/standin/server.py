"""Running the stand-in: as a process of its own, or in a thread, with a handle for tests and benchmarks."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import uvicorn

from simulator.standin.app import StandIn

Content = dict[str, Any]

PATIENCE = 30.0
GRACE = 2
"""Seconds that calls under way have when the server ends."""
WABA = "385012774910236"
WA_ID = "556155550100"
SECRET = "s" * 32


class Server(uvicorn.Server):
    """Ends without waiting for what would never end by itself."""

    def __init__(self, standin: StandIn, *, log_level: str) -> None:
        options: dict[str, Any] = {"log_level": log_level, "access_log": False, "ws": "none", "lifespan": "on"}
        super().__init__(uvicorn.Config(standin, timeout_graceful_shutdown=GRACE, **options))
        self._standin = standin

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._standin.close()
        await super().shutdown(sockets)


def serve(standin: StandIn, listener: socket.socket) -> None:
    """Until SIGTERM or Ctrl-C."""
    Server(standin, log_level="warning").run(sockets=[listener])


@contextmanager
def running_standin(**options: Any) -> Iterator["RunningStandIn"]:
    """A stand-in in a thread, on a free port of this machine; `options` are those of StandIn."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(StandIn(**options), log_level="critical")
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        with requests.Session() as session:
            session.trust_env = False
            yield RunningStandIn(f"http://127.0.0.1:{listener.getsockname()[1]}", session)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


class RunningStandIn:
    """The control side of a stand-in at `url`, for one thread. Calls raise requests.HTTPError if they are refused."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self.url = url
        self._session = session
        self._tokens: dict[str, str] = {}

    def connect(self, phone_number_id: str, **number: Any) -> Content:
        """Make a number known, or change it. What is not given is made up; messages arrive at once."""
        made_up = {
            "waba_id": WABA,
            "wa_id": WA_ID,
            "token": f"token-of-{phone_number_id}",
            "app_secret": SECRET,
            "delivery_seconds": 0,
        }
        described: Content = made_up | number | {"phone_number_id": phone_number_id}
        self._tokens[phone_number_id] = described["token"]
        return self._object("POST", "/control/numbers", json=described)

    def number(self, phone_number_id: str) -> Content:
        """Its settings, its faults and its latency in seconds."""
        return self._of(phone_number_id, "GET", "")

    def fault(self, phone_number_id: str, kind: str, *, times: int | None = None, **more: Any) -> None:
        """From now on this goes wrong, so often or for ever; `seconds` and `on`, the call that it is about, may be given."""
        self._of(phone_number_id, "POST", "/faults", json={"kind": kind, "times": times, **more})

    def clear_faults(self, phone_number_id: str) -> None:
        self._of(phone_number_id, "DELETE", "/faults")

    def latency(self, phone_number_id: str, seconds: float) -> None:
        self._of(phone_number_id, "POST", "/latency", json={"seconds": seconds})

    def add_template(self, phone_number_id: str, definition: Content, *, status: str = "APPROVED") -> Content:
        """A message template of the number's account; of one that is there the status changes, and the hub is told."""
        return self._of(phone_number_id, "POST", "/templates", json=definition | {"status": status})

    def add_customer(self, phone_number_id: str, **person: Any) -> str:
        """The key of a new customer: name, and wa_id or username; `wrote_at` opens the window without a message."""
        return str(self._of(phone_number_id, "POST", "/customers", json=person)["key"])

    def customers(self, phone_number_id: str) -> dict[str, Content]:
        """By their keys."""
        listed = self._answer("GET", f"/control/numbers/{phone_number_id}/customers", phone_number_id).json()
        return {each["key"]: each for each in listed}

    def upload(self, phone_number_id: str, content: bytes, *, mime_type: str, name: str = "") -> str:
        """The media id of a customer's file."""
        options = {"data": content, "headers": {"Content-Type": mime_type}, "params": {"name": name}}
        return str(self._of(phone_number_id, "POST", "/media", **options)["id"])

    def say(self, phone_number_id: str, customer: str, said: str | Content, **more: Any) -> Content:
        """A customer writes, or does what a message object says; answers when the hub has been told. `at` and `reply_to` may be
        given."""
        message = {"type": "text", "text": {"body": said}} if isinstance(said, str) else said
        return self._of(phone_number_id, "POST", f"/customers/{customer}/messages", json=message | more)

    def messages(self, phone_number_id: str, customer: str, *, after: int = 0) -> list[Content]:
        """The conversation as the customer's phone shows it."""
        answer = self._of(phone_number_id, "GET", f"/customers/{customer}/messages", params={"after": after})
        return list(answer["messages"])

    def open_chat(self, phone_number_id: str, customer: str) -> None:
        """The customer reads what was delivered."""
        self._of(phone_number_id, "POST", f"/customers/{customer}/open")

    def sent(self, phone_number_id: str, *, after: int = 0) -> list[Content]:
        """All that Graph took, the oldest first: request, callback_data, at, monotonic, status, …"""
        return list(self._of(phone_number_id, "GET", "/sent", params={"after": after})["sent"])

    def receipts(self, phone_number_id: str) -> list[Content]:
        """What the business marked as read: message_id, typing, at."""
        return list(self._answer("GET", f"/control/numbers/{phone_number_id}/receipts", phone_number_id).json())

    def calls(self, phone_number_id: str) -> dict[str, int]:
        """How often each call of Graph came, such as `POST messages`, refused ones too."""
        return self._of(phone_number_id, "GET", "/calls")

    def _of(self, phone_number_id: str, method: str, path: str, **options: Any) -> Content:
        return self._object(method, f"/control/numbers/{phone_number_id}{path}", phone_number_id, **options)

    def _object(self, method: str, path: str, phone_number_id: str = "", **options: Any) -> Content:
        content: Content = self._answer(method, path, phone_number_id, **options).json()
        return content

    def _answer(self, method: str, path: str, phone_number_id: str = "", **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._tokens.get(phone_number_id, '')}"} | options.pop("headers", {})
        answer = self._session.request(method, self.url + path, headers=headers, timeout=PATIENCE, **options)
        answer.raise_for_status()
        return answer
