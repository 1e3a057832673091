"""The pages of templates: the administrators' settings, and the picker in a conversation."""

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chats.message_templates.tests.account_at_meta import AccountAtMeta, account_at_meta, listed_template
from chats.models import Attachment, Message, MessageTemplate, QueuedMessage
from contacts.conftest import sign_in
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, Role

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
BODY = {"type": "BODY", "text": "Olá {{1}}, o pedido {{2}} saiu.", "example": {"body_text": [["Maria", "1234"]]}}
REFUSED = {
    "message": "Invalid parameter",
    "code": 100,
    "error_user_title": "x",
    "error_user_msg": "Este nome já existe neste idioma.",
}


@pytest.fixture
def meta(db: None, settings: Any) -> Iterator[AccountAtMeta]:
    cache.clear()
    with account_at_meta() as account:
        settings.META_GRAPH_URL = account.url
        yield account


@pytest.fixture
def padaria(db: None) -> Organization:
    return Organization.objects.create(organization_name="Padaria")


@pytest.fixture
def number(padaria: Organization) -> PhoneNumber:
    return PhoneNumber.objects.create(
        organization=padaria, phone_number_id="5243", wa_id="556133214400", waba_id="385012774910236", meta_token="EAAsecret"
    )


@pytest.fixture
def joelma(number: PhoneNumber) -> Contact:
    """The window is closed: she has never written."""
    return Contact.objects.create(create_for_phone_number=number, wa_id="556181500586", name="Joelma")


@pytest.fixture
def template(number: PhoneNumber) -> MessageTemplate:
    return keep(number, "pedido_enviado", [BODY])


def keep(number: PhoneNumber, name: str, components: list[Any], **columns: Any) -> MessageTemplate:
    columns = {"language": "pt_BR", "status": "APPROVED", "category": "UTILITY", "template_id": "55"} | columns
    return MessageTemplate.objects.create(
        organization=number.organization,
        waba_id=number.waba_id,
        name=name,
        components=components,
        reported_at=timezone.now(),
        **columns,
    )


@pytest.fixture
def admin(padaria: Organization) -> Client:
    return sign_in(padaria, Role.USER_ADMIN)


@pytest.fixture
def member(padaria: Organization) -> Client:
    return sign_in(padaria)


@pytest.fixture
def outsider(db: None) -> Client:
    return sign_in(Organization.objects.create(organization_name="Barbearia"), Role.USER_CREATOR, "outsider@example.com")


