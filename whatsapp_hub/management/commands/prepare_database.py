"""`manage.py prepare_database`: what script/setup does with the database. Safe to repeat, and on several machines at once."""

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
PATIENCE = 600
"""Seconds to wait for another machine that migrates."""


class Command(BaseCommand):
    help = "Creates the database of DATABASE_URL if its server has none of that name, and brings its tables up to date."
    requires_system_checks = []  # noqa: RUF012  they ask the database, which may not be there yet

    def handle(self, **options: Any) -> None:
        try:
            if _connect_or_create():
                self.stdout.write(f"created the database {connection.settings_dict['NAME']}")
        except (DatabaseError, InterfaceError) as failure:
            raise CommandError(describe_error(failure)) from None
        try:
            with suppress(DatabaseError):  # tables that migrations have yet to make
                require_readable_secrets()
        except UnreadableSecrets as refusal:
            raise CommandError(str(refusal)) from None
        with _nobody_else_migrating():
            executor = MigrationExecutor(connection)
            unapplied = executor.migration_plan(executor.loader.graph.leaf_nodes())
            call_command("migrate", interactive=False, verbosity=1 if unapplied else 0)
            call_command("createcachetable", verbosity=0)


def _connect_or_create() -> bool:
    """Whether the database had to be created."""
    try:
        connection.ensure_connection()
    except DatabaseError as failure:
        if error_code(failure) != UNKNOWN_DATABASE:
            raise
        with connection._nodb_cursor() as cursor:
            name = connection.ops.quote_name(connection.settings_dict["NAME"])
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4")
        return True
    return False


@contextmanager
def _nobody_else_migrating() -> Iterator[None]:
    if connection.vendor != "mysql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK(%s, %s)", [LOCK, PATIENCE])
        if not cursor.fetchone()[0]:
            raise CommandError(f"another machine has been migrating for more than {PATIENCE // 60} minutes")
    try:
        yield
    finally:
        connection.close()  # which gives the lock back
