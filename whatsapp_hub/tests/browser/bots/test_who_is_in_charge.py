"""Who is in charge of conversations, in a real browser: chips, lists, the band, taking over and handing back."""

import re
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from bots.models import Bot, BotVersion
from chats.conversations import ownership
from chats.models import Message, MessageStatus, Origin
from chats.outbox.message_queue import queue_message
from conftest import Hub
from contacts.models import Contact, ContactChange
from contacts.owner_changes import OwnerChange, change_owners
from contacts.owners import Owner, OwnerReason
from organizations.live.revisions import publish_revisions
from organizations.models import PhoneNumber, User
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.every_page.test_every_page import check
from whatsapp_hub.tests.browser.webhooks import NUMBER, deliver_and_apply, message

JOELMA, RUI, IARA, ANSELMO = "556181500586", "5511987654021", "556133214455", "556199321788"
NOTE = "Quer 3 bolos de milho para sábado.\nJá tem o endereço."

ORDERS = {
    "format": 1,
    "name": "Pedidos",
    "start": "order",
    "settings": {"silence_seconds": 0},
    "steps": [
        {
            "id": "order",
            "type": "ask",
            "title": "Pedido",
            "message": {"type": "text", "text": "Qual é o seu pedido?"},
            "variable": "pedido",
            "answer": {"kind": "text"},
            "invalid": {"type": "text", "text": "Pode repetir?"},
            "next": "person",
        },
        {"id": "person", "type": "hand_over", "title": "Pessoa", "note": "Quer: {{pedido}}", "message": None},
    ],
}


@pytest.fixture
def inbox(ana: User) -> str:
    return f"/o/{ana.memberships.get().organization_id}/inbox/"


@pytest.fixture
def people(hub: Hub, numbers: dict[str, PhoneNumber], ana: User) -> dict[str, Contact]:
    """Four conversations of a number with a bot: the bot has Joelma, Rui has waited for a person longer than Iara, and Ana has
    Anselmo."""
    PhoneNumber.objects.filter(phone_number_id=NUMBER[0]).update(answers_since=timezone.now(), default_bot="menu")
    now = time.time()
    deliver_and_apply(
        hub,
        message(JOELMA, "Joelma", content="Oi", at=now - 3000),
        message(RUI, "Rui Barbosa", content="Quero falar com alguém", at=now - 2400),
        message(IARA, "Dona Iara", content="atendente", at=now - 1800),
        message(ANSELMO, "Padre Anselmo", content="Bom dia", at=now - 1200),
    )
    Contact.objects.update(profile="bot", activate_bot=True, owner="bot")
    found = {contact.wa_id or "": contact for contact in Contact.objects.all()}
    hand_over(found[RUI], OwnerReason.FLOW, minutes=40, note=NOTE)
    hand_over(found[IARA], OwnerReason.ASKED, minutes=3)
    ownership.take_over(contact=found[ANSELMO], by=ana, now=timezone.now() - timedelta(minutes=2))
    return found


def hand_over(contact: Contact, reason: OwnerReason, *, minutes: int, note: str = "") -> None:
    """Hands the conversation over to a person, some minutes ago."""
    change = OwnerChange(contact=contact, owner=Owner.WAITING, reason=reason, note=note)
    change_owners([change], timezone.now() - timedelta(minutes=minutes))
    contact.save()


def queue_of_bot(contact: Contact, words: str, **columns: Any) -> Message:
    """Queues a message of the bot, which no worker sends."""
    message = {"type": "text", "text": {"body": words}}
    queued = queue_message(contact=contact, message=message, token=uuid.uuid4(), origin=Origin.BOT, now=timezone.now())
    Message.objects.filter(pk=queued.pk).update(**columns)
    return queued


def rows(page: Page) -> list[str]:
    """Returns the names in the list, from the top."""
    return [str(each.get_attribute("data-name")) for each in page.locator("#rows > [data-row]").all()]


def conversation(inbox: str, contact: Contact) -> str:
    return f"{inbox}{contact.pk}/"


# ---- Lists ----


def test_rows_have_a_chip_and_the_navigation_counts_who_waits(
    open_page: Open, people: dict[str, Contact], ana: User, inbox: str
) -> None:
    page = open_page(inbox, ana)
    for wa_id, words in ((JOELMA, "Bot"), (ANSELMO, "Ana Souza"), (RUI, "40 min"), (IARA, "3 min")):
        expect(page.locator(f"#row-{people[wa_id].pk} .owner-chip")).to_contain_text(words)
    expect(page.locator("#for-person .for-person-count")).to_have_text("2")
    expect(page.locator("#unread .nav-badge-waiting")).to_contain_text("2")
    expect(page.locator("#unread .nav-badge-waiting")).to_be_visible()


