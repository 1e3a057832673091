"""The files under deploy/, the Dockerfile and compose.yaml name commands, lanes, paths and settings that exist."""

import re
import shlex
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from organizations.live.event_stream import PATH
from webhooks.intake.receiver import MAX_BODY
from whatsapp_hub.lanes import LANE_GROUPS

TOP = Path(__file__).resolve().parent.parent.parent.parent
UNITS = sorted((TOP / "deploy/systemd").glob("*.service"))
COMPOSE = (TOP / "compose.yaml").read_text()
NGINX = (TOP / "deploy/nginx/hub.conf").read_text()
UPSTREAM = (TOP / "deploy/compose/upstream.conf.template").read_text()
SERVER = re.compile(r"gunicorn -c python:whatsapp_hub\.web|celery -A whatsapp_hub (worker|beat)\b.*")


def check_command(line: str) -> None:
    """Fails if `manage.py` does not have the command, or the command not these options."""
    name, *options = shlex.split(line.partition("manage.py ")[2])
    app = get_commands()[name]
    assert isinstance(app, str)
    load_command_class(app, name).create_parser("manage.py", name).parse_args(options)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_units_start_commands_that_exist(unit: Path) -> None:
    command = re.search(r"^ExecStart=(?:/usr/bin/env PORT=%i )?/srv/whatsapp-hub/\.venv/bin/(.+)$", unit.read_text(), re.MULTILINE)
    assert command
    if "manage.py" in command[1]:
        check_command(command[1])
    else:
        assert SERVER.fullmatch(command[1])
    assert "NoNewPrivileges=yes" in unit.read_text()


def test_what_units_set_is_not_in_the_file_of_settings() -> None:
    """systemd lets variables of EnvironmentFile= win over those of Environment=."""
    example = set(re.findall(r"^([A-Z_]+)=", (TOP / ".env.example").read_text(), re.MULTILINE))
    set_by_units = {
        name
        for unit in UNITS
        for line in re.findall(r"^Environment=(.+)$", unit.read_text(), re.MULTILINE)
        for name in re.findall(r"([A-Z_]+)=", line)
    }
    assert {"VAR_DIR", "PROMETHEUS_MULTIPROC_DIR"} <= set_by_units
    assert not set_by_units & example


def test_compose_starts_commands_that_exist() -> None:
    commands = re.findall(r"manage\.py ([^\"&\n]+)", COMPOSE)
    assert len(commands) == 4
    for each in commands:
        check_command(f"manage.py {each}")
    assert len(SERVER.findall(COMPOSE)) == 2
    assert "gunicorn" in (TOP / "Dockerfile").read_text()


def test_what_compose_keeps_beside_the_hub_gets_neither_into_git_nor_into_the_image() -> None:
    mounted = {Path(name) for name in re.findall(r"(?:- |:-)\./([\w./-]+)", COMPOSE)}
    kept = {name for name in mounted if not (TOP / name).is_file()}
    assert kept == {Path("archive"), Path("backup-files"), Path("deploy/compose/tls")}
    for name in kept:
        assert f"/{name}/" in (TOP / ".gitignore").read_text().splitlines()
        assert f"{name}" in (TOP / ".dockerignore").read_text().splitlines()
        assert not (TOP / name / "__init__.py").exists()


def test_the_proxy_of_compose_learns_new_addresses_of_web_processes() -> None:
    version = re.search(r"image: nginx:([\d.]+)", COMPOSE)
    assert version
    assert tuple(map(int, version[1].split("."))) >= (1, 28)  # `resolve` needs 1.27.3
    assert "resolver ${NGINX_LOCAL_RESOLVERS} " in UPSTREAM
    assert 'NGINX_ENTRYPOINT_LOCAL_RESOLVERS: "1"' in COMPOSE
    assert "server web:8000 resolve " in UPSTREAM
    zone = re.search(r"zone (\w+) ", UPSTREAM)
    assert zone
    assert f"shared:{zone[1]}:" not in NGINX


def test_no_other_container_takes_the_address_of_the_proxy() -> None:
    address, others = re.search(r"ipv4_address: (\S+)", COMPOSE), re.search(r"ip_range: (\S+)", COMPOSE)
    assert address
    assert others
    assert ip_address(address[1]) not in ip_network(others[1])
    assert f"FORWARDED_ALLOW_IPS: {address[1]}\n" in COMPOSE


def test_services_of_compose_end_and_log_within_limits() -> None:
    assert COMPOSE.count("    restart: unless-stopped\n    logging: *logging\n") == 3
    assert COMPOSE.count("\n  restart: unless-stopped\n  logging: *logging\n") == 1
    assert re.findall(r"restart: (on-failure\S*)", COMPOSE) == ["on-failure:3"]


def test_celery_units_of_the_documentation_take_every_queue() -> None:
    text = (TOP / "docs/operations.md").read_text()
    groups = {group for names in re.findall(r"whatsapp-hub-celery@([\w,]+)", text) for group in names.split(",")}
    assert groups == {*LANE_GROUPS, "other"}


def test_the_proxy_does_not_buffer_event_streams() -> None:
    location = re.search(r"location ~ (\S+) \{\s+proxy_buffering off;", NGINX)
    assert location
    assert re.fullmatch(location[1], "/o/12/events/")
    assert PATH.fullmatch("/o/12/events/")


def test_the_proxy_accepts_what_the_receiver_accepts() -> None:
    assert f"client_max_body_size {MAX_BODY // 2**20}m;" in NGINX
