"""Settings without configuration, and with: each in a process of its own, as they are read once."""

import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from whatsapp_hub import embedded_mode
from whatsapp_hub.embedded_mode import is_this_machine, runs_simulator

ROOT = Path(__file__).resolve().parent.parent.parent
TELL = (
    "import json; from whatsapp_hub import settings as s; print(json.dumps({'database': {key: str(each) for key, each in "
    "s.DATABASES['default'].items()}, 'key': s.SECRET_KEY, 'keys': s.FIELD_ENCRYPTION_KEYS, 'port': s.PORT, 'debug': s.DEBUG, "
    "'processes': s.WEB_CONCURRENCY, 'secure': s.SESSION_COOKIE_SECURE, 'simulator': s.SIMULATOR, "
    "'cookie': getattr(s, 'SESSION_COOKIE_NAME', ''), "
    "'simulator_url': s.SIMULATOR_URL}))"
)


KEY = Fernet.generate_key().decode()
NOTHING = dict.fromkeys(
    (
        *("DATABASE_URL", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "CSRF_TRUSTED_ORIGINS", "DEBUG", "SIMULATOR"),
        *("WORK_ENGINE", "CELERY_BROKER_URL", "DATABASE_REPLICA_URL"),
    ),
    "",
)
"""Whatever a developer's own .env says."""


def settings_with(**environment: str) -> dict[str, Any]:
    return json.loads(run([sys.executable, "-c", TELL], check=True, **environment).stdout)


