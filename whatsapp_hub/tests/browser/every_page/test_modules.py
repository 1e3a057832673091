"""The scripts of a page as they are outside development, joined and under hashed names: the browser runs them, with few requests,
and the policy allows them."""

import re
from typing import Any

import pytest
from playwright.sync_api import Response, expect

from conftest import Hub
from organizations.models import Organization, PhoneNumber, User
from whatsapp_hub.settings import STORAGES
from whatsapp_hub.tests.browser.conftest import Open

HASHED = re.compile(r"/static/[\w/.-]+\.[0-9a-f]{12}\.js$")


@pytest.fixture
def hashed_names(settings: Any) -> None:
    """The files that script/test has collected."""
    settings.STORAGES = settings.STORAGES | {"staticfiles": STORAGES["staticfiles"]}


def test_joined_scripts_come_under_hashed_names_and_run(
    open_page: Open, hub: Hub, organization: Organization, numbers: dict[str, PhoneNumber], ana: User, hashed_names: None
) -> None:
    responses: list[Response] = []
    page = open_page("/accounts/login/", ana)

    def note(response: Response) -> None:
        responses.append(response)

    page.on("response", note)
    page.goto(f"/o/{organization.pk}/inbox/")
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()  # pages/shortcuts.js, an import of hub.js

    scripts = [response for response in responses if response.url.endswith(".js")]
    names = {response.url.split("/static/")[1].split(".")[0] for response in scripts}
    assert {"hub/hub", "hub/live", "hub/alerts", "hub/inbox", "hub/composer", "hub/common/dom"} <= names
    assert len(scripts) < 15  # each takes a round trip, six at a time
    assert [response.url for response in scripts if response.status != 200 or not HASHED.search(response.url)] == []

    document = next(response for response in responses if response.url.endswith("/inbox/"))
    policy = document.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
