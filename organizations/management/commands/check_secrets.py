"""`manage.py check_secrets`: whether the encryption keys of this hub decrypt its database."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError

from organizations.credentials.stored_secrets import UnreadableSecrets, require_readable_secrets


class Command(BaseCommand):
    help = (
        "Fails if no key of FIELD_ENCRYPTION_KEYS decrypts a stored secret, and names its row. The hub's processes make this check "
        "when they start, and stop if it fails. It does not fail if the database does not answer."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            require_readable_secrets()
        except UnreadableSecrets as error:
            raise CommandError(str(error)) from None
        except (DatabaseError, InterfaceError) as error:
            self.stderr.write(f"the database does not answer: {type(error).__name__}")
