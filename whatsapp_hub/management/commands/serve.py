"""`manage.py serve`: runs the web server, a worker of the engine that is set, and, if it is on, the simulator."""

import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.urls import reverse

from monitoring.metrics.worker_counters import DIRECTORY
from organizations.credentials.stored_secrets import UnreadableSecrets, require_readable_secrets
from organizations.members.first_superuser import create_first_superuser
from simulator.client import SimulatorError
from simulator.demonstration import begin_conversations, make_demonstration, simulated_numbers
from whatsapp_hub.lanes import LANES
from whatsapp_hub.supervisor import Process, Supervisor, SupervisorError, wait_for_port

SIMULATOR_SECONDS = 30.0
"""For so long the command waits for the simulator."""


class Command(BaseCommand):
    help = (
        "Runs the web server (gunicorn) and a worker until SIGTERM or Ctrl-C, and starts a process again when it ends. With "
        "WORK_ENGINE=celery, the worker is a Celery worker of all queues, and beat runs beside it. Runs the simulator too with "
        "SIMULATOR=on, or without any configuration. Listens on BIND (127.0.0.1) and PORT (8000) with WEB_CONCURRENCY processes. "
        "script/server sets up the hub, then calls this."
    )

    def handle(self, **options: Any) -> None:
        try:
            require_readable_secrets()
            wait_for_port(settings.BIND, settings.PORT)
            _share_counters()
            workers = _celery_processes() if settings.WORK_ENGINE == "celery" else [_worker_process()]
            supervisor = Supervisor([_web_process(), *workers, *([_simulator_process()] if settings.SIMULATOR else [])])
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: supervisor.stop())
            login = create_first_superuser()
            if settings.SIMULATOR:
                make_demonstration()
            threading.Thread(target=self._print_address, args=[login], daemon=True).start()
            supervisor.run()
        except (SupervisorError, UnreadableSecrets) as failure:
            raise CommandError(str(failure)) from None
        self.stdout.write("stopped")

    def _print_address(self, login: tuple[str, str] | None) -> None:
        """Waits until the web server responds, and prints its address and, the first time, the first login."""
        address = _address()
        while not _is_up(address):
            time.sleep(0.2)
        self.stdout.write(f"WhatsApp Hub is up: {address}")
        if login:
            email, password = login
            self.stdout.write(
                f"first login: {email}\npassword:    {password}\n(shown this once; change it under “Change password”)"
            )
        self.stdout.flush()
        if settings.SIMULATOR:
            self._print_phone_pages(address.removesuffix("/"))

    def _print_phone_pages(self, address: str) -> None:
        """Waits until the simulator responds, and prints the URLs of its phone pages. The hub also works without it."""
        try:
            for number in simulated_numbers():
                begin_conversations(number, timeout=SIMULATOR_SECONDS)
                path = reverse("simulator", args=[number.organization_id])
                self.stdout.write(f"a phone to try it with, without WhatsApp ({number.organization}): {address}{path}")
        except SimulatorError as failure:
            self.stderr.write(f"The simulator cannot be used: {failure}. Set SIMULATOR_PORT to another port, or SIMULATOR=off.")
        finally:
            connections.close_all()
        self.stdout.flush()


def _address() -> str:
    """Returns the URL of the hub for this machine."""
    host = "localhost" if settings.BIND in ("127.0.0.1", "0.0.0.0", "::") else settings.BIND  # noqa: S104
    return f"http://[{host}]:{settings.PORT}/" if ":" in host else f"http://{host}:{settings.PORT}/"


def _is_up(address: str) -> bool:
    try:
        return requests.get(f"{address}healthz", timeout=2).ok
    except requests.RequestException:
        return False


def _share_counters() -> None:
    """Empties the folder in which each process has its counters in a file of its own, so that /metrics can report all of them."""
    directory = Path(settings.VAR_DIR) / "metrics" / str(settings.PORT)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    os.environ[DIRECTORY] = str(directory)


def _web_process() -> Process:
    return Process("web", [sys.executable, "-m", "gunicorn", "-c", "python:whatsapp_hub.web"], _environment_with_path())


def _celery_processes() -> list[Process]:
    """A worker of all queues with a thread for each of them, like `manage.py worker`, and beat."""
    celery = [sys.executable, "-m", "celery", "-A", "whatsapp_hub"]
    threads = str(len(LANES) + 2)  # two for chores
    worker = [*celery, "worker", "--pool", "threads", "--concurrency", threads, "--without-gossip", "--without-mingle"]
    environment = _environment_with_path()
    return [Process("worker", worker, environment), Process("beat", [*celery, "beat"], environment)]


def _environment_with_path() -> dict[str, str]:
    """Returns the environment of a command other than `manage.py`, with the settings module and the path of the hub."""
    paths = [str(settings.BASE_DIR), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def _worker_process() -> Process:
    return Process("worker", [sys.executable, str(settings.BASE_DIR / "manage.py"), "worker"], os.environ)


def _simulator_process() -> Process:
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "simulator"]
    return Process("simulator", command, os.environ, is_needed=False)
