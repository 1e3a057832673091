"""Files of the hub are readable by their owner only, whatever the umask."""

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

STORE_A_FILE = """
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
default_storage.save("files/1/a", ContentFile(b"x"))
"""
WRITE_A_ROW = """
import os
from organizations.models import User
User.objects.create_user("a@example.com")
os._exit(0)
"""
"""A process that ends like this leaves SQLite's files next to the database."""
ROOT = Path(__file__).resolve().parent.parent.parent.parent


def manage(*command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs a command with the usual umask of a shell."""
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *command],
        env={"PATH": os.environ["PATH"], "DATABASE_URL": "", "SECRET_KEY": "", "FIELD_ENCRYPTION_KEYS": ""} | environment,
        umask=0o022,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def open_to_others(directory: Path) -> list[str]:
    return [str(each) for each in (directory, *directory.rglob("*")) if mode(each) & 0o077]


def test_files_of_a_fresh_hub_are_closed_to_others(tmp_path) -> None:
    var_dir = tmp_path / "var"
    manage("prepare_database", VAR_DIR=str(var_dir))
    manage("collectstatic", "--noinput", VAR_DIR=str(var_dir))
    manage("shell", "-c", STORE_A_FILE, VAR_DIR=str(var_dir))

    assert {"hub.sqlite3", "secret_key", "field_encryption_keys", "static", "media"} <= {each.name for each in var_dir.iterdir()}
    assert open_to_others(var_dir) == []
    assert (mode(var_dir), mode(var_dir / "hub.sqlite3")) == (0o700, 0o600)


def test_files_of_sqlite_next_to_the_database_are_closed_too(tmp_path) -> None:
    manage("prepare_database", VAR_DIR=str(tmp_path))
    manage("shell", "-c", WRITE_A_ROW, VAR_DIR=str(tmp_path))
    assert (tmp_path / "hub.sqlite3-wal").exists()
    assert open_to_others(tmp_path) == []


def test_a_hub_that_was_open_to_others_is_closed_when_it_starts(tmp_path) -> None:
    var_dir = tmp_path / "var"
    manage("prepare_database", VAR_DIR=str(var_dir))
    (var_dir / "metrics").mkdir(mode=0o755)
    for name in ("hub.sqlite3", "hub.sqlite3-wal", "secret_key"):
        (var_dir / name).touch()
        (var_dir / name).chmod(0o644)
    var_dir.chmod(0o755)

    manage("check", VAR_DIR=str(var_dir))

    assert open_to_others(var_dir) == []


def test_a_database_file_elsewhere_is_closed_and_the_directory_of_others_is_not(tmp_path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    database = shared / "hub.sqlite3"
    url = f"sqlite:///{database}"
    manage("prepare_database", VAR_DIR=str(tmp_path / "var"), DATABASE_URL=url)
    assert mode(database) == 0o600
    for path in (database, shared / "hub.sqlite3-shm"):
        path.touch()
        path.chmod(0o664)

    manage("check", VAR_DIR=str(tmp_path / "var"), DATABASE_URL=url)

    assert [mode(path) for path in (database, shared / "hub.sqlite3-shm", shared)] == [0o600, 0o600, 0o755]
    with closing(sqlite3.connect(database)) as opened:
        assert opened.execute("SELECT COUNT(*) FROM users").fetchone() == (0,)


@pytest.mark.parametrize("shared", [0o1777, 0o1755])
def test_a_shared_directory_stays_shared(tmp_path, shared) -> None:
    var_dir = tmp_path / "tmp"
    var_dir.mkdir()
    var_dir.chmod(shared)
    manage("check", VAR_DIR=str(var_dir))
    assert mode(var_dir) == shared
    assert [mode(each) for each in var_dir.iterdir()] == [0o600, 0o600]


def test_the_target_of_a_link_stays_as_it_is(tmp_path) -> None:
    elsewhere, var_dir = tmp_path / "www", tmp_path / "var"
    for each in (elsewhere, var_dir):
        each.mkdir()
    (var_dir / "static").symlink_to(elsewhere)
    elsewhere.chmod(0o755)
    manage("check", VAR_DIR=str(var_dir))
    assert (mode(elsewhere), mode(var_dir)) == (0o755, 0o700)
