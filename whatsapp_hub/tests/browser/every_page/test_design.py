"""The page /design/, which exists in DEBUG only."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import expect

from conftest import Hub
from organizations.templatetags import components
from whatsapp_hub import design
from whatsapp_hub.tests.browser.conftest import Open

REVERSE = "import django; django.setup(); from django.urls import reverse; print(reverse('design'))"
COMPONENTS = {"back_link", "badge", "dialog", "empty_state", "icon_button", "more_rows", "post_button", "post_form"}


@pytest.fixture
def with_design_page(settings: Any) -> None:
    settings.ROOT_URLCONF = "whatsapp_hub.tests.browser.every_page.design_urls"


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_design_page_shows_every_component(
    with_design_page: None, open_page: Open, tmp_path: Path, scheme: str, width: int
) -> None:
    page = open_page("/design/", color_scheme=scheme, viewport={"width": width, "height": 900})
    shown = page.locator("[data-example]").evaluate_all("parts => parts.map(part => [part.dataset.example, part.clientHeight])")
    page.screenshot(path=tmp_path / "design.png", full_page=True)

    assert {name for name, _ in shown} >= COMPONENTS
    assert all(height > 0 for _, height in shown)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.getElementById('main').scrollWidth") <= width
    assert (tmp_path / "design.png").stat().st_size > 20_000


def test_design_page_shows_each_token_with_its_value_in_the_theme(with_design_page: None, open_page: Open) -> None:
    grounds = {}
    for scheme in ("light", "dark"):
        page = open_page("/design/", color_scheme=scheme)
        rects = page.locator("[data-tokens=color] rect")
        grounds[scheme] = rects.evaluate_all("rects => rects.map(rect => getComputedStyle(rect).fill)")

    assert len(grounds["light"]) == len(design.tokens()["color"])
    assert "none" not in grounds["light"] + grounds["dark"]
    assert grounds["light"] != grounds["dark"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_cross_of_a_toast_has_the_colour_of_its_text(with_design_page: None, open_page: Open, scheme: str) -> None:
    page = open_page("/design/", color_scheme=scheme)
    colours = page.locator("[data-toast]").evaluate_all(
        """toasts => toasts.map(each => [each.querySelector("span"), each.querySelector("[data-dismiss]")]
             .map(part => getComputedStyle(part).color))"""
    )

    assert len(colours) == 3
    assert [words == cross for words, cross in colours] == [True] * 3


def test_further_rows_of_the_design_page_replace_the_link(with_design_page: None, open_page: Open) -> None:
    page = open_page("/design/")
    page.locator("#design-more").scroll_into_view_if_needed()

    expect(page.get_by_text("Caio Reis")).to_be_visible()
    expect(page.locator("#design-more")).to_have_count(0)


def test_dialog_and_menu_of_the_design_page_open(with_design_page: None, open_page: Open) -> None:
    page = open_page("/design/")
    page.get_by_role("button", name="Open the menu").click()
    expect(page.locator("#design-menu")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Open the dialog").click()
    expect(page.get_by_role("dialog", name="A dialog")).to_be_visible()


def test_every_component_is_on_the_design_page() -> None:

    assert set(components.register.tags) == COMPONENTS


def test_design_page_does_not_exist_without_debug(hub: Hub) -> None:
    assert hub.get("/design/").status_code == 404


@pytest.mark.parametrize(("debug", "found"), [("true", "/design/\n"), ("false", "")])
def test_design_page_has_an_address_in_debug_only(debug: str, found: str) -> None:
    environment = os.environ | {"DEBUG": debug, "DJANGO_SETTINGS_MODULE": "whatsapp_hub.settings"}
    command = [sys.executable, "-c", REVERSE]
    done = subprocess.run(command, cwd=django_settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False)

    assert done.stdout == found