def page(organization: Organization, name: str, *ids: int) -> str:
    return reverse(name, args=[organization.pk, *ids])


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def flash_messages(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


# ---- settings


def test_the_list_shows_every_template_with_its_status(padaria, number, admin) -> None:
    keep(number, "bom", [BODY], quality="YELLOW")
    keep(number, "recusado", [BODY], status="REJECTED", reason="INVALID_FORMAT", category="MARKETING")
    keep(number, "novo", [], status="SOMETHING_NEW", language="xx")
    shown = text(admin.get(page(padaria, "templates")))
    for words in (
        "bom",
        "approved",
        "quality: medium",
        "rejected",
        "Its format breaks a rule",
        "something_new",
        "Portuguese (Brazil)",
    ):
        assert words in shown
    shown = text(admin.get(page(padaria, "template_rows"), {"q": "Recus"}))
    assert "recusado" in shown
    assert "bom" not in shown
    assert "No template is called that." in text(admin.get(page(padaria, "template_rows"), {"q": "%"}))


def test_the_list_takes_few_queries(padaria, number, admin) -> None:
    for index in range(40):
        keep(number, f"modelo_{index}", [BODY])
    with CaptureQueriesContext(connection) as queries:
        assert admin.get(page(padaria, "templates")).status_code == 200
    assert len(queries) <= 13


def test_an_empty_list_says_what_to_do(padaria, admin) -> None:
    assert "connect a number of it first" in text(admin.get(page(padaria, "templates")))
    response = admin.post(page(padaria, "templates_sync"), follow=True)
    assert flash_messages(response) == ["Connect a number first, with the ID of its WhatsApp Business Account."]


def test_the_button_syncs_the_templates(meta, padaria, number, admin) -> None:
    meta.templates = [listed_template("pedido"), listed_template("visita")]
    response = admin.post(page(padaria, "templates_sync"), follow=True)
    assert flash_messages(response) == ["Up to date: 2 new, 0 changed, 0 gone."]
    assert "Last compared with WhatsApp" in text(response)
    assert MessageTemplate.objects.count() == 2


def test_a_refusal_of_meta_is_shown_in_words(meta, padaria, number, admin) -> None:
    meta.refusal = {"message": "expired", "code": 190}
    response = admin.post(page(padaria, "templates_sync"), follow=True)
    assert flash_messages(response) == ["The connection to WhatsApp expired. An administrator has to renew the access token."]
    assert "The templates of +55 61 3321-4400 could not be read" in text(response)


def test_a_missing_token_is_shown(padaria, number, admin) -> None:
    PhoneNumber.objects.update(meta_token="")
    (words,) = flash_messages(admin.post(page(padaria, "templates_sync"), follow=True))
    assert "access token" in words


def test_a_template_is_shown_as_customers_see_it(padaria, number, admin) -> None:
    button = {
        "type": "BUTTONS",
        "buttons": [{"type": "URL", "text": "Ver", "url": "https://example.com/{{1}}", "example": ["abc"]}],
    }
    header = {"type": "HEADER", "format": "IMAGE"}
    found = keep(number, "pedido", [header, BODY, {"type": "FOOTER", "text": "Padaria <b>"}, button], status="PAUSED")
    shown = text(admin.get(page(padaria, "template", found.pk)))
    for words in (
        "Olá Maria, o pedido 1234 saiu.",
        "Padaria &lt;b&gt;",
        "https://example.com/abc",
        "Image",
        "has paused this template",
    ):
        assert words in shown
    flow = keep(number, "formulario", [BODY, {"type": "BUTTONS", "buttons": [{"type": "FLOW", "text": "Abrir"}]}])
    assert "It cannot be sent from here." in text(admin.get(page(padaria, "template", flow.pk)))


NEW = {
    "name": "pedido_enviado",
    "language": "pt_BR",
    "category": "UTILITY",
    "body": "Olá {{1}}, o pedido saiu para entrega.",
    "example_body_1": "Maria",
    "button_0_kind": "QUICK_REPLY",
    "button_0_text": "Obrigado",
}


def test_a_new_template_is_created_at_meta_and_stored_as_pending(meta, padaria, number, admin) -> None:
    response = admin.post(page(padaria, "new_template"), NEW)
    row = MessageTemplate.objects.get()
    assert response.status_code == 302
    assert response.url == page(padaria, "template", row.pk)
    assert (row.name, row.status, row.template_id, row.waba_id) == ("pedido_enviado", "PENDING", "77", number.waba_id)
    ((method, path, _, body),) = meta.requests
    assert (method, path) == ("POST", "/v25.0/385012774910236/message_templates")
    assert body == {
        "name": "pedido_enviado",
        "language": "pt_BR",
        "category": "UTILITY",
        "parameter_format": "POSITIONAL",
        "components": [
            {"type": "BODY", "text": "Olá {{1}}, o pedido saiu para entrega.", "example": {"body_text": [["Maria"]]}},
            {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Obrigado"}]},
        ],
    }
    assert row.components == body["components"]


def test_the_status_of_a_webhook_that_was_faster_than_the_response_stays(meta, padaria, number, admin) -> None:
    keep(number, "pedido_enviado", [], status="APPROVED", template_id="")
    assert admin.post(page(padaria, "new_template"), NEW).status_code == 302
    row = MessageTemplate.objects.get()
    assert (row.status, row.template_id, row.components[0]["type"]) == ("APPROVED", "77", "BODY")


def test_a_refused_template_is_not_stored_and_the_form_keeps_its_values(meta, padaria, number, admin) -> None:
    meta.refusal = REFUSED
    response = admin.post(page(padaria, "new_template"), NEW)
    assert response.status_code == 422
    assert "WhatsApp refused it: Este nome já existe neste idioma." in text(response)
    for words in ("pedido_enviado", "Obrigado", "Maria", "saiu para entrega"):
        assert words in text(response)
    assert not MessageTemplate.objects.exists()


def test_an_unreachable_meta_is_shown(padaria, number, admin) -> None:
    response = admin.post(page(padaria, "new_template"), NEW)
    assert response.status_code == 422
    assert "WhatsApp did not answer." in text(response)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Pedido"},
        {"body": "{{1}} saiu"},
        {"language": "xx"},
        {"category": "AUTHENTICATION"},
        {"example_body_1": ""},
        {"button_0_text": ""},
        {"button_0_kind": "OTP"},
        {"account": "999"},
        {"body": "a\x00b"},
    ],
)
def test_a_draft_with_problems_never_reaches_meta(meta, padaria, number, admin, changes) -> None:
    response = admin.post(page(padaria, "new_template"), NEW | changes)
    assert response.status_code == 422
    assert meta.requests == []


