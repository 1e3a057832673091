"""Messages by the API: every kind, idempotency keys, the service window, who is in charge."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.test import Client
from django.utils import timezone

from api.conftest import ApiClient, Shop
from api.models import SendRequest
from api.sending.idempotency import LIFETIME, delete_old_requests
from api.sending.message_kinds import KINDS
from chats.conftest import Meta, joelma, meta, number
from chats.models import Message, MessageTemplate, Origin
from chats.outbox.tests.steps import write
from conftest import Hub, html_of, run_worker
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber

__all__ = ["joelma", "meta", "number"]

TEXT = {"kind": "text", "body": "Seu pedido saiu."}
LINK = {"link": "https://example.com/file"}
BUTTONS = [{"id": "1", "title": "Sim"}, {"id": "2", "title": "Não"}]
SAMPLES: list[dict[str, Any]] = [
    TEXT,
    {"kind": "image", **LINK, "caption": "Foto"},
    {"kind": "video", "media_id": "77"},
    {"kind": "document", **LINK, "filename": "boleto.pdf"},
    {"kind": "audio", "media_id": "78", "voice": True},
    {"kind": "sticker", **LINK},
    {"kind": "location", "latitude": -15.8, "longitude": -47.9, "name": "Loja"},
    {"kind": "contacts", "cards": [{"name": {"formatted_name": "Ana Souza", "first_name": "Ana"}}]},
    {"kind": "template", "name": "pedido", "language": "pt_BR",
     "components": [{"type": "body", "parameters": [{"type": "text", "text": "123"}]}]},
    {"kind": "buttons", "body": "Confirma?", "buttons": BUTTONS, "header": "Pedido", "footer": "Loja"},
    {"kind": "buttons", "body": "Confirma?", "buttons": BUTTONS, "header_file": {"kind": "image", **LINK}},
    {"kind": "list", "body": "Escolha", "button": "Abrir", "sections": [{"rows": [{"id": "a", "title": "A"}]}]},
    {"kind": "cta_url", "body": "Veja", "display_text": "Abrir", "url": "https://example.com"},
    {"kind": "flow", "body": "Preencha", "cta": "Abrir", "token": "t", "flow_id": "1"},
    {"kind": "location_request", "body": "Onde?"},
    {"kind": "contact_request", "body": "Seu número?"},
]  # fmt: skip


@pytest.fixture
def path(api: ApiClient, shop: Shop) -> str:
    """The path of the messages of the first contact."""
    contact = next(each for each in api.get("contacts/").json()["results"] if each["name"] == "Cliente 0")
    return f"conversations/{contact['id']}/messages/"


def send(api: ApiClient, path: str, body: Any, key: str = "") -> Any:
    return api.post(path, body, Idempotency_Key=key or str(uuid.uuid4()))


@pytest.mark.parametrize("body", SAMPLES, ids=lambda body: body["kind"])
def test_a_message_of_each_kind_is_queued(api: ApiClient, path: str, body: dict[str, Any]) -> None:
    response = send(api, path, body)

    assert response.status_code == 201, response.json()
    found = response.json()
    assert (found["status"], found["origin"], found["from_customer"]) == ("queued", "api", False)
    message = Message.objects.get(is_user_message=False)
    assert message.written_by is None
    assert api.get(f"messages/{found['id']}/").json()["id"] == found["id"]


def test_a_message_has_the_name_of_the_key_that_sent_it(api: ApiClient, path: str, shop: Shop) -> None:
    client = Client()
    client.force_login(shop.admin)
    contact = shop.contacts[0]
    sent = send(api, path, TEXT).json()
    by_member = client.post(
        f"/api/v1/{path}",
        TEXT,
        content_type="application/json",
        headers={"Idempotency-Key": "1", "Hub-Organization": str(shop.organization.pk)},
    )

    page = html_of(client.get(f"/o/{shop.organization.pk}/inbox/{contact.pk}/"))

    assert (sent["api_key"], sent["written_by"]) == ("Loja", None)
    assert (by_member.json()["api_key"], by_member.json()["written_by"]) == ("", "Ana")
    assert "API · Loja" in page


def test_samples_have_every_kind() -> None:
    assert {each["kind"] for each in SAMPLES} | {"reaction"} == set(KINDS)


def test_a_template_has_its_text_with_the_values(api: ApiClient, path: str) -> None:
    template = next(each for each in SAMPLES if each["kind"] == "template")

    assert send(api, path, template).json()["text"] == "Pedido 123 saiu."


def test_named_parameters_may_come_in_any_order(api: ApiClient, path: str, shop: Shop) -> None:
    MessageTemplate.objects.create(
        organization=shop.organization, waba_id=shop.number.waba_id, name="saida", language="pt_BR", status="APPROVED",
        category="UTILITY", parameter_format="NAMED", reported_at=timezone.now(),
        components=[{"type": "BODY", "text": "Olá {{nome}}, o pedido {{numero}} saiu."}],
    )  # fmt: skip
    values = {"numero": "4711", "nome": "Ana"}
    parameters = [{"type": "text", "parameter_name": name, "text": value} for name, value in values.items()]
    template = {"kind": "template", "name": "saida", "language": "pt_BR"}

    sent = send(api, path, template | {"components": [{"type": "body", "parameters": parameters}]})

    assert sent.json()["text"] == "Olá Ana, o pedido 4711 saiu."


def test_a_reaction_and_a_quote_name_messages_of_the_conversation(api: ApiClient, path: str, shop: Shop) -> None:
    first = api.get(path).json()["results"][0]
    foreign = shop.message(shop.contacts[1], "outra", timezone.now())
    other = next(each for each in api.get("contacts/").json()["results"] if each["name"] == "Cliente 1")
    outside = api.get(f"conversations/{other['id']}/messages/").json()["results"][0]
    assert outside["wamid"] == foreign.wamid

    assert send(api, path, {"kind": "reaction", "message": first["id"], "emoji": "👍"}).status_code == 201
    assert send(api, path, TEXT | {"quoted": first["id"]}).json()["quoted_wamid"] == first["wamid"]
    for body, field in (({"kind": "reaction", "message": outside["id"], "emoji": "👍"}, "message"),
                        (TEXT | {"quoted": outside["id"]}, "quoted"), (TEXT | {"quoted": "msg_x"}, "quoted")):  # fmt: skip
        assert send(api, path, body).json()["errors"][0] | {"detail": ""} == {"field": field, "rule": "unknown_id", "detail": ""}


def test_an_old_message_takes_no_reaction(api: ApiClient, path: str, shop: Shop) -> None:
    Message.objects.filter(pk=shop.messages[0].pk).update(create_in=timezone.now() - timedelta(days=31))
    oldest = api.get(path).json()["results"][-1]

    refused = send(api, path, {"kind": "reaction", "message": oldest["id"], "emoji": "👍"})

    assert (refused.status_code, refused.json()["code"]) == (409, "no_reaction")


INVALID: list[tuple[Any, str, str]] = [
    ({}, "kind", "invalid_choice"),
    ([], "kind", "invalid_choice"),
    ({"kind": ["text"]}, "kind", "invalid_choice"),
    ({"kind": "hologram"}, "kind", "invalid_choice"),
    ({"kind": "text"}, "body", "required"),
    ({"kind": "text", "body": 5}, "body", "invalid"),
    ({"kind": "text", "body": " "}, "body", "invalid"),
    ({"kind": "text", "body": ""}, "body", "blank"),
    ({"kind": "text", "body": "x" * 4097}, "body", "max_length"),
    ({"kind": "text", "body": "a\x00b"}, "body", "null_characters_not_allowed"),
    ({"kind": "text", "body": "a\ud800b"}, "body", "surrogate_characters_not_allowed"),
    (TEXT | {"from": "me"}, "from", "unknown"),
    (TEXT | {"take_over": "yes"}, "take_over", "invalid"),
    (TEXT | {"caption": "x"}, "caption", "unknown"),
    (TEXT | {"x\ud800": 1}, "x\ufffd", "unknown"),
    ({"kind": "flow", "body": "x", "cta": "x", "token": "t", "flow_id": "1", "mode": "\ud800"}, "mode", "invalid_choice"),
    ({"kind": "image"}, "", "one_of"),
    ({"kind": "image", **LINK, "media_id": "1"}, "", "one_of"),
    ({"kind": "image", "link": "ftp://x"}, "link", "invalid"),
    ({"kind": "sticker", **LINK, "caption": "x"}, "caption", "unknown"),
    ({"kind": "location", "latitude": 91, "longitude": 0}, "latitude", "max_value"),
    ({"kind": "location", "latitude": True, "longitude": 0}, "latitude", "invalid"),
    ({"kind": "location", "latitude": 10**400, "longitude": 0}, "latitude", "invalid"),
    ({"kind": "contacts", "cards": []}, "cards", "min_length"),
    ({"kind": "contacts", "cards": [5]}, "cards.0", "type"),
    ({"kind": "contacts", "cards": [{"name": {}}]}, "contacts", "invalid"),
    ({"kind": "contacts", "cards": [{"name": "\ud800"}]}, "cards.0", "unstorable"),
    ({"kind": "contacts", "cards": [{"name": 10**30}]}, "cards.0", "unstorable"),
    ({"kind": "template", "name": "nothing", "language": "pt_BR"}, "name", "unknown_template"),
    ({"kind": "template", "name": "pedido", "language": "en"}, "name", "unknown_template"),
    ({"kind": "buttons", "body": "x", "buttons": []}, "buttons", "min_length"),
    ({"kind": "buttons", "body": "x", "buttons": [{"id": "1", "title": "a"}] * 2}, "buttons", "invalid"),
    ({"kind": "buttons", "body": "x", "buttons": [{"id": "1", "title": "a", "x": 1}]}, "buttons.0.x", "unknown"),
    ({"kind": "buttons", "body": "x", "buttons": BUTTONS, "header": "a", "header_file": {"kind": "image", **LINK}}, "header_file",
     "one_of"),
    ({"kind": "list", "body": "x", "button": "x", "sections": [{"rows": [{"id": "a", "title": "t" * 25}]}]},
     "sections.0.rows.0.title", "max_length"),
    ({"kind": "flow", "body": "x", "cta": "x", "token": "t"}, "flow_id", "invalid"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "field", "rule"), INVALID)
def test_a_body_that_is_not_accepted_is_named_with_its_rule(api: ApiClient, path: str, body: Any, field: str, rule: str) -> None:
    response = send(api, path, body)

    assert response.status_code == 400
    errors = response.json()["errors"]
    assert [(each["field"], each["rule"]) for each in errors] == [(field, rule)]
    assert errors[0]["detail"]
    assert not Message.objects.filter(is_user_message=False).exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"NaN", b"\xff", b'{"kind": "text", "body": NaN}', b"[" * 50_000, b'{"a":' * 200 + b"1" + b"}" * 200],
)
def test_a_body_that_is_no_json_is_400(api: ApiClient, path: str, content: bytes) -> None:
    assert api.request("POST", path, content, Idempotency_Key="a").status_code == 400


def test_a_body_of_another_type_or_size_is_refused(api: ApiClient, path: str) -> None:
    assert api.request("POST", path, b"a=1", Idempotency_Key="a", content_type="text/plain").status_code == 415
    large = api.request("POST", path, b" " * 300_000, Idempotency_Key="a")
    assert (large.status_code, large.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("key", ["", "x" * 201, "é"])
def test_a_message_needs_an_idempotency_key(api: ApiClient, path: str, key: str) -> None:
    response = api.post(path, TEXT, **({"Idempotency_Key": key} if key else {}))

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "Idempotency-Key"


def test_a_repeated_request_sends_nothing_again(api: ApiClient, path: str) -> None:
    first = send(api, path, TEXT | {"preview_url": True}, "order 1")
    again = send(api, path, {"preview_url": True} | TEXT, "order 1")

    assert again.status_code == 201
    assert again.json() == first.json()
    assert ("Idempotent-Replayed" in first, again["Idempotent-Replayed"]) == (False, "true")
    assert Message.objects.filter(is_user_message=False).count() == 1


def test_a_key_for_another_body_or_contact_is_422(api: ApiClient, path: str, shop: Shop) -> None:
    send(api, path, TEXT, "order 1")
    other = next(each for each in api.get("contacts/").json()["results"] if each["name"] == "Cliente 1")

    for where, body in ((path, TEXT | {"body": "Outro"}), (f"conversations/{other['id']}/messages/", TEXT)):
        refused = send(api, where, body, "order 1")
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert Message.objects.filter(is_user_message=False).count() == 1


def test_two_keys_of_the_api_do_not_share_idempotency_keys(api: ApiClient, path: str, shop: Shop) -> None:
    first = send(api, path, TEXT, "order 1")
    second = send(shop.client(), path, TEXT | {"body": "Outro"}, "order 1")

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]


def test_a_replay_returns_the_message_although_it_could_not_be_sent_now(api: ApiClient, path: str, shop: Shop) -> None:
    template = next(each for each in SAMPLES if each["kind"] == "template")
    first = send(api, path, template, "order 1")
    MessageTemplate.objects.update(status="PAUSED")

    assert send(api, path, template, "order 1").json()["id"] == first.json()["id"]
    refused = send(api, path, template, "order 2")
    assert (refused.status_code, refused.json()["code"]) == (409, "template_not_sendable")


def test_more_old_hashes_than_one_transaction_deletes_are_deleted_in_one_run(db, monkeypatch) -> None:
    monkeypatch.setattr("api.sending.idempotency.ROWS_AT_ONCE", 2)
    old = timezone.now() - LIFETIME - timedelta(hours=1)
    SendRequest.objects.bulk_create(SendRequest(token=uuid.uuid4(), request_hash="1", create_in=old) for _ in range(7))

    assert delete_old_requests() == 7
    assert not SendRequest.objects.exists()


def test_hashes_of_requests_are_deleted_after_a_month_and_messages_stay_protected(api: ApiClient, path: str) -> None:
    first = send(api, path, TEXT, "order 1")
    SendRequest.objects.update(create_in=timezone.now() - LIFETIME - timedelta(hours=1))

    assert delete_old_requests() == 1
    assert delete_old_requests() == 0
    assert send(api, path, TEXT | {"body": "Outro"}, "order 1").status_code == 422
    assert send(api, path, TEXT, "order 1").json()["id"] == first.json()["id"]


def test_a_closed_window_is_409_and_says_when_it_closed(api: ApiClient, path: str, shop: Shop) -> None:
    closed_at = timezone.now().replace(microsecond=0) - timedelta(hours=2)
    Contact.objects.update(last_customer_message_at=closed_at - timedelta(hours=24))

    refused = send(api, path, TEXT, "order 1")

    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (409, "window_closed")
    assert problem["window_closed_at"] == closed_at.isoformat().replace("+00:00", "Z")
    assert "template" in problem["detail"]
    template = next(each for each in SAMPLES if each["kind"] == "template")
    assert send(api, path, template, "order 1").status_code == 201


def test_a_contact_who_never_wrote_gets_templates_only(api: ApiClient, path: str) -> None:
    Contact.objects.update(last_customer_message_at=None)

    assert send(api, path, TEXT).json()["window_closed_at"] is None


def test_a_number_that_is_off_sends_nothing(api: ApiClient, path: str) -> None:
    PhoneNumber.objects.update(activate=False)

    assert send(api, path, TEXT).json()["code"] == "number_off"


def test_only_take_over_changes_who_is_in_charge(api: ApiClient, path: str, shop: Shop) -> None:
    Contact.objects.update(owner="waiting", owner_since=timezone.now())

    send(api, path, TEXT)
    assert Contact.objects.get(pk=shop.contacts[0].pk).owner == "waiting"
    send(api, path, TEXT | {"take_over": True})
    assert Contact.objects.get(pk=shop.contacts[0].pk).owner == "person"


def test_a_reaction_that_takes_over_answers_nothing(api: ApiClient, path: str, shop: Shop) -> None:
    question = api.get(path).json()["results"][0]
    contact = Contact.objects.get(pk=shop.contacts[0].pk)
    contact.owner, contact.profile = "bot", "bot"
    contact.save()
    write(contact, "Escolha", origin=Origin.BOT)  # it has not left yet
    assert Contact.objects.get(pk=contact.pk).waiting_since is None

    send(api, path, {"kind": "reaction", "message": question["id"], "emoji": "👍", "take_over": True})

    assert Message.objects.get(content="Escolha").message_status == "withdrawn"
    assert Contact.objects.get(pk=contact.pk).waiting_since is not None


def test_a_refused_message_takes_nothing_over(api: ApiClient, path: str, shop: Shop) -> None:
    Contact.objects.update(owner="waiting", owner_since=timezone.now(), last_customer_message_at=None)

    assert send(api, path, TEXT | {"take_over": True}).status_code == 409
    assert Contact.objects.get(pk=shop.contacts[0].pk).owner == "waiting"


def test_a_key_that_is_used_for_something_else_takes_nothing_over(api: ApiClient, path: str, shop: Shop) -> None:
    send(api, path, TEXT, "order 1")
    SendRequest.objects.all().delete()  # after 30 days
    Contact.objects.update(owner="waiting", owner_since=timezone.now())

    assert send(api, path, TEXT | {"body": "Outro", "take_over": True}, "order 1").status_code == 422
    assert Contact.objects.get(pk=shop.contacts[0].pk).owner == "waiting"


def test_a_repeated_request_returns_its_message_when_the_window_is_closed_and_the_hash_gone(api: ApiClient, path: str) -> None:
    first = send(api, path, TEXT, "order 1")
    SendRequest.objects.all().delete()  # after 30 days
    Contact.objects.update(last_customer_message_at=timezone.now() - timedelta(days=31))

    again = send(api, path, TEXT, "order 1")

    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert send(api, path, TEXT, "order 2").json()["code"] == "window_closed"


def test_requests_at_once_give_one_message_and_one_answer(transactional_db: None, hub: Hub) -> None:
    shop = Shop("Padaria", "5561332100")
    headers = {"Authorization": f"Bearer {shop.key()}", "Idempotency-Key": "order 1"}
    contact = hub.get("/api/v1/contacts/", headers=headers).json()["results"][0]["id"]

    def post(_: int) -> requests.Response:
        return requests.post(f"{hub.address}/api/v1/conversations/{contact}/messages/", json=TEXT, headers=headers, timeout=30)

    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(post, range(4)))

    assert [each.status_code for each in responses] == [201] * 4
    assert len({each.json()["id"] for each in responses}) == 1
    assert Message.objects.filter(is_user_message=False).count() == 1


def test_a_message_of_the_api_arrives_at_meta(hub: Hub, meta: Meta, joelma: Contact, organization: Organization) -> None:
    shop = Shop("Outra", "5561332199")
    shop.organization = organization
    headers = {"Authorization": f"Bearer {shop.key()}"}
    contact = hub.get("/api/v1/conversations/", headers=headers).json()["results"][0]["id"]
    url = f"{hub.address}/api/v1/conversations/{contact}/messages/"

    sent = requests.post(url, json=TEXT, headers=headers | {"Idempotency-Key": "1"}, timeout=30)
    assert sent.status_code == 201
    run_worker()

    assert [each["request"]["text"]["body"] for each in meta.sent()] == [TEXT["body"]]
    found = hub.get(f"/api/v1/messages/{sent.json()['id']}/", headers=headers).json()
    assert (found["status"], found["wamid"] is not None) == ("sent", True)
    assert Message.objects.get(is_user_message=False).origin == Origin.API
