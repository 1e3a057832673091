"""The ASGI application of one port: webhook receiver, event streams, /healthz, and the Django site in threads."""

import os
from collections.abc import Awaitable, Callable
from importlib import import_module

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from whitenoise.middleware import WhiteNoiseMiddleware

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whatsapp_hub.settings")
django_site = get_wsgi_application()
import_module(settings.ROOT_URLCONF)  # imports all pages, which would delay the first request of each process by a second

from organizations.live.event_stream import EventStreams  # noqa: E402
from webhooks.intake.receiver import PATH, Receiver  # noqa: E402
from whatsapp_hub.health import HEALTHZ, PROBES, respond_healthz  # noqa: E402
from whatsapp_hub.server.site import Site  # noqa: E402
from whatsapp_hub.server.threads import ThreadQueue  # noqa: E402

API = "/api/"
page_threads = ThreadQueue("pages", threads=10)
api_threads = ThreadQueue("api", threads=4)
"""Separate, so that programs that ask often do not delay pages."""
probe_threads = ThreadQueue("probes", threads=2)
"""Separate, because monitoring needs these URLs most when pages are slow."""
static_threads = ThreadQueue("static", threads=2)
"""Separate, because static files need no database, and so slow pages need not delay them."""
static_files = WhiteNoiseMiddleware()
"""Finds out which paths are static files. The middleware of the Django site serves them."""


def threads_for(path: str) -> ThreadQueue:
    """Returns the threads that serve a path of the Django site."""
    if path in PROBES:
        return probe_threads
    if path.startswith(API):
        return api_threads
    is_static = static_files.find_file(path) if static_files.autorefresh else path in static_files.files
    return static_threads if is_static else page_threads


site = Site(django_site, threads_for=threads_for)
receiver = Receiver()
streams = EventStreams()


async def _serve_pages(scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Serves the event streams and the Django site, which share what they have by the addresses of their clients."""
    application = streams if streams.serves(scope["path"]) else site
    await application(scope, receive, send)


pages: Callable[[HTTPScope, ASGIReceiveCallable, ASGISendCallable], Awaitable[None]] = ProxyHeadersMiddleware(  # type: ignore[assignment]
    _serve_pages,  # type: ignore[arg-type]
    trusted_hosts=settings.FORWARDED_ALLOW_IPS,
)


class Hub:
    """Calls the application that serves the path of a request."""

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "http":
            await _application_for(scope["path"])(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _confirm_lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000, "reason": None})

    async def close(self) -> None:
        """Ends the event streams, which never end on their own. The pages connect again to the process that serves next."""
        await streams.close()


application = Hub()


def _application_for(path: str) -> Callable[[HTTPScope, ASGIReceiveCallable, ASGISendCallable], Awaitable[None]]:
    if path.startswith(PATH):
        return receiver
    return respond_healthz if path == HEALTHZ else pages


async def _confirm_lifespan(receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    while True:
        event = await receive()
        if event["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "lifespan.startup.complete"})
