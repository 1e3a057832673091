"""`manage.py check_secrets`: whether the keys of this hub open what its database holds."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError

from organizations.credentials.stored_secrets import UnreadableSecrets, require_readable_secrets


class Command(BaseCommand):
    help = (
        "Fails if no key of FIELD_ENCRYPTION_KEYS opens a stored secret, and names its row. The hub's processes ask this when they "
        "start, and do not go on. A database that is away is no failure here."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            require_readable_secrets()
        except UnreadableSecrets as refusal:
            raise CommandError(str(refusal)) from None
        except (DatabaseError, InterfaceError) as failure:
            self.stderr.write(f"the database cannot be asked: {type(failure).__name__}")
