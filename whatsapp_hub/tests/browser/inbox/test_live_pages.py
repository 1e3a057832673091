"""Open pages stay current: contacts, windows and numbers. They show when they are offline, and when access has ended."""

import json
import re
import time
from collections.abc import Callable

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from conftest import Hub
from contacts.models import Contact, Label
from contacts.services import change_labels, rename_contact, set_who_answers
from organizations.live.event_stream import EventStreams
from organizations.live.revisions import publish_revisions
from organizations.models import Membership, Organization, PhoneNumber, Profile, User
from organizations.numbers.setup import switch_number
from organizations.numbers.suspension import stop_sending
from whatsapp_hub import asgi
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.webhooks import NUMBER, deliver_and_apply, echo, message, status

JOELMA = "556181500586"
RUI = "5511987654021"


@pytest.fixture
def at(ana: User) -> str:
    User.objects.filter(pk=ana.pk).update(language="en")
    return f"/o/{ana.memberships.get().organization_id}/"


def untouched(page: Page) -> Callable[[], bool]:
    """Returns a function that returns whether the page has not been loaded again since."""
    page.evaluate("window.untouched = true")
    page.wait_for_timeout(700)  # until the stream is open
    return lambda: bool(page.evaluate("window.untouched === true"))


# ---- Contacts and windows


def test_heading_row_pane_and_title_get_the_new_name(open_page: Open, hub: Hub, ana: User, at: str) -> None:
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi", at=time.time() - 60))
    page = open_page(f"{at}inbox/{Contact.objects.get().pk}/", ana)
    is_same_page = untouched(page)

    deliver_and_apply(hub, message(JOELMA, "Joelma Conceição", content="Oi de novo"))

    expect(page.get_by_role("heading", name="Joelma Conceição").first).to_be_visible()
    expect(page.locator("#rows")).to_contain_text("Joelma Conceição")
    expect(page.locator("#contact-pane")).to_contain_text("Joelma Conceição")
    expect(page).to_have_title(re.compile("^Joelma Conceição"))
    assert is_same_page()


def test_an_alias_of_another_member_shows_in_the_heading(open_page: Open, hub: Hub, ana: User, at: str) -> None:
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi"))
    contact = Contact.objects.get()
    page = open_page(f"{at}inbox/{contact.pk}/", ana)
    is_same_page = untouched(page)

    rename_contact(contact=contact, alias="Dona Jô", by=ana, now=timezone.now())

    expect(page.locator("[data-heading]")).to_have_text("Dona Jô")
    assert is_same_page()


def test_the_countdown_in_the_heading_restarts_with_the_customers_message(open_page: Open, hub: Hub, ana: User, at: str) -> None:
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi", at=time.time() - 23 * 3600))
    page = open_page(f"{at}inbox/{Contact.objects.get().pk}/", ana)
    chip = page.locator("#header-chip [data-until]")
    expect(chip).to_have_attribute("data-state", "closing")
    is_same_page = untouched(page)

    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Ainda aí?"))

    for place in (chip, page.locator("#window-bar")):
        expect(place).to_have_attribute("data-state", "open")
        expect(place.locator("[data-left]")).to_contain_text("23 h")
    assert is_same_page()


def test_heading_row_and_composer_close_when_meta_reports_that_the_window_is_closed(
    open_page: Open, hub: Hub, ana: User, at: str
) -> None:
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi", at=time.time() - 3600), echo(JOELMA, "Olá!", wamid="wamid.ours"))
    page = open_page(f"{at}inbox/{Contact.objects.get().pk}/", ana)
    expect(page.locator("#header-chip [data-until]")).to_have_attribute("data-state", "open")
    expect(page.locator(".bubble-tools").first).to_be_visible()
    is_same_page = untouched(page)

    deliver_and_apply(hub, status("wamid.ours", "failed", JOELMA, errors=[{"code": 131047, "title": "Re-engagement message"}]))

    expect(page.locator("#header-chip [data-until]")).to_have_attribute("data-state", "closed")
    expect(page.locator("#window-bar")).to_have_attribute("data-state", "closed")
    expect(page.locator("#composer")).to_have_attribute("data-composer", "template")
    expect(page.locator(".bubble-tools").first).to_be_hidden()
    assert is_same_page()


