"""Graph's refusals, and how a response is recognized as one (docs/meta-platform.md 9.2)."""

import json
import re
import time
from collections.abc import Collection, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from cloud_api.errors import CONTENT_REFUSED, OBJECT_MISSING_SUBCODE, TOKEN_CODES, Remedy, has_text, meaning_of, read_code
from cloud_api.graph.transport import NoResponse

MAX_DETAILS_LENGTH = 500
MAX_WAIT = 24 * 3600.0
TEXTS = ("message", "error_user_title", "error_user_msg")
"""Keys of an error with Meta's description, in addition to its details."""

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
"""The meaning of a refusal without a code. All other statuses are final."""


class GraphError(Exception):
    """Graph refused, or was not reached: the request was not carried out. Every call except `send` may be repeated without harm,
    so for those it also covers an unknown outcome.

    `code` is Meta's code, or None. `details` are Meta's words without secrets, without people's numbers and without the text of
    messages. `texts` has all of Meta's words by their keys. `retry_after` is in seconds, at most a day. `is_transient`: Graph says
    that the code, which the hub does not know, is a passing trouble.
    """

    def __init__(
        self,
        code: int | None,
        details: str = "",
        *,
        subcode: int | None = None,
        http_status: int | None = None,
        retry_after: float | None = None,
        texts: Mapping[str, str] | None = None,
        is_transient: bool = False,
    ) -> None:
        super().__init__(f"code {code}" + (f": {details}" if details else ""))
        self.code = code
        self.subcode = subcode
        self.details = details
        self.http_status = http_status
        self.retry_after = retry_after
        self.texts = dict(texts or {})
        self.is_transient = is_transient

    @property
    def as_object(self) -> dict[str, Any]:
        """The error in the form that statuses have, for storing and showing. Why Graph was not reached is under `reason`."""
        if self.http_status is None:
            return {"code": self.code, "reason": self.details}
        return {**self.texts, "code": self.code, "error_data": {"details": self.details}}

    @property
    def remedy(self) -> Remedy:
        if self.is_transient:
            return Remedy.SOON
        if self.code is not None:
            return meaning_of(self.code).remedy
        if self.http_status is None or not is_refusal(self.http_status):
            return Remedy.SOON
        return _WITHOUT_CODE.get(self.http_status, Remedy.NONE)

    @property
    def is_token_refused(self) -> bool:
        """Whether the access token is not valid any more. For downloads of files only the HTTP status says so."""
        return self.code in TOKEN_CODES or (self.code is None and self.http_status == HTTPStatus.UNAUTHORIZED)

    @property
    def is_object_missing(self) -> bool:
        """Whether the object that the URL names does not exist, or the access token gives no access to it."""
        return self.code == CONTENT_REFUSED and self.subcode == OBJECT_MISSING_SUBCODE

    @property
    def permanent(self) -> bool:
        """Whether Graph will never accept the same request, whatever anybody changes."""
        return self.remedy in (Remedy.NONE, Remedy.CONTENT)


class OutcomeUnknown(Exception):
    """A message may have been sent: the request may have reached Graph, and no response says what happened. It must not be sent
    again before that is known (docs/meta-platform.md 8.2)."""


class TooLarge(Exception):
    """The file has more bytes than allowed."""


class WrongHost(Exception):
    """The URL of a file is not one of Meta's (docs/meta-platform.md 10)."""


def response_content(
    body: bytes | None, *, http_status: int, headers: Mapping[str, str], hidden: Collection[str]
) -> dict[str, Any]:
    """Returns the object in a response. `body` is None if it could not be read. `hidden` are texts that no error may quote.

    Raises GraphError for a refusal, which is recognized by its code, whatever the HTTP status, or else by the status. Raises
    NoResponse for everything else.
    """
    content = _parsed(body)
    wait = retry_after(headers)
    error = content.get("error")
    if isinstance(error, dict) and (code := read_code(error.get("code"))) is not None:
        details = without_secrets(_details(error), hidden)
        texts = {key: without_secrets(error[key], hidden) for key in TEXTS if isinstance(error.get(key), str)}
        subcode = read_code(error.get("error_subcode"))
        is_transient = error.get("is_transient") is True and not has_text(code)
        raise GraphError(
            code, details, subcode=subcode, http_status=http_status, retry_after=wait, texts=texts, is_transient=is_transient
        )
    if is_refusal(http_status):
        # A proxy, or a version of Graph that the hub does not know, may say in other words what is wrong.
        words = _details(error) if isinstance(error, dict) else error if isinstance(error, str) else ""
        reason = ": ".join(filter(None, (f"HTTP status {http_status}", without_secrets(words, hidden))))
        raise GraphError(None, reason, http_status=http_status, retry_after=wait)
    if http_status >= HTTPStatus.INTERNAL_SERVER_ERROR or not content or error is not None:
        seen = f"HTTP status {http_status} without a readable answer"
        raise NoResponse(seen, may_have_left=True, http_status=http_status, retry_after=wait)
    return content


def is_refusal(http_status: int) -> bool:
    """Returns whether a response with this status and without a code still says that the request was surely not accepted."""
    return HTTPStatus.MULTIPLE_CHOICES <= http_status < HTTPStatus.INTERNAL_SERVER_ERROR


def _parsed(body: bytes | None) -> dict[str, Any]:
    try:
        content = json.loads(body or b"")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _details(error: Mapping[str, Any]) -> str:
    """Returns the most precise description. `error_data` may be a plain string."""
    particular = error.get("error_data")
    if isinstance(particular, dict):
        particular = particular.get("details")
    candidates = (particular, error.get("error_user_msg"), error.get("message"))
    return next((words for words in candidates if isinstance(words, str) and words.strip()), "")


def without_secrets(words: str, hidden: Collection[str]) -> str:
    """Returns Meta's words so that they can be shown and logged. Meta quotes tokens, numbers and texts."""
    for secret in sorted(filter(None, hidden), key=len, reverse=True):
        words = words.replace(secret, "…")
    words = _NUMBER.sub("…", _BSUID.sub("…", words))
    return " ".join(words.split())[:MAX_DETAILS_LENGTH]


def number_of(value: Any) -> int | None:
    """Returns a whole number of at most nine digits, such as a code. It may be a string."""
    return int(value) if _WHOLE.fullmatch(str(value)) else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Returns the seconds in the header Retry-After, which has seconds or a date."""
    value = headers.get("Retry-After", "").strip()
    if _WHOLE.fullmatch(value):
        return min(float(value), MAX_WAIT)
    try:
        at = parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(at - time.time(), 0.0), MAX_WAIT)
