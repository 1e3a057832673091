"""One port, composed of three: the webhook receiver and the event streams in plain ASGI, and the Django site in threads."""

import os
from collections.abc import Awaitable, Callable

from a2wsgi import WSGIMiddleware
from django.core.wsgi import get_wsgi_application
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whatsapp_hub.settings")
django_site = get_wsgi_application()

from organizations.stream import Streams  # noqa: E402  models need Django set up
from webhooks.receiver import PATH, Receive, Receiver, Scope, Send  # noqa: E402

site: Callable[[Scope, Receive, Send], Awaitable[None]] = ProxyHeadersMiddleware(  # type: ignore[assignment]
    WSGIMiddleware(django_site, workers=10),  # type: ignore[arg-type]
    trusted_hosts=os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1"),
)

receiver = Receiver()
streams = Streams()


class Hub:
    """Each request to its part; all start and stop with the process."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _part(scope["path"])(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def close(self) -> None:
        """End what would never end by itself. The pages come back to whoever serves next."""
        await streams.close()


application = Hub()


def _part(path: str) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    if path.startswith(PATH):
        return receiver
    return streams if streams.serves(path) else site


async def _live(receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
