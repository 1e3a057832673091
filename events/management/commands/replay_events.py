"""Delivers events again that were given up."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from events.endpoints.services import replay_dead
from events.models import EventEndpoint
from organizations.audit.commands import OperatorCommand


class Command(OperatorCommand):
    help = "Delivers the events again that were given up, of one endpoint or of all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--endpoint", type=int, metavar="ID", help="the id of the endpoint, as in the address of its page")
        which.add_argument("--all", action="store_true", help="all endpoints that are on")

    def handle(self, *arguments: Any, **options: Any) -> None:
        endpoints = EventEndpoint.objects.enabled().defer(*EventEndpoint.SECRETS)
        if options["endpoint"] is not None:
            endpoints = endpoints.filter(pk=options["endpoint"])
            if not endpoints:
                raise CommandError("There is no endpoint with this id that is on.")
        count = sum(replay_dead(endpoint=endpoint, by=None, now=timezone.now()) for endpoint in endpoints)
        self.stdout.write(f"{count} events are due again.")
