"""The inbox in a real browser: live, on a phone, by keyboard."""

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from chats.models import Message
from conftest import Hub
from contacts.models import Contact
from organizations.models import User
from whatsapp_hub.tests.browser.conftest import PASSWORD, Open
from whatsapp_hub.tests.browser.webhooks import deliver, deliver_and_apply, echo, message, status

JOELMA = "556181500586"
RUI = "5511987654021"


@pytest.fixture
def inbox(ana: User) -> str:
    return f"/o/{ana.memberships.get().organization_id}/inbox/"


def test_signing_in_leads_to_the_inbox_and_a_wrong_password_shows_an_error(open_page: Open, ana: User, inbox: str) -> None:
    page = open_page("/")
    page.get_by_label("E-mail", exact=False).fill(ana.email)
    page.locator("input[type=password]").fill("errada-errada-1")
    page.locator("main button[type=submit]").last.click()
    expect(page.get_by_role("alert").or_(page.locator(".text-error, .alert-error")).first).to_be_visible()

    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("main button[type=submit]").last.click()

    expect(page).to_have_url(re.compile(f"{inbox}$"))
    expect(page.get_by_text("Ninguém escreveu ainda")).to_be_visible()


def test_a_message_appears_without_reload_within_a_second_and_a_half(
    open_page: Open, hub: Hub, ana: User, inbox: str, worker: None
) -> None:
    page = open_page(inbox, ana)
    page.evaluate("window.untouched = true")
    page.wait_for_timeout(800)  # until the stream is open

    began = time.monotonic()
    deliver(hub, message(JOELMA, "Joelma", content="Bom dia, tem pão?"))
    expect(page.locator("#rows")).to_contain_text("Bom dia, tem pão?")
    passed = time.monotonic() - began

    assert passed < 1.5
    assert page.evaluate("window.untouched")
    expect(page.locator("#rows .badge-primary")).to_contain_text("1")


def test_an_open_conversation_grows_and_its_ticks_move(open_page: Open, hub: Hub, ana: User, inbox: str, worker: None) -> None:
    deliver(hub, message(JOELMA, "Joelma", content="Oi", at=time.time() - 60), echo(JOELMA, "Olá, Joelma!", wamid="wamid.ours"))
    page = open_page(inbox, ana)
    page.get_by_role("link", name=re.compile("Joelma")).click()
    expect(page.locator("#thread")).to_contain_text("Olá, Joelma!")
    expect(page.locator("#rows .badge-primary")).to_have_count(0)  # it has been read

    deliver(hub, status("wamid.ours", "delivered", JOELMA))
    expect(page.locator(".message-out")).to_contain_text("entregue")
    deliver(hub, status("wamid.ours", "read", JOELMA), message(JOELMA, "Joelma", content="Tem broa?"))
    expect(page.locator(".message-out")).to_contain_text("lida")
    expect(page.locator(".message-in").last).to_contain_text("Tem broa?")
    expect(page.locator("#announcer")).to_contain_text("Tem broa?")


@pytest.mark.parametrize("trouble", ["503", "offline"])
def test_what_was_read_while_the_server_was_away_is_marked_when_it_is_back(
    open_page: Open, hub: Hub, ana: User, inbox: str, trouble: str
) -> None:
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi"))
    page = open_page(inbox, ana)
    refused: list[str] = []

    def refuse(route: Route) -> None:
        refused.append(route.request.url)
        if trouble == "503":
            route.fulfill(status=503, body="")
        else:
            route.abort()

    page.route("**/read/", refuse, times=2)
    page.get_by_role("link", name=re.compile("Joelma")).click()
    with page.expect_response(lambda answer: answer.url.endswith("/read/") and answer.status == 204):
        expect(page.locator("#thread")).to_contain_text("Oi")

    assert len(refused) == 2
    assert Contact.objects.get().unread_count == 0


