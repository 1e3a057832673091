"""What script/setup does with the database, and what it says when it cannot."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent.parent

SECRETS = {"SECRET_KEY": "s", "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode()}


def prepare(url: str, var_dir: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "prepare_database"],
        env={"PATH": os.environ["PATH"], "VAR_DIR": str(var_dir), "DATABASE_URL": url} | SECRETS,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_new_file_gets_its_tables_and_the_second_run_changes_nothing(tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/hub.sqlite3"
    first, second = prepare(url, tmp_path), prepare(url, tmp_path)
    assert (first.returncode, second.returncode) == (0, 0)
    assert "Applying organizations.0001_initial... OK" in first.stdout
    assert second.stdout == ""


def test_a_file_that_cannot_be_created_is_named_without_a_traceback(tmp_path) -> None:
    result = prepare(f"sqlite:///{tmp_path}/nowhere/hub.sqlite3", tmp_path)
    assert result.returncode == 1
    assert f"the database file {tmp_path}/nowhere/hub.sqlite3 cannot be used" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_up_to_date_stays_as_it_is() -> None:
    result = StringIO()
    call_command("prepare_database", stdout=result)
    assert result.getvalue() == ""
    connection.ensure_connection()


mysql_only = pytest.mark.skipif(connection.vendor != "mysql", reason="asks a MySQL or MariaDB server")


@mysql_only
@pytest.mark.database
@pytest.mark.parametrize(
    ("user", "port", "words"),
    [("nobody:wrong", None, ["denies access to nobody", "GRANT ALL ON"]), (None, 1, ["does not answer", "is it running"])],
)
def test_a_server_that_denies_access_is_explained_without_a_traceback(tmp_path, user, port, words) -> None:
    known = connection.settings_dict
    login = user or f"{known['USER']}:{known['PASSWORD']}"
    result = prepare(f"mysql://{login}@{known['HOST']}:{port or known['PORT']}/hub_nowhere", tmp_path)
    assert result.returncode == 1
    assert [word for word in words if word not in result.stderr] == []
    assert "Traceback" not in result.stderr


def url_of(name: str) -> str:
    known = connection.settings_dict
    return f"mysql://{known['USER']}:{known['PASSWORD']}@{known['HOST']}:{known['PORT']}/{name}"


@mysql_only
@pytest.mark.django_db
def test_a_database_that_is_missing_is_created(tmp_path) -> None:
    name = f"{connection.settings_dict['NAME']}_made"
    url = url_of(name)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        try:
            result = prepare(url, tmp_path)
            assert result.returncode == 0, result.stderr
            assert f"created the database {name}" in result.stdout
            cursor.execute(f"SELECT COUNT(*) FROM {name}.chat_session_message")
        finally:
            cursor.execute(f"DROP DATABASE IF EXISTS {name}")


@contextmanager
def database(name: str, character_set: str, statement: str = "SELECT 1") -> Iterator[str]:
    """Creates a database. Yields its URL."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET {character_set}")
        try:
            cursor.execute(statement)
            yield url_of(name)
        finally:
            cursor.execute(f"DROP DATABASE {name}")


@mysql_only
@pytest.mark.database
@pytest.mark.django_db
@pytest.mark.parametrize("character_set", ["latin1", "utf8mb3"])
def test_a_database_with_tables_whose_character_set_has_no_emoji_is_refused(character_set: str, tmp_path) -> None:
    name = f"{connection.settings_dict['NAME']}_{character_set}"
    with database(name, character_set, f"CREATE TABLE {name}.orders (id int)") as url:
        result = prepare(url, tmp_path)
    assert result.returncode == 1
    assert f"ALTER DATABASE `{name}` CHARACTER SET utf8mb4;" in result.stderr
    assert "Traceback" not in result.stderr


@mysql_only
@pytest.mark.database
@pytest.mark.django_db
def test_an_empty_database_gets_a_character_set_with_emoji(tmp_path) -> None:
    name = f"{connection.settings_dict['NAME']}_plain"
    with database(name, "latin1") as url, connection.cursor() as cursor:
        result = prepare(url, tmp_path)
        columns = "information_schema.columns WHERE table_schema = %s AND table_name = 'contacts' AND column_name = 'name'"
        cursor.execute(f"SELECT character_set_name FROM {columns}", [name])
        assert (result.returncode, cursor.fetchone()) == (0, ("utf8mb4",)), result.stderr


@mysql_only
@pytest.mark.database
@pytest.mark.django_db
def test_a_migration_that_was_interrupted_is_explained(tmp_path) -> None:
    name = f"{connection.settings_dict['NAME']}_half"
    with database(name, "utf8mb4", f"CREATE TABLE {name}.django_content_type (id int)") as url:
        result = prepare(url, tmp_path)
    assert result.returncode == 1
    assert "'django_content_type' already exists). It seems that it was interrupted" in result.stderr
    assert "Traceback" not in result.stderr
