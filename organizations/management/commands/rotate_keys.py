"""`manage.py rotate_keys`: encrypts all stored secrets again, with the first encryption key.

To change the encryption key:

1. Make a key: `python3 -c "import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())"`.
2. Put it first in FIELD_ENCRYPTION_KEYS, before the old one: `new,old`. Restart the web and the worker processes: from
   now on the new key encrypts, and both decrypt.
3. Run this command. It is safe to repeat, and no process has to be stopped.
4. After it has succeeded, remove the old key and restart again.
"""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from organizations.audit.commands import OperatorCommand
from organizations.credentials.stored_secrets import rotate_keys


class Command(OperatorCommand):
    help = (
        "Encrypts all stored secrets with the first key of FIELD_ENCRYPTION_KEYS. To change the key: put the new one "
        "first, restart, run this, and when it succeeded remove the old one. Fails if no key opens a secret."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--forget-unreadable",
            action="store_true",
            help="for a key that is lost for good: empty the secrets that no key opens, to be entered anew, and switch two-factor "
            "sign-in off for users whose seeds are among them",
        )

    def handle(self, *args: Any, forget_unreadable: bool, **options: Any) -> None:
        rotation = rotate_keys(
            forget_unreadable=forget_unreadable, progress=lambda name, count: self.stdout.write(f"{name}: {count} rows")
        )
        self.stdout.write(f"{rotation.rows} rows encrypted with the first key")
        if not rotation.unreadable:
            return
        if forget_unreadable:
            self.stdout.write(f"forgotten, as no key opens them: {', '.join(rotation.unreadable)}")
            return
        raise CommandError(
            f"no key opens a secret of: {', '.join(rotation.unreadable)}. Keep the old keys; add the missing one, "
            "or enter these secrets again"
        )