def test_those_who_wait_are_listed_the_longest_waiting_first(
    open_page: Open, people: dict[str, Contact], ana: User, inbox: str
) -> None:
    page = open_page(inbox, ana)
    page.locator(".for-person").click()
    expect(page.locator("#rows > [data-row]")).to_have_count(2)
    assert rows(page) == ["Rui Barbosa", "Dona Iara"]
    expect(page).to_have_url(re.compile("view=for_person"))
    for contact in (people[RUI], people[IARA]):
        ownership.take_over(contact=contact, by=ana, now=timezone.now())
    expect(page.locator("#rows > [data-row]")).to_have_count(0)
    expect(page.locator("#for-person .for-person")).to_be_visible()  # it is chosen
    expect(page.locator("#unread .nav-badge-waiting")).to_have_count(0)
    page.locator(".list-tab").first.click()
    expect(page.locator("#for-person .for-person")).to_have_count(0)


def test_the_list_appears_when_somebody_begins_to_wait(open_page: Open, people: dict[str, Contact], ana: User, inbox: str) -> None:
    for contact in (people[RUI], people[IARA]):
        ownership.take_over(contact=contact, by=ana, now=timezone.now())
    page = open_page(inbox, ana)
    expect(page.locator("#for-person .for-person")).to_have_count(0)
    page.wait_for_timeout(700)  # until the stream is open
    people[JOELMA].refresh_from_db()
    hand_over(people[JOELMA], OwnerReason.ASKED, minutes=0)
    publish_revisions([people[JOELMA].organization_id or 0])
    expect(page.locator("#for-person .for-person-count")).to_have_text("1")