def test_the_form_has_fields_for_the_entered_variables(padaria, number, admin) -> None:
    typed = {"body": "Olá {{nome}} <b>", "button_0_kind": "URL", "button_0_value": "https://example.com/{{1}}"}
    shown = text(admin.post(page(padaria, "template_draft"), typed, headers=HTMX))
    for words in ('name="example_body_nome"', 'name="example_button_0"', 'name="button_1_kind"', "Olá {{nome}} &lt;b&gt;"):
        assert words in shown
    assert "refuses" not in shown


def test_only_the_first_wrong_field_gets_the_focus(padaria, number, admin) -> None:
    response = admin.post(page(padaria, "new_template"), NEW | {"name": "Não pode", "body": ""})
    assert (response.status_code, response.content.count(b"autofocus")) == (422, 1)
    assert re.search(r'<input[^>]* name="name"[^>]* autofocus', response.content.decode())


def test_an_account_whose_number_works_is_chosen_first(padaria, number, admin) -> None:
    working = PhoneNumber.objects.create(
        organization=padaria, phone_number_id="5244", wa_id="556133214401", waba_id="402277183300915", handshake_at=timezone.now()
    )
    assert admin.get(page(padaria, "new_template")).context["chosen"] == working.waba_id
    PhoneNumber.objects.filter(pk=working.pk).update(sending_stopped_at=timezone.now())
    assert admin.get(page(padaria, "new_template")).context["chosen"] == number.waba_id


def test_of_several_accounts_one_is_chosen(meta, padaria, number, admin) -> None:
    PhoneNumber.objects.create(
        organization=padaria, phone_number_id="5244", wa_id="556198440077", waba_id="402277183300915", meta_token="EAAx"
    )
    assert "402277183300915" in text(admin.get(page(padaria, "new_template")))
    assert admin.post(page(padaria, "new_template"), NEW | {"account": "402277183300915"}).status_code == 302
    assert MessageTemplate.objects.get().waba_id == "402277183300915"


def test_one_language_or_all_are_deleted_at_meta_and_in_the_hub(meta, padaria, number, admin) -> None:
    pt, es = keep(number, "pedido", [BODY], template_id="1"), keep(number, "pedido", [BODY], template_id="2", language="es")
    assert "Delete this language" in text(admin.get(page(padaria, "template", pt.pk)))
    assert admin.post(page(padaria, "template_delete", pt.pk), {"languages": "one"}).status_code == 302
    assert list(MessageTemplate.objects.all()) == [es]
    keep(number, "pedido", [BODY], template_id="3")
    keep(number, "outro", [BODY], template_id="4")
    admin.post(page(padaria, "template_delete", es.pk), {"languages": "all"})
    assert [each.name for each in MessageTemplate.objects.all()] == ["outro"]
    assert [(asked[0], asked[2]) for asked in meta.requests] == [
        ("DELETE", {"name": "pedido", "hsm_id": "1"}),
        ("DELETE", {"name": "pedido"}),
    ]


def test_a_template_that_meta_does_not_delete_stays(meta, padaria, template, admin) -> None:
    meta.refusal = REFUSED
    response = admin.post(page(padaria, "template_delete", template.pk), follow=True)
    assert flash_messages(response) == ["WhatsApp refused it: Este nome já existe neste idioma."]
    assert MessageTemplate.objects.exists()


def test_settings_are_for_administrators(padaria, template, member, outsider) -> None:
    addresses = [(name, ()) for name in ("templates", "template_rows", "new_template")] + [("template", (template.pk,))]
    for name, ids in addresses:
        assert member.get(page(padaria, name, *ids)).status_code == 403
        assert outsider.get(page(padaria, name, *ids)).status_code == 404
        assert Client().get(page(padaria, name, *ids))["Location"].startswith(reverse("account_login"))
    for name, ids in [("templates_sync", ()), ("template_draft", ()), ("new_template", ()), ("template_delete", (template.pk,))]:
        assert member.post(page(padaria, name, *ids)).status_code == 403
        assert outsider.post(page(padaria, name, *ids)).status_code == 404
    assert MessageTemplate.objects.exists()


# ---- the picker


