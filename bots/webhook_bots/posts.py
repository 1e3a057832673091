"""Sends a request to a webhook bot and reads the response."""

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from django.utils.translation import override

from bots.remote.answers import RemoteAnswer
from bots.remote.exchanges import MAX_STORED_RESPONSE, Exchange, Problem, failed
from bots.remote.failures import PROBLEMS, TEMPORARY
from bots.web_requests.allow_list import AllowList
from bots.web_requests.errors import RefusedAddress, RequestFailed
from bots.web_requests.requests import Request, Response, send_request
from bots.webhook_bots.answers import InvalidAnswer, read_answer
from bots.webhook_bots.signatures import signed_headers

USER_AGENT = "whatsapp-hub (webhook bot)"
TEMPORARY_STATUSES = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookPost:
    """A request. `secrets` are the live ones, the newest first. `body` is sent as JSON."""

    key: uuid.UUID
    url: str
    body: Mapping[str, Any]
    timeout_seconds: float
    secrets: Sequence[str] = field(repr=False)
    allowed: AllowList = field(default_factory=AllowList)


def post_request(post: WebhookPost) -> Exchange:
    """Posts the request and returns the answer, or why there is none. Makes no use of the database, and raises nothing."""
    started = time.monotonic()
    with override("en"):  # the details are for the author of the program, like those of an answer
        exchange = _send(post)
    return replace(exchange, seconds=time.monotonic() - started)


def _send(post: WebhookPost) -> Exchange:
    body = json.dumps(post.body, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": USER_AGENT}
    headers |= signed_headers(post.key, body, post.secrets, datetime.now(UTC))
    request = Request("POST", post.url, headers, body, post.timeout_seconds)
    try:
        response = send_request(request, allowed=post.allowed)
    except RefusedAddress as refused:
        return failed(Problem.ADDRESS, detail=str(refused.text))
    except RequestFailed as broken:
        return failed(PROBLEMS[broken.code], detail=str(broken.text), may_retry=broken.code in TEMPORARY)
    return replace(_read(response), status=response.status, response=_stored(response.body))


def _read(response: Response) -> Exchange:
    """Returns what the response means."""
    status = response.status
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        problem = Problem.BUSY if status == HTTPStatus.TOO_MANY_REQUESTS else Problem.STATUS
        may_retry = status in TEMPORARY_STATUSES or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return failed(problem, detail=f"HTTP {status}", may_retry=may_retry)
    if status == HTTPStatus.ACCEPTED and not response.body.strip():
        return Exchange(answer=RemoteAnswer(is_later=True))
    try:
        return Exchange(answer=read_answer(response.body))
    except InvalidAnswer as invalid:
        return failed(invalid.problem, detail=invalid.detail)


def _stored(body: bytes) -> str:
    return body.decode(errors="replace").replace("\0", "")[:MAX_STORED_RESPONSE]