def test_the_keyboard_reaches_the_list_and_the_owner_filter(
    open_page: Open, people: dict[str, Contact], ana: User, inbox: str
) -> None:
    page = open_page(inbox, ana)
    page.locator("[data-search]").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowUp")  # from the first tab
    expect(page.locator("#view-for-person")).to_be_checked()
    expect(page.locator("#rows > [data-row]")).to_have_count(2)
    expect(page.locator("#view-for-person")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#rows > [data-row]")).to_have_count(4)
    page.locator("#filter-owner").select_option("bot")
    expect(page.locator("#rows > [data-row]")).to_have_count(1)
    assert rows(page) == ["Joelma"]
    expect(page).to_have_url(re.compile("owner=bot"))
    page.reload()
    expect(page.locator("#filter-owner")).to_have_value("bot")
    assert rows(page) == ["Joelma"]


# ---- Taking over and handing back ----


def test_taking_over_shows_live_in_the_page_of_a_colleague_who_is_writing(
    open_page: Open, people: dict[str, Contact], ana: User, make_member: Any, inbox: str
) -> None:
    bia, contact = make_member("user"), people[JOELMA]
    page, other = (open_page(conversation(inbox, contact), each) for each in (ana, bia))
    expect(other.locator("#owner-band")).to_contain_text("bot")
    other.locator("[data-text]").fill("Oi, Joelma")
    other.wait_for_timeout(700)  # until the stream is open
    page.locator("#take-over").press("Enter")
    expect(page.locator("[data-text]")).to_be_focused()
    for each in (page, other):
        expect(each.locator("#owner-band strong")).to_contain_text("Ana Souza")
        expect(each.locator("#conversation-heading .owner-chip")).to_contain_text("Ana Souza")
        expect(each.locator(f"#row-{contact.pk} .owner-chip")).to_contain_text("Ana Souza")
        expect(each.locator("#thread .change-line")).to_contain_text("Ana Souza")
        expect(each.locator("#take-over")).to_have_count(0)
    expect(other.locator("[data-text]")).to_have_value("Oi, Joelma")
    expect(other.locator("[data-text]")).to_be_focused()
    other.locator("#hand-back").click()
    expect(page.locator("#take-over")).to_be_visible()
    contact.refresh_from_db()
    assert contact.owner == "bot"
    assert ContactChange.objects.filter(kind="owner", actor=bia, values__reason="handed_back").count() == 1


def test_of_two_who_take_over_at_once_the_second_reads_who_was_faster(
    open_page: Open, people: dict[str, Contact], ana: User, make_member: Any, inbox: str
) -> None:
    contact = people[RUI]
    page = open_page("/healthz", make_member("user"))
    page.route("**/window/", lambda route: route.abort())  # its band does not know yet
    page.goto(conversation(inbox, contact))
    ownership.take_over(contact=contact, by=ana, now=timezone.now())
    page.locator("#take-over").click()
    expect(page.locator("#toasts")).to_contain_text("Ana Souza")
    assert ContactChange.objects.filter(kind="owner", values__reason="taken_over", contact=contact).count() == 1


def test_an_answer_takes_over_and_withdraws_what_the_bot_had_queued(
    open_page: Open, people: dict[str, Contact], ana: User, inbox: str
) -> None:
    contact = people[JOELMA]
    queued = queue_of_bot(contact, "O preço é R$ 5")
    page = open_page(conversation(inbox, contact), ana)
    page.locator("[data-text]").fill("Oi, aqui é a Ana")
    page.keyboard.press("Enter")
    expect(page.locator("#owner-band strong")).to_contain_text("Ana Souza")
    expect(page.locator(f"#m{queued.pk}")).to_have_class(re.compile("message-withdrawn"))
    expect(page.locator("#thread .message-out").last).to_contain_text("Oi, aqui é a Ana")
    expect(page.locator("[data-text]")).to_be_focused()
    queued.refresh_from_db()
    assert queued.message_status == MessageStatus.WITHDRAWN


def test_the_word_as_a_note_hands_back(open_page: Open, people: dict[str, Contact], ana: User, inbox: str) -> None:
    page = open_page(conversation(inbox, people[ANSELMO]), ana)
    page.locator("#tab-note").click()
    page.locator("[data-note-text]").fill("#bot")
    page.keyboard.press("Enter")
    expect(page.locator("#take-over")).to_be_visible()
    expect(page.locator("#toasts .alert")).to_have_count(1)
    expect(page.locator("#thread .change-line").last).to_contain_text("bot")
    expect(page.locator("#thread .note")).to_have_count(0)


def test_the_reason_of_a_message_stays_open_while_the_thread_is_refreshed(
    open_page: Open, people: dict[str, Contact], ana: User, inbox: str
) -> None:
    contact = people[JOELMA]
    trace = {"step": 3, "title": "Menu", "because": "choice", "detail": "Preços"}
    sent = queue_of_bot(contact, "Custa R$ 5", bot_trace=trace)
    page = open_page(conversation(inbox, contact), ana)
    details = page.locator(f"#trace-{sent.pk}")
    expect(details.locator("p").last).not_to_be_visible()
    details.locator("summary").click()
    expect(details).to_contain_text("Menu")
    expect(details).to_contain_text("Preços")
    page.locator("#take-over").click()
    expect(page.locator("#thread .change-line")).to_have_count(1)
    expect(details.locator("p").last).to_be_visible()


def test_automatic_messages_are_switched_in_the_contact_pane(
    open_page: Open, people: dict[str, Contact], ana: User, inbox: str
) -> None:
    page = open_page(conversation(inbox, people[JOELMA]), ana)
    page.locator(f"#automatic-{people[JOELMA].pk}").uncheck()
    expect(page.locator("#thread .change-line")).to_have_count(1)
    expect(page.locator(f"#automatic-{people[JOELMA].pk}")).not_to_be_checked()
    assert not Contact.objects.get(pk=people[JOELMA].pk).activate_automatic_message


# ---- With a real bot ----


def test_staff_watch_the_bot_and_are_called_when_it_hands_over(
    open_page: Open, hub: Hub, numbers: dict[str, PhoneNumber], ana: User, inbox: str
) -> None:
    bot = Bot.objects.create(organization_id=ana.memberships.get().organization_id, key="pedidos", name="Pedidos")
    bot.published = BotVersion.objects.create(bot=bot, number=1, document=ORDERS)
    bot.save()
    begins = timezone.now() - timedelta(hours=1)
    PhoneNumber.objects.update(default_bot="pedidos", default_profile="bot", answers_since=begins)
    page = open_page(inbox, ana)
    page.wait_for_timeout(700)  # until the stream is open

    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi"))
    expect(page.locator("#rows .owner-chip")).to_contain_text("Bot")
    expect(page.locator("#rows .row-preview")).to_contain_text("Qual é o seu pedido?")
    page.locator("#rows .row").click()
    expect(page.locator("#thread .bot-trace")).to_have_count(1)
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="3 bolos de milho"))

    expect(page.locator("#for-person .for-person-count")).to_have_text("1")
    expect(page.locator("#owner-band blockquote")).to_have_text("Quer: 3 bolos de milho")
    expect(page.locator("#thread .note")).to_contain_text("Quer: 3 bolos de milho")
    expect(page.locator("#contact-pane dl").last).to_contain_text("3 bolos de milho")
    page.locator("[data-text]").fill("Oi, Joelma! Anotado.")
    page.keyboard.press("Enter")
    expect(page.locator("#owner-band strong")).to_contain_text("Ana Souza")
    expect(page.locator("#for-person .for-person")).to_have_count(0)
    expect(page.locator("#unread .nav-badge-waiting")).to_have_count(0)


# ---- Looks ----


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_no_page_is_wider_than_its_screen(
    open_page: Open, people: dict[str, Contact], ana: User, inbox: str, scheme: str
) -> None:
    queue_of_bot(people[JOELMA], "Custa R$ 5", bot_trace={"step": 3, "title": "Menu", "because": "started"})
    queue_of_bot(people[JOELMA], "Quer?", message_status=MessageStatus.WITHDRAWN, flow_state={"variables": {"nome": "Jô"}})
    User.objects.filter(pk=ana.pk).update(language="es")  # the longest words
    paths = [f"{inbox}?view=for_person", inbox, inbox.replace("inbox", "contacts")]
    paths += [conversation(inbox, contact) for contact in people.values()]
    found = {}
    page = open_page("/profile/", ana, color_scheme=scheme)
    for path in paths:
        page.goto(path)
        for width in (360, 768, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            page.wait_for_timeout(200)
            if page.evaluate("document.documentElement.scrollWidth") > width:
                found[width, path] = ["too wide"]
            elif width != 768 and (wrong := check(page)):
                found[width, path] = wrong
            for button in page.locator("#owner-band button").all():
                assert button.evaluate("button => button.getBoundingClientRect().height") >= 44
    assert found == {}
