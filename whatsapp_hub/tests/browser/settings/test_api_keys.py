"""The page of API keys: a key is made, used and revoked in the browser. Both pages of the API are accessible and fit the screen."""

import re

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from conftest import Hub
from organizations.models import Organization, User
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.every_page.test_every_page import AXE


def use(hub: Hub, key: str) -> int:
    return requests.get(f"{hub.address}/api/v1/numbers/", headers={"Authorization": f"Bearer {key}"}, timeout=30).status_code


def test_a_key_is_made_used_and_revoked(open_page: Open, hub: Hub, organization: Organization, ana: User) -> None:
    page = open_page(f"/o/{organization.pk}/settings/api-keys/", ana)
    page.locator("[name=name]").fill("Loja virtual")
    page.locator("form [name=name]").press("Enter")

    key = page.locator("[data-key]").inner_text()
    assert re.fullmatch(r"whub_[\w-]{43}", key)
    assert use(hub, key) == 200
    page.reload()  # posts the form again
    row = page.locator("[data-api-key]")
    expect(row).to_contain_text("Loja virtual")
    row.get_by_role("button").click()
    page.locator("#confirm [data-verb]").click()

    expect(page.locator("[data-api-key] button")).to_have_count(0)
    assert use(hub, key) == 401


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["api-keys/", "api-keys/reference/"])
def test_the_pages_are_accessible_and_fit_the_screen(
    open_page: Open, organization: Organization, ana: User, scheme: str, path: str
) -> None:
    page = open_page(f"/o/{organization.pk}/settings/{path}", ana, color_scheme=scheme, reduced_motion="reduce")

    # All operations have the same markup. Axe takes a minute for all of them.
    page.evaluate(
        "document.querySelectorAll('main details').forEach((each, index) => index < 3 ? (each.open = true) : each.remove())"
    )
    for width in (360, 768, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page, options=AXE).response["violations"]
    assert [each["id"] for each in found] == []
