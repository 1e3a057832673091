"""The page of automatic messages in a browser: preview while typing, hours by keyboard, closed days, unsaved changes, a phone."""

from typing import Any

import pytest
from playwright.sync_api import Dialog, FilePayload, Page, Route, expect

from bots.models import AutomaticMessages, BotFile
from conftest import Hub
from organizations.models import Organization, PhoneNumber, User
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.every_page.test_every_page import check
from whatsapp_hub.tests.browser.webhooks import deliver_and_apply, message


@pytest.fixture
def number(numbers: dict[str, PhoneNumber]) -> PhoneNumber:
    return numbers["448190735512098"]


@pytest.fixture
def open_settings(open_page: Open, hub: Hub, ana: User, number: PhoneNumber, organization: Organization) -> Any:
    """Opens the page of a number to which Joelma and Rui have written."""
    deliver_and_apply(hub, message("556199321788", "Rui Barbosa", content="Oi"))
    deliver_and_apply(hub, message("556181500586", "Joelma Conceição", content="Oi"))

    def open_one(**options: Any) -> Page:
        return open_page(f"/o/{organization.pk}/settings/bots/numbers/{number.pk}/automatic/", ana, **options)

    return open_one


def stored(page: Page) -> AutomaticMessages:
    """Saves, and returns what is stored."""
    page.locator("form[data-unsaved] [type=submit]").click()
    expect(page.locator("#toasts .alert-success")).to_be_visible()
    return AutomaticMessages.objects.get()


def switch_on(page: Page, name: str) -> None:
    page.locator(f"#id_{name}_is_on").check()


def test_the_preview_follows_the_text_and_the_contact(open_settings: Any) -> None:
    page = open_settings()
    preview, text = page.locator("#preview-greeting"), page.locator("#id_greeting-text")
    expect(text).to_be_hidden()

    switch_on(page, "greeting")
    text.fill("Bom dia, !")
    text.evaluate("field => field.setSelectionRange(9, 9)")
    page.locator("[aria-labelledby=greeting-heading] [data-insert='{{first_name}}']").click()
    expect(text).to_have_value("Bom dia, {{first_name}}!")
    expect(preview).to_contain_text("Bom dia, Joelma!")

    page.locator("#preview-contact").select_option(label="Rui Barbosa")
    expect(preview).to_contain_text("Bom dia, Rui!")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/contacts/?*", hold)  # until the preview was answered, which is requested a moment later
    with page.expect_response("**/automatic/preview/"):
        page.locator("#contact-search").fill("joelma")
    held[0].continue_()
    expect(preview).to_contain_text("Bom dia, Joelma!")
    assert not AutomaticMessages.objects.exists()

    settings = stored(page)
    assert (settings.greeting_is_on, settings.greeting) == (True, {"type": "text", "text": "Bom dia, {{first_name}}!"})


def test_hours_are_set_by_keyboard_alone_and_the_summary_says_what_happens(open_settings: Any, number: PhoneNumber) -> None:
    page = open_settings()
    summary = page.locator("#automatic-summary li")
    before = summary.all_inner_texts()

    page.locator("#id_opening_0").focus()
    page.keyboard.press("ArrowDown")
    monday = page.locator("[data-day]").first
    expect(monday).to_be_visible()
    monday.get_by_role("checkbox").focus()
    page.keyboard.press("Tab")
    monday.locator("[name=day0-from_1]").fill("07:30")
    monday.locator("[data-add-period]").focus()
    page.keyboard.press("Enter")
    expect(monday.locator("[name=day0-from_2]")).to_be_focused()
    monday.locator("[name=day0-from_2]").fill("19:00")
    monday.locator("[name=day0-to_2]").fill("21:00")
    monday.locator("[data-copy-day]").focus()
    page.keyboard.press("Space")
    expect(page.locator("[name=day6-from_2]")).to_have_value("19:00")
    expect(summary.first).to_contain_text("07:30–18:00")
    assert summary.all_inner_texts() != before

    page.locator("form[data-unsaved] [type=submit]").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#toasts .alert-success")).to_be_visible()
    assert AutomaticMessages.objects.get().hours == [[["07:30", "18:00"], ["19:00", "21:00"]]] * 7


def test_a_closed_day_hides_its_hours(open_settings: Any) -> None:
    page = open_settings()
    page.locator("#id_opening_1").check()
    sunday = page.locator("[data-day]").nth(6)

    expect(sunday.locator("[name=day6-from_1]")).to_be_hidden()
    sunday.get_by_role("checkbox").check()
    expect(sunday.locator("[name=day6-from_1]")).to_be_visible()
    page.locator("#id_opening_0").check()
    expect(sunday).to_be_hidden()


