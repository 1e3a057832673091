"""How gunicorn runs the web processes: `gunicorn -c python:whatsapp_hub.web`. Read `serving.py` for who starts it."""

import asyncio
import gc
import os
import resource
import socket
import subprocess
import sys
from typing import Protocol, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker
from prometheus_client import multiprocess
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker

from whatsapp_hub.server.connections import Connection
from whatsapp_hub.supervisor import SUPERVISED, end_with_parent, end_with_supervisor

end_with_supervisor()


MOST_FILES = 65_536
"""Each open page of the site holds a connection; many systems allow 1,024 of them unless asked."""


class Closing(Protocol):
    """What the application can do beside answering: see asgi.Hub."""

    async def close(self) -> None: ...


TICK = 0.5
"""Seconds between two looks at whether the process is to end. The parent's ten a second are most of what an idle process does."""


class WebServer(Server):
    """A server that ends although event streams are open, and sleeps while there is nothing to do."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # noqa: ASYNC110  a signal handler sets what it looks at
            await asyncio.sleep(TICK)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await cast(Closing, self.config.app).close()
        await super().shutdown(sockets)


class WebWorker(UvicornWorker):  # type: ignore[misc]  # it has no types
    """A web process. Nothing here speaks WebSocket, and what the hub has to say of a request is in its metrics."""

    CONFIG_KWARGS = UvicornWorker.CONFIG_KWARGS | {
        "http": Connection,
        "ws": "none",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,  # the site reads them itself: see asgi.py
        "timeout_graceful_shutdown": 15,  # seconds for what is under way, before `graceful_timeout` ends the process itself
    }

    async def _serve(self) -> None:
        """As the parent does it, with a server that ends."""
        self.config.app = self.wsgi
        server = WebServer(config=self.config)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whatsapp_hub.settings")
wsgi_app = "whatsapp_hub.asgi:application"
worker_class = "whatsapp_hub.web.WebWorker"
try:
    bind = f"[{settings.BIND}]:{settings.PORT}" if ":" in settings.BIND else f"{settings.BIND}:{settings.PORT}"
except ImproperlyConfigured as refusal:
    sys.exit(f"The hub cannot start: {refusal}")
workers = settings.WEB_CONCURRENCY
reuse_port = True
"""Each web process listens for itself, and the kernel deals out the connections; of one socket that all share, whoever is awake
takes the most."""
backlog = 2048
keepalive = 75
"""Longer than a proxy in front keeps its idle connections, so that it never sends into one that is being closed."""
graceful_timeout = 20
timeout = 60
loglevel = "warning"
proc_name = "whatsapp-hub"


def on_starting(server: Arbiter) -> None:
    """Refuse to start with keys that do not open the stored secrets. In a process of its own, so that the web processes begin
    without anything of Django's. Under a supervisor that has asked already."""
    if SUPERVISED not in os.environ:
        asked = subprocess.run([sys.executable, str(settings.BASE_DIR / "manage.py"), "check_secrets"], check=False)  # noqa: S603
        if asked.returncode:
            sys.exit(asked.returncode)


def post_fork(server: Arbiter, worker: Worker) -> None:
    """A web process whose master was killed would keep the port from the next one."""
    end_with_parent(worker.ppid)
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if allowed == resource.RLIM_INFINITY else min(allowed, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, allowed))


def post_worker_init(worker: Worker) -> None:
    """What is there now stays: the garbage collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


def child_exit(server: Arbiter, worker: Worker) -> None:
    """The gauges of a process that has ended are no longer told."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