def send(client: Client, contact: Contact, template: MessageTemplate, values: dict[str, Any], **options: Any) -> Any:
    posted = {"token": str(uuid.uuid4())} | {f"fill-{key}": value for key, value in values.items()} | options.pop("more", {})
    address = page(template.organization, "template_send", contact.pk, template.pk)
    return client.post(address, posted, headers=options.get("headers", HTMX))


GIVEN = {"body_1": "Joelma", "body_2": "77"}


def test_the_picker_lists_the_templates_that_this_number_may_send(padaria, number, joelma, template, member) -> None:
    keep(number, "em_analise", [BODY], status="PENDING")
    PhoneNumber.objects.create(organization=padaria, phone_number_id="5244", wa_id="556198440077", waba_id="402277183300915")
    MessageTemplate.objects.filter(pk=keep(number, "de_outra_conta", [BODY]).pk).update(waba_id="402277183300915")
    response = member.get(page(padaria, "template_picker", joelma.pk), headers=HTMX)
    assert "<html" not in text(response)
    assert "pedido_enviado" in text(response)
    assert "utility · Portuguese (Brazil)" in text(response)
    assert "em_analise" not in text(response)
    assert "de_outra_conta" not in text(response)


@pytest.mark.parametrize(("sought", "is_found"), [("pedido env", True), ("OLÁ", True), ("visita", False), ("", True)])
def test_templates_are_found_by_name_and_by_words(padaria, joelma, template, member, sought, is_found) -> None:
    response = member.get(page(padaria, "template_picker", joelma.pk), {"q": sought}, headers=HTMX)
    assert ("pedido_enviado" in text(response)) == is_found


def test_an_empty_picker_helps(padaria, number, joelma, member, admin) -> None:
    address = page(padaria, "template_picker", joelma.pk)
    assert "Ask an administrator" in text(member.get(address, headers=HTMX))
    assert page(padaria, "new_template") in text(admin.get(address, headers=HTMX))
    keep(number, "em_analise", [BODY], status="PENDING")
    assert "None of your templates is approved yet" in text(member.get(address, headers=HTMX))


def test_the_form_has_a_field_for_every_variable_and_a_token(padaria, joelma, template, member) -> None:
    shown = text(member.get(page(padaria, "template_fill", joelma.pk, template.pk), headers=HTMX))
    for words in (
        'name="fill-body_1"',
        'name="fill-body_2"',
        'name="token"',
        "For example: Maria",
        "Olá Joelma, o pedido {{2}} saiu.",
        'value="Joelma"',
    ):
        assert words in shown


def test_the_preview_shows_the_entered_values(padaria, joelma, template, member) -> None:
    address = page(padaria, "template_preview", joelma.pk, template.pk)
    shown = text(member.post(address, {"fill-body_1": "<i>Ana</i>"}, headers=HTMX))
    assert "Olá &lt;i&gt;Ana&lt;/i&gt;, o pedido {{2}} saiu." in shown
    assert "too many" in text(member.post(address, {"fill-body_1": "a" * 1024}, headers=HTMX))
    assert not Message.objects.exists()


def test_a_filled_template_is_written_to_the_contact(padaria, joelma, template, member) -> None:
    response = send(member, joelma, template, GIVEN)
    assert response.status_code == 204
    assert response.headers["HX-Trigger"] == "hub:sent"
    message = Message.objects.get()
    assert (message.kind, message.content, message.origin, message.message_status) == (
        "template", "Olá Joelma, o pedido 77 saiu.", "staff", "queued",
    )  # fmt: skip
    assert message.written_by == member.user
    assert message.contact == joelma
    assert message.payload["template"] == {
        "name": "pedido_enviado",
        "language": {"code": "pt_BR"},
        "components": [{"type": "body", "parameters": [{"type": "text", "text": "Joelma"}, {"type": "text", "text": "77"}]}],
    }
    assert message.payload["definition"] == {"components": [BODY]}
    assert QueuedMessage.objects.get().message == message


