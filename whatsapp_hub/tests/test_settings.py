"""Settings without configuration, and with: each in a process of its own, as they are read once."""

import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from whatsapp_hub import embedded
from whatsapp_hub.embedded import is_this_machine, runs_simulator

ROOT = Path(__file__).resolve().parent.parent.parent
TELL = (
    "import json; from whatsapp_hub import settings as s; print(json.dumps({'database': {key: str(each) for key, each in "
    "s.DATABASES['default'].items()}, 'key': s.SECRET_KEY, 'keys': s.FIELD_ENCRYPTION_KEYS, 'port': s.PORT, 'debug': s.DEBUG, "
    "'processes': s.WEB_CONCURRENCY, 'secure': s.SESSION_COOKIE_SECURE, 'simulator': s.SIMULATOR, "
    "'simulator_url': s.SIMULATOR_URL}))"
)


NOTHING = dict.fromkeys(("DATABASE_URL", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "CSRF_TRUSTED_ORIGINS", "DEBUG", "SIMULATOR"), "")
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


LOCAL = {"is_configured": False, "bind": "127.0.0.1", "hosts": ["localhost", "127.0.0.1", "[::1]"], "origins": []}
OPENED = [
    ({"bind": "0.0.0.0"}, "BIND is 0.0.0.0"),  # noqa: S104
    ({"bind": "192.0.2.7"}, "BIND is 192.0.2.7"),
    ({"hosts": ["localhost", "hub.example.com"]}, "ALLOWED_HOSTS has hub.example.com"),
    ({"hosts": ["*"]}, r"ALLOWED_HOSTS has \*"),
    ({"origins": ["https://hub.example.com"]}, "CSRF_TRUSTED_ORIGINS names an https address"),
]


@pytest.mark.parametrize(
    ("asked", "configuration", "runs"),
    [
        ("", {}, True),
        ("", {"bind": "::1"}, True),
        ("", {"is_configured": True}, False),
        ("off", {}, False),
        ("False", {}, False),
        ("on", {"is_configured": True}, True),
        ("1", {"is_configured": True, "origins": ["http://localhost:8000"]}, True),
        *[("", opened, False) for opened, _why in OPENED],
        *[("off", opened, False) for opened, _why in OPENED],
    ],
)
def test_the_simulator_runs_where_nothing_is_configured_or_where_it_is_asked_for(asked, configuration, runs) -> None:
    assert runs_simulator(asked, **LOCAL | configuration) is runs


@pytest.mark.parametrize(("opened", "why"), OPENED)
def test_a_hub_that_others_can_reach_does_not_start_with_the_simulator(opened, why) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"SIMULATOR=on is for a hub that only this machine can reach, but {why}"):
        runs_simulator("on", **LOCAL | opened)


def test_a_word_for_the_simulator_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="on or off, not 'perhaps'"):
        runs_simulator("perhaps", **LOCAL)


@pytest.mark.parametrize(
    ("host", "is_here"),
    [("localhost", True), ("a.localhost", True), ("127.0.0.2", True), ("[::1]", True), ("localhost.example", False), ("", False)],
)
def test_only_this_machines_names_are_this_machine(host, is_here) -> None:
    assert is_this_machine(host) is is_here


@pytest.mark.parametrize(
    ("environment", "runs"),
    [
        ({}, True),
        ({"SECRET_KEY": "s"}, False),
        ({"DATABASE_URL": "sqlite:////tmp/hub.sqlite3"}, False),
        ({"DATABASE_URL": "sqlite:////tmp/hub.sqlite3", "SIMULATOR": "on"}, True),
        ({"ALLOWED_HOSTS": "hub.example.com"}, False),
        ({"BIND": "0.0.0.0"}, False),  # noqa: S104
    ],
)
def test_the_settings_tell_whether_the_simulator_runs(tmp_path, environment, runs) -> None:
    assert settings_with(VAR_DIR=str(tmp_path), **environment)["simulator"] is runs


def test_the_simulator_listens_beside_the_hub(tmp_path) -> None:
    assert settings_with(VAR_DIR=str(tmp_path), PORT="9000")["simulator_url"] == "http://127.0.0.1:9001"
    assert settings_with(VAR_DIR=str(tmp_path), PORT="9000", SIMULATOR_PORT="7000")["simulator_url"] == "http://127.0.0.1:7000"


def test_an_update_with_the_simulator_in_production_says_why_it_does_not_start(tmp_path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failure:
        settings_with(VAR_DIR=str(tmp_path), SIMULATOR="on", CSRF_TRUSTED_ORIGINS="https://hub.example")
    assert "Take SIMULATOR out, or set it to off." in failure.value.stderr
