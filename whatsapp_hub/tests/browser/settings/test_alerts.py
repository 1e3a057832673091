"""Alerts about new messages: in the title, on the icon, in the navigation, by a sound and by notifications."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from conftest import Hub, apply_all
from contacts.models import Contact
from organizations.models import User
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.webhooks import deliver, message

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
"""Replaces what a browser without a screen does not have. Records the sounds and notifications."""


@pytest.fixture
def inbox(ana: User) -> str:
    return f"/o/{ana.memberships.get().organization_id}/inbox/"


@pytest.fixture
def alerted(ana: User) -> User:
    """A user who wants sounds and notifications."""
    User.objects.filter(pk=ana.pk).update(alert_sound=True, alert_notifications=True)
    return ana


def opened(page: Page, path: str) -> Page:
    """Loads the page again, with the recorder, and waits for its stream."""
    page.add_init_script(RECORDER)
    page.goto(path)
    page.wait_for_timeout(800)
    return page


def shown(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(
        "shown.map(({title, body, tag, isClosed}) => ({title, body, tag, isClosed: !!isClosed}))"
    )
    return found


def wait_for_alerts(page: Page, contact_id: int, messages: int) -> None:
    """Waits until the page knows so many unread messages of the contact, and has alerted about them or decided not to."""
    page.wait_for_function(
        """([id, messages]) => JSON.parse(document.querySelector("#unread [data-unread]").dataset.unread)
             .some(([contact, count]) => contact === id && count === messages)""",
        arg=[contact_id, messages],
    )
    # Tabs alert one after the other, each while it has this lock. The browser grants it in the order of requests.
    page.evaluate(
        """() => {
             const { user, organization } = document.querySelector("#unread").dataset;
             return navigator.locks.request(`hub-alerts:${user}:${organization}`, () => {});
           }"""
    )


def wait_until_shown(page: Page) -> None:
    for _ in range(600):
        if shown(page):
            return
        page.wait_for_timeout(100)
    raise AssertionError("no notification was shown")


@pytest.mark.parametrize("section", ["inbox", "contacts", "settings/members"])
def test_title_icon_and_navigation_show_how_many_conversations_are_unread_on_every_page(
    open_page: Open, hub: Hub, ana: User, inbox: str, worker: None, section: str
) -> None:
    page = open_page(inbox.replace("inbox", section), ana)
    bare = page.title()
    page.wait_for_timeout(800)
    expect(page.locator("#unread .nav-badge")).to_be_hidden()

    deliver(
        hub, message(JOELMA, "Joelma", content="Oi"), message(JOELMA, "Joelma", content="Alô?"), message(RUI, "Rui", content="Olá")
    )

    expect(page.locator("#unread [data-figures]")).to_have_text("2")
    expect(page.locator("#unread .nav-badge")).to_be_visible()
    expect(page).to_have_title(f"(2)\u00a0{bare}")
    expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("icon-unread"))
    Contact.objects.update(unread_count=0, unread_at=None)
    deliver(hub, message(RUI, "Rui", content="…"))
    expect(page.locator("#unread [data-figures]")).to_have_text("1")


def test_the_title_keeps_the_number_while_conversations_are_opened(
    open_page: Open, hub: Hub, ana: User, inbox: str, worker: None
) -> None:
    deliver(hub, message(JOELMA, "Joelma", content="Oi"), message(RUI, "Rui", content="Olá"))
    page = open_page(inbox, ana)
    expect(page.locator("[data-row]")).to_have_count(2)
    page.get_by_role("link", name=re.compile("Joelma")).click()
    expect(page).to_have_title(re.compile(r"^\(1\)\u00a0Joelma · "))
    page.get_by_role("link", name=re.compile("Rui")).click()
    expect(page).to_have_title(re.compile("^Rui · "))
    expect(page.locator("#unread .nav-badge")).to_be_hidden()


def test_one_of_several_tabs_alerts_once_for_each_conversation_and_never_for_the_open_one(
    open_page: Open, hub: Hub, alerted: User, inbox: str, worker: None
) -> None:
    deliver(hub, message(RUI, "Rui", content="Bom dia"))
    first = opened(open_page("/profile/", alerted), inbox)
    expect(first.locator("[data-row]")).to_have_count(1)
    second = opened(first.context.new_page(), inbox.replace("inbox", "contacts"))
    third = opened(first.context.new_page(), f"{inbox}{Contact.objects.get(wa_id=RUI).pk}/")
    expect(third.locator("#thread")).to_contain_text("Bom dia")

    deliver(hub, message(JOELMA, "Joelma", content="*Tem* bolo?"))
    expect(first.locator("[data-row]")).to_have_count(2)
    pages, joelma = (first, second, third), Contact.objects.get(wa_id=JOELMA).pk
    for page in pages:
        wait_for_alerts(page, joelma, 1)
    assert sum(page.evaluate("rung") for page in pages) == 1
    (notification,) = [each for page in pages for each in shown(page)]
    assert (notification["title"], notification["body"]) == ("Joelma", "Tem bolo?")

    deliver(hub, message(RUI, "Rui", content="Ainda aí?"))  # the third tab shows this conversation
    expect(third.locator("#thread")).to_contain_text("Ainda aí?")
    deliver(hub, message(JOELMA, "Joelma", content="E pão?"))
    for page in pages:
        wait_for_alerts(page, joelma, 2)
    assert sum(page.evaluate("rung") for page in pages) == 2  # none about Rui
    assert len({each["tag"] for page in pages for each in shown(page)}) == 1  # the browser shows one for each tag
    first.get_by_role("link", name=re.compile("Joelma")).click()
    expect(first.locator("#thread")).to_contain_text("E pão?")
    for page in pages:
        page.wait_for_function("() => shown.slice(-1).every((notification) => notification.isClosed)")


def test_a_click_on_the_notification_opens_the_conversation(
    open_page: Open, hub: Hub, alerted: User, inbox: str, worker: None
) -> None:
    page = opened(open_page("/profile/", alerted), inbox)
    deliver(hub, message(JOELMA, "Joelma", content="Oi"))
    wait_until_shown(page)
    page.evaluate("shown[0].onclick()")
    expect(page.locator("#thread")).to_contain_text("Oi")
    assert f"{inbox}{Contact.objects.get().pk}/" in page.url


def test_alerts_are_off_until_the_user_wants_them_and_the_bell_requests_permission(
    open_page: Open, hub: Hub, ana: User, inbox: str, worker: None
) -> None:
    page = open_page("/profile/", ana)
    page.evaluate("localStorage.permission = 'default'")
    opened(page, inbox)
    deliver(hub, message(JOELMA, "Joelma", content="Oi"))
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

    deliver(hub, message(RUI, "Rui", content="Olá"))
    wait_until_shown(page)
    assert shown(page)[0]["title"] == "Rui"
    assert page.evaluate("rung") == before + 1


def test_many_conversations_at_once_get_one_notification_with_their_number(
    open_page: Open, hub: Hub, alerted: User, inbox: str
) -> None:
    page = opened(open_page("/profile/", alerted), inbox)
    deliver(hub, *(message(f"55619{place:08}", f"Pessoa {place}", content="Oi") for place in range(5)))
    apply_all()
    wait_until_shown(page)
    page.wait_for_timeout(800)
    assert [each["body"][:1] for each in shown(page)] == ["5"]
    assert page.evaluate("rung") == 1
