"""The phone page, over the real stand-in: its messages arrive in the hub, and the hub's messages are shown on it."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from chats.models import Message, MessageStatus
from cloud_api import messages
from cloud_api.graph import GraphError, Recipient
from conftest import apply_all, html_of
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, Role
from organizations.numbers.graph import graph_for
from organizations.tests.people import member, outsider
from simulator.client import Phones
from simulator.demonstration import BOUQUET, PICTURES
from simulator.standin import RunningStandIn
from simulator.tests.phone_fixtures import MARINA, Page, ana, number, page, phones, standin, until
from simulator.urls import urlpatterns

__all__ = ["ana", "number", "page", "phones", "standin"]

IDS = {"key": MARINA, "what": "text", "media_id": "1"}
NAMES = [each.name or "" for each in urlpatterns]


def hub_sends(number: PhoneNumber, message: dict[str, Any], **options: Any) -> str:
    """The hub's message, by Graph; its wamid."""
    sent = graph_for(number).send(
        number.phone_number_id, to=Recipient(MARINA, None), message=message, callback_data=f"t{Message.objects.count()}", **options
    )
    return sent.wamid


def last() -> Message:
    return Message.objects.latest("pk")


def address_of(name: str, organization: Organization) -> str:
    pattern = str(next(each for each in urlpatterns if each.name == name).pattern)
    return reverse(name, args=[organization.pk, *[value for key, value in IDS.items() if f":{key}>" in pattern]])


# Who may


def test_the_simulators_pages_are_for_members(number: PhoneNumber) -> None:
    _user, colleague = member(number.organization, Role.USER, name="Caio")
    stranger = outsider()
    for name in NAMES:
        address = address_of(name, number.organization)
        assert {where(Client(), address), where(Client(), address, post=True)} <= {"/accounts/login/", 405}, name
        assert {where(stranger, address), where(stranger, address, post=True)} <= {404, 405}, name
        told = {where(colleague, address), where(colleague, address, post=True)}
        if name in ("simulator_connect", "first_steps", "put_first_steps_away"):
            assert told == {403}
        elif name == "simulator_media":
            assert told == {404, 405}  # there is no such file
        else:
            assert not told & {403, 404, 500}, name


def where(client: Client, address: str, *, post: bool = False) -> int | str:
    """The status, or where it leads to."""
    answer = client.post(address) if post else client.get(address)
    return answer["Location"].partition("?")[0] if answer.status_code == 302 else answer.status_code


def test_without_the_simulator_there_are_no_such_pages(page: Page, number: PhoneNumber, settings: Any) -> None:
    settings.SIMULATOR = False
    for name in NAMES:
        address = address_of(name, number.organization)
        assert {where(page.client, address), where(page.client, address, post=True)} <= {404, 405}, name
    assert "/simulator/" not in page.client.get(f"/o/{number.organization_id}/inbox/").content.decode()


def test_the_navigation_leads_to_the_phone(page: Page, number: PhoneNumber) -> None:
    assert f'href="{page.address}"' in page.client.get(f"/o/{number.organization_id}/inbox/").content.decode()


def test_another_organizations_customers_are_not_to_be_had(page: Page, standin: RunningStandIn) -> None:
    standin.connect("5550000000", token="another's")
    standin.add_customer("5550000000", name="Olga", wa_id="556195550999")

    assert page.get("phones/556195550999/").status_code == 404
    assert page.get("phones/556195550999/thread/", part=True).status_code == 404
    assert page.post("phones/556195550999/send/text/", {"text": "oi"}).status_code == 404


# What customers do


def test_a_text_written_at_the_phone_is_a_customers_message(page: Page) -> None:
    answer = page.send("text", text="Bom dia!\nVocês abrem hoje?")

    assert answer.url == f"{page.address}phones/{MARINA}/"
    assert (last().content, last().wa_id, last().is_user_message) == ("Bom dia!\nVocês abrem hoje?", MARINA, True)
    assert Contact.objects.get().name == "Marina"
    assert "Vocês abrem hoje?" in page.thread()


def test_htmx_response_has_an_empty_field_and_refreshes_the_thread(page: Page) -> None:
    headers = {"HX-Request": "true", "HX-Target": "phone-composer"}
    answer = page.post(f"phones/{MARINA}/send/text/", {"text": "oi"}, **headers)

    assert answer.headers["HX-Trigger"] == "phone:changed"
    assert 'name="text" value=""' in " ".join(answer.content.decode().split())
    assert "<!DOCTYPE" not in answer.content.decode()


def test_what_was_typed_is_still_there_if_it_cannot_be_sent(page: Page) -> None:
    answer = page.send("text", text="x" * 4097)

    assert answer.status_code == 422
    assert "x" * 4097 in answer.content.decode()
    assert not Message.objects.exists()


