"""Failed messages in a real browser: the reason, and what staff can do."""

from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from chats.models import MessageTemplate
from conftest import Hub, apply_all
from organizations.models import Organization, PhoneNumber, User
from whatsapp_hub.tests.browser import webhooks
from whatsapp_hub.tests.browser.conftest import Open

CARLA = "5561981500123"
WRITTEN = "Sua encomenda chegou"


@pytest.fixture
def failed(open_page: Open, hub: Hub, ana: User, organization: Organization, numbers: dict[str, PhoneNumber]) -> Any:
    """Opens a conversation in which an outbound message failed with this code."""
    number = numbers[webhooks.NUMBER[0]]
    MessageTemplate.objects.create(
        organization=organization,
        waba_id=number.waba_id,
        name="aviso",
        language="pt_BR",
        status="APPROVED",
        category="UTILITY",
        components=[{"type": "BODY", "text": "Olá {{1}}!"}],
        reported_at=timezone.now(),
    )

    def show(code: Any, details: str = "", **options: Any) -> Page:
        error = {"code": code, "title": "x", "error_data": {"details": details}}
        for webhook in (
            webhooks.message(CARLA, "Carla Dias", content="oi"),
            webhooks.echo(CARLA, WRITTEN, wamid="wamid.failed"),
            webhooks.status("wamid.failed", "failed", CARLA, errors=[error]),
        ):
            hub.deliver(webhook)
            apply_all()
        page = open_page(f"/o/{organization.pk}/inbox/", ana, **options)
        page.locator("[data-row] > a").filter(has_text="Carla").click()
        expect(page.locator("#thread .message-out")).to_be_visible()
        return page

    return show


def test_a_failed_text_is_edited_and_sent_again(failed) -> None:
    page = failed(131026)
    page.locator("[data-text]").fill("Bom dia!")
    page.locator("[data-edit-again]").click()
    expect(page.locator("[data-text]")).to_have_value(f"Bom dia!\n{WRITTEN}")
    expect(page.locator("[data-text]")).to_be_focused()
    page.reload()  # the text is the draft now
    expect(page.locator("[data-text]")).to_have_value(f"Bom dia!\n{WRITTEN}")


def test_if_only_a_template_can_be_sent_the_text_is_next_to_the_templates(failed) -> None:
    page = failed("131047")
    expect(page.locator("[data-edit-again]")).to_have_count(0)
    page.locator("[data-open-templates]").click()
    picker = page.locator("#template-picker")
    expect(picker.locator("aside")).to_contain_text(WRITTEN)
    picker.get_by_role("link", name="aviso").click()
    expect(picker.locator("form[enctype]")).to_be_visible()
    expect(picker.locator("aside")).to_contain_text(WRITTEN)


def test_a_template_can_be_chosen_while_the_window_is_open_too(failed) -> None:
    page = failed(131026)
    page.locator("[data-open-templates]").click()
    expect(page.locator("#tab-template")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#template-picker aside")).to_contain_text(WRITTEN)


def test_meta_s_reason_opens_and_stays_open(failed, hub: Hub) -> None:
    page = failed(131999, "The account needs the new consent.", viewport={"width": 360, "height": 800})
    reason = page.locator("#thread .meta-says q")
    expect(reason).to_be_hidden()
    page.locator("#thread .meta-says summary").click()
    expect(reason).to_have_text("x. The account needs the new consent.")
    hub.deliver(webhooks.message(CARLA, "Carla Dias", content="alô?"))
    apply_all()
    expect(page.locator("#thread .message-in").filter(has_text="alô?")).to_be_visible()
    expect(reason).to_be_visible()


def test_without_scripts_the_text_is_in_the_composer_too(failed) -> None:
    page = failed(131026, java_script_enabled=False)
    page.locator("[data-edit-again]").click()
    expect(page.locator("[data-text]")).to_have_value(WRITTEN)
