"""Invalid settings in the environment: the error is a sentence that names the setting, without a traceback and secrets."""

import os
import stat
import subprocess
import sys
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from whatsapp_hub import configuration, embedded_mode
from whatsapp_hub.tests.test_settings import KEY, MANAGE, run

BASE = Path("/srv/hub")

WRONG_DATABASES = [
    "nonsense",
    "mysql",
    "mysql:",
    "mysql:hub",
    "://",
    "'mysql://u:geheim@h/db'",
    "postgres://u:geheim@h/db",
    "mysql+pymysql://u:geheim@h/db",
    "mysql2://u:geheim@h/db",
    "mariadb://u:geheim@h/db",
    "http://h/db",
    "mysql://",
    "mysql://u:geheim@h",
    "mysql://u:geheim@h/",
    "mysql://u:geheim@h:abc/db",
    "mysql://u:geheim@h:99999/db",
    "mysql://u:geheim@h:0/db",
    "mysql://u:geheim#x@h/db",
    "mysql://u:geheim/x@h/db",
    "mysql://u:geheim?x@h/db",
    "mysql://[::1/db",
    "mysql://u:geheim@h/a/b",
    f"mysql://u:geheim@h/{'x' * 65}",
    "mysql://u:geheim@h/db?foo=geheim",
    "mysql://u:geheim@h/db?isolation_level=serializable",
    "mysql://u:geheim@h/db?init_command=x",
    "sqlite:hub.sqlite3",
    "sqlite:/tmp/hub.sqlite3",
    "sqlite://",
    "sqlite:///",
    "sqlite://hub.sqlite3",
    "sqlite://tmp/hub.sqlite3",
    "sqlite:///:memory:",
    "sqlite://:memory:",
    "sqlite:////tmp",
    f"sqlite:////tmp/{'x' * 256}.sqlite3",
    f"sqlite:////tmp/{'x' * 256}/hub.sqlite3",
    f"sqlite:////tmp/{'x/' * 3000}hub.sqlite3",
    "sqlite:////tmp/a%00b.sqlite3",
    "mysql://u%00:geheim@h/db",
    "mysql://u:geheim%00@h/db",
    "mysql://u:geheim@h/db%00",
    "mysql://u:geheim@h/db?unix_socket=/tmp/%00",
    "sqlite:////tmp/hub.sqlite3?mode=geheim",
    "sqlite:////tmp/hub.sqlite3?timeout=geheim",
    "sqlite:////tmp/hub.sqlite3?timeout=99999999999999",
    "mysql://u:geheim@h/db?connect_timeout=geheim",
    "mysql://u:geheim@h/db?read_timeout=-1",
    "mysql://u:geheim@h/db?compress=true",
    "mysql://u:geheim@h/db?charset=utf8",
    "mysql://u:geheim@h/db?charset=latin1",
    "mysql://u:geheim@h/db?collation=utf8_bin",
    "mysql://u:geheim@h/db?ssl_mode=true",
]


@pytest.mark.parametrize("url", WRONG_DATABASES)
def test_an_invalid_database_url_is_refused_without_its_password(url) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_URL is not understood") as refusal:
        configuration.database_config(url, base=BASE)
    assert "geheim" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "host", "port", "password", "name"),
    [
        ("mysql://hub:pw@db.example:3307/whatsapp_db_webhook", "db.example", 3307, "pw", "whatsapp_db_webhook"),
        ("  mysql://hub:pw@db.example/hub ", "db.example", "", "pw", "hub"),
        ("MYSQL://hub@127.0.0.1/hub", "127.0.0.1", "", "", "hub"),
        ("mysql://hub:p%40s%23s%2Fw@[::1]:3306/hub?charset=utf8mb4", "::1", 3306, "p@s#s/w", "hub"),
    ],
)
def test_a_mysql_url_is_read(url, host, port, password, name) -> None:
    config = configuration.database_config(url, base=BASE)
    read = (config["HOST"], config["PORT"], config["PASSWORD"], config["NAME"])
    assert read == (host, port, password, name)


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:////var/lib/hub.sqlite3", "/var/lib/hub.sqlite3"),
        ("sqlite:///hub.sqlite3", "/srv/hub/hub.sqlite3"),
        ("sqlite:///var/hub.sqlite3?timeout=5", "/srv/hub/var/hub.sqlite3"),
    ],
)
def test_an_sqlite_file_is_found_from_wherever_a_command_runs(url, file) -> None:
    assert configuration.database_config(url, base=BASE)["NAME"] == file


