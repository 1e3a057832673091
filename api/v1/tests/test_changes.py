"""Changes by the API: contacts, notes, and who answers a conversation."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from api.conftest import ApiClient, Shop
from conftest import html_of
from contacts.models import Contact, ContactChange, Label, Note


@pytest.fixture
def path(api: ApiClient) -> str:
    contact = next(each for each in api.get("contacts/").json()["results"] if each["name"] == "Cliente 0")
    return f"contacts/{contact['id']}/"


def test_a_contact_is_added_and_found(api: ApiClient, shop: Shop) -> None:
    body = {"number": shop.number.phone_number_id, "phone": "(61) 98150-0588", "alias": "  Ana  Souza "}

    created = api.post("contacts/", body)

    assert created.status_code == 201
    found = created.json()
    assert (found["wa_id"], found["name"], found["last_message_at"]) == ("5561981500588", "Ana Souza", None)
    assert api.get(f"contacts/{found['id']}/").json() == found
    again = api.post("contacts/", body | {"phone": "+55 61 8150-0588"})
    assert (again.status_code, again.json()["code"], again.json()["contact"]) == (409, "contact_exists", found["id"])


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"phone": "nothing"}, "phone", "invalid"),
        ({"phone": ""}, "phone", "blank"),
        ({"phone": 5561981500588}, "phone", "invalid"),
        ({"number": "id5511973310"}, "number", "unknown_id"),
        ({"number": None}, "number", "null"),
        ({"alias": "x" * 151}, "alias", "max_length"),
        ({"name": "Ana"}, "name", "unknown"),
        ({"\ud800": 1}, "\ufffd", "unknown"),
    ],
)
def test_an_odd_contact_is_refused(
    api: ApiClient, shop: Shop, other_shop: Shop, change: dict[str, Any], field: str, rule: str
) -> None:
    body = {"number": shop.number.phone_number_id, "phone": "(61) 98150-0588"} | change

    response = api.post("contacts/", body)

    assert response.status_code == 400
    assert [(each["field"], each["rule"]) for each in response.json()["errors"]] == [(field, rule)]


def test_a_contact_is_changed_field_by_field(api: ApiClient, path: str, shop: Shop) -> None:
    new = Label.objects.create(organization=shop.organization, name="Atacado")
    ids = {each["name"]: each["id"] for each in api.get("labels/").json()["results"]}

    changed = api.patch(path, {"alias": "Ana", "labels": [ids["Atacado"]], "who_answers": "bot", "automatic_messages": False})

    found = changed.json()
    assert changed.status_code == 200
    assert (found["name"], found["labels"]) == ("Ana", [ids["Atacado"]])
    assert (found["who_answers"], found["owner"], found["automatic_messages"]) == ("bot", "bot", False)
    assert found == api.get(path).json()
    kinds = set(ContactChange.objects.values_list("kind", flat=True))
    assert kinds == {"alias", "label_given", "label_taken", "who_answers", "automatic"}
    assert set(ContactChange.objects.values_list("actor__name", "api_key")) == {("Ana", "Loja")}
    changes = api.get(f"{path}changes/", limit=3).json()
    assert {(each["changed_by"], each["api_key"]) for each in changes["results"]} == {("Ana", "Loja")}
    older = api.get(f"{path}changes/", cursor=changes["next_cursor"]).json()["results"]
    assert len(older) == ContactChange.objects.count() - 3
    assert list(shop.contacts[0].labels.all()) == [new]
    assert api.patch(path, {}).json() == found
    assert api.patch(path, {"blocked": True}).json()["blocked"] is True
    assert api.patch(path, {"blocked": False, "labels": []}).json()["labels"] == []


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ({"labels": ["lab_x"]}, "labels.0", "unknown_id"),
        ({"labels": "x"}, "labels", "not_a_list"),
        ({"labels": [5]}, "labels.0", "unknown_id"),
        ({"who_answers": "me"}, "who_answers", "invalid_choice"),
        ({"blocked": 1}, "blocked", "invalid"),
        ({"blocked": None}, "blocked", "null"),
        ({"wa_id": "1"}, "wa_id", "unknown"),
        ([], "", "invalid"),
    ],
)
def test_an_odd_change_is_refused_and_changes_nothing(api: ApiClient, path: str, body: Any, field: str, rule: str) -> None:
    response = api.patch(path, body if isinstance(body, list) else {"alias": "Ana"} | body)

    assert response.status_code == 400
    assert [(each["field"], each["rule"]) for each in response.json()["errors"]] == [(field, rule)]
    assert not Contact.objects.exclude(alias="").exists()


def test_a_label_of_another_organization_is_unknown(api: ApiClient, path: str, other_shop: Shop) -> None:
    theirs = other_shop.client().get("labels/").json()["results"][0]["id"]

    assert api.patch(path, {"labels": [theirs]}).json()["errors"][0]["rule"] == "unknown_id"


def test_a_deleted_label_is_unknown(api: ApiClient, path: str, shop: Shop) -> None:
    label = api.get("labels/").json()["results"][0]["id"]
    shop.label.delete()

    assert api.patch(path, {"labels": [label]}).json()["errors"][0] | {"detail": ""} == {
        "field": "labels", "rule": "unknown_id", "detail": ""
    }  # fmt: skip


def test_a_note_is_added_and_listed(api: ApiClient, path: str) -> None:
    created = api.post(f"{path}notes/", {"text": "ligar amanhã"})

    assert (created.status_code, created.json()["author"]) == (201, "Ana")
    assert [each["text"] for each in api.get(f"{path}notes/").json()["results"]] == ["ligar amanhã", "prefere boleto"]
    for text in ("", "  ", "x" * 4001, 5, None):
        assert api.post(f"{path}notes/", {"text": text}).status_code == 400
    assert Note.objects.count() == 2


def test_a_conversation_is_taken_over_handed_back_done_and_reopened(api: ApiClient, path: str, shop: Shop) -> None:
    conversation = path.replace("contacts", "conversations")
    api.patch(path, {"who_answers": "bot"})

    assert api.post(f"{conversation}take-over/").json()["owner"] == "person"
    assert api.post(f"{conversation}take-over/").json()["owner_reason"] == "taken_over"
    assert api.post(f"{conversation}hand-back/").json()["owner"] == "bot"
    done = api.post(f"{conversation}done/").json()
    assert (done["done"], done["unanswered_since"]) == (True, None)
    reopened = api.post(f"{conversation}reopen/").json()
    assert reopened["done"] is False
    assert reopened["unanswered_since"]
    assert reopened == api.get(conversation).json()


def test_changes_of_another_organizations_objects_are_not_found(api: ApiClient, other_shop: Shop) -> None:
    theirs = other_shop.client().get("contacts/").json()["results"][0]["id"]

    for action in ("take-over", "hand-back", "done", "reopen", "messages"):
        assert api.post(f"conversations/{theirs}/{action}/", Idempotency_Key="a").status_code == 404
    assert api.patch(f"contacts/{theirs}/", {"alias": "x"}).status_code == 404
    assert api.post(f"contacts/{theirs}/notes/", {"text": "x"}).status_code == 404
    assert Contact.objects.exclude(alias="").count() == 0


def test_an_action_has_no_body(api: ApiClient, path: str) -> None:
    conversation = path.replace("contacts", "conversations")

    assert api.request("POST", f"{conversation}done/", b"").status_code == 200


def test_requests_that_change_something_have_a_limited_number_of_queries(api: ApiClient, path: str) -> None:
    """The services that pages call too need most of them: eleven to queue a message."""
    conversation = path.replace("contacts", "conversations")
    text = {"kind": "text", "body": "Oi"}
    changes = [(f"{path}notes/", {"text": "x"}, 10), (f"{conversation}done/", {}, 13), (f"{conversation}take-over/", {}, 8)]
    for where, body, limit in [*changes, (f"{conversation}messages/", text, 19)]:
        with CaptureQueriesContext(connection) as queries:
            assert api.post(where, body, Idempotency_Key="a").status_code in (200, 201)
        count = len([each for each in queries if "SAVEPOINT" not in each["sql"]])
        assert count <= limit, (where, count)


def test_lines_of_the_thread_name_the_key(api: ApiClient, path: str, shop: Shop) -> None:
    api.patch(path, {"who_answers": "bot"})
    api.post(f"{path}notes/", {"text": "ligar amanhã"})
    api.post(f"{path.replace('contacts', 'conversations')}take-over/")
    client = Client(headers={"Accept-Language": "en"})
    shop.admin.language = "en"
    shop.admin.save()
    client.force_login(shop.admin)

    page = html_of(client.get(f"/o/{shop.organization.pk}/inbox/{shop.contacts[0].pk}/"))

    assert "API key Loja took over the conversation" in page
    assert "API key Loja changed who answers" in page
    assert page.count("API key Loja") >= 3


def test_changes_of_members_by_the_api_name_no_key(shop: Shop) -> None:
    client = Client()
    client.force_login(shop.admin)
    contact = client.get("/api/v1/contacts/?search=Cliente").json()["results"][0]["id"]

    client.patch(f"/api/v1/contacts/{contact}/", {"alias": "Bia"}, content_type="application/json")

    assert set(ContactChange.objects.values_list("actor__name", "api_key")) == {("Ana", "")}
