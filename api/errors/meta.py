"""Errors of requests that the hub makes to Meta for a request of the API."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from api.errors.problems import Conflict, Problem
from chats.message_templates.accounts import NoUsableNumber
from chats.message_templates.services import refusal_text
from cloud_api.graph import GraphError


@contextmanager
def meta_problems() -> Iterator[None]:
    """Raises Conflict if Meta refuses a request, or if there is no access token, and 503 if Meta does not answer."""
    try:
        yield
    except NoUsableNumber:
        raise Conflict("None of the account's active numbers has an access token.", code="no_access_token") from None
    except GraphError as refusal:
        words = str(refusal_text(refusal))
        if refusal.code is None:
            raise Problem(words, code="meta_unavailable", status=HTTPStatus.SERVICE_UNAVAILABLE) from None
        raise Conflict(words, code="meta_refused", meta_code=refusal.code) from None