WRONG = {
    "PORT": ["abc", "0", "65536", "-1", "80 80"],
    "SIMULATOR_PORT": ["x", "99999"],
    "WEB_CONCURRENCY": ["x", "-1", "1.5"],
    "BOT_ALLOWED_ADDRESSES": [
        "n8n.internal",
        "http://n8n.internal:5678",
        "10.0.0.5/8",
        "n8n.internal:0",
        "n8n.internal:80@Aroeira",
    ],
    "MOST_UNAPPLIED_ITEMS": ["x", "0"],
    "WEBHOOK_RETENTION_DAYS": ["x", "1"],
    "ORGANIZATION_DELETION_DAYS": ["x", "0"],
    "STORAGE_QUOTA_GB": ["x", "-1"],
    "PREVIOUS_APP_SECRET_DAYS": ["x", "nan", "inf", "-1"],
    "DEBUG": ["perhaps"],
    "BIND": ["127.0.0.1:9000", "http://127.0.0.1", "a b"],
    "TIME_ZONE": ["Mars/Base", "../etc/passwd", "/etc/passwd"],
    "EMAIL_URL": ["nonsense", "smtp://", "foo://h", "smtp://u:geheim@h:abc"],
    "ALLOWED_HOSTS": [
        "https://hub.example.com",
        "hub.example.com:8000",
        "a.example b.example",
        '"hub.example.com"',
        "*.example.com",
    ],
    "CSRF_TRUSTED_ORIGINS": [
        *("hub.example.com", "ftp://hub.example.com", "https://hub.example.com/login", "https://a.example https://b.example"),
    ],
    "FORWARDED_ALLOW_IPS": ["nginx", "10.0.0.2;10.0.0.3", "10.0.0.1/8"],
    "DEFAULT_FROM_EMAIL": ["hub", "WhatsApp Hub <hub>"],
    "META_GRAPH_URL": ["graph.facebook.com"],
    "META_GRAPH_VERSION": ["25.0", "v25", "v25.0/", '"v25.0"'],
    "S3_ENDPOINT_URL": ["s3.example.com"],
    "VAR_DIR": [__file__, f"/tmp/{'x' * 256}", f"/tmp/{'x' * 256}/var", f"/tmp/{'x/' * 3000}"],  # noqa: S108
    "WORK_ENGINE": ["redis", "celery,database"],
    "SECRET_KEY": ["$SECRET_KEY"],
    "DATABASE_URL": ["$DATABASE_URL"],
}


@pytest.mark.parametrize("name", WRONG)
def test_an_invalid_setting_is_named_in_one_sentence(tmp_path, name) -> None:
    for written in WRONG[name]:
        ended = run([sys.executable, "-c", IMPORT], **({"VAR_DIR": str(tmp_path)} | {name: written}))
        assert ended.returncode == 1
        assert ended.stderr.startswith(name), ended.stderr
        assert "geheim" not in ended.stderr


IMPORT = """
import sys
from django.core.exceptions import ImproperlyConfigured
try:
    import whatsapp_hub.settings
except ImproperlyConfigured as refusal:
    sys.exit(str(refusal))
"""


def test_settings_that_are_empty_have_their_defaults(tmp_path) -> None:
    empty = dict.fromkeys((*WRONG, "DATABASE_URL"), "") | {"VAR_DIR": str(tmp_path)}
    ended = run([*MANAGE, "shell", "--verbosity=0", "-c", SHOW], check=False, **empty)
    assert ended.stdout.splitlines() == [
        "127.0.0.1 8000 8001 7.0 America/Sao_Paulo",
        "https://graph.facebook.com v25.0 WhatsApp Hub <hub@localhost>",
        "localhost 127.0.0.1 [::1] | 127.0.0.1 ::1",
    ], ended.stderr


SHOW = """
from django.conf import settings as s
print(s.BIND, s.PORT, s.SIMULATOR_PORT, float(s.PREVIOUS_APP_SECRET_DAYS), s.TIME_ZONE)
print(s.META_GRAPH_URL, s.META_GRAPH_VERSION, s.DEFAULT_FROM_EMAIL)
print(*s.ALLOWED_HOSTS, "|", *s.FORWARDED_ALLOW_IPS)
"""


def test_origins_are_compared_as_browsers_write_them() -> None:
    assert configuration.origins("X", ["HTTPS://Hub.Example.com/", "https://*.example.com"]) == [
        "https://hub.example.com",
        "https://*.example.com",
    ]