def test_an_answer_quotes_what_it_answers(page: Page, number: PhoneNumber) -> None:
    page.send("text", text="Quanto custa?")
    wamid = hub_sends(number, messages.text("R$ 89"))
    until(lambda: "R$ 89" in page.thread())
    writing = page.get(f"phones/{MARINA}/compose/?reply_to={wamid}", part=True).content.decode()
    page.send("text", text="Quero!", reply_to=wamid)

    assert f'name="reply_to" value="{wamid}"' in writing
    assert "R$ 89" in writing
    assert last().quoted_wamid == wamid


def test_an_edit_a_deletion_and_a_reaction_are_about_the_message(page: Page, number: PhoneNumber) -> None:
    page.send("text", text="Ate amanha")
    wamid = last().wamid
    writing = page.get(f"phones/{MARINA}/?edits={wamid}").content.decode()
    page.send("text", text="Até amanhã!", edits=wamid)
    edited = Message.objects.get(wamid=wamid)
    ours = hub_sends(number, messages.text("Combinado"))
    until(lambda: "Combinado" in page.thread())
    page.send("reaction", wamid=ours, emoji="🙏")
    reacted = page.thread()
    page.send("reaction", wamid=ours, emoji="")
    page.send("deletion", wamid=wamid)

    assert 'name="text" value="Ate amanha"' in " ".join(writing.split())
    assert edited.edited_content == "Até amanhã!"
    assert "<span>🙏</span>" in reacted
    assert "<span>🙏</span>" not in page.thread()
    assert "This message was deleted" in page.thread()
    assert Message.objects.get(wamid=wamid).revoked_at is not None


@pytest.mark.parametrize(
    ("what", "typed", "kind", "words"),
    [
        ("place", {"latitude": "-15.79", "longitude": "-47.88", "name": "Torre de TV", "address": ""}, "location", "Torre de TV"),
        ("card", {"name": "Joelma Prado", "phone": "+55 61 5550-7788"}, "contacts", "Joelma Prado"),
        ("poll", {}, "unsupported", "Message type is currently not supported."),
    ],
)
def test_a_place_a_card_and_what_whatsapp_does_not_pass_on(page: Page, what: str, typed: Any, kind: str, words: str) -> None:
    page.send(what, **typed)

    assert (last().kind, words in last().content) == (kind, True)


@pytest.mark.parametrize(
    ("name", "mime_type", "sent_as", "kind", "content"),
    [
        ("foto.jpg", "image/jpeg", "", "image", {"caption": "veja"}),
        ("voz.ogg", "audio/ogg", "voice", "audio", {"voice": True}),
        ("som.mp3", "audio/mpeg", "", "audio", {"voice": False}),
        ("filme.mp4", "video/mp4", "", "video", {"caption": "veja"}),
        ("conta.pdf", "application/pdf", "", "document", {"filename": "conta.pdf", "caption": "veja"}),
        ("a %22b%22.pdf", "application/pdf", "", "document", {"filename": 'a "b".pdf', "caption": "veja"}),  # as browsers write it
        ("dados.zip", "application/zip", "", "document", {"filename": "dados.zip", "caption": "veja"}),
        ("foto.jpg", "image/jpeg", "document", "document", {"filename": "foto.jpg", "caption": "veja"}),
        ("gato.webp", "image/webp", "sticker", "sticker", {"animated": False}),
        ("gato.webp", "image/webp", "", "document", {"filename": "gato.webp", "caption": "veja"}),
    ],
)
def test_a_file_is_sent_as_what_it_is_or_is_said_to_be(
    page: Page, name: str, mime_type: str, sent_as: str, kind: str, content: dict[str, Any]
) -> None:
    page.send("file", file=SimpleUploadedFile(name, b"bytes", mime_type), sent_as=sent_as, caption="veja")

    told = last().payload[kind]
    assert last().kind == kind
    assert {key: value for key, value in told.items() if key not in ("id", "mime_type", "sha256", "url")} == content
    assert page.get(f"media/{told['id']}/").getvalue() == b"bytes"


def test_the_list_names_the_kind_of_a_message_without_text(page: Page) -> None:
    page.send("file", file=SimpleUploadedFile("foto.jpg", b"bytes", "image/jpeg"))

    listed = html_of(page.get("customers/", part=True))

    assert "Photo" in listed
    assert ">image<" not in listed