def test_what_was_read_before_another_conversation_was_opened_is_marked_too(
    open_page: Open, hub: Hub, ana: User, inbox: str
) -> None:
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi"))
    deliver_and_apply(hub, message(RUI, "Rui", content="Bom dia"))
    page = open_page(inbox, ana)
    joelmas = f"/{Contact.objects.get(wa_id=JOELMA).pk}/read/"
    page.route(f"**{joelmas}", lambda route: route.fulfill(status=503, body=""))
    with page.expect_response(lambda answer: answer.url.endswith(joelmas) and answer.status == 503):
        page.get_by_role("link", name=re.compile("Joelma")).click()
    page.get_by_role("link", name=re.compile("Rui")).click()
    expect(page.locator("#thread")).to_contain_text("Bom dia")

    with page.expect_response(lambda answer: answer.url.endswith(joelmas) and answer.status == 204, timeout=30_000):
        page.unroute(f"**{joelmas}")

    assert Contact.objects.get(wa_id=JOELMA).unread_count == 0


def test_a_failure_has_its_reason_in_plain_words(open_page: Open, hub: Hub, ana: User, inbox: str) -> None:
    deliver_and_apply(hub, echo(JOELMA, "Promoção!", wamid="wamid.lost"))
    deliver_and_apply(hub, status("wamid.lost", "failed", JOELMA, errors=[{"code": 131047, "title": "Re-engagement message"}]))
    page = open_page(f"{inbox}{Contact.objects.get().pk}/", ana)

    expect(page.locator(".message-out")).to_contain_text("falhou")
    expect(page.locator(".message-out")).to_contain_text("24 horas")


def test_typed_text_and_scroll_position_stay(open_page: Open, hub: Hub, ana: User, inbox: str, worker: None) -> None:
    deliver(hub, *(message(JOELMA, "Joelma", content=f"Linha {number}", at=time.time() - 900 + number) for number in range(40)))
    page = open_page(inbox, ana)
    page.get_by_role("link", name=re.compile("Joelma")).click()
    note = page.locator("[data-note]")
    note.fill("Quer broa de mil")
    note.evaluate("box => box.setSelectionRange(5, 9)")
    page.locator("#thread").evaluate("box => { box.scrollTop = 300 }")

    deliver(hub, message(JOELMA, "Joelma", content="Ainda aí?"))

    expect(page.locator("#new-messages")).to_contain_text("1 mensagem nova")
    expect(note).to_have_value("Quer broa de mil")
    assert note.evaluate("box => [document.activeElement === box, box.selectionStart, box.selectionEnd]") == [True, 5, 9]
    assert page.locator("#thread").evaluate("box => box.scrollTop") == 300
    page.locator("#new-messages").click()
    expect(page.locator("#thread").get_by_text("Ainda aí?")).to_be_in_viewport()


def test_older_messages_load_without_a_jump(open_page: Open, hub: Hub, ana: User, inbox: str) -> None:
    deliver_and_apply(
        hub, *(message(JOELMA, "Joelma", content=f"Linha {number:03}", at=time.time() - 9000 + number) for number in range(130))
    )
    Contact.objects.update(unread_count=0)
    page = open_page(f"{inbox}{Contact.objects.get().pk}/", ana)
    thread = page.locator("#thread")
    expect(thread.get_by_text("Linha 129")).to_be_in_viewport()
    expect(thread.get_by_text("Linha 079")).to_have_count(0)
    seen = thread.get_by_text("Linha 085")

    page.locator("#thread").evaluate("box => { box.scrollTop = 200 }")
    before = seen.bounding_box()
    page.locator("#thread").evaluate("box => { box.scrollTop = 140 }")
    expect(thread.get_by_text("Linha 060")).to_have_count(1)
    after = seen.bounding_box()

    assert before
    assert after
    assert abs(after["y"] - before["y"] - 60) < 12
    for oldest in ("Linha 030", "Linha 005", "Linha 000"):
        page.locator("#thread").evaluate("box => { box.scrollTop = 100 }")
        expect(thread.get_by_text(oldest)).to_have_count(1)
    expect(page.locator("[data-inbound]")).to_have_count(130)


