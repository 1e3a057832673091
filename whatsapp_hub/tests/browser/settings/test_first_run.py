"""A new hub in a real browser: the first steps, with the simulator's phone. And personal settings."""

from typing import Any

import pytest
from playwright.sync_api import expect

from chats.models import Message
from organizations.models import Membership, Organization, Role, User
from simulator.demonstration import begin_conversations, create_simulated_number
from simulator.first_steps import ANA
from simulator.tests.phone_fixtures import standin
from whatsapp_hub.tests.browser.conftest import Open

__all__ = ["standin"]


@pytest.fixture
def root(standin: Any, worker: None) -> User:
    """The creator of the demonstration organization, to which five people have written."""
    user = User.objects.create_user("root@example.com", "uma-senha-longa-7", name="Root", language="en")
    organization = Organization.objects.create(organization_name="Demonstration")
    Membership.objects.create(organization=organization, user=user, role=Role.USER_CREATOR)
    begin_conversations(create_simulated_number(organization=organization, by=user))
    return user


def test_the_first_steps_are_ticked_while_the_hub_is_tried_with_the_phone(open_page: Open, root: User) -> None:
    page = open_page("/", root)
    steps = page.locator("#first-steps")
    expect(steps).to_contain_text("0 of 4")
    expect(page.locator("#conversations")).to_contain_text("Ana Beatriz")
    page.reload()
    with page.expect_popup() as opened:
        steps.get_by_role("link", name="Open Ana's phone").click()
    phone = opened.value
    expect(phone.locator("#phone-thread")).to_contain_text("perfil de vocês")
    assert f"/simulator/phones/{ANA}/" in phone.url
    assert "/inbox/" in page.url

    steps.get_by_role("link", name="Answer Ana").click()
    page.locator("#answer-text").fill("Dá sim!")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(phone.locator("#phone-thread")).to_contain_text("Dá sim!")
    expect(steps).to_contain_text("2 of 4")
    assert Message.objects.get(content="Dá sim!").contact.wa_id == ANA

    steps.get_by_role("button", name="Do not show this again").click()
    page.wait_for_url("**/inbox/")
    expect(page.locator("#first-steps")).to_be_hidden()


@pytest.mark.parametrize("width", [360, 768, 1024, 1440])
def test_personal_settings_are_in_the_frame_of_all_settings(open_page: Open, ana: User, width: int) -> None:
    places = set()
    for path in ("/profile/", "/accounts/2fa/", "/accounts/password/change/"):
        page = open_page(path, ana, viewport={"width": width, "height": 800})
        expect(page.locator("[data-settings-nav] a[aria-current=page]")).to_have_count(1)
        box = page.locator("[data-settings-nav] + div").bounding_box()
        assert box
        places.add((round(box["x"]), round(box["width"])))
        assert page.locator("[data-settings-nav]").evaluate("nav => nav.getBoundingClientRect().right <= innerWidth")
        page.close()
    assert len(places) == 1


def test_the_first_steps_are_folded_while_a_search_or_a_filter_is_set(open_page: Open, root: User) -> None:
    page = open_page("/", root)
    details = page.locator("#first-steps details")
    expect(details).to_have_attribute("open", "")
    page.locator("[data-search]").fill("Ana")
    expect(details).not_to_have_attribute("open", "")
    page.locator("[data-search]").fill("")
    expect(details).to_have_attribute("open", "")
    page.locator(".list-tab").nth(1).click()
    expect(details).not_to_have_attribute("open", "")
    page.wait_for_url("**view=unread**")
    page.reload()
    expect(details).not_to_have_attribute("open", "")


def test_an_error_disappears_when_its_field_is_changed(open_page: Open, ana: User) -> None:
    page = open_page("/profile/", ana)
    name = page.locator("[name=name]")
    assert name.get_attribute("maxlength") is None
    name.fill("x" * 151)
    page.locator("#main form button[type=submit]").first.click()
    expect(page.locator("#id_name_error")).to_be_visible()
    assert len(name.input_value()) == 151

    name.fill("Ana")
    expect(page.locator("#id_name_error")).to_have_count(0)
    expect(name).not_to_have_attribute("aria-invalid", "true")


def test_a_session_that_is_ended_elsewhere_disappears_and_its_page_closes_within_seconds(open_page: Open, ana: User) -> None:
    User.objects.filter(pk=ana.pk).update(language="en")
    phone = open_page("/", ana, user_agent="Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36")
    page = open_page("/profile/", ana)
    other = page.locator("#main li", has_text="Chrome")
    expect(other.first).to_be_visible()
    page.get_by_role("button").filter(has_text="everywhere else").click()
    page.locator("#confirm [data-verb]").click()
    expect(page.locator("#main li", has_text="Android")).to_have_count(0)
    phone.goto("/profile/")
    assert "/accounts/login/" in phone.url