def test_a_pane_that_was_hidden_shows_what_changed_meanwhile(open_page: Open, hub: Hub, ana: User, at: str) -> None:
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi"))
    contact = Contact.objects.get()
    page = open_page(f"{at}inbox/{contact.pk}/", ana, viewport={"width": 1100, "height": 800})
    expect(page.locator("#contact-pane")).not_to_be_visible()
    untouched(page)
    rename_contact(contact=contact, alias="Dona Jô", by=ana, now=timezone.now())
    expect(page.locator("[data-heading]")).to_have_text("Dona Jô")

    page.locator("[data-toggle-pane]").first.click()

    expect(page.locator("#contact-name")).to_contain_text("Dona Jô")


def test_the_contacts_table_is_live_and_keeps_the_selection(
    open_page: Open, hub: Hub, ana: User, at: str, organization: Organization
) -> None:
    deliver_and_apply(
        hub, message(RUI, "Rui", content="Olá", at=time.time() - 600), message(JOELMA, "Joelma", content="Oi", at=time.time() - 60)
    )
    joelma = Contact.objects.get(wa_id=JOELMA)
    label = Label.objects.create(organization=organization, name="VIP", colour="green")
    page = open_page(f"{at}contacts/", ana)
    chosen = page.locator(f"#choose-{joelma.pk}")
    chosen.check()
    is_same_page = untouched(page)

    rename_contact(contact=joelma, alias="Dona Jô", by=ana, now=timezone.now())
    change_labels(contact=joelma, give={label.pk}, take=set(), by=ana, now=timezone.now())
    set_who_answers(organization=organization, contact_ids=[joelma.pk], profile=Profile.BOT, by=ana, now=timezone.now())
    deliver_and_apply(hub, message("556199321788", "Padre Anselmo", content="Obrigado!"))

    row = page.locator(f"#contact-{joelma.pk}")
    expect(row).to_contain_text("Dona Jô")
    expect(row).to_contain_text("VIP")
    expect(page.locator("#contact-rows")).to_contain_text("Padre Anselmo")
    expect(chosen).to_be_checked()
    expect(page.locator("[data-bulk-count]")).to_have_text("1 selected")
    assert is_same_page()


def test_a_table_that_grew_keeps_its_rows_when_something_changes(open_page: Open, hub: Hub, ana: User, at: str) -> None:
    people = [message(f"55619{place:08}", f"Pessoa {place:02}", content="Oi", at=time.time() - 900 + place) for place in range(50)]
    deliver_and_apply(hub, *people)
    page = open_page(f"{at}contacts/", ana)
    expect(page.locator(".contact-row")).to_have_count(40)
    page.locator("#more-contacts").scroll_into_view_if_needed()
    expect(page.locator(".contact-row")).to_have_count(50)
    untouched(page)

    rename_contact(contact=Contact.objects.get(name="Pessoa 00"), alias="Dona Jô", by=ana, now=timezone.now())

    expect(page.locator("#contact-rows")).to_contain_text("Dona Jô")
    expect(page.locator(".contact-row")).to_have_count(50)


# ---- Numbers


def test_cards_and_page_of_a_number_show_that_it_was_switched_off(
    open_page: Open, ana: User, at: str, numbers: dict[str, PhoneNumber]
) -> None:
    number = numbers[NUMBER[0]]
    cards = open_page(f"{at}settings/numbers/", ana)
    page = open_page(f"{at}settings/numbers/{number.pk}/", ana)
    page.locator("input[name=app_secret]").fill("b" * 32)
    are_same_pages = [untouched(each) for each in (cards, page)]
    badges = [cards.locator(f"#number-{number.pk} .badge").first, page.locator("#number-state .badge").first]
    for badge in badges:
        expect(badge).to_have_text("set-up not finished")

    switch_number(number=number, activate=False, by=ana)

    for badge in badges:
        expect(badge).to_have_text("off")
    expect(page.locator("#number-switch")).to_contain_text("The number is off")
    expect(page.locator("input[name=app_secret]")).to_have_value("b" * 32)
    assert all(each() for each in are_same_pages)


