"""Settings without configuration, and with: each in a process of its own, as they are read once."""

import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from whatsapp_hub import embedded

ROOT = Path(__file__).resolve().parent.parent.parent
TELL = (
    "import json; from whatsapp_hub import settings as s; print(json.dumps({'database': {key: str(each) for key, each in "
    "s.DATABASES['default'].items()}, 'key': s.SECRET_KEY, 'keys': s.FIELD_ENCRYPTION_KEYS, 'port': s.PORT, 'debug': s.DEBUG, "
    "'processes': s.WEB_CONCURRENCY, 'secure': s.SESSION_COOKIE_SECURE}))"
)


NOTHING = dict.fromkeys(("DATABASE_URL", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "CSRF_TRUSTED_ORIGINS", "DEBUG"), "")
"""Whatever a developer's own .env says."""


def settings_with(**environment: str) -> dict:
    told = subprocess.run(
        [sys.executable, "-c", TELL],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | NOTHING | environment,
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    return json.loads(told)


def test_with_nothing_configured_secrets_are_made_once_and_kept(tmp_path) -> None:
    first, second = settings_with(VAR_DIR=str(tmp_path)), settings_with(VAR_DIR=str(tmp_path))
    assert first == second
    assert first["database"]["NAME"] == str(tmp_path / "hub.sqlite3")
    assert (first["debug"], first["processes"]) == (False, 1)
    assert len(first["key"]) >= 50


def test_the_environment_wins_and_embedded_mode_fills_the_rest(tmp_path) -> None:
    told = settings_with(
        VAR_DIR=str(tmp_path),
        DATABASE_URL="mysql://u:p@db.example:3307/whatsapp_db_webhook",
        PORT="9000",
        WEB_CONCURRENCY="3",
        CSRF_TRUSTED_ORIGINS="https://hub.example",
    )
    database = told["database"]
    assert (database["ENGINE"], database["HOST"], database["PORT"]) == ("django.db.backends.mysql", "db.example", "3307")
    assert "read committed" in database["OPTIONS"]
    assert (told["port"], told["processes"], told["secure"]) == (9000, 3, True)
    assert (tmp_path / "secret_key").exists()


def test_embedded_sqlite_keeps_what_it_acknowledged(tmp_path) -> None:
    options = settings_with(VAR_DIR=str(tmp_path))["database"]["OPTIONS"]
    assert "journal_mode=WAL" in options
    assert "synchronous=FULL" in options
    assert "IMMEDIATE" in options


@pytest.mark.parametrize("make", [embedded.secret_key, embedded.encryption_key])
def test_a_kept_secret_is_readable_by_its_owner_alone(tmp_path, make) -> None:
    make(tmp_path)
    (kept,) = tmp_path.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_processes_that_start_together_have_one_secret(tmp_path) -> None:
    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(lambda _: embedded.secret_key(tmp_path), range(32)))
    assert len(secrets) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]
