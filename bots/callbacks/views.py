"""The address of call-backs. A signature takes the place of a session, and responses are JSON in English."""

import uuid
from http import HTTPStatus

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import override
from django.views.decorators.csrf import csrf_exempt

from bots.answering.callbacks import CallbackResult, receive_callback
from bots.webhook_bots.answers import MAX_BYTES


@csrf_exempt
def callback(request: HttpRequest, request_key: uuid.UUID) -> JsonResponse:
    """Takes the later answer to a request. The status says what became of it."""
    if request.method != "POST":
        return _respond(CallbackResult(HTTPStatus.METHOD_NOT_ALLOWED, "Only POST is possible here."), Allow="POST")
    body = request.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        return _respond(CallbackResult(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "At most 64 KiB."))
    with override("en"):
        return _respond(receive_callback(request_key, request.headers, body, timezone.now()))


def _respond(result: CallbackResult, **headers: str) -> JsonResponse:
    return JsonResponse({"status": int(result.status), "reason": result.reason}, status=result.status, headers=headers)