PAGES = ["inbox/", "contacts/", "settings/numbers/", "settings/labels/", "settings/organization/", "settings/webhooks/"]


@pytest.mark.parametrize("path", [*PAGES, "number"])
def test_the_banner_of_a_stopped_number_comes_and_goes_on_every_page(
    open_page: Open, ana: User, at: str, numbers: dict[str, PhoneNumber], path: str
) -> None:
    number = numbers[NUMBER[0]]
    page = open_page(f"{at}settings/numbers/{number.pk}/" if path == "number" else f"{at}{path}", ana)
    is_same_page = untouched(page)

    stop_sending(number.phone_number_id, organization_id=number.organization_id, code=190, now=timezone.now())
    publish_revisions([number.organization_id])
    expect(page.locator("#stopped").get_by_role("alert")).to_contain_text("sends nothing")
    if path == "number":
        expect(page.locator("#stopped-heading")).to_be_visible()
    PhoneNumber.objects.update(sending_stopped_at=None, sending_stopped_code=None)
    publish_revisions([number.organization_id])

    expect(page.locator("#stopped").get_by_role("alert")).to_have_count(0)
    expect(page.locator("#stopped-heading")).to_have_count(0)
    assert is_same_page()


def test_what_changes_while_a_script_is_still_loading_is_shown_at_once(open_page: Open, hub: Hub, ana: User, at: str) -> None:
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi"))
    contact = Contact.objects.get()
    page = open_page(f"{at}contacts/", ana)

    def delay(route: Route) -> None:
        page.wait_for_timeout(1500)
        route.continue_()

    page.route("**/hub/composer*.js", delay)
    page.goto(f"{at}inbox/{contact.pk}/")  # it is read, which the list shows

    expect(page.locator(f"#row-{contact.pk} .badge-primary")).to_have_count(0, timeout=4000)


def test_a_conversation_that_is_left_while_it_is_fetched_delays_no_later_change(
    open_page: Open, hub: Hub, ana: User, at: str
) -> None:
    earlier = time.time() - 60
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi", at=earlier), message(RUI, "Rui", content="Oi", at=earlier))
    joelma, rui = Contact.objects.get(wa_id=JOELMA), Contact.objects.get(wa_id=RUI)
    page = open_page(f"{at}inbox/{joelma.pk}/", ana)
    untouched(page)
    page.wait_for_timeout(1500)  # the conversation was marked as read, which is a change too
    page.route(f"**/{joelma.pk}/thread/*", lambda route: None)  # never answered

    with page.expect_request(f"**/{joelma.pk}/thread/*"):
        publish_revisions([Membership.objects.get(user=ana).organization_id])
    page.locator(f"#row-{rui.pk} a").first.click()
    expect(page.get_by_role("heading", name="Rui").first).to_be_visible()
    deliver_and_apply(hub, message(RUI, "Rui", content="Tem bolo?"))

    expect(page.locator("#thread")).to_contain_text("Tem bolo?", timeout=4000)


