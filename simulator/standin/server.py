"""Runs the stand-in: in a process of its own, or in a thread for tests and benchmarks."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import uvicorn

from simulator.standin.app import StandIn

Content = dict[str, Any]

TIMEOUT = 30.0
SHUTDOWN_TIMEOUT = 2
"""Seconds in which running requests may finish when the server ends."""
WABA = "385012774910236"
WA_ID = "556155550100"
SECRET = "s" * 32


class Server(uvicorn.Server):
    """Ends without waiting for requests that get no response."""

    def __init__(self, standin: StandIn, *, log_level: str) -> None:
        options: dict[str, Any] = {"log_level": log_level, "access_log": False, "ws": "none", "lifespan": "on"}
        super().__init__(uvicorn.Config(standin, timeout_graceful_shutdown=SHUTDOWN_TIMEOUT, **options))
        self._standin = standin

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._standin.close()
        await super().shutdown(sockets)


def serve(standin: StandIn, listener: socket.socket) -> None:
    """Runs until SIGTERM or Ctrl-C."""
    Server(standin, log_level="warning").run(sockets=[listener])


@contextmanager
def running_standin(**options: Any) -> Iterator["RunningStandIn"]:
    """Runs a stand-in in a thread, on a free port of this machine. `options` are those of StandIn."""
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
    """The control API of a stand-in at `url`, for one thread. Methods raise requests.HTTPError if a request is refused."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self.url = url
        self._session = session
        self._tokens: dict[str, str] = {}

    def connect(self, phone_number_id: str, **number: Any) -> Content:
        """Creates or changes a number. Missing settings have defaults. Messages are delivered at once."""
        defaults = {
            "waba_id": WABA,
            "wa_id": WA_ID,
            "token": f"token-of-{phone_number_id}",
            "app_secret": SECRET,
            "delivery_seconds": 0,
        }
        described: Content = defaults | number | {"phone_number_id": phone_number_id}
        self._tokens[phone_number_id] = described["token"]
        return self._object("POST", "/control/numbers", json=described)

    def number(self, phone_number_id: str) -> Content:
        """Returns the number's settings, its faults, and its latency in seconds."""
        return self._of(phone_number_id, "GET", "")

    def fault(self, phone_number_id: str, kind: str, *, times: int | None = None, **more: Any) -> None:
        """Sets a fault, for a number of times or until it is cleared. `seconds` and `on`, the call, are optional."""
        self._of(phone_number_id, "POST", "/faults", json={"kind": kind, "times": times, **more})

    def clear_faults(self, phone_number_id: str) -> None:
        self._of(phone_number_id, "DELETE", "/faults")

    def latency(self, phone_number_id: str, seconds: float) -> None:
        self._of(phone_number_id, "POST", "/latency", json={"seconds": seconds})

    def add_template(self, phone_number_id: str, definition: Content, *, status: str = "APPROVED") -> Content:
        """Stores a message template of the number's account. Of an existing one only the status changes, and a webhook reports
        it."""
        return self._of(phone_number_id, "POST", "/templates", json=definition | {"status": status})

    def add_customer(self, phone_number_id: str, **person: Any) -> str:
        """Returns the key of a new customer, who has a name, and a wa_id or a username. `wrote_at` opens the window without a
        message."""
        return str(self._of(phone_number_id, "POST", "/customers", json=person)["key"])

    def customers(self, phone_number_id: str) -> dict[str, Content]:
        """Returns customers by their keys."""
        listed = self._request("GET", f"/control/numbers/{phone_number_id}/customers", phone_number_id).json()
        return {each["key"]: each for each in listed}

    def upload(self, phone_number_id: str, content: bytes, *, mime_type: str, name: str = "") -> str:
        """Returns the media ID of a customer's file."""
        options = {"data": content, "headers": {"Content-Type": mime_type}, "params": {"name": name}}
        return str(self._of(phone_number_id, "POST", "/media", **options)["id"])

    def send_from_customer(self, phone_number_id: str, customer: str, message_or_text: str | Content, **more: Any) -> Content:
        """Sends a message of a customer, a text or a message object. Returns after the webhook was delivered. `at` and `reply_to`
        are optional."""
        message = {"type": "text", "text": {"body": message_or_text}} if isinstance(message_or_text, str) else message_or_text
        return self._of(phone_number_id, "POST", f"/customers/{customer}/messages", json=message | more)

    def messages(self, phone_number_id: str, customer: str, *, after: int = 0) -> list[Content]:
        """Returns the conversation as the customer's phone shows it."""
        response = self._of(phone_number_id, "GET", f"/customers/{customer}/messages", params={"after": after})
        return list(response["messages"])

    def open_chat(self, phone_number_id: str, customer: str) -> None:
        """Marks as read what was delivered to the customer."""
        self._of(phone_number_id, "POST", f"/customers/{customer}/open")

    def sent(self, phone_number_id: str, *, after: int = 0) -> list[Content]:
        """Returns all messages that Graph accepted, the oldest first: request, callback_data, at, monotonic, status, …"""
        return list(self._of(phone_number_id, "GET", "/sent", params={"after": after})["sent"])

    def receipts(self, phone_number_id: str) -> list[Content]:
        """Returns what the business marked as read: message_id, typing, at."""
        return list(self._request("GET", f"/control/numbers/{phone_number_id}/receipts", phone_number_id).json())

    def calls(self, phone_number_id: str) -> dict[str, int]:
        """Returns how often each call of Graph was made, such as `POST messages`, including refused calls."""
        return self._of(phone_number_id, "GET", "/calls")

    def put_example_bot(self, name: str, secret: str, *, previous: str = "", **more: Any) -> None:
        """Creates an example bot with this secret (`whsec_…`), or replaces its `previous` one. `callback_seconds` is optional."""
        path, headers = f"/control/example-bots/{name}", _bearer(previous or secret)
        self._object("PUT", path, json={"secret": secret, **more}, headers=headers)

    def example_bot(self, name: str, secret: str) -> Content:
        """Returns the latest `requests` of an example bot, and its `callbacks` with their `status`."""
        return self._object("GET", f"/control/example-bots/{name}", headers=_bearer(secret))

    def _of(self, phone_number_id: str, method: str, path: str, **options: Any) -> Content:
        return self._object(method, f"/control/numbers/{phone_number_id}{path}", phone_number_id, **options)

    def _object(self, method: str, path: str, phone_number_id: str = "", **options: Any) -> Content:
        content: Content = self._request(method, path, phone_number_id, **options).json()
        return content

    def _request(self, method: str, path: str, phone_number_id: str = "", **options: Any) -> requests.Response:
        headers = _bearer(self._tokens.get(phone_number_id, "")) | options.pop("headers", {})
        response = self._session.request(method, self.url + path, headers=headers, timeout=TIMEOUT, **options)
        response.raise_for_status()
        return response


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
