"""Staff are told that somebody has written: in the title, on the icon, in the navigation, by a sound and by notifications."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from conftest import Hub, apply_all
from contacts.models import Contact
from organizations.models import User
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.talk import message

pytestmark = pytest.mark.xdist_group("browser")

JOELMA = "556181500586"
RUI = "5511987654021"
RECORDER = """
window.rung = 0; window.shown = [];
HTMLMediaElement.prototype.play = function () { window.rung += 1; return Promise.resolve(); };
class Shown {
  static permission = localStorage.permission ?? "granted";
  static requestPermission() {
    window.asked = true;
    Shown.permission = "granted";
    return Promise.resolve("granted");
  }
  constructor(title, options) { Object.assign(this, { title, ...options }); window.shown.push(this); }
  close() { this.isClosed = true; }
}
window.Notification = Shown;
"""
"""In the place of what a browser without a screen has not: it notes what would be heard and shown."""


@pytest.fixture
def inbox(ana: User) -> str:
    return f"/o/{ana.memberships.get().organization_id}/inbox/"


@pytest.fixture
def alerted(ana: User) -> User:
    """Who wants a sound and notifications."""
    User.objects.filter(pk=ana.pk).update(alert_sound=True, alert_notifications=True)
    return ana


def opened(page: Page, path: str) -> Page:
    """The page anew, with the recorder, and its stream."""
    page.add_init_script(RECORDER)
    page.goto(path)
    page.wait_for_timeout(800)
    return page


def tell(hub: Hub, *bodies: bytes) -> None:
    for each in bodies:
        hub.deliver(each)


def shown(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(
        "shown.map(({title, body, tag, isClosed}) => ({title, body, tag, isClosed: !!isClosed}))"
    )
    return found


def wait_until_shown(page: Page) -> None:
    for _ in range(100):
        if shown(page):
            return
        page.wait_for_timeout(100)
    raise AssertionError("no notification was shown")


@pytest.mark.parametrize("section", ["inbox", "contacts", "settings/members"])
def test_title_icon_and_navigation_say_how_many_conversations_are_unread_on_every_page(
    open_page: Open, hub: Hub, ana: User, inbox: str, worker: None, section: str
) -> None:
    page = open_page(inbox.replace("inbox", section), ana)
    bare = page.title()
    page.wait_for_timeout(800)
    expect(page.locator("#unread .nav-badge")).to_be_hidden()

    tell(hub, message(JOELMA, "Joelma", said="Oi"), message(JOELMA, "Joelma", said="Alô?"), message(RUI, "Rui", said="Olá"))

    expect(page.locator("#unread [data-figures]")).to_have_text("2")
    expect(page.locator("#unread .nav-badge")).to_be_visible()
    expect(page).to_have_title(f"(2)\u00a0{bare}")
    expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("icon-unread"))
    Contact.objects.update(unread_count=0, unread_at=None)
    tell(hub, message(RUI, "Rui", said="…"))
    expect(page.locator("#unread [data-figures]")).to_have_text("1")


def test_the_title_goes_on_to_say_it_while_conversations_are_opened(
    open_page: Open, hub: Hub, ana: User, inbox: str, worker: None
) -> None:
    tell(hub, message(JOELMA, "Joelma", said="Oi"), message(RUI, "Rui", said="Olá"))
    page = open_page(inbox, ana)
    expect(page.locator("[data-row]")).to_have_count(2)
    page.get_by_role("link", name=re.compile("Joelma")).click()
    expect(page).to_have_title(re.compile(r"^\(1\)\u00a0Joelma · "))
    page.get_by_role("link", name=re.compile("Rui")).click()
    expect(page).to_have_title(re.compile("^Rui · "))
    expect(page.locator("#unread .nav-badge")).to_be_hidden()


def test_one_of_several_tabs_rings_once_for_each_conversation_and_the_open_one_never_does(
    open_page: Open, hub: Hub, alerted: User, inbox: str, worker: None
) -> None:
    tell(hub, message(RUI, "Rui", said="Bom dia"))
    first = opened(open_page("/profile/", alerted), inbox)
    expect(first.locator("[data-row]")).to_have_count(1)
    second = opened(first.context.new_page(), inbox.replace("inbox", "contacts"))
    third = opened(first.context.new_page(), f"{inbox}{Contact.objects.get(wa_id=RUI).pk}/")
    expect(third.locator("#thread")).to_contain_text("Bom dia")

    tell(hub, message(JOELMA, "Joelma", said="*Tem* bolo?"))
    expect(first.locator("#unread [data-figures]")).to_have_text("1")
    first.wait_for_timeout(1500)
    pages = (first, second, third)
    assert sum(page.evaluate("rung") for page in pages) == 1
    (notification,) = [each for page in pages for each in shown(page)]
    assert (notification["title"], notification["body"]) == ("Joelma", "Tem bolo?")

    tell(hub, message(RUI, "Rui", said="Ainda aí?"))  # whose conversation is before somebody's eyes in the third tab
    expect(third.locator("#thread")).to_contain_text("Ainda aí?")
    first.wait_for_timeout(1500)
    assert sum(page.evaluate("rung") for page in pages) == 1

    tell(hub, message(JOELMA, "Joelma", said="E pão?"))
    first.wait_for_timeout(2500)
    assert sum(page.evaluate("rung") for page in pages) == 2
    assert len({each["tag"] for page in pages for each in shown(page)}) == 1  # the browser shows one for each tag
    first.get_by_role("link", name=re.compile("Joelma")).click()
    expect(first.locator("#thread")).to_contain_text("E pão?")
    expect(first.locator("#unread .nav-badge")).to_be_hidden()
    first.wait_for_timeout(1000)
    assert all(each["isClosed"] for page in pages for each in shown(page)[-1:])


def test_a_click_on_the_notification_opens_the_conversation(
    open_page: Open, hub: Hub, alerted: User, inbox: str, worker: None
) -> None:
    page = opened(open_page("/profile/", alerted), inbox)
    tell(hub, message(JOELMA, "Joelma", said="Oi"))
    wait_until_shown(page)
    page.evaluate("shown[0].onclick()")
    expect(page.locator("#thread")).to_contain_text("Oi")
    assert f"{inbox}{Contact.objects.get().pk}/" in page.url


def test_nobody_is_told_who_has_not_asked_for_it_and_the_bell_asks_the_browser(
    open_page: Open, hub: Hub, ana: User, inbox: str, worker: None
) -> None:
    page = open_page("/profile/", ana)
    page.evaluate("localStorage.permission = 'default'")
    opened(page, inbox)
    tell(hub, message(JOELMA, "Joelma", said="Oi"))
    expect(page.locator("#unread [data-figures]")).to_have_text("1")
    page.wait_for_timeout(800)
    assert page.evaluate("[rung, shown.length, window.asked]") == [0, 0, None]

    page.locator("[data-alerts-button]").click()
    switches = page.locator("#alert-switches")
    expect(switches).to_be_in_viewport(ratio=1)
    with page.expect_response(lambda answer: answer.url.endswith("/profile/alerts/") and answer.status == 204):
        switches.locator("[name=alert_notifications]").check()
    assert page.evaluate("window.asked")
    with page.expect_response(lambda answer: answer.url.endswith("/profile/alerts/") and answer.status == 204):
        switches.locator("[name=alert_sound]").check()
    assert User.objects.values_list("alert_sound", "alert_notifications").get(pk=ana.pk) == (True, True)
    before = page.evaluate("rung")

    tell(hub, message(RUI, "Rui", said="Olá"))
    wait_until_shown(page)
    assert shown(page)[0]["title"] == "Rui"
    assert page.evaluate("rung") == before + 1


def test_of_many_conversations_at_once_their_number_is_told(open_page: Open, hub: Hub, alerted: User, inbox: str) -> None:
    page = opened(open_page("/profile/", alerted), inbox)
    tell(hub, *(message(f"55619{place:08}", f"Pessoa {place}", said="Oi") for place in range(5)))
    apply_all()
    wait_until_shown(page)
    page.wait_for_timeout(800)
    assert [each["body"][:1] for each in shown(page)] == ["5"]
    assert page.evaluate("rung") == 1
