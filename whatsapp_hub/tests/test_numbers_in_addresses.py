"""Numbers in URLs and forms: no page fails, whatever clients send."""

import pytest
from django.test import Client

from organizations.models import Role, User
from organizations.url_parameters import MAX_INTEGER, read_integer
from whatsapp_hub.tests.test_permissions import OF_ORGANIZATIONS, World

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
        assert admin.get(f"/admin/{each}/{'9' * 5000}/change/").status_code in (302, 404)
    assert admin.post(f"/admin/webhooks/webhook/{'9' * 5000}/apply-again/").status_code in (302, 404)