@pytest.mark.parametrize("way", ["address", "list"])
@pytest.mark.parametrize("missing", [100, -300])
def test_older_messages_load_automatically_if_the_latest_ones_hardly_fill_the_window(
    open_page: Open, hub: Hub, ana: User, inbox: str, way: str, missing: int
) -> None:
    """A script is delayed, so that the page is shown well before htmx has processed it. `missing`: how many pixels of the latest
    messages do not fit into the window. Below 0, they all fit, so that nothing ever scrolls."""
    deliver_and_apply(
        hub, *(message(JOELMA, "Joelma", content=f"Linha {number:03}", at=time.time() - 9000 + number) for number in range(90))
    )
    Contact.objects.update(unread_count=0)
    conversation = f"{inbox}{Contact.objects.get().pk}/"
    page = open_page(conversation, ana)
    height = page.locator("#thread").evaluate("box => innerHeight - box.clientHeight + box.scrollHeight")
    expect(page.locator("[data-inbound]")).to_have_count(50)
    page.set_viewport_size({"width": 1440, "height": height - missing})

    page.route("**/hub/composer*.js", delay)
    page.goto(conversation if way == "address" else inbox)
    if way == "list":
        page.get_by_role("link", name=re.compile("Joelma")).click()

    expect(page.locator("[data-inbound]")).to_have_count(75)  # more than fit into the window
    expect(page.locator("#thread").get_by_text("Linha 089")).to_be_in_viewport()


def delay(route: Route) -> None:
    time.sleep(1)
    route.continue_()


TYPED = ["(61) 9 8150-0586", "+55 61 98150-0586", "556181500586", "61 98150", "0586", "joelma", "CONCEICAO"]


@pytest.mark.parametrize("typed", TYPED)
def test_search_finds_the_person_by_any_way_of_typing(open_page: Open, hub: Hub, ana: User, inbox: str, typed: str) -> None:
    deliver_and_apply(hub, message(JOELMA, "Joelma Conceição", content="Oi"), message(RUI, "Rui", content="Olá"))
    page = open_page(inbox, ana)
    page.get_by_role("searchbox").press_sequentially(typed)

    expect(page.locator("#rows > li[data-row]")).to_have_count(1)
    expect(page.locator("#rows")).to_contain_text("Joelma Conceição")


def test_search_finds_a_message_and_opens_the_conversation_at_it(open_page: Open, hub: Hub, ana: User, inbox: str) -> None:
    long_ago = time.time() - 40 * 24 * 3600
    deliver_and_apply(hub, message(RUI, "Rui", content="Quanto custa o bolo de fubá?", at=long_ago))
    deliver_and_apply(hub, *(message(RUI, "Rui", content=f"Linha {number}", at=long_ago + 60 + number) for number in range(80)))
    page = open_page(inbox, ana)
    page.get_by_role("searchbox").fill("bolo de fub")
    page.locator("#texts").get_by_role("link", name=re.compile("Rui")).click()

    expect(page.locator(".message-target")).to_contain_text("Quanto custa o bolo de fubá?")
    expect(page.locator(".message-target")).to_be_in_viewport()


def test_by_keyboard_alone(open_page: Open, hub: Hub, ana: User, inbox: str) -> None:
    deliver_and_apply(
        hub, message(RUI, "Rui", content="Primeiro", at=time.time() - 60), message(JOELMA, "Joelma", content="Segundo")
    )
    page = open_page(inbox, ana)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Rui")).to_be_visible()
    expect(page.locator("[data-text]")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Joelma")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    expect(page.locator("[data-text]")).to_be_focused()
    page.keyboard.press("Escape")

    page.keyboard.press("/")
    page.keyboard.type("rui?jk")
    expect(page.get_by_role("searchbox")).to_have_value("rui?jk")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("dialog#shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog#shortcuts")).not_to_be_visible()


def test_shortcuts_can_be_switched_off(open_page: Open, ana: User, inbox: str) -> None:
    User.objects.filter(pk=ana.pk).update(shortcuts=False)
    page = open_page(inbox, ana)
    page.keyboard.press("?")

    expect(page.locator("dialog#shortcuts")).not_to_be_visible()