@pytest.mark.parametrize(
    ("mime_type", "shown_as", "is_inline"),
    [("image/png", "image/png", True), ("text/html", "application/octet-stream", False), ("image/svg+xml", None, False)],
)
def test_only_what_runs_no_script_is_shown_in_the_page(
    page: Page, phones: Phones, number: PhoneNumber, standin: RunningStandIn, mime_type: str, shown_as: str | None, is_inline: bool
) -> None:
    media_id = standin.upload(number.phone_number_id, b"<script>", mime_type=mime_type, name="a")
    answer = page.get(f"media/{media_id}/")

    assert answer.headers["Content-Type"] == (shown_as or "application/octet-stream")
    assert ("attachment" in answer.headers.get("Content-Disposition", "")) is not is_inline
    answer.close()
    assert page.get("media/404/").status_code == 404


def test_buttons_and_rows_of_the_hubs_messages_can_be_tapped(page: Page, number: PhoneNumber) -> None:
    page.send("text", text="oi")
    wamid = hub_sends(number, messages.buttons("Em que posso ajudar?", [messages.Choice("fin", "Financeiro")]))
    until(lambda: "Financeiro" in page.thread())
    page.send("tap", wamid=wamid, kind="button_reply", id="fin", title="Financeiro")
    tapped = last()
    rows = [messages.Choice("sex", "Sexta", "14h")]
    hub_sends(number, messages.list_message("Quando?", "Escolher", [messages.Section("Dias", rows)]))
    until(lambda: 'value="list_reply"' in page.thread())
    page.send("tap", wamid=wamid, kind="list_reply", id="sex", title="Sexta", description="14h")

    assert (tapped.payload["interactive"], tapped.quoted_wamid) == (
        {"type": "button_reply", "button_reply": {"id": "fin", "title": "Financeiro"}},
        wamid,
    )
    assert last().payload["interactive"]["list_reply"] == {"id": "sex", "title": "Sexta", "description": "14h"}


def test_a_template_shows_filled_and_its_quick_reply_can_be_tapped(
    page: Page, number: PhoneNumber, standin: RunningStandIn
) -> None:
    definition = {
        "name": "entrega",
        "language": "pt_BR",
        "category": "UTILITY",
        "components": [
            {"type": "BODY", "text": "Entregamos em {{1}}?"},
            {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Confirmar"}, {"type": "URL", "text": "Rastrear"}]},
        ],
    }
    standin.add_template(number.phone_number_id, definition)
    until(number.organization.message_templates.exists)
    filled = [{"type": "body", "parameters": [{"type": "text", "text": "20/11"}]}]
    wamid = hub_sends(number, messages.template("entrega", "pt_BR", filled))
    until(lambda: "Entregamos em 20/11?" in page.thread())
    for part in ("customers/", "received/"):
        assert "Entregamos em 20/11?" in html_of(page.get(part, part=True))
    page.send("tap", wamid=wamid, kind="button", id="Confirmar", title="Confirmar")

    assert "Rastrear" in page.thread()
    assert last().payload["button"] == {"payload": "Confirmar", "text": "Confirmar"}


def test_looking_at_the_conversation_reads_it(page: Page, number: PhoneNumber, phones: Phones) -> None:
    page.send("text", text="oi")
    hub_sends(number, messages.text("Olá!"))
    until(lambda: "Olá!" in page.thread())
    assert f'hx-post="{page.address}phones/{MARINA}/read/"' in page.thread()
    assert [each["unread"] for each in phones.customers()] == [1]

    assert page.post(f"phones/{MARINA}/read/", **{"HX-Request": "true"}).status_code == 204

    assert [each["unread"] for each in phones.customers()] == [0]
    assert "/read/" not in page.thread()


def test_what_never_arrives_does_not_show_at_the_phone(page: Page, number: PhoneNumber, standin: RunningStandIn) -> None:
    page.send("text", text="oi")
    standin.fault(number.phone_number_id, "status:131026", times=1)
    hub_sends(number, messages.text("Olá!"))
    until(lambda: standin.sent(number.phone_number_id)[0]["status"] == MessageStatus.FAILED)

    assert "Olá!" not in page.thread()
    assert "Olá!" in page.get("received/", part=True).content.decode()


def test_a_read_message_of_the_customers_has_its_blue_ticks_and_typing_shows(page: Page, number: PhoneNumber) -> None:
    page.send("text", text="oi")
    graph_for(number).mark_read(number.phone_number_id, last().wamid, typing=True)

    assert "text-info" in page.thread()
    assert "is typing…" in page.thread()


# Customers


def test_the_list_marks_who_hides_the_phone_and_whose_messages_are_unread(
    page: Page, number: PhoneNumber, standin: RunningStandIn
) -> None:
    standin.add_customer(number.phone_number_id, name="Bia", username="bia.flores")
    listed = page.get("customers/", part=True).content.decode()

    assert "no phone, username only: @bia.flores" in listed
    assert "+55 61 9555-0111" in listed


def test_a_new_customer_with_a_username_alone_reaches_the_hub_without_a_phone(page: Page) -> None:
    answer = page.post("customers/new/", {"name": "Bia", "phone": "", "username": "bia.flores"})
    page.client.post(f"{answer.url}send/text/", {"text": "oi"})
    apply_all()

    contact = Contact.objects.get()
    assert (contact.wa_id, contact.username, bool(contact.bsuid)) == (None, "bia.flores", True)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"name": "Bia"}, "Give a phone, a username, or both."),
        ({"name": "Bia", "phone": "12"}, "This is no complete phone number."),
        ({"name": "Bia", "username": "É"}, "3 to 35 of these"),
        ({"name": "Bia", "phone": "(61) 9555-0111"}, "There is such a customer already."),
    ],
)
def test_a_customer_that_cannot_be_is_explained(page: Page, typed: dict[str, str], words: str) -> None:
    answer = page.post("customers/new/", typed)

    assert answer.status_code == 422
    assert words in answer.content.decode()