def test_closed_days_are_added_and_removed(open_settings: Any) -> None:
    page = open_settings()
    page.locator("#id_opening_1").check()
    page.locator("[name=closed-0-day]").fill("2031-12-24")
    page.locator("[name=closed-0-name]").fill("Véspera")
    page.locator("[data-add-row]").click()
    expect(page.locator("[name=closed-1-day]")).to_be_focused()
    page.locator("[name=closed-1-day]").fill("2031-12-26")
    page.locator("[name=closed-1-every_year]").check()
    assert stored(page).closed_days == [["2031-12-24", "Véspera"], ["12-26", ""]]

    page.locator("[data-row]").first.locator("[data-remove-row]").click()
    assert stored(page).closed_days == [["12-26", ""]]


def test_the_next_holidays_follow_the_state(open_settings: Any) -> None:
    page = open_settings()
    page.locator("#id_opening_1").check()
    holidays = page.locator("#next-holidays")
    expect(holidays).to_contain_text("Natal")

    page.locator("#id_holidays").uncheck()

    expect(holidays).not_to_contain_text("Natal")


def test_an_error_is_said_with_a_link_to_its_field(open_settings: Any) -> None:
    page = open_settings()
    switch_on(page, "away")
    page.locator("#id_away-text").fill("Oi {{nome}}")
    expect(page.locator("#preview-away")).to_contain_text("nome")

    page.locator("form[data-unsaved] [type=submit]").click()
    page.locator("form[data-unsaved] [role=alert] a").first.click()

    expect(page.locator("#id_away-text")).to_be_focused()
    expect(page.locator("#id_away-text")).to_have_value("Oi {{nome}}")
    assert not AutomaticMessages.objects.exists()


def test_leaving_with_changes_asks_first(open_settings: Any, number: PhoneNumber) -> None:
    page = open_settings()
    sign = page.locator("[data-unsaved-sign]")
    asked: list[str] = []
    expect(sign).to_be_empty()
    switch_on(page, "greeting")
    expect(sign).not_to_be_empty()

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.once("dialog", stay)
    page.get_by_role("link", name=number.shown_name).first.click()
    expect(page.locator("#id_greeting_is_on")).to_be_checked()
    assert asked == ["beforeunload"]

    stored(page)
    page.get_by_role("link", name=number.shown_name).first.click()
    page.wait_for_url("**/settings/numbers/*/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_everything_unfolded_is_accessible_and_no_wider_than_the_screen(open_settings: Any, width: int, scheme: str) -> None:
    page = open_settings(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.locator("#id_opening_1").check()
    for name in ("greeting", "away", "reminder"):
        switch_on(page, name)
    page.evaluate("for (const each of document.querySelectorAll('form details')) each.open = true")
    page.locator("#id_bot_returns_1").check()
    page.locator("[data-add-period]").first.click()
    page.locator("#id_greeting-text").fill("Oi {{nome}}")
    page.locator("form[data-unsaved] [type=submit]").click()
    expect(page.locator("form[data-unsaved] [role=alert]").first).to_be_visible()

    assert check(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_works_without_scripts(open_settings: Any) -> None:
    page = open_settings(java_script_enabled=False)
    page.locator("#id_opening_1").check()
    page.locator("[name=day0-from_2]").fill("19:00")
    page.locator("[name=day0-to_2]").fill("21:00")
    page.locator("#id_greeting_is_on").check()
    page.locator("form[data-unsaved] [type=submit]").click()
    page.wait_for_url("**/automatic/")

    assert AutomaticMessages.objects.get().hours[0] == [["08:00", "18:00"], ["19:00", "21:00"]]


def test_a_file_is_chosen_for_the_greeting(open_settings: Any) -> None:
    page = open_settings(viewport={"width": 360, "height": 800})
    switch_on(page, "greeting")
    page.locator("[aria-labelledby=greeting-heading] summary").last.click()
    upload, link = page.locator("#id_greeting-upload"), page.locator("#id_greeting-link")
    expect(upload).to_be_hidden()
    page.locator("#id_greeting-file_kind").select_option("file")
    expect(link).to_be_hidden()
    upload.set_input_files(FilePayload(name="cardápio.pdf", mimeType="application/pdf", buffer=b"%PDF-1.4\n%%EOF\n"))
    page.locator("#id_greeting-text").fill("Bom dia!")
    expect(page.locator("#preview-greeting")).to_contain_text("Bom dia!")
    expect(page.locator("#preview-greeting .text-error")).to_have_count(0)
    assert not BotFile.objects.exists()  # previews upload nothing

    settings = stored(page)

    file = BotFile.objects.get()
    assert settings.greeting == {"type": "media", "kind": "document", "file": file.key, "caption": "Bom dia!"}
    expect(page.locator("[aria-labelledby=greeting-heading] [data-stored-file]")).to_contain_text("cardápio.pdf")
    expect(page.locator("#preview-greeting")).to_contain_text("cardápio.pdf")
    assert check(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
