"""WORK_ENGINE and CELERY_BROKER_URL: what is refused, and that the default needs no Celery."""

import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from whatsapp_hub import configuration
from whatsapp_hub.tests.test_settings import MANAGE, run

CELERY = [sys.executable, "-m", "celery", "-A", "whatsapp_hub"]
BROKER = "amqp://hub:geheim@127.0.0.1:9/hub"


def test_the_default_engine_never_imports_celery(tmp_path) -> None:
    imports = "import whatsapp_hub.asgi, whatsapp_hub.lanes, sys; print(sorted({'celery', 'kombu', 'amqp'} & sys.modules.keys()))"
    ended = run([*MANAGE, "shell", "--verbosity=0", "-c", imports], VAR_DIR=str(tmp_path))
    assert ended.stdout == "[]\n", ended.stderr


@pytest.mark.parametrize("written", ["", " ", "database", "DATABASE"])
def test_the_database_is_the_default_engine(written) -> None:
    assert configuration.work_engine(written) == "database"


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^WORK_ENGINE is database or celery, not 'redis'\."):
        configuration.work_engine("redis")


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "redis://:geheim@127.0.0.1:6379/0",
        "amqp://",
        "amqp://hub:geheim@",
        "amqp://hub:geheim@h:abc/v",
        "amqp://hub:geheim@h:99999/v",
        "http://hub:geheim@h",
    ],
)
def test_an_invalid_broker_is_refused_without_its_password(url) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^CELERY_BROKER_URL is not understood") as refusal:
        configuration.broker_url(url, engine="celery")
    assert "geheim" not in str(refusal.value)


@pytest.mark.parametrize("url", ["amqp://hub:pw@rabbit.example:5672/hub", "amqps://hub:pw@rabbit.example/hub", " amqp://[::1]// "])
def test_a_broker_is_read(url) -> None:
    assert configuration.broker_url(url, engine="celery") == url.strip()


@pytest.mark.parametrize("command", [[*MANAGE, "check"], [*MANAGE, "worker", "--once"], [*CELERY, "worker"], [*CELERY, "beat"]])
def test_without_a_broker_nothing_starts(tmp_path, command) -> None:
    ended = run(command, VAR_DIR=str(tmp_path), WORK_ENGINE="celery", CELERY_BROKER_URL="")
    assert ended.returncode == 1
    assert "The hub cannot start: WORK_ENGINE is celery, and CELERY_BROKER_URL is not set. It has the form amqp://" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", ["worker", "beat"])
def test_celery_does_not_start_with_the_other_engine(tmp_path, command) -> None:
    ended = run([*CELERY, command], VAR_DIR=str(tmp_path), CELERY_BROKER_URL=BROKER)
    assert ended.returncode == 1
    assert "The hub cannot start: WORK_ENGINE is not celery" in ended.stderr


def test_a_missing_package_is_named_with_the_command_that_installs_it(tmp_path) -> None:
    hidden = (
        "import sys; sys.modules['celery'] = None; import importlib.util as u; find = u.find_spec; "
        "u.find_spec = lambda name, *rest: None if name == 'celery' else find(name, *rest); "
        "from whatsapp_hub import configuration; configuration.work_engine('celery')"
    )
    ended = run([sys.executable, "-c", hidden], VAR_DIR=str(tmp_path))
    assert "WORK_ENGINE is celery, which is not installed. Run script/setup, or: .venv/bin/python -m pip install -r" in ended.stderr
