"""Requests to the hub's API, in the name of an assistant."""

import os
from typing import Any
from urllib.parse import quote

import requests

TIMEOUT = 30.0
"""Seconds for one request."""


class ApiRefused(Exception):
    """The API refused a request, or does not answer. The message is for the assistant."""


class HubApi:
    """The API of the hub at `url`, with the key of one organization."""

    def __init__(self, url: str, key: str) -> None:
        self._base = f"{url.rstrip('/')}/api/v1/"
        self._headers = {"Authorization": f"Bearer {key}"}

    def get(self, *path: str, **parameters: Any) -> dict[str, Any]:
        """Returns the object at this path. Parameters without a value are left out. Raises ApiRefused."""
        return self._request("GET", path, params={name: value for name, value in parameters.items() if value not in (None, "")})

    def post(self, *path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Posts the body, and returns the object that it made. Raises ApiRefused."""
        return self._request("POST", path, json=body)

    def _request(self, method: str, path: tuple[str, ...], **options: Any) -> dict[str, Any]:
        address = self._base + "".join(f"{quote(part, safe='')}/" for part in path)
        try:
            response = requests.request(method, address, headers=self._headers, timeout=TIMEOUT, allow_redirects=False, **options)
            answer = response.json()
        except (requests.RequestException, ValueError):
            raise ApiRefused("The hub does not answer. Try again later.") from None
        if not response.ok:
            raise ApiRefused(_words(answer))
        return dict(answer)


def _words(problem: Any) -> str:
    """Returns the detail of a problem (RFC 9457), with the fields that are wrong."""
    if not isinstance(problem, dict):
        return "The hub refused this."
    errors = problem.get("errors")
    fields = [f"{each.get('field')}: {each.get('detail')}" for each in errors or () if isinstance(each, dict)]
    return " ".join([str(problem.get("detail") or problem.get("title") or "The hub refused this."), *fields])


def key_of_environment() -> str:
    """Returns the API key in HUB_API_KEY; empty without one."""
    return os.environ.get("HUB_API_KEY", "").strip()