def test_hosts_may_be_names_addresses_and_patterns() -> None:
    names = ["hub.example.com", ".example.com", "*", "10.0.0.7", "[::1]"]
    assert configuration.host_names("X", [f" {each} " for each in names]) == names


def test_proxies_are_believed_beside_this_machine() -> None:
    assert configuration.proxies("X", ["10.0.0.2", " 10.1.0.0/16"]) == ["127.0.0.1", "::1", "10.0.0.2", "10.1.0.0/16"]
    assert configuration.proxies("X", ["*"]) == ["*"]


@pytest.mark.parametrize("scheme", ["smtps", "smtp+tls", "smtp+ssl"])
def test_mail_servers_on_port_465_speak_tls_from_the_first_byte(scheme) -> None:
    config = configuration.mail_server(f"{scheme}://u:p@h:465")
    assert config["EMAIL_USE_SSL"]
    assert not config.get("EMAIL_USE_TLS")
    assert configuration.mail_server("smtps://u:p@h:587")["EMAIL_USE_TLS"]


def test_a_bucket_needs_its_packages() -> None:
    assert configuration.bucket("") == ""
    assert configuration.bucket(" files ") == "files"
    with pytest.raises(ImproperlyConfigured, match=r"requirements/s3\.txt"):
        configuration.bucket("files", modules=["no_such_package"])


def test_a_blank_secret_key_is_none(tmp_path) -> None:
    assert len(embedded_mode.secret_key(tmp_path, given=" ", may_create=True)) > 40


@pytest.mark.parametrize(
    ("written", "address"),
    [("", "127.0.0.1"), ("[::1]", "::1"), ("::", "::"), ("0.0.0.0", "0.0.0.0"), ("hub-1.example", "hub-1.example")],  # noqa: S104
)
def test_an_address_to_listen_on_is_read(written, address) -> None:
    assert configuration.listen_address(written) == address


@pytest.mark.parametrize("written", ["loop", "loop/var", "with\0nul", "file", "file/var"])
def test_an_invalid_directory_is_refused_in_a_sentence(tmp_path, written) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    with pytest.raises(ImproperlyConfigured, match=r"VAR_DIR"):
        embedded_mode.database_url(configuration.var_directory(str(tmp_path / written)))


