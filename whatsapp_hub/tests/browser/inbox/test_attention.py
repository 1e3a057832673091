"""The list of conversations, and what a thread has in addition to messages, in a real browser."""

import re
import time
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from chats.inbox.text_formatting import as_plain
from chats.models import OwnCannedReply
from conftest import Hub
from contacts.models import Contact, ContactChange, Label, Note
from organizations.models import User
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.webhooks import deliver_and_apply, message

JOELMA, RUI = "556181500586", "5511987654021"


@pytest.fixture(autouse=True)
def in_english(ana: User) -> None:
    User.objects.filter(pk=ana.pk).update(language="en")


@pytest.fixture
def inbox(ana: User) -> str:
    return f"/o/{ana.memberships.get().organization_id}/inbox/"


@pytest.fixture
def two(hub: Hub) -> tuple[Contact, Contact]:
    now = time.time()
    deliver_and_apply(
        hub, message(RUI, "Rui", content="Bom dia", at=now - 7200), message(JOELMA, "Joelma", content="Tem pão?", at=now - 60)
    )
    return Contact.objects.get(wa_id=JOELMA), Contact.objects.get(wa_id=RUI)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("*Atenção*: _saiu_ ~ontem~ agora", "Atenção: saiu ontem agora"),
        ("_*tudo* junto_ e `*código*`", "tudo junto e *código*"),
        ("2*3*4, um_nome_só e https://exemplo.com/_b_/c", "2*3*4, um_nome_só e https://exemplo.com/_b_/c"),
        ("> *é* isso", "é isso"),
        ("***", "***"),
    ],
)
def test_a_row_shows_a_draft_without_marks(
    open_page: Open, two: tuple[Contact, Contact], ana: User, inbox: str, written: str, shown: str
) -> None:
    assert as_plain(written) == shown, "previews of messages are the same"
    joelma, rui = two
    page = open_page(f"{inbox}{joelma.pk}/", ana)
    page.locator("[data-text]").fill(written)
    page.locator(f"#row-{rui.pk} .row").click()
    expect(page.locator(f"#row-{joelma.pk} [data-draft-words]")).to_have_text(shown)


def test_a_row_shows_the_draft_of_its_conversation(open_page: Open, two: tuple[Contact, Contact], ana: User, inbox: str) -> None:
    joelma, rui = two
    page = open_page(f"{inbox}{joelma.pk}/", ana)
    page.locator("[data-text]").fill("Temos sim, acabou de sair")
    page.locator(f"#row-{rui.pk} .row").click()
    expect(page.locator(f"#row-{joelma.pk} [data-draft]")).to_contain_text("Draft: Temos sim, acabou de sair")
    expect(page.locator(f"#row-{joelma.pk} .row-preview")).not_to_be_visible()
    expect(page.locator(f"#row-{rui.pk} [data-draft]")).not_to_be_visible()

    page.reload()
    expect(page.locator(f"#row-{joelma.pk} [data-draft]")).to_be_visible()
    page.locator(f"#row-{joelma.pk} .row").click()
    page.locator("[data-text]").fill("")
    page.locator(f"#row-{rui.pk} .row").click()
    expect(page.locator(f"#row-{joelma.pk} .row-preview")).to_contain_text("Tem pão?")


def test_e_marks_as_done_and_takes_it_back_and_the_tabs_count(
    open_page: Open, two: tuple[Contact, Contact], ana: User, inbox: str
) -> None:
    joelma, _ = two
    page = open_page(f"{inbox}{joelma.pk}/", ana)
    expect(page.locator("#tally-waiting")).to_have_text("2")
    page.locator("[data-heading]").click()
    page.keyboard.press("e")
    expect(page.locator("#tally-waiting")).to_have_text("1")
    expect(page.locator("#thread")).to_contain_text("Ana Souza marked as done")
    page.locator("[data-heading]").click()
    page.keyboard.press("e")
    expect(page.locator("#tally-waiting")).to_have_text("2")
    expect(page.locator("#thread")).to_contain_text("an answer is needed")


