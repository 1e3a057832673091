"""The control side of the stand-in for Meta (simulator/standin), as the phone's page and the seeding use it."""

import time
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, BinaryIO
from urllib.parse import quote

import requests
from django.conf import settings
from organizations.numbers.number_secrets import read_secret

from organizations.models import PhoneNumber

Content = dict[str, Any]

PATIENCE = (1.0, 25.0)
"""Seconds to connect, and to wait for an answer: what a customer sends is with the hub before it answers."""
AGAIN = 0.3
"""Seconds until it is tried again."""


class SimulatorError(Exception):
    """The simulator did not do what it was asked; the text says why, for a developer."""


class SimulatorUnreachable(SimulatorError):
    """Its process does not answer."""


class NumberUnknown(SimulatorError):
    """It does not know the number, or not with this token: its memory was deleted, or is another hub's."""


class CustomerUnknown(SimulatorError):
    """It knows the number, and nobody of this key."""


class Phones:
    """All customers' phones that a simulated number talks to. Every method raises SimulatorError."""

    def __init__(self, number: PhoneNumber) -> None:
        self.number = number
        self._path = f"/control/numbers/{number.phone_number_id}"
        self._session = requests.Session()
        self._session.trust_env = False  # it is on this machine, whatever proxy the environment names
        self._session.headers["Authorization"] = f"Bearer {read_secret(number, 'meta_token') or ''}"

    def connect(self, *, verified_name: str, patience: float = 0.0) -> None:
        """Make the number and its cast of customers known; safe to repeat. Waits up to `patience` seconds for the process."""
        until = time.monotonic() + patience
        while True:
            try:
                self._ask("POST", "/control/numbers", json=self._description(verified_name))
            except SimulatorUnreachable:
                if time.monotonic() > until:
                    raise
                time.sleep(AGAIN)
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
        """The number as the stand-in knows it, with its faults and its latency in seconds."""
        return dict(self._ask("GET", self._path))

    def put_template(self, definition: Mapping[str, Any], *, status: str) -> None:
        """A message template as if Meta had reviewed it; of one that is there the status alone changes."""
        self._ask("POST", f"{self._path}/templates", json={**definition, "status": status})

    def customers(self) -> list[Content]:
        """Each with key, name, wa_id, user_id, username, last, unread."""
        return list(self._ask("GET", f"{self._path}/customers"))

    def add_customer(self, *, name: str, phone: str = "", username: str = "") -> str:
        """The new customer's key. `phone` are the digits of a wa_id; without it the person is known by a user id alone."""
        return str(self._ask("POST", f"{self._path}/customers", json={"name": name, "wa_id": phone, "username": username})["key"])

    def conversation(self, key: str) -> Content:
        """All `messages` with a customer, the oldest first, and whether the business is `typing`."""
        return dict(self._ask("GET", f"{self._of(key)}/messages"))

    def say(self, key: str, message: Mapping[str, Any], *, at: datetime | None = None) -> None:
        """The customer sends this, an item of Meta's `messages[]` without sender, id and time; `reply_to` may be in it."""
        sent_at = {"at": at.timestamp()} if at else {}
        self._ask("POST", f"{self._of(key)}/messages", json={**message, **sent_at})

    def upload(self, file: BinaryIO, *, name: str, mime_type: str) -> str:
        """The media id of a customer's file."""
        return str(self._ask("POST", f"{self._path}/media", files={"file": (name, file, mime_type)})["id"])

    def open(self, key: str) -> None:
        """The customer has the conversation before their eyes: what was delivered is read."""
        self._ask("POST", f"{self._of(key)}/open")

    def add_fault(self, kind: str, *, times: int | None, seconds: float | None) -> None:
        """From now on this goes wrong with what the number sends; `times` None: until it is cleared."""
        given = {"seconds": seconds} if seconds is not None else {}
        self._ask("POST", f"{self._path}/faults", json={"kind": kind, "times": times, **given})

    def clear_faults(self) -> None:
        self._ask("DELETE", f"{self._path}/faults")

    def set_latency(self, seconds: float) -> None:
        """How long Graph takes for every answer."""
        self._ask("POST", f"{self._path}/latency", json={"seconds": seconds})

    def sent(self) -> list[Content]:
        """All that Graph took of the number, the oldest first: wamid, at, request."""
        return list(self._ask("GET", f"{self._path}/sent")["sent"])

    def calls(self) -> Content:
        """How often each call of Graph came, refused ones too."""
        return dict(self._ask("GET", f"{self._path}/calls"))

    def _of(self, key: str) -> str:
        return f"{self._path}/customers/{quote(key, safe='')}"

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._session.request(method, settings.SIMULATOR_URL + path, timeout=PATIENCE, **options)
            content = answer.json()
        except (requests.RequestException, ValueError) as failure:
            raise SimulatorUnreachable(f"nothing answers at {settings.SIMULATOR_URL}") from failure
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            raise NumberUnknown("it does not know the number")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            raise CustomerUnknown("there is no such customer")
        if not answer.ok:
            raise SimulatorError(content["error"]["message"])
        return content
