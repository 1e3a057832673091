"""`manage.py prepare_database`: what script/setup does with the database. Safe to repeat, and on several machines at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor

NO_RIGHT, UNKNOWN_DATABASE = 1044, 1049
REFUSED_LOGIN = (1045, 1698)
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
            raise CommandError(_explained(failure)) from None
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
        if _code(failure) != UNKNOWN_DATABASE:
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


def _explained(failure: Exception) -> str:
    known = connection.settings_dict
    where = f"{known['HOST'] or 'localhost'}:{known['PORT'] or 3306}"
    if connection.vendor != "mysql":
        return f"the database file {known['NAME']} cannot be used: {failure}"
    if _code(failure) in (NO_RIGHT, UNKNOWN_DATABASE, *REFUSED_LOGIN):
        return (
            f"the server at {where} lets {known['USER'] or 'nobody'} in only so far: {failure.args[-1]}\n"
            "Check DATABASE_URL, or as the server's administrator run:\n"
            f"  CREATE DATABASE IF NOT EXISTS {known['NAME']} CHARACTER SET utf8mb4;\n"
            f"  GRANT ALL ON {known['NAME']}.* TO '{known['USER']}'@'%';"
        )
    return f"the database server at {where} does not answer ({failure.args[-1]}); is it up, and is DATABASE_URL right?"


def _code(failure: Exception) -> int | None:
    return failure.args[0] if failure.args and isinstance(failure.args[0], int) else None