def test_a_list_that_takes_long_delays_no_message_of_the_open_conversation(open_page: Open, hub: Hub, ana: User, at: str) -> None:
    earlier = time.time() - 60
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi", at=earlier))
    page = open_page(f"{at}inbox/{Contact.objects.get().pk}/", ana)
    page.wait_for_timeout(1500)  # the conversation was marked as read, which is a change too
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/inbox/rows/*", hold)

    for text in ("Tem bolo?", "De cenoura?", "Para amanhã?"):
        deliver_and_apply(hub, message(JOELMA, "Joelma", content=text))
        expect(page.locator("#thread")).to_contain_text(text, timeout=4000)

    assert len(held) == 1  # one request of a part at a time
    page.unroute("**/inbox/rows/*")  # answers the request that is held
    expect(page.locator("#rows")).to_contain_text("Para amanhã?", timeout=4000)


REFRESH_BEFORE_HTMX_KNOWS_THE_PARTS = """
document.body.addEventListener("htmx:afterSwap", () => document.body.dispatchEvent(new Event("hub:changed")), { once: true });
"""


def test_a_change_that_comes_while_a_conversation_is_being_opened_delays_no_later_one(
    open_page: Open, hub: Hub, ana: User, at: str
) -> None:
    """htmx processes new content some milliseconds after it is on the page. A part does not hear that it is outdated before."""
    earlier = time.time() - 60
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi", at=earlier), message(RUI, "Rui", content="Oi", at=earlier))
    joelma, rui = Contact.objects.get(wa_id=JOELMA), Contact.objects.get(wa_id=RUI)
    page = open_page(f"{at}inbox/{joelma.pk}/", ana)
    untouched(page)
    page.wait_for_timeout(1500)  # the conversation was marked as read, which is a change too

    page.evaluate(REFRESH_BEFORE_HTMX_KNOWS_THE_PARTS)
    page.locator(f"#row-{rui.pk} a").first.click()
    expect(page.get_by_role("heading", name="Rui").first).to_be_visible()
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Tem bolo?"))

    expect(page.locator(f"#row-{joelma.pk} .row-preview")).to_contain_text("Tem bolo?", timeout=4000)


def test_a_change_costs_an_open_conversation_four_requests(open_page: Open, hub: Hub, ana: User, at: str) -> None:
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi"))
    page = open_page(f"{at}inbox/{Contact.objects.get().pk}/", ana)
    untouched(page)
    page.wait_for_timeout(1500)  # the conversation was marked as read, which is a change too
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    publish_revisions([Membership.objects.get(user=ana).organization_id])
    page.wait_for_timeout(1500)

    assert sorted(url.rsplit("?")[0].rstrip("/").rsplit("/", 1)[1] for url in asked) == ["contact", "rows", "thread", "window"]


# ---- The end of access


def end_session(user: User, organization: Organization) -> None:
    Session.objects.all().delete()


def switch_member_off(user: User, organization: Organization) -> None:
    Membership.objects.filter(user=user).update(activate=False)
    publish_revisions([organization.pk])


def remove_member(user: User, organization: Organization) -> None:
    Membership.objects.filter(user=user).delete()
    publish_revisions([organization.pk])


def deactivate(user: User, organization: Organization) -> None:
    Organization.objects.filter(pk=organization.pk).update(activate=False)
    publish_revisions([organization.pk])


def switch_user_off(user: User, organization: Organization) -> None:
    User.objects.filter(pk=user.pk).update(activate=False)


End = Callable[[User, Organization], None]
ENDS: list[tuple[End, str]] = [
    (switch_member_off, "no-access"),
    (remove_member, "no-access"),
    (deactivate, "no-access"),
    (switch_user_off, "signed-out"),
    (end_session, "signed-out"),
]
ENDS_BY_PAGE = [(end, reason, "inbox") for end, reason in ENDS] + [
    (end, reason, path)
    for end, reason in ((switch_member_off, "no-access"), (end_session, "signed-out"))
    for path in ("settings/numbers/", "contacts/", "settings/labels/")
]
AFTER_RELOAD = {"no-access": "You no longer have access", "signed-out": "Sign in|Entrar"}


@pytest.mark.parametrize(("end", "reason", "path"), ENDS_BY_PAGE, ids=[f"{end.__name__}-{path}" for end, _, path in ENDS_BY_PAGE])
def test_one_notice_is_shown_when_the_user_has_no_access_any_more(
    open_page: Open,
    hub: Hub,
    ana: User,
    at: str,
    organization: Organization,
    end: End,
    reason: str,
    path: str,
) -> None:
    asgi.streams = EventStreams(check_seconds=0.5)
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi"))
    page = open_page(f"{at}inbox/", ana)  # the session stores this organization as the last one
    page.goto(f"{at}inbox/{Contact.objects.get().pk}/" if path == "inbox" else f"{at}{path}")
    untouched(page)

    end(ana, organization)

    expect(page.locator(f"#page-closed [data-reason={reason}]")).to_be_visible()
    page.wait_for_timeout(300)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(3_500)
    expect(page.locator("#toasts .alert")).to_have_count(0)
    assert asked == []
    page.reload()
    expect(page.get_by_text(re.compile(AFTER_RELOAD[reason])).first).to_be_visible()
    expect(page.get_by_text("404")).to_have_count(0)
    if reason == "no-access":
        page.get_by_role("link", name="To the start").click()
        expect(page).to_have_url(re.compile(r"/$"))


@pytest.mark.parametrize("end", [switch_member_off, end_session], ids=lambda end: str(end.__name__))
def test_sending_shows_the_same_notice_and_the_text_stays(
    open_page: Open, hub: Hub, ana: User, at: str, organization: Organization, end: End
) -> None:
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi"))
    page = open_page("/profile/", ana)
    page.route("**/events/", lambda route: route.abort())  # so that sending finds out first
    page.goto(f"{at}inbox/{Contact.objects.get().pk}/")
    page.locator("[data-text]").fill("Bom dia, Joelma!")
    if end is switch_member_off:
        Membership.objects.filter(user=ana).update(activate=False)
    else:
        end(ana, organization)

    page.locator("[data-text]").press("Enter")

    expect(page.locator("#page-closed [data-reason]:not([hidden])")).to_be_visible()
    expect(page.locator("[data-text]")).to_have_value("Bom dia, Joelma!")
    expect(page.locator("#composer-error")).to_contain_text("you have no access any more")
    expect(page.locator("#toasts .alert")).to_have_count(0)


