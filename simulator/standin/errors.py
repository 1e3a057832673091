"""Error responses of Graph, in Meta's format (docs/meta-platform.md 9.2)."""

import secrets
from typing import Any

HTTP_STATUSES = {
    0: 401,
    2: 503,
    3: 500,
    10: 403,
    190: 401,
    368: 403,
    130497: 403,
    131000: 500,
    131005: 403,
    131016: 500,
    131031: 403,
    131045: 500,
    131057: 500,
    132001: 404,
    133004: 503,
} | dict.fromkeys(range(200, 300), 403)
"""HTTP statuses of codes for which it is not 400."""

TITLES = {
    4: "Application request limit reached",
    130429: "Rate limit hit",
    131000: "Something went wrong",
    131008: "Required parameter is missing",
    131009: "Parameter value is not valid",
    131016: "Service unavailable",
    131021: "Recipient cannot be sender",
    131026: "Message undeliverable",
    131042: "Business eligibility payment issue",
    131047: "Re-engagement message",
    131048: "Spam rate limit hit",
    131049: "This message was not delivered to maintain healthy ecosystem engagement.",
    131053: "Media upload error",
    131056: "(Business Account, Consumer Account) pair rate limit hit",
    132000: "Number of parameters does not match the expected number of params",
    132001: "Template name does not exist in the translation",
    132012: "Parameter format does not match format in the created template",
    132015: "Template is paused",
    132016: "Template is disabled",
}
DETAILS = {
    190: "Error validating access token: Session has expired.",
    130429: "Cloud API message throughput has been reached.",
    131047: "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
    131056: "Message failed to send because there were too many messages sent from this phone number to the same phone number in a "
    "short period of time.",
}
ERROR_CODES_PAGE = "/documentation/business-messaging/whatsapp/support/error-codes"
NO_SUCH_OBJECT = (
    "Unsupported {method} request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, or does not "
    "support this operation"
)


class ErrorResponse(Exception):
    """Graph responds with an error. `code` and `details` are as Meta has them."""

    def __init__(
        self, code: int, details: str = "", *, subcode: int | None = None, status: int | None = None, kind: str = "OAuthException"
    ) -> None:
        super().__init__(f"({code}) {details}")
        self.code = code
        self.details = details or DETAILS.get(code, "")
        self.subcode = subcode
        self.status = status or HTTP_STATUSES.get(code, 400)
        self.kind = kind

    @property
    def content(self) -> dict[str, Any]:
        """The body of the response."""
        error: dict[str, Any] = {"message": self._message, "type": self.kind, "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.code >= 1000:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details or title(self.code)}
        return {"error": error | {"fbtrace_id": secrets.token_urlsafe(12)}}

    @property
    def _message(self) -> str:
        if self.code == 190 or self.subcode == 33:
            return self.details
        return f"(#{self.code}) {title(self.code) if self.code >= 1000 else self.details or title(self.code)}"


def title(code: int) -> str:
    return TITLES.get(code, "An error occurred")


def missing(what: str) -> ErrorResponse:
    return ErrorResponse(131008, f"Required parameter is missing: {what}")


def invalid(details: str) -> ErrorResponse:
    return ErrorResponse(131009, details)


def bad_parameter(details: str, *, subcode: int | None = None, status: int | None = None) -> ErrorResponse:
    return ErrorResponse(100, details, subcode=subcode, status=status)


def unknown_object(method: str, object_id: str) -> ErrorResponse:
    return ErrorResponse(100, NO_SUCH_OBJECT.format(method=method.lower(), id=object_id), subcode=33, kind="GraphMethodException")


def invalid_token(details: str = "") -> ErrorResponse:
    return ErrorResponse(190, details, subcode=463)


def status_error(code: int) -> dict[str, Any]:
    """Returns the error as a status `failed` contains it (docs/meta-platform.md 4)."""
    words = title(code)
    details = DETAILS.get(code, f"{words}.")
    return {"code": code, "title": words, "message": words, "error_data": {"details": details}, "href": ERROR_CODES_PAGE}
