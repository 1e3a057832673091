"""`manage.py prepare_database`: creates and migrates the database. Safe to repeat, and on several machines at the same time."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor

from organizations.credentials.stored_secrets import UnreadableSecrets, require_readable_secrets
from whatsapp_hub.database_errors import UNKNOWN_DATABASE, describe_error, error_code

LOCK = "whatsapp_hub_migrations"
CHARACTER_SET = "utf8mb4"
MAX_WAIT_SECONDS = 600
"""For so long the command waits for another machine that migrates."""


class Command(BaseCommand):
    help = "Creates the database of DATABASE_URL if its server has none of that name, and brings its tables up to date."
    requires_system_checks = []  # noqa: RUF012  they query the database, which may not exist yet

    def handle(self, **options: Any) -> None:
        try:
            if _connect_or_create():
                self.stdout.write(f"created the database {connection.settings_dict['NAME']}")
        except (DatabaseError, InterfaceError) as failure:
            raise CommandError(describe_error(failure)) from None
        try:
            with suppress(DatabaseError):  # tables that migrations have not created yet
                require_readable_secrets()
        except UnreadableSecrets as failure:
            raise CommandError(str(failure)) from None
        _set_character_set()
        with _migration_lock():
            executor = MigrationExecutor(connection)
            unapplied = executor.migration_plan(executor.loader.graph.leaf_nodes())
            call_command("migrate", interactive=False, verbosity=1 if unapplied else 0)
            call_command("createcachetable", verbosity=0)


def _connect_or_create() -> bool:
    """Connects to the database. Creates it if it does not exist, and then returns True."""
    try:
        connection.ensure_connection()
    except DatabaseError as failure:
        if error_code(failure) != UNKNOWN_DATABASE:
            raise
        with connection._nodb_cursor() as cursor:
            name = connection.ops.quote_name(connection.settings_dict["NAME"])
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET {CHARACTER_SET}")
        return True
    return False


def _set_character_set() -> None:
    """Gives a database without tables a character set with emoji: webhooks with them could not be stored. Raises CommandError if
    there are tables, because they keep theirs."""
    if connection.vendor != "mysql":
        return
    name = connection.settings_dict["NAME"]
    statement = f"ALTER DATABASE {connection.ops.quote_name(name)} CHARACTER SET {CHARACTER_SET}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@character_set_database")
        (found,) = cursor.fetchone()
        if found == CHARACTER_SET:
            return
        if connection.introspection.table_names(cursor):
            raise CommandError(f"the database {name} has the character set {found}, which has no emoji. Run:\n  {statement};")
        cursor.execute(statement)


@contextmanager
def _migration_lock() -> Iterator[None]:
    """Waits until no other machine migrates, and keeps others from migrating."""
    if connection.vendor != "mysql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK(%s, %s)", [LOCK, MAX_WAIT_SECONDS])
        if not cursor.fetchone()[0]:
            raise CommandError(f"another machine has been migrating for more than {MAX_WAIT_SECONDS // 60} minutes")
    try:
        yield
    finally:
        connection.close()  # which releases the lock