def test_on_a_phone_one_pane_at_a_time(open_page: Open, hub: Hub, ana: User, inbox: str) -> None:
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi"))
    page = open_page(inbox, ana, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    expect(page.locator(".pane-conversation")).not_to_be_visible()
    page.get_by_role("link", name=re.compile("Joelma")).click()
    expect(page.locator("#thread")).to_be_visible()
    expect(page.locator(".pane-list")).not_to_be_visible()
    page.get_by_role("button", name="Sobre o contato").click()
    expect(page.locator("#contact-pane")).to_be_visible()
    page.locator("#contact-pane [data-toggle-pane]").click()
    page.get_by_role("link", name="Voltar à lista").click()

    expect(page.locator(".pane-list")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_when_the_stream_breaks_the_page_polls_and_shows_it(open_page: Open, hub: Hub, ana: User, inbox: str, worker: None) -> None:
    page: Page = open_page("/profile/", ana)
    page.route("**/events/", lambda route: route.abort())
    page.goto(inbox)
    deliver(hub, message(JOELMA, "Joelma", content="Alguém aí?"))

    expect(page.locator("#rows")).to_contain_text("Alguém aí?")
    expect(page.locator("#offline")).to_be_visible()


def test_another_members_link_opens_the_same_conversation(
    open_page: Open, hub: Hub, ana: User, inbox: str, make_member: Callable[..., User]
) -> None:
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi"))
    address = f"{inbox}{Contact.objects.get().pk}/?message={Message.objects.get().pk}"

    expect(open_page(address, make_member("user")).locator(".message-target")).to_contain_text("Oi")
    stranger = open_page(address, make_member("user", organization="Outra"))
    expect(stranger.get_by_text("404")).to_be_visible()


def test_the_first_paint_is_light(open_page: Open, hub: Hub, ana: User, inbox: str) -> None:
    deliver_and_apply(
        hub, *(message(f"55619{number:08}", f"Pessoa {number}", content="Oi, tudo bem por aí?") for number in range(45))
    )
    page = open_page("/profile/", ana)
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.clearBrowserCache")
    sizes: list[int] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(inbox, wait_until="load")

    assert page.locator("#rows .row").count() >= 40
    assert 10_000 < sum(sizes) < 150_000


def test_a_search_shows_people_and_messages_without_accents_as_one_result(open_page: Open, hub: Hub, ana: User, inbox: str) -> None:
    deliver_and_apply(hub, message(JOELMA, "Ação Festas", content="Bom dia"), message(RUI, "Rui", content="Vocês têm AÇÃO?"))
    page = open_page(inbox, ana)
    page.get_by_role("searchbox").fill("acao")

    expect(page.locator("#rows > li[data-row]")).to_have_count(1)
    expect(page.locator("#texts mark")).to_have_text("AÇÃO")
    page.get_by_role("searchbox").fill("voces")
    expect(page.locator("#texts mark")).to_have_text("Vocês")
    expect(page.locator("#rows > li[data-row]")).to_have_count(0)
    expect(page.locator("#conversations a[href$='/inbox/']")).to_have_count(0)
    page.get_by_role("searchbox").fill("encanador")
    expect(page.locator("#conversations a[href$='/inbox/']")).to_have_count(1)


def test_a_list_whose_elements_have_styles_is_searched_within_the_content_security_policy(
    open_page: Open, hub: Hub, ana: User, inbox: str
) -> None:
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi"), message(RUI, "Rui", content="Olá"))
    page = open_page(inbox, ana)
    page.evaluate("document.querySelectorAll('#conversations [id]').forEach(each => { each.style.order = 1 })")
    page.evaluate("document.body.addEventListener('htmx:afterSettle', () => { document.body.dataset.settled = '' })")
    page.locator("[data-search]").fill("Joel")
    expect(page.locator("[data-row]")).to_have_count(1)
    expect(page.locator("body[data-settled]")).to_have_count(1)
    expect(page.locator("#conversations [style]")).to_have_count(0)  # open_page fails if anything was refused
