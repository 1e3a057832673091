"""Databases that live as long as a benchmark: a new one on a MariaDB or MySQL server, or an SQLite file on a real disk."""

import os
import secrets
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from benchmarks.figures import Failed, say

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Database:
    """`connect` gives a connection of the benchmark's own, which sees what others committed at each of its queries."""

    name: str
    url: str
    connect: Callable[[], AbstractContextManager[Any]]

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
def mariadb(server: str) -> Iterator[Database]:
    """A database that the hub has yet to create on the server at this URL, dropped in the end. Failed if the server can lose what
    it has committed."""
    name = f"hub_bench_{os.getpid()}_{secrets.token_hex(3)}"
    _check_flushes(server)
    try:
        yield Database("mariadb", f"{server.rstrip('/')}/{name}", lambda: _server_connection(server, name))
    finally:
        with _server_connection(server) as connection:
            connection.cursor().execute(f"DROP DATABASE IF EXISTS {name}")


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
    return Database("sqlite", f"sqlite:///{file}", lambda: closing(sqlite3.connect(file, timeout=20, isolation_level=None)))


def check_disk(directory: Path) -> None:
    """Failed if the directory is in memory, where a commit costs nothing."""
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(directory)], check=True, capture_output=True, text=True).stdout.strip()
    say(f"SQLite {sqlite3.sqlite_version} on {kind}")
    if kind in ("tmpfs", "ramfs"):
        raise Failed(f"{directory} is in memory; choose a place on a disk with --scratch")
