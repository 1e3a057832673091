"""Gunicorn's configuration, and its workers, for the web processes: `gunicorn -c python:whatsapp_hub.web`.

`supervisor.py` and `manage.py serve` start it.
"""

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

MAX_OPEN_FILES = 65_536
"""Each open page of the site holds a connection. Many systems allow 1,024 by default."""


class ClosableApplication(Protocol):
    """An ASGI application that can end its event streams: `asgi.Hub`."""

    async def close(self) -> None: ...


CHECK_SECONDS = 0.5
"""Interval between two checks of whether the process must end. The base class checks ten times a second, which would be most of the
work of an idle process."""


class WebServer(Server):
    """A server that can end while event streams are open, and that sleeps while it is idle."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # noqa: ASYNC110  a signal handler sets the value that it checks
            await asyncio.sleep(CHECK_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await cast(ClosableApplication, self.config.app).close()
        await super().shutdown(sockets)


class WebWorker(UvicornWorker):  # type: ignore[misc]  # it has no types
    """A web process. The hub has no WebSockets, and no access log: it has metrics."""

    CONFIG_KWARGS = UvicornWorker.CONFIG_KWARGS | {
        "http": Connection,
        "ws": "none",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,  # asgi.py reads them
        "timeout_graceful_shutdown": 15,  # seconds for running requests; it must be less than `graceful_timeout`
    }

    async def _serve(self) -> None:
        """Like the method of the base class, but with `WebServer`."""
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
except ImproperlyConfigured as failure:
    sys.exit(f"The hub cannot start: {failure}")
workers = settings.WEB_CONCURRENCY
reuse_port = True
"""Each web process has a socket of its own, and the kernel distributes the connections. From a shared socket, the process that is
awake would accept most of them."""
backlog = 2048
keepalive = 75
"""Longer than a reverse proxy keeps its idle connections, so that it never sends a request on one that is being closed."""
graceful_timeout = 20
timeout = 60
loglevel = "warning"
proc_name = "whatsapp-hub"


def on_starting(server: Arbiter) -> None:
    """Exits if the keys cannot decrypt the stored secrets. A supervisor has checked this already."""
    if SUPERVISED not in os.environ:
        # In a process of its own, so that the web processes are forked without Django's state.
        check = subprocess.run([sys.executable, str(settings.BASE_DIR / "manage.py"), "check_secrets"], check=False)  # noqa: S603
        if check.returncode:
            sys.exit(check.returncode)


def post_fork(server: Arbiter, worker: Worker) -> None:
    end_with_parent(worker.ppid)  # otherwise a web process whose master was killed would keep the port
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = MAX_OPEN_FILES if allowed == resource.RLIM_INFINITY else min(allowed, MAX_OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, allowed))


def post_worker_init(worker: Worker) -> None:
    """Excludes all objects that exist now from garbage collection, because they stay."""
    gc.collect()
    gc.freeze()


def child_exit(server: Arbiter, worker: Worker) -> None:
    """Removes the gauges of a process that has ended from the metrics."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
