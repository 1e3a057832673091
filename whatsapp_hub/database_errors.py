"""Failures of the database in words, for operators at a command line."""

from django.db import DatabaseError, InterfaceError, OperationalError, connection

from jobs.transactions import DatabaseAway

NO_RIGHT, UNKNOWN_DATABASE = 1044, 1049
REFUSED_LOGIN = (1045, 1698)
UNKNOWN_TABLE, UNKNOWN_COLUMN = 1146, 1054
MISSING_ON_SQLITE = ("no such table", "no such column", "has no column")
"""What SQLite, which has no codes, says where migrations have not run."""


def describe_error(failure: Exception) -> str:
    """What is wrong with the database of this hub, and what to do."""
    known = connection.settings_dict
    if is_unprepared(failure):
        return "the database lacks tables or columns of this version; run script/setup, or manage.py prepare_database"
    if connection.vendor != "mysql":
        return f"the database file {known['NAME']} cannot be used: {failure}"
    where = f"{known['HOST'] or 'localhost'}:{known['PORT'] or 3306}"
    if error_code(failure) in (NO_RIGHT, UNKNOWN_DATABASE, *REFUSED_LOGIN):
        return (
            f"the server at {where} lets {known['USER'] or 'nobody'} in only so far: {failure.args[-1]}\n"
            "Check DATABASE_URL, or as the server's administrator run:\n"
            f"  CREATE DATABASE IF NOT EXISTS {known['NAME']} CHARACTER SET utf8mb4;\n"
            f"  GRANT ALL ON {known['NAME']}.* TO '{known['USER']}'@'%';"
        )
    return f"the database server at {where} does not answer ({failure.args[-1]}); is it up, and is DATABASE_URL right?"


def find_database_error(failure: Exception) -> Exception | None:
    """The failure if the database, not the code, is its reason, and so has a sentence; else None."""
    if isinstance(failure, DatabaseAway):
        failure = failure.__cause__ if isinstance(failure.__cause__, Exception) else failure
    is_no_database = type(failure) is DatabaseError  # SQLite says so of a file that is something else
    is_known = is_no_database or isinstance(failure, (OperationalError, InterfaceError)) or is_unprepared(failure)
    return failure if is_known else None


def is_unprepared(failure: Exception) -> bool:
    """Whether migrations have not run."""
    if connection.vendor == "mysql":
        return error_code(failure) in (UNKNOWN_TABLE, UNKNOWN_COLUMN)
    return isinstance(failure, DatabaseError) and any(words in str(failure) for words in MISSING_ON_SQLITE)


def error_code(failure: Exception) -> int | None:
    """The server's code; None on SQLite."""
    return failure.args[0] if failure.args and isinstance(failure.args[0], int) else None