# Failures


def test_a_fault_goes_wrong_as_often_as_was_asked_for(page: Page, number: PhoneNumber) -> None:
    page.send("text", text="oi")
    page.post("faults/add/", {"kind": "error", "code": "131056", "times": "1"})
    shown = page.get("faults/").content.decode()
    with pytest.raises(GraphError) as refusal:
        hub_sends(number, messages.text("Olá!"))
    hub_sends(number, messages.text("Olá de novo!"))

    assert "1 more time" in shown
    assert refusal.value.code == 131056


def test_faults_are_cleared_and_the_latency_is_set(page: Page, phones: Phones) -> None:
    page.post("faults/add/", {"kind": "no_answer", "times": ""})
    page.post("latency/", {"seconds": "0.25"})
    assert [(each["kind"], each["times"]) for each in phones.settings()["faults"]] == [("no_answer", None)]

    answer = page.post("faults/clear/", **{"HX-Request": "true"})

    assert (phones.settings()["faults"], phones.settings()["latency"]) == ([], 0.25)
    assert 'value="0.25"' in answer.content.decode()


def test_a_fault_without_its_code_is_asked_for_again(page: Page, phones: Phones) -> None:
    answer = page.post("faults/add/", {"kind": "status", "times": "1"}, **{"HX-Request": "true"})

    assert (answer.status_code, "With which code?" in answer.content.decode()) == (422, True)
    assert phones.settings()["faults"] == []


def test_what_graph_got_is_shown_as_it_came(page: Page, number: PhoneNumber) -> None:
    page.send("text", text="oi")
    hub_sends(number, messages.text("Olá <b>!"))
    shown = page.get("received/", part=True).content.decode()

    assert json.dumps("Olá <b>!", ensure_ascii=False).replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;") in shown
    assert "POST messages" in shown


# When it does not work


def test_without_the_simulators_process_the_page_says_what_to_do(page: Page, settings: Any) -> None:
    settings.SIMULATOR_URL = "http://127.0.0.1:9"
    whole, part = page.get(), page.get(f"phones/{MARINA}/thread/", part=True)

    assert (whole.status_code, part.status_code) == (503, 200)
    for answer in (whole, part):
        assert "The simulator is not running" in answer.content.decode()
        assert "http://127.0.0.1:9" in answer.content.decode()


def test_what_is_typed_is_kept_while_the_simulator_is_away(page: Page, settings: Any) -> None:
    settings.SIMULATOR_URL = "http://127.0.0.1:9"
    answer = page.post(f"phones/{MARINA}/send/text/", {"text": "oi"}, **{"HX-Request": "true", "HX-Target": "phone-composer"})

    assert answer.status_code == 422
    assert 'value="oi"' in answer.content.decode()


def test_number_is_created_again_in_a_simulator_without_state(page: Page, number: PhoneNumber) -> None:
    PhoneNumber.objects.filter(pk=number.pk).update(phone_number_id="5550123")
    assert "The simulator does not know this number" in page.get().content.decode()

    page.post("connect/")

    assert "Ana Beatriz Teles" in page.get().content.decode()


PHOTO = (PICTURES / BOUQUET).read_bytes()


def test_a_photo_of_the_hubs_shows(page: Page, number: PhoneNumber) -> None:
    page.send("text", text="oi")
    with (PICTURES / BOUQUET).open("rb") as file:
        media_id = graph_for(number).upload(number.phone_number_id, file, name=BOUQUET, mime_type="image/jpeg")
    hub_sends(number, messages.media("image", media_id=media_id, caption="Este?"))
    until(lambda: "Este?" in page.thread())

    assert f'<img src="{page.address}media/{media_id}/" ' in page.thread()
    assert page.get(f"media/{media_id}/").getvalue() == PHOTO
