"""A conversation in two real browser pages: the simulator's phone and the inbox. The stand-in for Meta is a server of its own,
every message goes over HTTP, and a worker runs."""

import io
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect

from chats.message_templates.sync import sync_due_templates
from conftest import Hub
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, User
from simulator.demonstration import begin_conversations, create_simulated_number
from simulator.standin import RunningStandIn, running_standin
from whatsapp_hub.tests.browser.conftest import SCREENSHOTS, Open
from whatsapp_hub.tests.browser.every_page.test_every_page import check


@pytest.fixture
def standin(hub: Hub, settings: Any) -> Iterator[RunningStandIn]:
    with running_standin(hub_url=hub.address) as running:
        settings.SIMULATOR, settings.SIMULATOR_URL = True, running.url
        settings.SIMULATOR_PORT = urlsplit(running.url).port
        yield running


@pytest.fixture
def number(standin: RunningStandIn, organization: Organization, ana: User, worker: None) -> PhoneNumber:
    """A simulated number, its templates, and customers who have just written, one of them a day ago."""
    number = create_simulated_number(organization=organization, by=ana)
    begin_conversations(number)
    end = time.monotonic() + 30
    while Contact.objects.filter(create_for_phone_number=number, messages=None).exists():
        assert time.monotonic() < end, "what the customers wrote was not applied"
        time.sleep(0.05)
    sync_due_templates()  # the worker does so too, but later
    number.refresh_from_db()
    standin.connect(
        number.phone_number_id,
        **{key: getattr(number, key) for key in ("waba_id", "wa_id", "app_secret")},
        token=number.meta_token,
    )
    return number


class ChatPages:
    """Two pages: the inbox of a member, and the phone of a customer."""

    def __init__(self, open_page: Open, ana: User, number: PhoneNumber, customer: str) -> None:
        at = f"/o/{number.organization_id}/"
        self.inbox: Page = open_page(f"{at}inbox/", ana)
        self.inbox.locator("[data-row] > a").filter(has_text=customer).click()
        expect(self.inbox.locator("#composer")).to_be_visible()
        self.phone: Page = open_page(f"{at}simulator/", ana)
        self.phone.locator("#phone-customers a").filter(has_text=customer).click()
        expect(self.phone.locator("#phone-thread .bubble").first).to_be_visible()

    def answer(self, words: str) -> Locator:
        """Writes an answer in the inbox. Returns its bubble."""
        self.inbox.locator("[data-text]").fill(words)
        self.inbox.keyboard.press("Enter")
        bubble = self.inbox.locator("#thread .message-out").filter(has_text=words)
        expect(bubble).to_be_visible()
        return bubble

    def write_on_phone(self, words: str) -> Locator:
        """Writes a message on the phone. Returns its bubble in the inbox."""
        self.phone.locator("#phone-text").fill(words)
        self.phone.keyboard.press("Enter")
        bubble = self.inbox.locator("#thread .message-in").filter(has_text=words)
        expect(bubble).to_be_visible()
        return bubble

    def on_phone(self, words: str) -> Locator:
        return self.phone.locator("#phone-thread .message").filter(has_text=words)


@pytest.fixture
def ana_beatriz(open_page: Open, ana: User, number: PhoneNumber) -> ChatPages:
    return ChatPages(open_page, ana, number, "Ana Beatriz")


@pytest.fixture
def livia(open_page: Open, ana: User, number: PhoneNumber) -> ChatPages:
    """She wrote more than a day ago."""
    return ChatPages(open_page, ana, number, "Lívia")


def picture() -> FilePayload:
    content = io.BytesIO()
    Image.new("RGB", (640, 480), "#4cc9a7").save(content, "JPEG")
    return FilePayload(name="mesa.jpg", mimeType="image/jpeg", buffer=content.getvalue())


def test_text_goes_both_ways_and_the_ticks_move_to_read(ana_beatriz: ChatPages) -> None:
    ana_beatriz.write_on_phone("Vocês abrem no domingo?")
    bubble = ana_beatriz.answer("Abrimos das 9 às 13 h.")
    expect(ana_beatriz.on_phone("Abrimos das 9 às 13 h.")).to_be_visible()
    expect(bubble).to_contain_text("lida")
    expect(ana_beatriz.inbox.locator("[data-text]")).to_have_value("")


