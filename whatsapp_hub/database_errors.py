"""Explains errors of the database to operators at a command line."""

from django.db import DatabaseError, InterfaceError, NotSupportedError, OperationalError, connection

from jobs.transactions import AWAY, LOST, DatabaseAway

ACCESS_DENIED, UNKNOWN_DATABASE = 1044, 1049
LOGIN_DENIED = (1045, 1698)
UNKNOWN_TABLE, UNKNOWN_COLUMN = 1146, 1054
HALF_DONE = (1050, 1060, 1061, 1091, 1826)
"""A table, column, index or foreign key that a migration adds or removes is already there, or gone."""
CLIENT_ERRORS = range(2000, 3000)
MISSING_ON_SQLITE = ("no such table", "no such column", "has no column")
"""Messages of SQLite, which has no codes, if migrations have not run."""


def describe_error(failure: Exception) -> str:
    """Returns a sentence about the error of this hub's database, and what to do."""
    config = connection.settings_dict
    if is_unprepared(failure):
        return "the database lacks tables or columns of this version; run script/setup, or manage.py prepare_database"
    if connection.vendor != "mysql":
        return f"the database file {config['NAME']} cannot be used: {failure}"
    is_list = "," in config["HOST"]
    where = config["HOST"] if is_list else f"{config['HOST'] or 'localhost'}:{config['PORT'] or 3306}"
    if error_code(failure) in (ACCESS_DENIED, UNKNOWN_DATABASE, *LOGIN_DENIED):
        return (
            f"the server at {where} denies access to {config['USER'] or 'an unnamed user'}: {failure.args[-1]}\n"
            "Check DATABASE_URL, or as the server's administrator run:\n"
            f"  CREATE DATABASE IF NOT EXISTS {config['NAME']} CHARACTER SET utf8mb4;\n"
            f"  GRANT ALL ON {config['NAME']}.* TO '{config['USER']}'@'%';"
        )
    if error_code(failure) in HALF_DONE:
        return (
            f"a migration cannot go on ({failure.args[-1]}). It seems that it was interrupted, and MySQL and MariaDB keep what it "
            "had done. Restore the backup, or undo that part by hand (manage.py showmigrations names the migration, "
            "manage.py sqlmigrate shows its statements). Then run script/setup, or manage.py prepare_database"
        )
    if isinstance(failure, NotSupportedError):  # raised when connecting: the server is too old
        return f"the hub does not support the database server at {where}: {failure.args[-1]}"
    if not _is_connection_error(failure):
        return f"the database server at {where} refuses a statement: {failure.args[-1]}"
    return f"the database server at {where} does not answer ({failure.args[-1]}); is it running, and is DATABASE_URL correct?"


def find_database_error(failure: Exception) -> Exception | None:
    """Returns the database error behind `failure`, or None. Errors that only the code can cause are not returned."""
    if isinstance(failure, DatabaseAway):
        failure = failure.__cause__ if isinstance(failure.__cause__, Exception) else failure
    is_other_file = type(failure) is DatabaseError  # SQLite raises it for a file that is no database
    is_explained = (
        is_other_file or isinstance(failure, (OperationalError, InterfaceError, NotSupportedError)) or is_unprepared(failure)
    )
    return failure if is_explained else None


def is_unprepared(failure: Exception) -> bool:
    """Returns whether migrations have not run."""
    if connection.vendor == "mysql":
        return error_code(failure) in (UNKNOWN_TABLE, UNKNOWN_COLUMN)
    return isinstance(failure, DatabaseError) and any(words in str(failure) for words in MISSING_ON_SQLITE)


def error_code(failure: Exception) -> int | None:
    """Returns the server's code, or None on SQLite."""
    return failure.args[0] if failure.args and isinstance(failure.args[0], int) else None


def _is_connection_error(failure: Exception) -> bool:
    """Returns whether the server cannot be reached, or cannot be used at all. True if it has no code."""
    code = error_code(failure)
    return code is None or code in CLIENT_ERRORS or code in AWAY or code in LOST
