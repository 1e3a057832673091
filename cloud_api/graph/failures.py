"""What Graph refuses, and how an answer of its is told from a refusal (reference 9.2)."""

import json
import re
import time
from collections.abc import Collection, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from cloud_api.errors import Remedy, explained
from cloud_api.graph.transport import Broken

LONGEST_DETAILS = 500
LONGEST_WAIT = 24 * 3600.0

_NUMBER = re.compile(r"\+?\d(?:[ ().-]{0,2}\d){7,}")
_BSUID = re.compile(r"\b[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{6,}")
_WHOLE = re.compile(r"[0-9]{1,9}")
_WITHOUT_CODE: dict[int, Remedy] = {
    HTTPStatus.UNAUTHORIZED: Remedy.ADMINISTRATOR,
    HTTPStatus.FORBIDDEN: Remedy.ADMINISTRATOR,
    HTTPStatus.REQUEST_TIMEOUT: Remedy.SOON,
    HTTPStatus.TOO_EARLY: Remedy.SOON,
    HTTPStatus.TOO_MANY_REQUESTS: Remedy.SOON,
}
"""What a refusal without a code means; all others are final."""


class GraphError(Exception):
    """Graph refused, or was not reached: what was asked for has not been done. All calls but `send` may be repeated without harm;
    of those it also says that the outcome is unknown.

    `code` is Meta's, None where there is none; `details` are Meta's words without secrets, numbers of people and what they were
    written; `retry_after` is in seconds, at most a day.
    """

    def __init__(
        self,
        code: int | None,
        details: str = "",
        *,
        subcode: int | None = None,
        http_status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"code {code}" + (f": {details}" if details else ""))
        self.code = code
        self.subcode = subcode
        self.details = details
        self.http_status = http_status
        self.retry_after = retry_after

    @property
    def remedy(self) -> Remedy:
        if self.code is not None:
            return explained(self.code).remedy
        if self.http_status is None or not is_refusal(self.http_status):
            return Remedy.SOON
        return _WITHOUT_CODE.get(self.http_status, Remedy.NONE)

    @property
    def permanent(self) -> bool:
        """The same request will never be taken, whatever anybody mends."""
        return self.remedy in (Remedy.NONE, Remedy.CONTENT)


class OutcomeUnknown(Exception):
    """A message was sent, or was not: the request may have reached Graph, and no answer says what became of it. It must not be sent
    again before that is known (reference 8.2)."""


class TooLarge(Exception):
    """The file has more bytes than were allowed."""


class WrongHost(Exception):
    """The address of a file is not one of Meta's (reference 10)."""


def content_of(body: bytes | None, *, http_status: int, headers: Mapping[str, str], hidden: Collection[str]) -> dict[str, Any]:
    """The object that an answer holds; `body` is None if it could not be read. `hidden` are the words that no error may quote.

    Raises GraphError for a refusal, which is known by its code, whatever the HTTP status, or by the status. All else is Broken.
    """
    content = _parsed(body)
    wait = retry_after(headers)
    error = content.get("error")
    if isinstance(error, dict) and (code := number_of(error.get("code"))) is not None:
        details = scrubbed(_details(error), hidden)
        subcode = number_of(error.get("error_subcode"))
        raise GraphError(code, details, subcode=subcode, http_status=http_status, retry_after=wait)
    if is_refusal(http_status):
        raise GraphError(None, f"HTTP status {http_status}", http_status=http_status, retry_after=wait)
    if http_status >= HTTPStatus.INTERNAL_SERVER_ERROR or not content or error is not None:
        seen = f"HTTP status {http_status} without a readable answer"
        raise Broken(seen, may_have_left=True, http_status=http_status, retry_after=wait)
    return content


def is_refusal(http_status: int) -> bool:
    """Whether an answer of this status, with no code in it, still says that the request was surely not taken."""
    return HTTPStatus.MULTIPLE_CHOICES <= http_status < HTTPStatus.INTERNAL_SERVER_ERROR


def _parsed(body: bytes | None) -> dict[str, Any]:
    try:
        content = json.loads(body or b"")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _details(error: Mapping[str, Any]) -> str:
    """The most precise words there are; `error_data` may be plain text."""
    particular = error.get("error_data")
    if isinstance(particular, dict):
        particular = particular.get("details")
    candidates = (particular, error.get("error_user_msg"), error.get("message"))
    return next((words for words in candidates if isinstance(words, str) and words.strip()), "")


def scrubbed(words: str, hidden: Collection[str]) -> str:
    """Words of Meta's that may be shown and logged: Meta quotes tokens, numbers and texts."""
    for secret in sorted(filter(None, hidden), key=len, reverse=True):
        words = words.replace(secret, "…")
    words = _NUMBER.sub("…", _BSUID.sub("…", words))
    return " ".join(words.split())[:LONGEST_DETAILS]


def number_of(value: Any) -> int | None:
    """A whole number of at most nine digits, such as a code; it may come as text."""
    return int(value) if _WHOLE.fullmatch(str(value)) else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from the header Retry-After, which holds seconds or a date."""
    value = headers.get("Retry-After", "").strip()
    if _WHOLE.fullmatch(value):
        return min(float(value), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(at - time.time(), 0.0), LONGEST_WAIT)
