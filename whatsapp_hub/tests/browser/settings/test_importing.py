"""The import of a contact file in a real browser: choosing it, changing its columns, checking and importing. And names that are
written from right to left."""

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from conftest import Hub
from contacts.models import Contact, Note
from organizations.models import Organization, PhoneNumber, User
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.every_page.test_every_page import check

FILE = b"identificacao;quem;obs\r\n+55 (061) 98150-0588;Jo\x8bo;x\r\n61 98150-0589;Ana;y\r\nerrado;Bia;z\r\n"
"""In the encoding of an old Mac."""
ARABIC = "مخبز النور"


@pytest.fixture
def bakery(organization: Organization, numbers: dict[str, PhoneNumber]) -> Organization:
    PhoneNumber.objects.exclude(pk=min(number.pk for number in numbers.values())).delete()
    return organization


def choose(page: Page, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clientes.csv"
    path.write_bytes(content)
    page.set_input_files("input[type=file]", path)
    page.click("form[enctype] button.btn-primary")
    page.wait_for_url("**/columns/")


def test_the_columns_are_named_by_hand_and_nothing_is_stored_before_the_preview_is_accepted(
    open_page: Open, ana: User, bakery: Organization, worker: None, tmp_path: Path
) -> None:
    page = open_page(f"/o/{bakery.pk}/contacts/import/", ana)
    choose(page, tmp_path, FILE)
    expect(page.get_by_text("João").first).to_be_visible()
    selects = page.locator("select")
    expect(selects).to_have_count(3)
    selects.nth(0).select_option("phone")
    selects.nth(1).select_option("name")
    page.click("form[data-busy] button.btn-primary")

    expect(page.get_by_text("+55 61 98150-0588")).to_be_visible()
    expect(page.locator("#import dl dd")).to_have_text(["2", "0", "1"])
    assert not Contact.objects.exists()
    page.click("#import form[data-busy] button")
    expect(page.locator("#import [role=status] dl dd")).to_have_text(["2", "0", "0", "1"])
    assert set(Contact.objects.values_list("wa_id", "alias")) == {("5561981500588", "João"), ("5561981500589", "Ana")}


@pytest.mark.parametrize("width", [360, 768, 1024, 1440])
def test_the_pages_of_an_import_fit_the_screen_and_are_accessible(
    open_page: Open, ana: User, bakery: Organization, hub: Hub, worker: None, tmp_path: Path, width: int
) -> None:
    page = open_page(f"/o/{bakery.pk}/contacts/import/", ana, viewport={"width": width, "height": 800})
    headers = f"telefone;nome;{'uma coluna de nome muito comprido ' * 3};x"
    wide = f"{headers}\n61981500588;{'Ana Beatriz ' * 12};{'a' * 150};y\nerrado;Bia;z;"
    assert _fits(page)
    assert check(page) == []
    choose(page, tmp_path, wide.encode())
    assert _fits(page)
    assert check(page) == []
    page.click("form[data-busy] button.btn-primary")
    expect(page.locator("#import table").first).to_be_visible()
    assert _fits(page)
    assert check(page) == []


def _fits(page: Page) -> Any:
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_name_from_right_to_left_does_not_change_the_direction_of_its_neighbours(
    open_page: Open, ana: User, bakery: Organization, numbers: dict[str, PhoneNumber]
) -> None:
    number = PhoneNumber.objects.get()
    contact = Contact.objects.create(create_for_phone_number=number, wa_id="5561981500588", name=f"{ARABIC} (1)")
    now = timezone.now()
    Contact.objects.update(last_message_timestamp=now, last_customer_message_at=now)
    Note.objects.create(contact=contact, text=f"{ARABIC}!", author=ana)
    page = open_page(f"/o/{bakery.pk}/inbox/{contact.pk}/", ana)
    page.wait_for_selector("#contact-notes .note", state="attached")
    for selector in (f"#row-{contact.pk} bdi", "[data-heading] bdi", "#contact-name bdi", "#contact-notes .note .message-text"):
        assert page.locator(selector).first.evaluate("box => getComputedStyle(box).direction") == "rtl", selector
    page.fill("[data-text]", ARABIC)
    assert page.locator("[data-text]").evaluate("box => getComputedStyle(box).unicodeBidi") == "plaintext"
    page.goto(f"/o/{bakery.pk}/contacts/")
    assert page.locator(f"#contact-{contact.pk} bdi").first.evaluate("box => getComputedStyle(box).direction") == "rtl"
