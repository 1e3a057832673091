"""Log lines of refused requests, and the output of commands in a file."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from chats.outbox.tests.steps import wait_for
from organizations.models import Organization, Role
from organizations.tests.people import member

pytestmark = pytest.mark.django_db


@pytest.fixture
def log() -> Iterator[list[str]]:
    """The lines that the hub's handler would write."""
    handler = next(each for each in logging.getLogger().handlers if each.get_name() == "stderr")
    lines: list[str] = []

    class Recorder(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if handler.filter(record):
                lines.append(handler.format(record))

    recorder = Recorder()
    logging.getLogger().addHandler(recorder)
    yield lines
    logging.getLogger().removeHandler(recorder)


def test_a_page_that_a_role_may_not_see_is_one_line_in_the_log(log) -> None:
    organization = Organization.objects.create(organization_name="Aroeira")
    _, client = member(organization, Role.USER)
    url = f"/o/{organization.pk}/settings/members/"

    assert client.get(url).status_code == 403
    assert [line for line in log if url in line]
    assert "Traceback" not in "\n".join(log)


def test_a_host_that_is_not_allowed_is_one_line_in_the_log(log) -> None:
    assert Client(headers={"Host": "evil.example"}).get("/accounts/login/").status_code == 400
    assert [line for line in log if "evil.example" in line]
    assert "Traceback" not in "\n".join(log)


@pytest.mark.django_db(transaction=True)
def test_a_file_with_the_output_of_a_worker_shows_each_line_at_once(environment: dict[str, str], tmp_path: Path) -> None:
    output = tmp_path / "worker.log"
    environment.pop("PYTHONUNBUFFERED", None)
    command = [sys.executable, "manage.py", "worker"]
    with output.open("w") as file, subprocess.Popen(command, env=environment, stdout=file) as worker:
        try:
            wait_for(lambda: "worker started" in output.read_text(), seconds=60.0)
        finally:
            worker.terminate()
