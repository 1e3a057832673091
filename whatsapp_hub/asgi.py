"""One port, composed of two: the webhook receiver in plain ASGI, and the Django site in threads."""

import os
from collections.abc import Awaitable, Callable

from a2wsgi import WSGIMiddleware
from django.core.wsgi import get_wsgi_application
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whatsapp_hub.settings")
django_site = get_wsgi_application()

from webhooks.receiver import PATH, Receive, Receiver, Scope, Send  # noqa: E402  models need Django set up

site: Callable[[Scope, Receive, Send], Awaitable[None]] = ProxyHeadersMiddleware(  # type: ignore[assignment]
    WSGIMiddleware(django_site, workers=10),  # type: ignore[arg-type]
    trusted_hosts=os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1"),
)

receiver = Receiver()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Each request to its part; both start and stop with the process."""
    if scope["type"] == "http":
        await (receiver if scope["path"].startswith(PATH) else site)(scope, receive, send)
    elif scope["type"] == "lifespan":
        await _live(receive, send)
    else:
        await send({"type": "websocket.close", "code": 1000})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
