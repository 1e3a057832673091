"""What the log says of requests that were refused."""

import logging
from collections.abc import Iterator

import pytest
from django.test import Client

from organizations.models import Organization, Role
from organizations.tests.people import member

pytestmark = pytest.mark.django_db


@pytest.fixture
def log() -> Iterator[list[str]]:
    """What the hub's own handler would write."""
    own = next(each for each in logging.getLogger().handlers if each.get_name() == "stderr")
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if own.filter(record):
                lines.append(own.format(record))

    kept = Kept()
    logging.getLogger().addHandler(kept)
    yield lines
    logging.getLogger().removeHandler(kept)


def test_a_page_that_a_role_may_not_see_is_one_line_in_the_log(log) -> None:
    organization = Organization.objects.create(organization_name="Aroeira")
    _, client = member(organization, Role.USER)
    address = f"/o/{organization.pk}/settings/members/"

    assert client.get(address).status_code == 403
    assert [line for line in log if address in line]
    assert "Traceback" not in "\n".join(log)


def test_a_host_that_is_not_the_hubs_is_one_line_in_the_log(log) -> None:
    assert Client(headers={"Host": "evil.example"}).get("/accounts/login/").status_code == 400
    assert [line for line in log if "evil.example" in line]
    assert "Traceback" not in "\n".join(log)
