"""`manage.py simulator`: runs the stand-in for Meta, for this machine only."""

import errno
import socket
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from simulator.standin import StandIn, serve


class Command(BaseCommand):
    help = (
        "Runs a stand-in for Meta on SIMULATOR_PORT of this machine until SIGTERM or Ctrl-C. It responds like the Graph API and "
        "sends webhooks to the hub on PORT. Its state is stored under VAR_DIR."
    )
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        try:
            listener = socket.create_server(("127.0.0.1", settings.SIMULATOR_PORT))
        except OSError as error:
            problem = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be opened ({error.strerror})"
            raise CommandError(f"port {settings.SIMULATOR_PORT} {problem}; set SIMULATOR_PORT to another one") from None
        host = f"[{settings.BIND}]" if ":" in settings.BIND else settings.BIND
        with listener:
            serve(StandIn(directory=settings.VAR_DIR / "simulator", hub_url=f"http://{host}:{settings.PORT}"), listener)
