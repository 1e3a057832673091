"""A member who answers customers in the composer, and presses the button again when an answer was not taken."""

import http.client
import threading
import time
import urllib.parse
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from drills.environment.numbers import ConnectedNumber

CSRF = "a" * 32
TIMEOUT = 15.0
RETRY = 0.3
"""Seconds until the button is pressed again."""
PATIENCE = 60.0
"""Seconds in which an answer is tried."""


@dataclass
class Answers:
    """The answers of a member, by the token of their form."""

    written: list[str] = field(default_factory=list)
    """Tokens that the hub has taken."""
    unclear: list[str] = field(default_factory=list)
    """Tokens that the hub may have taken: no answer to the form was seen."""
    refusals: Counter[int] = field(default_factory=Counter)
    """Statuses other than 204. 0: no response."""
    longest_pause: float = 0.0
    """Seconds from the first press of the button until the hub has taken the answer."""


class MemberClient:
    """The session of a number's member, on a connection of its own."""

    def __init__(self, port: int, number: ConnectedNumber) -> None:
        self._base = f"/o/{number.organization_id}"
        self._headers = {
            "Cookie": f"sessionid={number.session}; csrftoken={CSRF}",
            "X-CSRFToken": CSRF,
            "Accept-Language": "en",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)

    def get(self, path: str) -> tuple[int, str]:
        """Returns status and content of a page of the organization. The status is 0 if there was no response."""
        return self._request("GET", path, None, {})

    def post(self, path: str, **form: str) -> int:
        """Returns the status of the response to a form, 0 if there was none."""
        return self._request("POST", path, urllib.parse.urlencode(form), {"HX-Request": "true"})[0]

    def answer(self, contact_id: int, text: str, token: str) -> int:
        return self.post(f"inbox/{contact_id}/send/", text=text, token=token)

    def _request(self, method: str, path: str, body: str | None, more: dict[str, str]) -> tuple[int, str]:
        try:
            self._connection.request(method, f"{self._base}/{path}", body, self._headers | more)
            response = self._connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return 0, ""


class Staff:
    """Answers these contacts one after the other, in a thread, from the start to the end of the block."""

    def __init__(self, port: int, number: ConnectedNumber, contact_ids: Sequence[int], *, rate: float) -> None:
        """`rate`: answers a second."""
        self.answers = Answers()
        self._client = MemberClient(port, number)
        self._contact_ids = contact_ids
        self._interval = 1 / rate
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="staff")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def write(self, contact_id: int, text: str = "Bom dia") -> str:
        """Writes one answer, and returns its token."""
        token, started_at = str(uuid.uuid4()), time.monotonic()
        while time.monotonic() - started_at < PATIENCE:
            status = self._client.answer(contact_id, text, token)
            if status == 204:
                self.answers.written.append(token)
                self.answers.longest_pause = max(self.answers.longest_pause, time.monotonic() - started_at)
                return token
            self.answers.refusals[status] += 1
            time.sleep(RETRY)
        self.answers.unclear.append(token)
        return token

    def _run(self) -> None:
        count = 0
        while not self._stopping.wait(self._interval):
            self.write(self._contact_ids[count % len(self._contact_ids)], f"Resposta {count}")
            count += 1