def test_a_role_that_no_longer_allows_a_page_is_reported_once(
    open_page: Open, ana: User, at: str, organization: Organization, numbers: dict[str, PhoneNumber]
) -> None:
    page = open_page(f"{at}settings/numbers/", ana)
    untouched(page)

    Membership.objects.filter(user=ana).update(role="user")
    publish_revisions([organization.pk])

    expect(page.locator("#page-closed [data-reason=gone]")).to_be_visible()
    page.wait_for_timeout(2_000)
    expect(page.locator("#toasts .alert")).to_have_count(0)


def test_an_outsider_gets_404(open_page: Open, at: str, make_member: Callable[..., User]) -> None:
    page = open_page(f"{at}inbox/", make_member("user", organization="Outra"))

    expect(page.get_by_text("404")).to_be_visible()


# ---- Offline


def test_offline_is_shown_within_two_seconds_and_missed_changes_are_fetched(open_page: Open, hub: Hub, ana: User, at: str) -> None:
    page = open_page(f"{at}inbox/", ana)
    untouched(page)
    page.context.set_offline(True)
    expect(page.locator("[data-connection=offline]")).to_be_visible(timeout=2_000)

    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Alguém aí?"))
    page.wait_for_timeout(1_000)
    page.context.set_offline(False)

    expect(page.locator("#offline")).not_to_be_visible()
    expect(page.locator("#rows")).to_contain_text("Alguém aí?")
    expect(page.locator("#toasts")).to_contain_text("The connection is back")


def test_an_unreachable_server_is_noticed_within_two_seconds(open_page: Open, hub: Hub, ana: User, at: str) -> None:
    page = open_page(f"{at}inbox/", ana)
    untouched(page)
    for each in ("**/healthz", "**/events/"):
        page.route(each, lambda route: route.abort())

    for stream in list(asgi.streams._all_pages()):  # as when a process ends
        assert stream.task
        stream.task.get_loop().call_soon_threadsafe(stream.end)

    expect(page.locator("[data-connection=offline]")).to_be_visible(timeout=2_000)
    for each in ("**/healthz", "**/events/"):
        page.unroute(each)
    expect(page.locator("#offline")).not_to_be_visible()


