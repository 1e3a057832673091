"""The requests to example bots: `POST /bots/example/<name>`. A bot has the secret that the control API was given for its name.

A few names fail on purpose (docs/simulator.md).
"""

import asyncio
import json
import uuid
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from cloud_api.payloads.texts import text
from simulator.standin.example_bot.rules import PROMISE, answer
from simulator.standin.platform import Platform
from simulator.standin.state.world import ExampleBot
from simulator.standin.web import Request, Response, UnreadableBody, json_response
from simulator.standin.webhooks.deliveries import send_request

Content = dict[str, Any]

PATH = ("bots", "example")
SLOW, SLOW_SECONDS = "slow", 5.0
HUGE_BYTES = 2**20
METADATA = "http://169.254.169.254/latest/meta-data/"
"""Where clouds tell a server its secrets. No bot may be redirected there."""
BROKEN = {
    "hang": Response(200, ending="never"),
    "html": Response(200, b"<!doctype html>\n<title>Workflow not found</title>\n", "text/html"),
    "error": Response(500, b"Internal Server Error", "text/plain"),
    "redirect": Response(302, headers={"location": METADATA}),
    "huge": Response(200, json.dumps({"messages": ["flores " * (HUGE_BYTES // 7)]}).encode()),
}
"""Responses of bots that do not look at the request, by their names."""
CALLBACK_DELAYS = (0.0, 1.0, 5.0)
"""Seconds before each attempt to deliver a later answer, after the first delay of the bot."""


class ExampleBotApi:
    """Responds to `/bots/example/...`."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    @staticmethod
    def serves(path: tuple[str, ...]) -> bool:
        return path[:2] == PATH

    async def respond(self, request: Request) -> Response:
        name = "/".join(request.path[len(PATH) :])
        if request.method != "POST":
            return json_response({"error": "Only POST is possible here."}, 405, allow="POST")
        if name in BROKEN:
            return BROKEN[name]
        bot = self._platform.world.example_bots.get(name)
        if bot is None:
            return json_response({"error": "There is no bot of this name. Give its secret to the control API first."}, 404)
        if not _is_signed(request, bot.secret):
            return json_response({"error": "The signature is not valid."}, 401)
        try:
            body = request.json()
        except UnreadableBody as error:
            return json_response({"error": str(error)}, 400)
        bot.requests.append(body)
        answered = answer(body)
        if answered.get("later"):
            self._platform.deliveries.run(self._call_back(bot, body))
        await asyncio.sleep(SLOW_SECONDS if name == SLOW else 0.0)
        return json_response(answered)

    async def _call_back(self, bot: ExampleBot, body: Content) -> None:
        """Posts the answer that was announced to the call-back URL of the request, until the hub has decided about it."""
        await asyncio.sleep(bot.callback_seconds)
        url = text(body, "callback_url") or f"{self._platform.hub_url.rstrip('/')}{text(body, 'callback_path')}"
        content = json.dumps({"messages": [PROMISE]}).encode()
        for delay in CALLBACK_DELAYS:
            await asyncio.sleep(delay)
            status, _ = await send_request("POST", url, headers=_signed_headers(bot.secret, content), body=content)
            if 0 < status < 500:
                break
        bot.callbacks.append({"request_id": text(body, "request_id"), "status": status})


def _is_signed(request: Request, secret: str) -> bool:
    try:
        Webhook(secret).verify(request.body, dict(request.headers))
    except (WebhookVerificationError, ValueError):  # ValueError: no Base64, no comma, no JSON
        return False
    return True


def _signed_headers(secret: str, body: bytes) -> dict[str, str]:
    message_id, sent_at = f"msg_{uuid.uuid4().hex}", datetime.now(tz=UTC)
    return {
        "Content-Type": "application/json",
        "User-Agent": "example-bot",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, sent_at, body.decode()),
    }