def test_a_sent_template_shows_its_buttons_in_the_conversation(padaria, number, joelma, member) -> None:
    buttons = [
        {"type": "QUICK_REPLY", "text": "Confirmar"},
        {"type": "URL", "text": "Acompanhar", "url": "https://example.com/p/{{1}}", "example": ["https://example.com/p/1"]},
        {"type": "PHONE_NUMBER", "text": "Ligar", "phone_number": "+556133214400"},
    ]
    template = keep(number, "pedido_enviado", [BODY, {"type": "BUTTONS", "buttons": buttons}])
    assert send(member, joelma, template, GIVEN | {"button_1": "77"}).status_code == 204
    MessageTemplate.objects.all().delete()  # the message keeps what was sent
    shown = text(member.get(page(padaria, "conversation", joelma.pk)))
    offered = shown.partition('aria-label="Buttons"')[2].partition("</ul>")[0]
    assert [words in offered for words in ("Confirmar", "Acompanhar", "Ligar")] == [True] * 3
    assert 'title="https://example.com/p/77"' in offered
    assert 'title="+556133214400"' in offered
    assert offered.count("<svg") == 2  # none at a button that answers with its text


def test_a_sent_template_with_a_file_shows_its_buttons_too(padaria, number, joelma, member) -> None:
    buttons = {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Recebi"}]}
    template = keep(number, "nota_fiscal", [{"type": "HEADER", "format": "DOCUMENT"}, {"type": "BODY", "text": "Nota"}, buttons])
    file = SimpleUploadedFile("nota.txt", b"Obrigado pela compra.", "text/plain")
    assert send(member, joelma, template, {"header_file": file}).status_code == 204
    shown = text(member.get(page(padaria, "conversation", joelma.pk)))
    assert "Recebi" in shown.partition('aria-label="Buttons"')[2].partition("</ul>")[0]


def test_a_template_without_variables_is_sent_with_a_click(padaria, number, joelma, member) -> None:
    template = keep(number, "ola", [{"type": "BODY", "text": "Bom dia, como podemos ajudar?"}])
    assert send(member, joelma, template, {}).status_code == 204
    assert "components" not in Message.objects.get().payload["template"]


def test_without_a_script_the_form_redirects_to_the_conversation(padaria, joelma, template, member) -> None:
    address = page(padaria, "template_fill", joelma.pk, template.pk)
    assert "<html" in text(member.get(address))
    response = send(member, joelma, template, GIVEN, headers={})
    assert response.status_code == 302
    assert response.url == page(padaria, "conversation", joelma.pk)
    assert "<html" in text(send(member, joelma, template, {}, headers={}))


def test_the_same_form_posted_twice_queues_one_message(padaria, joelma, template, member) -> None:
    token = {"token": str(uuid.uuid4())}
    for _ in range(2):
        assert send(member, joelma, template, GIVEN, more=token).status_code == 204
    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"body_1": "Joelma"}, "This field is required."),
        ({"body_1": "uma\nduas", "body_2": "77"}, "Write it in one line."),
        ({"body_1": "a" * 1010, "body_2": "77"}, "too many"),
        (GIVEN | {"body_3": "x"}, "The template was changed meanwhile."),
    ],
)
def test_an_invalid_form_is_shown_again_with_its_token(padaria, joelma, template, member, values, words) -> None:
    token = str(uuid.uuid4())
    response = send(member, joelma, template, values, more={"token": token})
    assert response.status_code == 422
    assert words in text(response)
    assert token in text(response)
    assert not Message.objects.exists()


@pytest.mark.parametrize("token", ["", "x", "1"])
def test_a_form_without_its_token_is_not_sent(padaria, joelma, template, member, token) -> None:
    response = send(member, joelma, template, GIVEN, more={"token": token})
    assert response.status_code == 422
    assert "Joelma" in text(response)
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("status", "words"),
    [("PAUSED", "has paused this template"), ("REJECTED", "has rejected"), ("LOCKED", "does not take this template now")],
)
def test_a_template_that_was_paused_in_the_meantime_says_so(padaria, joelma, template, member, status, words) -> None:
    MessageTemplate.objects.update(status=status)
    response = send(member, joelma, template, GIVEN)
    assert response.status_code == 422
    assert words in text(response)
    assert not Message.objects.exists()


def test_an_unsupported_template_is_shown_without_a_form(padaria, number, joelma, member) -> None:
    flow = keep(number, "formulario", [BODY, {"type": "BUTTONS", "buttons": [{"type": "FLOW", "text": "Abrir"}]}])
    response = member.get(page(padaria, "template_fill", joelma.pk, flow.pk), headers=HTMX)
    assert "It has a button that cannot be filled in here." in text(response)
    assert 'name="token"' not in text(response)
    assert send(member, joelma, flow, GIVEN).status_code == 422
    assert not Message.objects.exists()