def test_a_new_message_does_not_restyle_those_that_are_there(open_page: Open, hub: Hub, ana: User, at: str) -> None:
    start = time.time() - 600
    deliver_and_apply(hub, *(message(JOELMA, "Joelma", content=f"Bolo {index}", at=start + index) for index in range(50)))
    page = open_page(f"{at}inbox/{Contact.objects.get().pk}/", ana)
    page.wait_for_timeout(1500)  # the conversation was marked as read, which is a change too
    inside = page.locator("#thread *").count()

    browser = page.context.browser
    assert browser
    browser.start_tracing(page=page, categories=["devtools.timeline"])
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Para amanhã?"))
    expect(page.locator("#thread")).to_contain_text("Para amanhã?")
    events = json.loads(browser.stop_tracing())["traceEvents"]

    restyled = [event["args"].get("elementCount", 0) for event in events if event["name"] == "UpdateLayoutTree"]
    assert 0 < max(restyled) < inside / 2


def test_a_conversation_that_becomes_long_while_it_is_open_is_divided(open_page: Open, hub: Hub, ana: User, at: str) -> None:
    start = int(time.time()) - 3600
    deliver_and_apply(hub, *(message(JOELMA, "Joelma", content=f"Bolo {index}", at=start + 2 * index) for index in range(40)))
    page = open_page(f"{at}inbox/{Contact.objects.get().pk}/", ana)
    thread = page.locator("#thread")
    expect(page.locator("[data-part]")).to_have_count(1)
    thread.evaluate("box => box.scrollTop = 300")

    deliver_and_apply(hub, *(message(JOELMA, "Joelma", content=f"Bolo {index}", at=start + 2 * index) for index in range(40, 130)))

    expect(thread).to_contain_text("Bolo 129")
    expect(page.locator("[data-part]")).to_have_count(2)
    expect(page.locator("[data-latest] .message")).to_have_count(50)
    expect(page.locator("#new-messages")).to_contain_text("90 new messages")
    assert thread.evaluate("box => box.scrollTop") == 300
    assert thread.locator(".message-text").all_inner_texts() == [f"Bolo {index}" for index in range(130)]
    expect(thread.locator("[data-beginning]")).to_have_count(1)
    expect(thread.locator("[data-older]")).to_have_count(0)

    # Each part goes on to be current, also with what comes late.
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Atrasada", at=start + 21), message(JOELMA, "Joelma", content="Fim"))
    expect(thread.locator(".message-text").nth(11)).to_have_text("Atrasada")
    expect(page.locator("[data-latest] .message-text").last).to_have_text("Fim")
    assert thread.locator(".message-text").count() == 132
    page.locator("#new-messages").click()
    expect(page.locator("#new-messages")).to_be_hidden()
    expect(thread.get_by_text("Fim")).to_be_in_viewport()


def test_messages_that_did_not_change_are_not_sent_again(open_page: Open, hub: Hub, ana: User, at: str) -> None:
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi", at=time.time() - 60))
    contact = Contact.objects.get()
    page = open_page(f"{at}inbox/{contact.pk}/", ana)
    page.wait_for_timeout(1500)  # the conversation was marked as read, which is a change too
    fetched: list[int] = []
    page.on("response", lambda response: fetched.append(response.status) if "/thread/" in response.url else None)

    for _ in range(3):
        with page.expect_response(lambda response: "/thread/" in response.url):
            deliver_and_apply(hub, message(RUI, "Rui", content="Tem bolo?"))
    assert fetched[-1] == 304
    fetched.clear()
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Tem bolo?"))
    expect(page.locator("#thread .message-text")).to_have_text(["Oi", "Tem bolo?"])
    assert 200 in fetched


@pytest.mark.parametrize("path", ["inbox/{}/", "contacts/"])
def test_a_page_on_which_nothing_happens_is_not_drawn_again_and_again(
    open_page: Open, hub: Hub, ana: User, at: str, path: str
) -> None:
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi", at=time.time() - 60))
    page = open_page(at + path.format(Contact.objects.get().pk), ana)
    page.wait_for_timeout(3000)  # the conversation was marked as read, which is a change too

    browser = page.context.browser
    assert browser
    browser.start_tracing(page=page, categories=["devtools.timeline"])
    page.wait_for_timeout(3000)
    page.evaluate("document.body.style.background = 'red'")
    page.wait_for_timeout(500)
    events = json.loads(browser.stop_tracing())["traceEvents"]

    assert 0 < sum(event["name"] == "Paint" for event in events) < 30
