"""What administrators do in a real browser: connect a number with live proof, and decide who answers."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from conftest import Hub, apply_all
from contacts.models import Contact
from organizations.models import PhoneNumber, User
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.webhooks import NUMBER, message

SECRET = "c" * 32
JOELMA = "556181500586"


def test_the_guided_set_up_ends_with_both_ticks_and_the_conversation(
    open_page: Open, hub: Hub, ana: User, worker: None, numbers: dict[str, PhoneNumber]
) -> None:
    PhoneNumber.objects.all().delete()
    at = f"/o/{ana.memberships.get().organization_id}/"
    page = open_page(f"{at}settings/numbers/new/", ana)
    page.get_by_role("link", name="Tenho tudo isto").click()
    page.get_by_label("Número de telefone", exact=True).fill("+55 61 3321-4400")
    page.get_by_label("ID do número de telefone").fill(NUMBER[0])
    page.get_by_label("ID da conta", exact=False).fill("385012774910236")
    page.get_by_role("button", name="Salvar e continuar").click()
    page.locator("input[name=app_secret]").fill(SECRET)
    page.locator("input[name=meta_token]").fill("EAAG" + "x" * 60)
    page.get_by_role("button", name="Salvar e continuar").click()
    expect(page.get_by_text("Esperando a Meta verificar o endereço")).to_be_visible()

    callback, token = (page.locator("[data-copy]").nth(place).get_attribute("data-copy") or "" for place in (0, 1))
    path = urlsplit(callback).path
    query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "123"}
    assert hub.get(path, params=query).text == "123"
    expect(page.get_by_text("A Meta verificou o endereço")).to_be_visible()

    hub.deliver(message(JOELMA, "Joelma", content="oi"), path=path, secret=SECRET)
    expect(page.get_by_text("Primeiro webhook recebido")).to_be_visible()
    page.get_by_role("link", name="Abrir a caixa de entrada").click()
    expect(page.get_by_role("link", name=re.compile("Joelma"))).to_be_visible()


@pytest.mark.parametrize("where", ["inbox", "contacts"])
def test_who_answers_is_switched_at_once_and_stays_so(open_page: Open, hub: Hub, ana: User, where: str) -> None:
    hub.deliver(message(JOELMA, "Joelma", content="Oi"))
    apply_all()
    contact = Contact.objects.get()
    at = f"/o/{ana.memberships.get().organization_id}/"
    page = open_page(f"{at}inbox/{contact.pk}/" if where == "inbox" else f"{at}contacts/", ana)
    with page.expect_response("**/switch/"):
        page.locator(f"#profile-{contact.pk}-ia + span").click()
    page.reload()

    expect(page.locator(f"#profile-{contact.pk}-ia")).to_be_checked()
    switches = page.locator("#contact-pane, #contacts").locator("input[type=checkbox].toggle")
    expect(switches).to_have_count(1 if where == "inbox" else 0)  # the automatic messages of the contact
    contact.refresh_from_db()
    assert (contact.activate_bot, contact.profile) == (True, "ia")


def test_a_user_sees_no_settings_and_their_url_explains_why(open_page: Open, ana: User, make_member: Callable[..., User]) -> None:
    at = f"/o/{ana.memberships.get().organization_id}/"
    page = open_page(f"{at}inbox/", make_member("user"))
    expect(page.get_by_role("link", name="Contatos")).to_be_visible()
    expect(page.get_by_role("link", name="Configurações")).to_have_count(0)

    page.goto(f"{at}settings/members/")
    expect(page.get_by_text("403")).to_be_visible()
    expect(page.get_by_text("Fale com um administrador", exact=False)).to_be_visible()