def test_a_database_file_in_a_loop_of_links_is_refused(tmp_path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_URL is not understood"):
        configuration.database_config(f"sqlite:///{tmp_path}/loop", base=BASE)


def test_a_command_that_cannot_write_below_var_dir_says_so(tmp_path) -> None:
    database = {"DATABASE_URL": f"sqlite:///{tmp_path}/hub.sqlite3", "SECRET_KEY": "s", "FIELD_ENCRYPTION_KEYS": KEY}
    port = {"PORT": "28731", "SIMULATOR_PORT": "28732"}
    run([*MANAGE, "prepare_database"], VAR_DIR=str(tmp_path), check=True, **database)
    (tmp_path / "file").touch()

    for command, place in product(("collectstatic --noinput", "serve", "simulator"), ("/proc/hub", f"{tmp_path}/file/var")):
        ended = run([*MANAGE, *command.split()], check=False, VAR_DIR=place, **database, **port)
        assert ended.returncode == 1
        assert ended.stderr.splitlines()[-1].startswith(f"The hub cannot start: {place}"), (command, ended.stderr)
        assert "Traceback" not in ended.stderr


def test_an_env_file_is_read_and_does_not_win(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HUB_TEST_GIVEN", "of the environment")
    monkeypatch.setenv("HUB_TEST_WRITTEN", "")
    monkeypatch.delenv("HUB_TEST_WRITTEN")
    file = tmp_path / ".env"
    configuration.read_env_file(file)  # which is not there
    file.write_text("\ufeffHUB_TEST_WRITTEN=of the file\nHUB_TEST_GIVEN=of the file\n")  # as Windows' editor begins one

    configuration.read_env_file(file)
    assert (os.environ["HUB_TEST_WRITTEN"], os.environ["HUB_TEST_GIVEN"]) == ("of the file", "of the environment")


@pytest.mark.parametrize(
    "content", [b"VAR_DIR=/tmp/\0x\n", "SECRET_KEY=ção".encode("latin-1"), "SECRET_KEY=x".encode("utf-16"), None]
)
def test_an_env_file_that_cannot_be_read_is_named(tmp_path, content) -> None:
    """Without it the hub would start as if nothing were configured."""
    file = tmp_path / ".env"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    with pytest.raises(ImproperlyConfigured, match=r"\.env"):
        configuration.read_env_file(file)


CONNECT = "connect_number --organization A --phone-number-id 1 --wa-id 556181412286"
WITHOUT_TABLES = [
    *("check_secrets", "rotate_keys", "sync_templates", "replay --all", "generate_data"),
    *("changepassword ana@example.com", f"{CONNECT} --verify-token a --app-secret b --meta-token c"),
]
WITH_WRONG_ARGUMENTS = [
    *(
        f"{CONNECT} --member ana",
        "replay --since yesterday",
        "replay --id x",
        "worker --lanes fast",
        "generate_data --contacts many",
    ),
]
ON_ANOTHER_FILE = ["prepare_database", "sync_templates", "worker --once"]
"""On a file that is no database."""
REACHED_BY_OTHERS = ["prepare_database", "serve", "simulator"]
"""With the simulator, where others can reach the hub."""


@pytest.mark.parametrize(
    ("content", "command"),
    [
        *(("", command) for command in WITHOUT_TABLES + WITH_WRONG_ARGUMENTS),
        *(("of another program" * 100, command) for command in ON_ANOTHER_FILE),
    ],
)
def test_no_command_ends_in_a_traceback_if_an_operator_can_fix_the_error(tmp_path, content, command) -> None:
    file = tmp_path / "no.sqlite3"
    file.write_text(content)
    ended = run([*MANAGE, *command.split()], VAR_DIR=str(tmp_path / "var"), DATABASE_URL=f"sqlite:///{file}")
    assert "Traceback" not in ended.stderr
    assert ended.stderr.strip()


@pytest.mark.parametrize("command", REACHED_BY_OTHERS)
def test_the_simulator_on_a_hub_that_others_reach_is_refused_in_a_sentence(tmp_path, command) -> None:
    ended = run([*MANAGE, command], VAR_DIR=str(tmp_path), BIND="0.0.0.0", SIMULATOR="on")  # noqa: S104
    assert ended.returncode == 1
    assert ended.stderr.startswith("The hub cannot start: SIMULATOR=on")
    assert "but BIND is 0.0.0.0" in ended.stderr


def test_a_missing_database_server_is_named(tmp_path) -> None:
    """And the driver, where only SQLite was set up."""
    given = {"SECRET_KEY": "s", "FIELD_ENCRYPTION_KEYS": KEY, "VAR_DIR": str(tmp_path)}
    ended = run([*MANAGE, "sync_templates"], check=False, DATABASE_URL="mysql://u:geheim@127.0.0.1:9/hub", **given)
    away = "The database cannot be used: the database server at 127.0.0.1:9 does not answer"
    undriven = "The hub cannot start: Error loading MySQLdb module."
    assert ended.stderr.startswith(away if find_spec("MySQLdb") else undriven)
    assert "geheim" not in ended.stderr


def test_a_file_that_is_no_database_keeps_its_permissions(tmp_path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Querida Ana")
    file.chmod(0o644)
    run([*MANAGE, "check"], VAR_DIR=str(tmp_path / "var"), DATABASE_URL=f"sqlite:///{file}")
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


@pytest.mark.parametrize("argument", ["--nonsense", "nonsense"])
@pytest.mark.parametrize("script", ["server", "setup", "css"])
def test_a_script_names_an_unknown_argument(script, argument) -> None:
    root = Path(__file__).resolve().parent.parent.parent
    command = [str(root / "script" / script), argument]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env={"PATH": os.environ["PATH"]})
    assert ended.returncode == 2
    assert f"script/{script}" in ended.stderr


def test_a_command_whose_output_nobody_reads_any_more_ends_without_a_traceback(tmp_path) -> None:
    database = {"DATABASE_URL": f"sqlite:///{tmp_path}/hub.sqlite3", "VAR_DIR": str(tmp_path)}
    ended = run(
        ["bash", "-c", f"{sys.executable} manage.py prepare_database | true; exit ${{PIPESTATUS[0]}}"], check=False, **database
    )
    assert (ended.returncode, ended.stderr) == (1, "")


def test_ctrl_c_ends_a_command_without_a_traceback(tmp_path) -> None:
    code = "raise KeyboardInterrupt"
    database = {"DATABASE_URL": f"sqlite:///{tmp_path}/hub.sqlite3", "VAR_DIR": str(tmp_path)}
    ended = run([*MANAGE, "shell", "--verbosity=0", "-c", code], check=False, **database)
    assert (ended.returncode, ended.stderr) == (1, "interrupted\n")
