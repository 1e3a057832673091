"""Numbers in URLs and forms: no page fails, whatever clients send."""

from urllib.parse import quote

import pytest
from django.contrib.admin import site
from django.db.models import BooleanField, JSONField, Model
from django.test import Client
from django.urls import reverse

from organizations.models import Role, User
from organizations.url_parameters import MAX_INTEGER, read_integer
from whatsapp_hub.tests.security.test_permissions import OF_ORGANIZATIONS, World

HOSTILE = ["9" * 5000, "9" * 19, str(2**64), "²", "٣", "-1", "1e5", " 1", "1_0", "0x1", "1\x00", "0" * 30, "NaN"]
NAMES = [
    "message",
    "reply",
    "unread",
    "shown",
    "added",
    "updated",
    "unchanged",
    "since",
    "open",
    "label",
    "had",
    "contact",
    "up_to",
    "quoted",
]
CURSORS = ["before", "from", "to", "after"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return World("Aroeira", "1")


@pytest.fixture
def creator(world: World) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(world.people[Role.USER_CREATOR])
    return client


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("7", 7), ("007", 7), (str(MAX_INTEGER), MAX_INTEGER), (str(MAX_INTEGER + 1), None), ("", None)]
)
def test_a_number_is_read_up_to_the_maximum_of_a_column(text: str, number: int | None) -> None:
    assert read_integer(text) == number


@pytest.mark.parametrize("text", HOSTILE)
def test_other_text_is_no_number(text: str) -> None:
    assert read_integer(text) is None or text == "0" * 30


@pytest.mark.django_db(transaction=True)  # closing a response, which may have a file, closes the connection too
@pytest.mark.parametrize(("route", "name"), OF_ORGANIZATIONS, ids=[name for _, name in OF_ORGANIZATIONS])
def test_no_page_fails_over_a_number(world: World, creator: Client, route: str, name: str) -> None:
    address = world.address(name)
    for text in HOSTILE:
        values = dict.fromkeys(NAMES, text) | dict.fromkeys(CURSORS, f"{text}-{text}") | {"do": f"label:{text}"}
        for response in (creator.get(address, values), creator.post(address, values)):
            response.close()
            assert response.status_code < 500, f"{name} with {text[:20]!r}"


def test_an_impossible_message_id_is_not_found(world: World, creator: Client) -> None:
    for name in ("conversation", "conversation_pane"):
        assert creator.get(world.address(name), {"message": "9" * 5000}).status_code == 404
        assert creator.get(world.address(name), {"message": world.ids["message_id"]}).status_code == 200


def test_the_admin_finds_nothing_for_an_impossible_id(world: World) -> None:
    User.objects.create_superuser("root@example.com", "uma-senha-longa-7")
    admin = Client(raise_request_exception=False)
    admin.force_login(User.objects.get(email="root@example.com"))
    lists = [
        "webhooks/webhook",
        "webhooks/helditem",
        "chats/message",
        "contacts/contact",
        "organizations/phonenumber",
        "organizations/user",
    ]
    for each in lists:
        for text in HOSTILE:
            assert admin.get(f"/admin/{each}/", {"q": text}).status_code < 500, f"{each} {text[:20]!r}"
            assert admin.get(f"/admin/{each}/", {"id": text}).status_code < 500, f"{each} {text[:20]!r}"
            assert admin.get(f"/admin/{each}/{quote(text, safe='')}/change/").status_code < 500, f"{each} {text[:20]!r}"
    assert admin.post(f"/admin/webhooks/webhook/{'9' * 5000}/apply-again/").status_code in (302, 404)


def operator() -> Client:
    admin = Client(raise_request_exception=False)
    admin.force_login(User.objects.create_superuser("root@example.com", "uma-senha-longa-7"))
    return admin


@pytest.mark.parametrize("model", [*site._registry], ids=lambda model: model.__name__)
def test_an_admin_list_is_empty_if_no_row_can_have_the_number(world: World, model: type[Model]) -> None:
    admin, address = operator(), reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    fields = [field for field in model._meta.get_fields() if not isinstance(field, JSONField | BooleanField)]
    for field in fields:
        for text, lookup in ((str(MAX_INTEGER + 1), ""), (str(MAX_INTEGER + 1), "__in"), (str(-MAX_INTEGER - 2), "__gt")):
            answer = admin.get(address, {f"{field.name}{lookup}": text})
            assert answer.status_code < 500, f"{field.name}{lookup}"
            if answer.status_code == 200 and lookup != "__gt":
                assert not answer.context["cl"].result_list, f"{field.name}{lookup}"


@pytest.mark.parametrize("model", [*site._registry], ids=lambda model: model.__name__)
def test_no_admin_page_fails_over_an_impossible_id_or_range(world: World, model: type[Model]) -> None:
    admin, name = operator(), f"admin:{model._meta.app_label}_{model._meta.model_name}"
    for page in ("change", "delete", "history"):
        assert admin.get(reverse(f"{name}_{page}", args=["9" * 21])).status_code in (302, 403, 404)
    assert admin.get(reverse(f"{name}_changelist"), {"pk__range": "1"}).status_code < 500


@pytest.mark.parametrize("text", ["9" * 19, "9" * 400, "-1", "x"])
def test_a_row_with_an_impossible_id_is_not_edited_in_a_list(world: World, text: str) -> None:
    form = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": text, "form-0-profile": "bot", "_save": "1"}
    assert operator().post("/admin/contacts/contact/", form).status_code == 404
