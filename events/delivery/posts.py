"""Posts an event to an endpoint, and says what came of it. Without a database."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus

from bots.web_requests.allow_list import AllowList
from bots.web_requests.errors import Failure, RefusedAddress, RequestFailed
from bots.web_requests.requests import Request, Response, send_request
from bots.webhook_bots.signatures import signed_headers
from events.models import DeliveryProblem

USER_AGENT = "whatsapp-hub (events)"
TIMEOUT = 15.0
MAX_STORED_RESPONSE = 8 * 2**10
"""Characters."""
MAX_RETRY_AFTER = 3600.0
"""Seconds that an endpoint may ask to wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where deliveries of one endpoint are posted. `secrets` are the live ones, the newest first."""

    url: str
    secrets: Sequence[str] = field(repr=False)
    allowed: AllowList


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The result of one attempt. `status` is the HTTP status, 0 without a response. `problem` is None if it was delivered."""

    problem: DeliveryProblem | None = None
    status: int = 0
    response: str = ""
    seconds: float = 0.0
    retry_after: float = 0.0


def post_event(target: Target, event_id: uuid.UUID, body: str) -> Attempt:
    """Posts the body. Raises nothing that the endpoint can cause."""
    started, content = time.monotonic(), body.encode()
    headers = {"Content-Type": "application/json", "User-Agent": USER_AGENT}
    headers |= signed_headers(event_id, content, target.secrets, datetime.now(UTC))
    request = Request("POST", target.url, headers, content, TIMEOUT, follows_redirects=False, cuts_body=True)
    problem, response = _send(request, target.allowed)
    seconds = time.monotonic() - started
    if response is None:
        return Attempt(problem=problem, seconds=seconds)
    return Attempt(
        problem=problem,
        status=response.status,
        response=response.body.decode(errors="replace").replace("\0", "")[:MAX_STORED_RESPONSE],
        seconds=seconds,
        retry_after=_retry_after(response),
    )


def _send(request: Request, allowed: AllowList) -> tuple[DeliveryProblem | None, Response | None]:
    try:
        response = send_request(request, allowed=allowed)
    except RefusedAddress:
        return DeliveryProblem.ADDRESS, None
    except RequestFailed as failure:
        is_late = failure.code == Failure.TIMEOUT
        return DeliveryProblem.TIMEOUT if is_late else DeliveryProblem.CONNECTION, None
    if HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        return None, response
    return DeliveryProblem.REDIRECT if response.location else DeliveryProblem.STATUS, response


def _retry_after(response: Response) -> float:
    """Returns the seconds that the endpoint asks to wait. A date is not read."""
    text = response.headers.get("retry-after", "")
    return min(MAX_RETRY_AFTER, float(text)) if text.isdecimal() and len(text) < 9 else 0.0