def test_an_inactive_number_sends_nothing(padaria, number, joelma, template, member) -> None:
    PhoneNumber.objects.update(activate=False)
    response = send(member, joelma, template, GIVEN)
    assert response.status_code == 422
    assert "Your number is off." in text(response)


def test_a_header_s_file_is_sent_with_the_message(padaria, number, joelma, member) -> None:
    template = keep(number, "nota_fiscal", [{"type": "HEADER", "format": "DOCUMENT"}, {"type": "BODY", "text": "Segue a nota."}])
    assert send(member, joelma, template, {}).status_code == 422
    file = SimpleUploadedFile("nota.txt", b"Obrigado pela compra.", "text/plain")
    response = send(member, joelma, template, {"header_file": file})
    assert response.status_code == 204, text(response)
    message = Message.objects.get()
    assert message.payload["template"]["components"] == [
        {"type": "header", "parameters": [{"type": "document", "document": {"filename": "nota.txt"}}]}
    ]
    attachment = Attachment.objects.get()
    assert (attachment.message_name, attachment.file_name) == (message.name, "nota.txt")


def test_the_picker_is_for_members_and_their_own_contacts(padaria, number, joelma, template, member, outsider) -> None:
    for name, ids in [("template_picker", (joelma.pk,)), ("template_fill", (joelma.pk, template.pk))]:
        assert member.get(page(padaria, name, *ids)).status_code == 200
        assert outsider.get(page(padaria, name, *ids)).status_code == 404
    for name in ("template_preview", "template_send"):
        assert outsider.post(page(padaria, name, joelma.pk, template.pk)).status_code == 404
    other = Organization.objects.get(organization_name="Barbearia")
    theirs = PhoneNumber.objects.create(
        organization=other, phone_number_id="9999", wa_id="5511973310042", waba_id="402277183300915"
    )
    foreign = keep(theirs, "deles", [BODY])
    their_contact = Contact.objects.create(create_for_phone_number=theirs, wa_id="556181500586")
    for contact, found in ((joelma, foreign), (their_contact, template), (their_contact, foreign)):
        for name in ("template_preview", "template_send"):
            assert member.post(page(padaria, name, contact.pk, found.pk)).status_code == 404
        assert member.get(page(padaria, "template_fill", contact.pk, found.pk)).status_code == 404
    assert not Message.objects.exists()


def test_a_contact_who_may_be_written_to_freely_gets_templates_too(padaria, joelma, template, member) -> None:
    Contact.objects.update(last_customer_message_at=timezone.now() - timedelta(hours=1))
    assert send(member, joelma, template, GIVEN).status_code == 204


# Customers who have stopped marketing messages


@pytest.fixture
def stopped(joelma: Contact) -> Contact:
    joelma.record_marketing_choice(stopped=True, at=timezone.now())
    joelma.save()
    return joelma


def test_the_picker_says_why_an_offer_cannot_be_sent_and_does_not_link_it(member, number, stopped) -> None:
    offer, order = keep(number, "oferta", [{"type": "BODY", "text": "Pão!"}], category="MARKETING"), keep(number, "pedido", [BODY])
    shown = text(member.get(page(number.organization, "template_picker", stopped.pk), headers=HTMX))

    assert reverse("template_fill", args=[stopped.organization_id, stopped.pk, order.pk]) in shown
    assert reverse("template_fill", args=[stopped.organization_id, stopped.pk, offer.pk]) not in shown
    assert shown.count("Wants no marketing messages since") == 1


def test_an_offer_to_somebody_who_has_stopped_is_neither_filled_in_nor_sent(member, number, stopped) -> None:
    offer = keep(number, "oferta", [{"type": "BODY", "text": "Pão!"}], category="MARKETING")
    arguments = [stopped.organization_id, stopped.pk, offer.pk]

    shown = text(member.get(reverse("template_fill", args=arguments)))
    assert "Wants no marketing messages since" in shown
    assert "Send the template" not in shown
    sent = member.post(reverse("template_send", args=arguments), {"token": uuid.uuid4()})
    assert sent.status_code == 422
    assert "Wants no marketing messages since" in text(sent)
    assert not Message.objects.exists()


def test_others_get_the_offer(member, number, joelma) -> None:
    offer = keep(number, "oferta", [{"type": "BODY", "text": "Pão!"}], category="MARKETING")
    sent = member.post(reverse("template_send", args=[joelma.organization_id, joelma.pk, offer.pk]), {"token": uuid.uuid4()})

    assert sent.status_code == 302
    assert QueuedMessage.objects.count() == 1
