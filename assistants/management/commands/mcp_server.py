"""`manage.py mcp_server`: lets an AI assistant use the hub over the Model Context Protocol (docs/assistants.md)."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from assistants.hub_api import key_of_environment

try:
    from mcp.server.transport_security import TransportSecuritySettings

    from assistants.tools import create_server
except ImportError:  # without requirements/mcp.txt
    IS_INSTALLED = False
else:
    IS_INSTALLED = True


class Command(BaseCommand):
    help = "Serves the hub's API to AI assistants over the Model Context Protocol: to one program by standard input, or by HTTP."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--hub", metavar="URL", help="address of the hub; by default that of this machine, with its PORT")
        add("--listen", metavar="HOST:PORT", help="serve by HTTP at /mcp, where each request has an API key as bearer token")

    def handle(self, *args: Any, **options: Any) -> None:
        if not IS_INSTALLED:
            raise CommandError("Install the protocol's library first: pip install -r requirements/mcp.txt")
        hub = options["hub"] or f"http://127.0.0.1:{settings.PORT}"
        if options["listen"]:
            return self._listen(hub, options["listen"])
        if not key_of_environment():
            raise CommandError("Set HUB_API_KEY to an API key of the organization.")
        create_server(hub, key_of_environment()).run("stdio")
        return None

    def _listen(self, hub: str, address: str) -> None:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise CommandError("--listen needs a host and a port, such as 127.0.0.1:8100.")
        hosts = [*settings.ALLOWED_HOSTS, "127.0.0.1", "localhost"]
        security = TransportSecuritySettings(allowed_hosts=[*hosts, *(f"{each}:*" for each in hosts)])
        # Stateless: each request brings its key, and any number of these processes may run.
        create_server(hub).run(
            "streamable-http", host=host, port=int(port), stateless_http=True, json_response=True, transport_security=security
        )
