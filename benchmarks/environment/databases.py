"""Databases that live as long as a benchmark: a new one on a MariaDB or MySQL server, or an SQLite file on a real disk."""

import os
import secrets
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from benchmarks.figures import Failed, say, show

Row = tuple[Any, ...]

DEFAULT_BUFFER_POOL = 128 * 2**20
PATIENCE = 600
"""Seconds in which a server changes the size of its buffer pool."""
SINGLE_KEYS = """
SELECT table_name, MAX(column_name), MAX(data_type) FROM information_schema.columns
WHERE table_schema = DATABASE() AND column_key = 'PRI' GROUP BY table_name HAVING COUNT(*) = 1
"""
"""The tables with a key of one column, that column, and its type."""
NUMBERS = ("int", "bigint")
RESIZED = ("Completed", "Size did not change", "Size of buffer pool")
"""What the status says in the end. Servers that change the size within the statement leave it empty."""


@dataclass(frozen=True)
class Database:
    """`connect` gives a connection of the benchmark's own, which sees what others committed at each of its queries."""

    name: str
    url: str
    connect: Callable[[], AbstractContextManager[Any]]
    connect_to_server: Callable[[], AbstractContextManager[Any]]
    """The same without choosing this database, which may not be there yet."""
    filled: int = 0
    """Messages of another organization that a hub stores in it before anything is measured."""

    def ask(self, query: str) -> list[Row]:
        """The rows of one query on a connection of its own."""
        with self.connect() as connection:
            return fetch(connection, query)

    def count(self, table: str, *, where: str = "1 = 1") -> int:
        return int(self.ask(f"SELECT COUNT(*) FROM {table} WHERE {where}")[0][0])  # noqa: S608  our own words


def fetch(connection: Any, query: str) -> list[Row]:
    with closing(connection.cursor()) as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


@contextmanager
def mariadb(server: str, *, keep: str = "", filled: int = 0) -> Iterator[Database]:
    """A database that the hub has yet to create on the server at this URL, dropped in the end; or the one that is called `keep`,
    which stays. Failed if the server can lose what it has committed."""
    name = keep or f"hub_bench_{os.getpid()}_{secrets.token_hex(3)}"
    _check_flushes(server)
    try:
        yield Database(
            "mariadb",
            f"{server.rstrip('/')}/{name}",
            lambda: _server_connection(server, name),
            lambda: _server_connection(server),
            filled,
        )
    finally:
        if not keep:
            with _server_connection(server) as connection:
                connection.cursor().execute(f"DROP DATABASE IF EXISTS {name}")


@contextmanager
def created_mariadb(server: str) -> Iterator[Database]:
    """The same, there already and empty."""
    with mariadb(server) as database, database.connect_to_server() as connection:
        connection.cursor().execute(f"CREATE DATABASE {database.url.rpartition('/')[2]} CHARACTER SET utf8mb4")
        yield database


@contextmanager
def default_buffer_pool(database: Database) -> Iterator[None]:
    """The server keeps no more of its tables in memory than one that nobody has configured, and says so. A larger buffer pool is
    made smaller meanwhile."""
    size = int(database.ask("SELECT @@innodb_buffer_pool_size")[0][0])
    show("buffer_pool", DEFAULT_BUFFER_POOL / 2**20, "MiB")
    if size == DEFAULT_BUFFER_POOL:
        yield
        return
    say(f"innodb_buffer_pool_size is {size / 2**20:,.0f} MiB; the pages are asked for with the default of 128")
    _resize_buffer_pool(database, DEFAULT_BUFFER_POOL)
    try:
        yield
    finally:
        _resize_buffer_pool(database, size)


def _resize_buffer_pool(database: Database, size: int) -> None:
    with database.connect_to_server() as connection, closing(connection.cursor()) as cursor:
        cursor.execute(f"SET GLOBAL innodb_buffer_pool_size = {size}")
    deadline = time.monotonic() + PATIENCE
    while not _resize_status(database).startswith(RESIZED):
        if time.monotonic() > deadline:
            raise Failed("the server does not change the size of its buffer pool")
        time.sleep(1)


def _resize_status(database: Database) -> str:
    return str(database.ask("SHOW STATUS LIKE 'Innodb_buffer_pool_resize_status'")[0][1]) or RESIZED[0]


@contextmanager
def without_new_rows(database: Database) -> Iterator[None]:
    """Removes the rows that are added meanwhile, so that several measurements can use one database that took long to fill. Of rows
    whose key is no number, such as sessions, all are removed. Those with keys of several columns stay."""
    new_rows = {str(table): "TRUE" for table, _, kind in database.ask(SINGLE_KEYS) if kind not in NUMBERS}
    for table, column, kind in database.ask(SINGLE_KEYS):
        if kind in NUMBERS:
            last = database.ask(f"SELECT COALESCE(MAX({column}), 0) FROM {table}")[0][0]  # noqa: S608  the hub's tables
            new_rows[str(table)] = f"{column} > {last}"
    yield
    with database.connect() as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SET foreign_key_checks = 0")
        for table, condition in new_rows.items():
            cursor.execute(f"DELETE FROM {table} WHERE {condition}")  # noqa: S608  the hub's tables


def server_version(server: str) -> str:
    with _server_connection(server) as connection:
        return str(fetch(connection, "SELECT VERSION()")[0][0])


def _check_flushes(server: str) -> None:
    with _server_connection(server) as connection:
        query = "SELECT VERSION(), @@innodb_flush_log_at_trx_commit, @@innodb_flush_method, @@log_bin, @@sync_binlog"
        version, flushes, method, binary_log, synced = fetch(connection, query)[0]
    binary = f"on, sync_binlog = {synced}" if binary_log else "off"
    say(f"{version}: innodb_flush_log_at_trx_commit = {flushes}, innodb_flush_method = {method}, binary log {binary}")
    if flushes != 1:
        raise Failed("the server may lose what it has committed; set innodb_flush_log_at_trx_commit = 1")


@contextmanager
def _server_connection(server: str, database: str = "") -> Iterator[Any]:
    try:
        import MySQLdb  # type: ignore[import-untyped]  # noqa: PLC0415  an environment for SQLite alone does not have it
    except ImportError:
        raise Failed("mysqlclient is missing; run: DATABASE_URL=mysql://… script/setup") from None
    url = urlsplit(server)
    try:
        connection = MySQLdb.connect(
            host=url.hostname or "127.0.0.1",
            port=url.port or 3306,
            user=unquote(url.username or "root"),
            password=unquote(url.password or ""),
            database=database,
            autocommit=True,
            connect_timeout=5,
            read_timeout=120,
        )
    except MySQLdb.OperationalError as failure:
        raise Failed(f"no MariaDB or MySQL to be reached at {server}: {failure.args[-1]}") from None
    with closing(connection):
        yield connection


def sqlite(file: Path) -> Database:
    """A file, which need not be there yet."""

    def connect() -> AbstractContextManager[Any]:
        return closing(sqlite3.connect(file, timeout=20, isolation_level=None))

    return Database("sqlite", f"sqlite:///{file}", connect, connect)


def check_disk(directory: Path) -> None:
    """Failed if the directory is in memory, where a commit costs nothing."""
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(directory)], check=True, capture_output=True, text=True).stdout.strip()
    say(f"SQLite {sqlite3.sqlite_version} on {kind}")
    if kind in ("tmpfs", "ramfs"):
        raise Failed(f"{directory} is in memory; choose a place on a disk with --scratch")