def test_an_answer_is_quoted_and_reactions_go_both_ways(ana_beatriz: ChatPages) -> None:
    asked = ana_beatriz.write_on_phone("Qual o preço?")
    asked.hover()
    asked.locator("[data-reply]").click()
    ana_beatriz.answer("Sai por 80 reais.")
    expect(ana_beatriz.on_phone("Sai por 80 reais.").locator(".quote")).to_contain_text("Qual o preço?")
    asked.hover()
    asked.locator("[data-react]").click()
    ana_beatriz.inbox.locator("#reaction-picker button").filter(has_text="👍").first.click()
    expect(ana_beatriz.on_phone("Qual o preço?").first.locator(".reactions")).to_contain_text("👍")


def test_photos_and_documents_go_both_ways(ana_beatriz: ChatPages) -> None:
    inbox, phone = ana_beatriz.inbox, ana_beatriz.phone
    expect(inbox.locator("#thread .message-in img").first).to_be_visible()  # the first message of the demonstration
    phone.locator("#phone-composer summary").click()
    phone.locator("#phone-composer input[type=file]").set_input_files([picture()])
    phone.locator("#phone-composer form[action$='/file/'] button").click()
    expect(inbox.locator("#thread .message-in img")).to_have_count(2)

    document = FilePayload(name="orçamento.pdf", mimeType="application/pdf", buffer=b"%PDF-1.4\n%%EOF\n")
    inbox.locator("[data-choose-files]").set_input_files(document)
    expect(inbox.locator("[data-files] li")).to_contain_text("orçamento.pdf")
    inbox.locator("[data-text]").fill("Segue o orçamento")
    inbox.locator("[data-answer] [data-send]").click()
    expect(inbox.locator("#thread .message-out").filter(has_text="Segue o orçamento")).to_contain_text("orçamento.pdf")
    expect(ana_beatriz.on_phone("Segue o orçamento").locator("a").first).to_contain_text("orçamento.pdf")


def test_a_file_that_whatsapp_does_not_accept_is_refused_before_it_is_sent(ana_beatriz: ChatPages) -> None:
    inbox = ana_beatriz.inbox
    inbox.locator("[data-choose-files]").set_input_files(FilePayload(name="a.svg", mimeType="image/svg+xml", buffer=b"<svg/>"))
    expect(inbox.locator("#composer-error")).to_contain_text("“a.svg” é de um tipo que o WhatsApp não aceita")
    large = FilePayload(name="g.jpg", mimeType="image/jpeg", buffer=b"\xff\xd8\xff" + b"0" * (5 * 2**20 + 1))
    inbox.locator("[data-choose-files]").set_input_files(large)
    expect(inbox.locator("#composer-error")).to_contain_text("5 MB")
    expect(inbox.locator("[data-files] li")).to_have_count(0)


def test_with_a_closed_window_the_composer_is_the_template_picker_until_the_customer_writes(livia: ChatPages) -> None:
    inbox = livia.inbox
    expect(inbox.locator("[data-text]")).to_have_count(0)
    inbox.locator("#template-picker a, #template-picker button").filter(has_text="confirmar_entrega").first.click()
    fields = inbox.locator("#template-picker form[enctype] input[type=text]")
    fields.nth(0).fill("25/11")
    fields.nth(1).fill("9h e 12h")
    expect(inbox.locator("#template-picker")).to_contain_text("Podemos entregar o seu pedido em 25/11, entre 9h e 12h?")
    inbox.get_by_role("button", name="Enviar o modelo").click()
    sent = livia.on_phone("Podemos entregar o seu pedido em 25/11")
    expect(sent).to_be_visible()
    sent.get_by_role("button", name="Confirmar").click()
    expect(inbox.locator("#thread .message-in").filter(has_text="Confirmar")).to_be_visible()
    expect(inbox.locator("[data-text]")).to_be_visible()


