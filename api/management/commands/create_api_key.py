"""`manage.py create_api_key`: prints a new API key of an organization."""

from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from api.keys.services import UnknownScope, create_key, read_scopes
from contacts.services import InvalidInput
from organizations.audit.commands import OperatorCommand
from organizations.models import Organization

MAX_DAYS = 36_500


class Command(OperatorCommand):
    help = "Creates an API key of an organization, and prints it once, alone in its line. Only a digest of it is stored."

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--organization", required=True, metavar="NAME", help="name of the organization")
        add("--scope", required=True, metavar="SCOPES", help="what the key may do: read, send, manage, separated by commas")
        add("--expires", type=int, metavar="DAYS", help="days after which the key expires. Without it, the key does not expire")
        add("--name", default="create_api_key", metavar="NAME", help="the name that the page of keys shows")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        organization = Organization.objects.filter(organization_name=options["organization"]).first()
        if organization is None:
            raise CommandError(f"There is no organization {options['organization']!r}.")
        try:
            scopes = read_scopes(filter(None, (word.strip() for word in options["scope"].split(","))))
            created = create_key(
                organization=organization,
                name=options["name"][:60],
                scopes=scopes,
                expires_at=_expires_at(options["expires"], now),
                by=None,
                now=now,
            )
        except UnknownScope as refusal:
            raise CommandError(f"There is no scope {refusal}. Scopes are read, send and manage.") from None
        except InvalidInput as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(created.text)


def _expires_at(days: int | None, now: datetime) -> datetime | None:
    if days is None:
        return None
    if not 0 < days <= MAX_DAYS:
        raise CommandError(f"--expires is a number of days from 1 to {MAX_DAYS}.")
    return now + timedelta(days=days)
