"""Lists and single objects: pages, filters, fields, ETags, and objects of other organizations."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api.conftest import ApiClient, Shop
from contacts.models import Contact
from organizations.models import Role

MAX_QUERIES = 10
LISTS = [
    *("numbers/", "contacts/", "labels/", "conversations/", "message-templates/", "canned-replies/", "members/"),
    *("media/", "bots/", "webhooks/"),
]


def ids_of(api: ApiClient, path: str) -> list[str]:
    return [each["id"] for each in api.get(path).json()["results"]]


def paths_of_objects(api: ApiClient) -> list[str]:
    """Returns the path of one object of each kind, and of the lists below it."""
    contact = next(each["id"] for each in api.get("contacts/").json()["results"] if each["name"] == "Cliente 0")
    message = ids_of(api, f"conversations/{contact}/messages/")[0]
    template = ids_of(api, "message-templates/")[0]
    return [
        f"contacts/{contact}/",
        f"contacts/{contact}/notes/",
        f"conversations/{contact}/",
        f"conversations/{contact}/messages/",
        f"messages/{message}/",
        f"message-templates/{template}/",
    ]


@pytest.mark.parametrize("path", LISTS)
def test_a_list_has_only_objects_of_the_organization(api: ApiClient, other_shop: Shop, path: str) -> None:
    own, theirs = api.get(path).json()["results"], other_shop.client().get(path).json()["results"]

    assert own
    assert not {each["id"] for each in own} & {each["id"] for each in theirs}


def test_objects_of_another_organization_are_not_found(api: ApiClient, other_shop: Shop) -> None:
    theirs = other_shop.client()
    paths = paths_of_objects(theirs)

    assert [theirs.get(path).status_code for path in paths] == [200] * len(paths)
    assert [api.get(path).status_code for path in paths] == [404] * len(paths)
    assert [api.get(path).json()["code"] for path in paths] == ["not_found"] * len(paths)


def test_no_request_needs_many_queries(api: ApiClient, shop: Shop) -> None:
    paths = [*LISTS, *paths_of_objects(api), "contacts/?search=cliente", "conversations/?show=unanswered"]

    for path in paths:
        with CaptureQueriesContext(connection) as queries:
            assert api.get(path).status_code == 200
        assert len(queries) <= MAX_QUERIES, path


@pytest.mark.parametrize("path", ["contacts/", "conversations/"])
def test_pages_have_each_object_once(api: ApiClient, path: str) -> None:
    found: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(4):
        page = api.get(path, limit=1, **cursor).json()
        found += [each["name"] for each in page["results"]]
        cursor = {"cursor": page["next_cursor"]}

    assert sorted(found) == ["Cliente 0", "Cliente 1", "Cliente 2", "Outro"]
    assert page["next_cursor"] is None


def test_in_the_fixed_order_a_contact_that_writes_meanwhile_is_not_missed(api: ApiClient, shop: Shop) -> None:
    first = api.get("contacts/", order="added", limit=2).json()
    Contact.objects.filter(pk=shop.contacts[2].pk).update(last_message_timestamp=timezone.now())
    second = api.get("contacts/", order="added", limit=2, cursor=first["next_cursor"]).json()

    assert [each["name"] for each in first["results"] + second["results"]] == ["Cliente 0", "Cliente 1", "Cliente 2", "Outro"]
    assert second["next_cursor"] is None


def test_each_order_has_cursors_of_its_own(api: ApiClient, shop: Shop) -> None:
    Contact.objects.update(last_message_timestamp=None)  # cursors of the latest first are ids then
    latest, added = (api.get("contacts/", order=order, limit=1).json()["next_cursor"] for order in ("latest", "added"))

    assert api.get("contacts/", order="added", cursor=latest).status_code == 400
    assert api.get("contacts/", order="latest", cursor=added).status_code == 400


def test_the_fixed_order_keeps_to_the_filters(api: ApiClient, shop: Shop) -> None:
    Contact.objects.filter(pk=shop.contacts[0].pk).update(last_message_timestamp=None)

    def names(**parameters: Any) -> list[str]:
        return [each["name"] for each in api.get("contacts/", order="added", **parameters).json()["results"]]

    assert names(number=shop.number.phone_number_id) == ["Cliente 0", "Cliente 1", "Cliente 2"]
    assert names(label=ids_of(api, "labels/")[0]) == ["Cliente 0"]
    assert names(owner="waiting") == []


def test_messages_are_read_from_the_newest_back(api: ApiClient) -> None:
    path = paths_of_objects(api)[3]

    first = api.get(path, limit=2).json()
    second = api.get(path, limit=2, cursor=first["next_cursor"]).json()

    assert [each["text"] for each in first["results"] + second["results"]] == ["oi 0", "oi 1", "oi 2"]
    assert second["next_cursor"] is None
    assert first["results"][0]["sent_at"].endswith("Z")
    assert first["results"][0]["status"] == "received"


def test_small_lists_have_pages_too(api: ApiClient, shop: Shop) -> None:
    shop.member(Role.USER)

    first = api.get("members/", limit=1).json()
    second = api.get("members/", limit=1, cursor=first["next_cursor"]).json()

    assert [each["role"] for each in first["results"] + second["results"]] == ["user_admin", "user"]
    assert second["next_cursor"] is None


def test_a_cursor_of_another_organization_or_list_is_refused(api: ApiClient, other_shop: Shop) -> None:
    theirs = other_shop.client().get("contacts/", limit=1).json()["next_cursor"]

    for cursor in (theirs, "cur_x", "x", "\x00"):
        response = api.get("contacts/", cursor=cursor)
        assert response.status_code == 400
        assert response.json()["errors"][0]["field"] == "cursor"


def test_filters_select(api: ApiClient, shop: Shop) -> None:
    label = ids_of(api, "labels/")[0]
    Contact.objects.filter(pk=shop.contacts[1].pk).update(owner="waiting", owner_since=timezone.now(), waiting_since=None)

    def names(**parameters: Any) -> list[str]:
        return sorted(each["name"] for each in api.get("conversations/", **parameters).json()["results"])

    assert names(label=label) == ["Cliente 0"]
    assert names(number=shop.second.phone_number_id) == ["Outro"]
    assert names(owner="waiting") == ["Cliente 1"]
    assert names(show="waiting_for_person") == ["Cliente 1"]
    assert names(show="unanswered") == ["Cliente 0", "Cliente 2", "Outro"]
    assert names(search="client") == ["Cliente 0", "Cliente 1", "Cliente 2"]
    assert names(search="client", number=shop.second.phone_number_id) == []
    assert names(who_answers="bot") == []


@pytest.mark.parametrize(
    ("parameters", "field", "rule"),
    [
        ({"colour": "red"}, "colour", "unknown"),
        ({"limit": "0"}, "limit", "min_value"),
        ({"limit": "101"}, "limit", "max_value"),
        ({"limit": "x"}, "limit", "invalid"),
        ({"limit": ["1", "2"]}, "limit", "repeated"),
        ({"owner": "nobody"}, "owner", "invalid_choice"),
        ({"show": "everything"}, "show", "invalid_choice"),
        ({"label": "lab_x"}, "label", "unknown_id"),
        ({"order": "name"}, "order", "invalid_choice"),
        ({"order": "added", "search": "ana"}, "order", "conflict"),
        ({"order": "added", "show": "unread"}, "order", "conflict"),
        ({"search": "x" * 101}, "search", "max_length"),
        ({"search": "\x00"}, "search", "null_characters_not_allowed"),
        ({"fields": "id,secret"}, "fields", "unknown"),
        ({"fields": ""}, "fields", "blank"),
    ],
)
def test_a_parameter_that_is_not_accepted_is_named_with_its_rule(
    api: ApiClient, parameters: dict[str, Any], field: str, rule: str
) -> None:
    response = api.get("contacts/", **parameters)

    assert response.status_code == 400
    problem = response.json()
    assert problem["code"] == "invalid"
    assert [(each["field"], each["rule"]) for each in problem["errors"]] == [(field, rule)]
    assert problem["errors"][0]["detail"]


def test_texts_of_the_api_are_english_in_any_language(shop: Shop, api: ApiClient) -> None:
    response = api.request("GET", "contacts/?owner=nobody", Accept_Language="pt-BR")

    assert response.json()["errors"][0]["detail"] == '"nobody" is not a valid choice.'


@pytest.mark.parametrize("path", LISTS)
def test_a_list_has_only_the_fields_that_were_asked_for(api: ApiClient, path: str) -> None:
    assert {tuple(each) for each in api.get(path, fields="id").json()["results"]} == {("id",)}


def test_an_object_that_has_not_changed_is_304(api: ApiClient, shop: Shop) -> None:
    for path in paths_of_objects(api):
        first = api.get(path)
        again = api.request("GET", path, If_None_Match=first["ETag"])
        assert (again.status_code, again.content) == (304, b"")
        assert "no-store" not in first["Cache-Control"]
    path = paths_of_objects(api)[0]
    tag = api.get(path)["ETag"]
    Contact.objects.filter(pk=shop.contacts[0].pk).update(alias="Ana")
    changed = api.request("GET", path, If_None_Match=tag)
    assert changed.status_code == 200
    assert changed.json()["name"] == "Ana"


def test_a_contact_has_its_fields(api: ApiClient, shop: Shop) -> None:
    contact = shop.contacts[0]
    found = api.get(paths_of_objects(api)[0]).json()

    assert found["wa_id"] == contact.wa_id
    assert found["number"] == shop.number.phone_number_id
    assert found["labels"] == ids_of(api, "labels/")
    assert (found["who_answers"], found["owner"], found["blocked"]) == ("human", "person", False)
    assert contact.window_expires_at
    assert found["window_closes_at"] == contact.window_expires_at.isoformat().replace("+00:00", "Z")


def test_a_conversation_has_its_last_message(api: ApiClient) -> None:
    found = api.get(paths_of_objects(api)[2]).json()

    assert found["last_message"]["text"] == "oi 0"
    assert (found["window_open"], found["done"], found["unread_count"]) == (True, False, 1)


def test_head_is_like_get_without_a_body(api: ApiClient) -> None:
    response = api.request("HEAD", "labels/")

    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(("method", "path"), [("PUT", "contacts/"), ("DELETE", "contacts/"), ("OPTIONS", "contacts/")])
def test_other_methods_are_refused(api: ApiClient, method: str, path: str) -> None:
    response = api.request(method, path)

    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("path", ["x/", "contacts", "contacts/con_x/", "messages/msg_%00/", "messages/%FF/", "contacts/../x/"])
def test_what_does_not_exist_is_a_404_document(api: ApiClient, path: str) -> None:
    response = api.get(path)

    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"