def test_a_failure_has_its_reason_and_offers_a_resend_only_if_that_helps(
    ana_beatriz: ChatPages, standin: RunningStandIn, number: PhoneNumber
) -> None:
    standin.fault(number.phone_number_id, "error:131026", times=1)
    final = ana_beatriz.answer("Esta não chega.")
    expect(final).to_contain_text(re.compile(r"Não pôde ser entregue.*\(131026\)|\(131026\)"))
    expect(final.get_by_role("button", name="Tentar de novo")).to_have_count(0)

    standin.fault(number.phone_number_id, "status:131016", times=1)
    passing = ana_beatriz.answer("Esta chega na segunda.")
    expect(passing.first).to_contain_text("(131016)")
    passing.get_by_role("button", name="Tentar de novo").click()
    expect(ana_beatriz.on_phone("Esta chega na segunda.")).to_be_visible()
    expect(passing.first).to_contain_text("enviada de novo")


def test_an_uncertain_message_is_marked_and_left_to_staff(
    ana_beatriz: ChatPages, standin: RunningStandIn, number: PhoneNumber
) -> None:
    standin.connect(
        number.phone_number_id,
        **{key: getattr(number, key) for key in ("waba_id", "wa_id", "app_secret")},
        token=number.meta_token,
        statuses=False,
    )
    standin.fault(number.phone_number_id, "half_closed", times=1)
    bubble = ana_beatriz.answer("Chegou?")
    expect(bubble).to_contain_text("O WhatsApp não respondeu. A mensagem pode ter chegado.")
    bubble.get_by_role("button", name="A mensagem chegou").click()
    expect(bubble).to_contain_text("enviada")
    assert len([each for each in standin.sent(number.phone_number_id) if each["request"]["type"] == "text"]) == 1


def test_a_stopped_number_is_reported_to_administrators_and_sends_again_when_it_is_fixed(
    ana_beatriz: ChatPages, standin: RunningStandIn, number: PhoneNumber
) -> None:
    standin.fault(number.phone_number_id, "190", times=1)
    bubble = ana_beatriz.answer("Já respondo.")
    banner = ana_beatriz.inbox.locator("#stopped")
    expect(banner).to_contain_text("não envia nada")
    expect(bubble).to_contain_text("esperando para ser enviada")
    said_once = banner.locator("[role=alert]").element_handle()
    ana_beatriz.write_on_phone("Estou esperando.")  # the page is refreshed, and the alert is not announced again
    assert said_once
    assert said_once.evaluate("each => each.isConnected")
    banner.get_by_role("link").click()
    ana_beatriz.inbox.get_by_role("button", name="Está resolvido: continuar").click()
    expect(ana_beatriz.on_phone("Já respondo.")).to_be_visible()


def test_a_draft_survives_a_reload_and_a_slash_offers_canned_replies(ana_beatriz: ChatPages) -> None:
    inbox = ana_beatriz.inbox
    inbox.locator("[data-text]").fill("Um rascunho")
    inbox.reload()
    expect(inbox.locator("[data-text]")).to_have_value("Um rascunho")
    inbox.locator("[data-text]").fill("")
    inbox.locator("[data-text]").press_sequentially("/pix")
    expect(inbox.locator("#canned-list [role=option]:visible")).to_have_count(1)
    inbox.keyboard.press("Enter")
    expect(inbox.locator("[data-text]")).to_have_value(re.compile("chave Pix"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_phone_and_while_a_template_is_filled_in(
    open_page: Open, ana: User, number: PhoneNumber, scheme: str
) -> None:
    at = f"/o/{number.organization_id}/"
    page = open_page(f"{at}simulator/", ana, color_scheme=scheme)
    page.locator("#phone-customers a").filter(has_text="Ana Beatriz").click()
    expect(page.locator("#phone-thread img").first).to_be_visible()
    assert check(page) == []
    if scheme == "light":
        page.screenshot(path=SCREENSHOTS / "simulator.png", caret="initial")
    page.goto(f"{at}inbox/")
    page.locator("[data-row] > a").filter(has_text="Lívia").click()
    page.locator("#template-picker a, #template-picker button").filter(has_text="pedido_pronto").first.click()
    expect(page.locator("#template-picker form[enctype]")).to_be_visible()
    assert check(page) == []