def run(command: list[str], *, check: bool = False, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs a command in an environment of its own."""
    return subprocess.run(
        command,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | NOTHING | environment,
        cwd=ROOT,
        check=check,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_without_configuration_secrets_are_created_once(tmp_path) -> None:
    first, second = settings_with(VAR_DIR=str(tmp_path)), settings_with(VAR_DIR=str(tmp_path))
    assert first == second
    assert first["database"]["NAME"] == str(tmp_path / "hub.sqlite3")
    assert (first["debug"], first["processes"]) == (False, 1)
    assert len(first["key"]) >= 50


def test_the_environment_wins_and_embedded_mode_fills_the_rest(tmp_path) -> None:
    found = settings_with(
        VAR_DIR=str(tmp_path),
        DATABASE_URL="mysql://u:p@db.example:3307/whatsapp_db_webhook",
        SECRET_KEY="s",
        FIELD_ENCRYPTION_KEYS=f" {KEY} ,",
        PORT="9000",
        WEB_CONCURRENCY="3",
        CSRF_TRUSTED_ORIGINS="https://hub.example",
    )
    database = found["database"]
    assert (database["ENGINE"], database["HOST"], database["PORT"]) == ("django.db.backends.mysql", "db.example", "3307")
    assert "read committed" in database["OPTIONS"]
    assert (found["port"], found["processes"], found["secure"], found["cookie"]) == (9000, 3, True, "__Host-sessionid")
    assert (found["key"], found["keys"]) == ("s", [KEY])
    assert list(tmp_path.iterdir()) == []


def test_a_hub_on_sqlite_creates_secrets_wherever_its_file_is(tmp_path) -> None:
    found = settings_with(VAR_DIR=str(tmp_path / "var"), DATABASE_URL=f"sqlite:///{tmp_path}/elsewhere.sqlite3")
    assert found["keys"] == [(tmp_path / "var" / "field_encryption_keys").read_text()]


MYSQL = "mysql://nobody@127.0.0.1:9/hub"
MANAGE = [sys.executable, "manage.py"]
GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "python:whatsapp_hub.web"]


@pytest.mark.parametrize(
    "command",
    [*([*MANAGE, name] for name in ("prepare_database", "serve", "worker", "migrate", "check")), GUNICORN],
    ids=lambda command: command[-1],
)
@pytest.mark.parametrize("missing", ["FIELD_ENCRYPTION_KEYS", "SECRET_KEY"])
def test_without_a_configured_secret_nothing_starts_on_another_database(tmp_path, command, missing) -> None:
    given = {"SECRET_KEY": "s", "FIELD_ENCRYPTION_KEYS": KEY} | {missing: ""}
    ended = run(command, VAR_DIR=str(tmp_path), DATABASE_URL=MYSQL, **given)
    assert ended.returncode == 1
    assert f"The hub cannot start: {missing} is not set." in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["FIELD_ENCRYPTION_KEYS", "SECRET_KEY"])
def test_the_command_in_the_error_creates_a_secret(tmp_path, name) -> None:
    given = {"SECRET_KEY": "s", "FIELD_ENCRYPTION_KEYS": KEY} | {name: ""}
    refusal = run([*MANAGE, "check"], VAR_DIR=str(tmp_path), DATABASE_URL=MYSQL, **given).stderr
    command = next(line for line in refusal.splitlines() if line.startswith("  python3 "))
    made = run(["sh", "-c", command], check=True).stdout.strip()
    found = settings_with(VAR_DIR=str(tmp_path), DATABASE_URL=MYSQL, **given | {name: made})
    assert made in (found["key"], *found["keys"])


def test_a_key_of_an_earlier_version_is_named_and_not_used(tmp_path) -> None:
    kept = tmp_path / "field_encryption_keys"
    kept.write_text(KEY)
    refusal = run([*MANAGE, "check"], VAR_DIR=str(tmp_path), DATABASE_URL=MYSQL, SECRET_KEY="s").stderr
    assert f"An earlier version of the hub stored one in {kept}" in refusal
    assert KEY not in refusal


@pytest.mark.parametrize(
    ("keys", "position"),
    [("secret-word", 1), (f"{KEY},{KEY[:-4]}", 2), ("ç" * 44, 1)],
    ids=["words", "cut", "other letters"],
)
def test_an_invalid_key_is_refused_by_its_position_and_not_printed(tmp_path, keys, position) -> None:
    ended = run([*MANAGE, "check"], VAR_DIR=str(tmp_path), FIELD_ENCRYPTION_KEYS=keys)
    assert ended.returncode == 1
    assert f"FIELD_ENCRYPTION_KEYS: key number {position} is not a key" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert keys not in ended.stderr


@pytest.mark.parametrize(("content", "words"), [("", "has no key"), ("half a ke", "key number 1 is not a key")])
def test_a_damaged_key_file_is_named(tmp_path, content, words) -> None:
    (tmp_path / "field_encryption_keys").write_text(content)
    ended = run([*MANAGE, "check"], VAR_DIR=str(tmp_path))
    assert ended.returncode == 1
    assert f"{tmp_path}/field_encryption_keys" in ended.stderr
    assert words in ended.stderr


@pytest.mark.parametrize("name", ["field_encryption_keys", "secret_key"])
def test_a_secret_file_that_cannot_be_read_is_named(tmp_path, name) -> None:
    (tmp_path / name).mkdir()
    ended = run([*MANAGE, "check"], VAR_DIR=str(tmp_path))
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"The hub cannot start: {tmp_path}/{name} can be neither read nor made")


def test_an_empty_email_url_is_none(tmp_path) -> None:
    ended = run([*MANAGE, "check"], VAR_DIR=str(tmp_path), EMAIL_URL="")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_embedded_sqlite_is_durable(tmp_path) -> None:
    options = settings_with(VAR_DIR=str(tmp_path))["database"]["OPTIONS"]
    assert "journal_mode=WAL" in options
    assert "synchronous=FULL" in options
    assert "IMMEDIATE" in options


@pytest.mark.parametrize(("make", "given"), [(embedded_mode.secret_key, ""), (embedded_mode.encryption_keys, ())])
def test_a_secret_file_is_readable_by_its_owner_only(tmp_path, make, given) -> None:
    make(tmp_path, given=given, may_create=True)
    (kept,) = tmp_path.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_processes_that_start_together_have_one_secret(tmp_path) -> None:
    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(lambda _: embedded_mode.secret_key(tmp_path, given="", may_create=True), range(32)))
    assert len(secrets) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


LOCAL: dict[str, Any] = {"is_configured": False, "bind": "127.0.0.1", "hosts": ["localhost", "127.0.0.1", "[::1]"], "origins": []}
OPENED = [
    ({"bind": "0.0.0.0"}, "BIND is 0.0.0.0"),  # noqa: S104
    ({"bind": "192.0.2.7"}, "BIND is 192.0.2.7"),
    ({"hosts": ["localhost", "hub.example.com"]}, "ALLOWED_HOSTS has hub.example.com"),
    ({"hosts": ["*"]}, r"ALLOWED_HOSTS has \*"),
    ({"origins": ["https://hub.example.com"]}, "CSRF_TRUSTED_ORIGINS names an https address"),
]


@pytest.mark.parametrize(
    ("written", "configuration", "runs"),
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
def test_the_simulator_runs_without_configuration_or_if_it_is_on(written, configuration, runs) -> None:
    assert runs_simulator(written, **LOCAL | configuration) is runs


@pytest.mark.parametrize(("opened", "why"), OPENED)
def test_a_hub_that_others_can_reach_does_not_start_with_the_simulator(opened, why) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"SIMULATOR=on is for a hub that only this machine can reach, but {why}"):
        runs_simulator("on", **LOCAL | opened)


def test_an_unknown_word_for_the_simulator_is_refused() -> None:
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
def test_the_settings_decide_whether_the_simulator_runs(tmp_path, environment, runs) -> None:
    assert settings_with(VAR_DIR=str(tmp_path), **environment)["simulator"] is runs


def test_the_simulator_has_the_port_after_that_of_the_hub(tmp_path) -> None:
    assert settings_with(VAR_DIR=str(tmp_path), PORT="9000")["simulator_url"] == "http://127.0.0.1:9001"
    assert settings_with(VAR_DIR=str(tmp_path), PORT="9000", SIMULATOR_PORT="7000")["simulator_url"] == "http://127.0.0.1:7000"


def test_the_simulator_in_production_prevents_the_start_with_a_reason(tmp_path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failure:
        settings_with(VAR_DIR=str(tmp_path), SIMULATOR="on", CSRF_TRUSTED_ORIGINS="https://hub.example")
    assert "Remove SIMULATOR, or set it to off." in failure.value.stderr