def test_u_marks_as_unread_and_closes_the_conversation(
    open_page: Open, two: tuple[Contact, Contact], ana: User, inbox: str
) -> None:
    joelma, _ = two
    page = open_page(f"{inbox}{joelma.pk}/", ana)
    expect(page.locator(f"#row-{joelma.pk} .badge-primary")).to_have_count(0)
    page.locator("[data-heading]").click()
    page.keyboard.press("u")
    expect(page.locator(f"#row-{joelma.pk} .badge-primary")).to_contain_text("1")
    expect(page.locator("[data-conversation]")).to_have_count(0)
    expect(page).to_have_url(re.compile(f"{inbox}$"))
    page.wait_for_timeout(1500)
    assert Contact.objects.get(pk=joelma.pk).unread_count == 1  # nothing has marked it as read


def test_a_person_is_blocked_and_unblocked(
    open_page: Open, two: tuple[Contact, Contact], hub: Hub, ana: User, inbox: str, worker: None
) -> None:
    joelma, rui = two
    page = open_page(f"{inbox}{rui.pk}/", ana)
    block = page.locator("#contact-pane").get_by_role("button", name="Block")
    question = page.get_by_role("dialog", name="Block this person?")
    block.focus()
    page.keyboard.press("Enter")
    expect(question.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(block).to_be_focused()
    assert Contact.objects.get(pk=rui.pk).blocked_at is None

    block.click()
    question.get_by_role("button", name="Block").click()
    expect(page.locator(f"#blocked-bar-{rui.pk}")).to_contain_text("This person is blocked")
    page.locator(f"#row-{joelma.pk} .row").click()
    deliver_and_apply(hub, message(RUI, "Rui", content="Me responde!"))
    expect(page.locator(f"#row-{rui.pk} .row-preview")).to_contain_text("Me responde!")
    expect(page.locator(f"#row-{rui.pk} .badge-primary")).to_have_count(0)
    page.locator(".list-tab").last.click()
    expect(page.locator("#rows > li[data-row]")).to_have_count(1)
    page.locator(f"#row-{rui.pk} .row").click()
    expect(page.locator(".message-in").last).to_contain_text("came while blocked")
    page.locator(f"#blocked-bar-{rui.pk}").get_by_role("button", name="Unblock").click()
    expect(page.locator(f"#blocked-bar-{rui.pk}")).not_to_contain_text("This person is blocked")
    assert ContactChange.objects.filter(kind="unblocked", actor=ana).exists()


def test_after_a_note_the_composer_is_back_on_the_answer(
    open_page: Open, two: tuple[Contact, Contact], ana: User, inbox: str
) -> None:
    joelma, _ = two
    page = open_page(f"{inbox}{joelma.pk}/", ana)
    page.locator("#tab-note").click()
    page.locator("[data-note-text]").fill("Prefere integral")
    page.keyboard.press("Enter")
    expect(page.locator("#thread .note")).to_contain_text("Prefere integral")
    expect(page.locator("#contact-pane .note")).to_contain_text("Prefere integral")
    expect(page.locator("#tab-answer")).to_have_attribute("aria-selected", "true")
    expect(page.locator("[data-text]")).to_be_focused()


def test_notes_and_changes_stay_in_place_when_older_messages_are_loaded(open_page: Open, hub: Hub, ana: User, inbox: str) -> None:
    start = time.time() - 9000
    deliver_and_apply(
        hub, *(message(JOELMA, "Joelma", content=f"Linha {number:03}", at=start + 10 * number) for number in range(70))
    )
    contact = Contact.objects.get()
    Contact.objects.update(unread_count=0)
    first = timezone.now() - timedelta(seconds=9000)
    for number in range(70):
        Note.objects.create(contact=contact, text=f"Nota {number:03}", create_in=first + timedelta(seconds=10 * number + 5))
    page = open_page(f"{inbox}{contact.pk}/", ana)
    thread = page.locator("#thread")
    for _ in range(6):
        thread.evaluate("box => { box.scrollTop = 100 }")
        page.wait_for_timeout(300)
    texts = page.locator("#thread .message").all_inner_texts()
    found = re.findall(r"(?:Linha|Nota) \d{3}", "\n".join(texts))
    assert found == [f"{word} {number:03}" for number in range(70) for word in ("Linha", "Nota")]


def test_a_shortcut_with_an_accent_is_found_with_and_without(
    open_page: Open, two: tuple[Contact, Contact], ana: User, inbox: str
) -> None:
    joelma, _ = two
    OwnCannedReply.objects.create(organization=joelma.organization, user=ana, shortcut="preço", text="Custa R$ 5.")
    page = open_page(f"{inbox}{joelma.pk}/", ana)
    for typed in ("/preço", "/PRECO", "/pre"):
        page.locator("[data-text]").fill("")
        page.locator("[data-text]").press_sequentially(typed)
        expect(page.locator("#canned-list [role=option]:not([hidden])")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("[data-text]")).to_have_value("Custa R$ 5.")


def test_a_row_counts_down_only_in_the_last_three_hours(
    open_page: Open, two: tuple[Contact, Contact], ana: User, inbox: str
) -> None:
    _, rui = two
    page = open_page(inbox, ana)
    chip = page.locator(f"#row-{rui.pk} .window-chip")
    expect(chip).not_to_be_visible()
    for hours, words in ((21.5, re.compile(r"2 h 2\d min")), (25, re.compile("closed"))):
        Contact.objects.filter(pk=rui.pk).update(last_customer_message_at=timezone.now() - timedelta(hours=hours))
        page.reload()
        expect(chip).to_be_visible()
        expect(chip).to_have_text(words)


@pytest.mark.parametrize("width", [360, 768, 1024, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_tabs_filters_and_rows_fit_the_list(
    open_page: Open, two: tuple[Contact, Contact], ana: User, inbox: str, width: int, scheme: str
) -> None:
    joelma, _ = two
    Contact.objects.filter(pk=joelma.pk).update(name="Joelma Aparecida da Conceição Nascimento e Silva")
    for name in ("VIP", "Fornecedor de farinha", "Entrega", "Novo", "Atacado"):
        joelma.labels.add(Label.objects.create(organization=joelma.organization, name=name))
    for language in ("pt-br", "en", "es"):
        User.objects.filter(pk=ana.pk).update(language=language)
        page = open_page(inbox, ana, viewport={"width": width, "height": 800}, color_scheme=scheme)
        too_wide = page.evaluate(
            """() => [...document.querySelectorAll('.pane-list, .list-tabs, .list-tab, #filters, #rows, .row, .row > span')]
                 .filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.className || each.id)"""
        )
        assert too_wide == []
        page.context.close()


def test_filters_of_the_contacts_are_behind_a_button_on_a_phone(
    open_page: Open, two: tuple[Contact, Contact], ana: User, inbox: str
) -> None:
    joelma, _ = two
    label = Label.objects.create(organization=joelma.create_for_phone_number.organization, name="VIP")
    joelma.labels.add(label)
    contacts = inbox.replace("inbox", "contacts")
    page = open_page(contacts, ana, viewport={"width": 360, "height": 740})
    by_label, button = page.locator("select[name=label]"), page.get_by_role("button", name="Filters")
    expect(by_label).to_be_hidden()
    expect(page.get_by_role("searchbox")).to_be_visible()

    button.click()
    by_label.select_option("VIP")
    expect(page.locator("#contacts")).not_to_contain_text("Rui")
    expect(page.locator("#contacts")).to_contain_text("Joelma")
    page.reload()
    expect(by_label).to_have_value(str(label.pk))  # a filter that is set is shown
    expect(by_label).to_be_visible()
    button.click()
    expect(by_label).to_be_hidden()

    page.set_viewport_size({"width": 1280, "height": 800})
    expect(button).to_be_hidden()
    expect(by_label).to_be_visible()
