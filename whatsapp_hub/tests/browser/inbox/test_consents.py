"""Consents in the contact pane and the template picker, a customer stops marketing, and the team records a consent."""

import pytest
from playwright.sync_api import Page, expect

from organizations.models import PhoneNumber, User
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.every_page.test_every_page import check
from whatsapp_hub.tests.browser.inbox.test_sending import ChatPages, number, standin

__all__ = ["number", "standin"]

REFUSED = "#template-list [aria-disabled=true]"


@pytest.fixture
def ana_beatriz(open_page: Open, ana: User, number: PhoneNumber) -> ChatPages:
    chat = ChatPages(open_page, ana, number, "Ana Beatriz")
    chat.inbox.set_viewport_size({"width": 1440, "height": 900})
    return chat


def decisions(inbox: Page, count: int) -> None:
    expect(inbox.locator("#contact-consents > ol > li")).to_have_count(count)


def test_a_customer_stops_marketing_and_the_team_records_a_new_consent(ana_beatriz: ChatPages) -> None:
    inbox = ana_beatriz.inbox
    inbox.locator("#contact-consents > summary").click()
    decisions(inbox, 0)
    ana_beatriz.write_on_phone("Parar")
    decisions(inbox, 1)
    templates = inbox.url.partition("?")[0] + "templates/"

    inbox.locator("#contact-consents > details > summary").click()
    inbox.locator("#contact-consents [name=form]").fill("Ficha da loja")
    inbox.locator("#contact-consents [name=purpose][value=other]").check()
    expect(inbox.locator("#contact-consents [name=own_purpose]")).to_be_visible()
    inbox.locator("#contact-consents [name=decision][value=withdrawn]").check()
    ana_beatriz.write_on_phone("Vocês abrem amanhã?")  # the pane is fetched again
    expect(inbox.locator("#contact-consents [name=decision][value=withdrawn]")).to_be_checked()
    expect(inbox.locator("#contact-consents [name=form]")).to_have_value("Ficha da loja")
    assert not check(inbox)
    ana_beatriz.phone.goto(templates)
    assert ana_beatriz.phone.locator(REFUSED).count() > 0

    inbox.locator("#contact-consents button").click()
    expect(inbox.locator("#contact-consents .text-error")).to_have_count(1)  # nothing in own words
    inbox.locator("#contact-consents [name=purpose][value=marketing]").check()
    inbox.locator("#contact-consents [name=decision][value=granted]").check()
    inbox.locator("#contact-consents button").click()
    decisions(inbox, 2)
    expect(inbox.locator("#contact-consents > ol > li").first).to_contain_text("Ficha da loja")
    ana_beatriz.phone.goto(templates)
    expect(ana_beatriz.phone.locator("#template-list li").first).to_be_visible()
    assert ana_beatriz.phone.locator(REFUSED).count() == 0
