"""Client of the stand-in's control API (simulator/standin), for the phone page and the demonstration."""

import time
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, BinaryIO
from urllib.parse import quote

import requests
from django.conf import settings

from organizations.models import PhoneNumber
from organizations.numbers.number_secrets import read_secret

Content = dict[str, Any]

TIMEOUTS = (1.0, 25.0)
"""Seconds to connect, and to wait for a response. The stand-in responds after it has delivered a customer's message to the hub."""
RETRY_SECONDS = 0.3
"""Seconds until the next attempt to connect."""


class SimulatorError(Exception):
    """The simulator did not execute a request. The text explains why, for a developer."""


class SimulatorUnreachable(SimulatorError):
    """The simulator's process does not respond."""


class NumberUnknown(SimulatorError):
    """The simulator does not know the number, or not with this token: its state was deleted, or belongs to another hub."""


class CustomerUnknown(SimulatorError):
    """The simulator knows the number, but no customer with this key."""


class Phones:
    """The phones of all customers of a simulated number. Every method raises SimulatorError."""

    def __init__(self, number: PhoneNumber) -> None:
        self.number = number
        self._path = f"/control/numbers/{number.phone_number_id}"
        self._session = requests.Session()
        self._session.trust_env = False  # it runs on this machine, so no proxy is used
        self._session.headers["Authorization"] = f"Bearer {read_secret(number, 'meta_token') or ''}"

    def connect(self, *, verified_name: str, timeout: float = 0.0) -> None:
        """Creates or updates the number and its sample customers in the simulator. Safe to repeat. Waits up to `timeout` seconds
        for the process."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._request("POST", "/control/numbers", json=self._description(verified_name))
            except SimulatorUnreachable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_SECONDS)
            else:
                return

    def _description(self, verified_name: str) -> Content:
        number = self.number
        return {
            "phone_number_id": number.phone_number_id,
            "waba_id": number.waba_id,
            "wa_id": number.wa_id,
            "token": read_secret(number, "meta_token") or "",
            "app_secret": read_secret(number, "app_secret") or "",
            "verified_name": verified_name,
            "cast": True,
        }

    def settings(self) -> Content:
        """Returns the number's settings in the stand-in, with its faults and its latency in seconds."""
        return dict(self._request("GET", self._path))

    def put_template(self, definition: Mapping[str, Any], *, status: str) -> None:
        """Stores a message template as if Meta had reviewed it. Of an existing one only the status changes."""
        self._request("POST", f"{self._path}/templates", json={**definition, "status": status})

    def put_example_bot(self, name: str, *, secret: str) -> None:
        """Creates an example of a webhook bot, or changes its secret."""
        self._request("PUT", f"/control/example-bots/{name}", json={"secret": secret})

    def customers(self) -> list[Content]:
        """Returns customers with key, name, wa_id, user_id, username, last, unread."""
        return list(self._request("GET", f"{self._path}/customers"))

    def add_customer(self, *, name: str, phone: str = "", username: str = "") -> str:
        """Returns the new customer's key. `phone` has the digits of a wa_id. Without it, the person has only a user id."""
        return str(
            self._request("POST", f"{self._path}/customers", json={"name": name, "wa_id": phone, "username": username})["key"]
        )

    def conversation(self, key: str) -> Content:
        """Returns all `messages` with a customer, the oldest first, and whether the business is `typing`."""
        return dict(self._request("GET", f"{self._customer_path(key)}/messages"))

    def send_from_customer(self, key: str, message: Mapping[str, Any], *, at: datetime | None = None) -> None:
        """Sends a customer's message: an item of Meta's `messages[]` without sender, id and time. It may have `reply_to`."""
        sent_at = {"at": at.timestamp()} if at else {}
        self._request("POST", f"{self._customer_path(key)}/messages", json={**message, **sent_at})

    def upload(self, file: BinaryIO, *, name: str, mime_type: str) -> str:
        """Returns the media ID of a customer's file."""
        return str(self._request("POST", f"{self._path}/media", files={"file": (name, file, mime_type)})["id"])

    def open(self, key: str) -> None:
        """The customer reads the conversation: delivered messages become read."""
        self._request("POST", f"{self._customer_path(key)}/open")

    def add_fault(self, kind: str, *, times: int | None, seconds: float | None) -> None:
        """Sets a fault for what the number sends. `times` None: until it is cleared."""
        options = {"seconds": seconds} if seconds is not None else {}
        self._request("POST", f"{self._path}/faults", json={"kind": kind, "times": times, **options})

    def clear_faults(self) -> None:
        self._request("DELETE", f"{self._path}/faults")

    def set_latency(self, seconds: float) -> None:
        """Sets how long Graph takes for each response."""
        self._request("POST", f"{self._path}/latency", json={"seconds": seconds})

    def sent(self) -> list[Content]:
        """Returns all messages of the number that Graph accepted, the oldest first: wamid, at, request."""
        return list(self._request("GET", f"{self._path}/sent")["sent"])

    def calls(self) -> Content:
        """Returns how often each call of Graph was made, including refused calls."""
        return dict(self._request("GET", f"{self._path}/calls"))

    def _customer_path(self, key: str) -> str:
        return f"{self._path}/customers/{quote(key, safe='')}"

    def _request(self, method: str, path: str, **options: Any) -> Any:
        try:
            response = self._session.request(method, settings.SIMULATOR_URL + path, timeout=TIMEOUTS, **options)
            content = response.json()
        except (requests.RequestException, ValueError) as error:
            raise SimulatorUnreachable(f"no response from {settings.SIMULATOR_URL}") from error
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            raise NumberUnknown("the simulator does not know the number")
        if response.status_code == HTTPStatus.NOT_FOUND:
            raise CustomerUnknown("there is no such customer")
        if not response.ok:
            raise SimulatorError(content["error"]["message"])
        return content
