"""One port, composed of four: webhook receiver, event streams and /healthz in plain ASGI, and the Django site in threads."""

import os
from collections.abc import Awaitable, Callable

from django.core.wsgi import get_wsgi_application
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from whitenoise.middleware import WhiteNoiseMiddleware

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whatsapp_hub.settings")
django_site = get_wsgi_application()

from organizations.live.event_stream import EventStreams  # noqa: E402
from webhooks.intake.receiver import PATH, Receive, Receiver, Scope, Send  # noqa: E402
from whatsapp_hub.health import HEALTHZ, PROBES, answer_healthz  # noqa: E402
from whatsapp_hub.server.site import Site  # noqa: E402
from whatsapp_hub.server.threads import ThreadQueue  # noqa: E402

page_threads = ThreadQueue("pages", threads=10)
probe_threads = ThreadQueue("probes", threads=2)
"""For machines, which need to see how the hub does above all when its pages are slow."""
static_threads = ThreadQueue("static", threads=2)
"""To find and open a static file needs no database, so no page can hold it up."""
static_files = WhiteNoiseMiddleware()
"""Knows which paths are static files. Django's own middleware of this class serves them."""


def threads_for(path: str) -> ThreadQueue:
    """The threads that serve a path of the Django site."""
    if path in PROBES:
        return probe_threads
    is_static = static_files.find_file(path) if static_files.autorefresh else path in static_files.files
    return static_threads if is_static else page_threads


site: Callable[[Scope, Receive, Send], Awaitable[None]] = ProxyHeadersMiddleware(  # type: ignore[assignment]
    Site(django_site, threads_for=threads_for),  # type: ignore[arg-type]
    trusted_hosts=os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1"),
)

receiver = Receiver()
streams = EventStreams()


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
    if path == HEALTHZ:
        return answer_healthz
    return streams if streams.serves(path) else site


async def _live(receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
