"""The bodies of requests that no test of the lane looks at."""

import json
import uuid
from typing import Any

import pytest
from django.utils import timezone

from bots.webhook_bots.payloads import test_body as body_of_a_test
from bots.webhook_bots.payloads import turn_body
from bots.webhook_bots.settings import WebhookSettings
from chats.models import Message
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber

KEY = uuid.UUID("0c2f5d0e-6f9b-4a54-9a9e-6a5b7b1b9a10")
ORGANIZATION = Organization(pk=7, organization_name="Aroeira")


def body_of(*rows: Message, settings: WebhookSettings | None = None, **contact: Any) -> dict[str, Any]:
    number = PhoneNumber(organization=ORGANIZATION, phone_number_id="1", wa_id="556133214400", name="Loja", is_simulated=True)
    person = Contact(pk=1, **contact)
    return turn_body(contact=person, number=number, labels={"b", "a"}, rows=rows, key=KEY, settings=settings or WebhookSettings())


def message(kind: str, payload: dict[str, object], content: str = "") -> Message:
    return Message(wamid="w1", kind=kind, content=content, payload=payload, create_in=timezone.now())


def test_a_test_has_the_fields_of_a_request_and_says_that_it_is_one() -> None:
    settings = WebhookSettings(hub_url="https://hub.example/")
    test = body_of_a_test(organization=ORGANIZATION, key=KEY, settings=settings, now=timezone.now())
    real = body_of(message("text", {}, "oi"), settings=settings)
    assert (test["test"], real["test"]) == (True, False)
    assert test["callback_url"] == real["callback_url"] == f"https://hub.example/bots/callbacks/{KEY}/"
    for name, part in real.items():
        if isinstance(part, dict):
            assert set(test[name]) == set(part)
    assert set(test) == set(real)
    assert set(test["messages"][0]) == set(real["messages"][0])
    json.dumps(test)


def test_without_the_address_of_the_hub_there_is_only_the_path_of_the_call_back() -> None:
    body = body_of(message("text", {}, "oi"))
    assert (body["callback_url"], body["callback_path"]) == (None, f"/bots/callbacks/{KEY}/")


def test_a_contact_without_phone_and_session_has_null() -> None:
    body = body_of(message("text", {}, "oi"), bsuid="BR.1", username="ana")
    assert body["contact"] == {"id": 1, "wa_id": None, "user_id": "BR.1", "name": "", "labels": ["a", "b"]}
    assert body["session"] == {"id": None, "expires_at": None, "window_closes_at": None}
    assert body["number"] == {"phone_number_id": "1", "phone": "556133214400", "name": "Loja", "is_simulated": True}


@pytest.mark.parametrize(
    ("row", "text", "choice"),
    [
        (message("text", {"text": {"body": "oi"}}, "oi"), "oi", None),
        (message("button", {"button": {"text": "Sim", "payload": "yes"}}, "Sim"), "Sim", "yes"),
        (message("image", {"image": {"id": "1", "caption": "olha"}}, "olha"), "olha", None),
        (message("audio", {"audio": {"id": "1"}}, "Áudio"), "", None),
        (message("contacts", {"contacts": []}, "Ana Lima"), "Ana Lima", None),
        (message("unknown", {"unknown": "?"}, ""), "", None),
        (message("interactive", {"interactive": "?"}, "?"), "?", None),
    ],
)
def test_the_text_of_each_kind_is_what_can_be_read(row, text, choice) -> None:
    (found,) = body_of(row)["messages"]
    assert (found["text"], found["choice_id"]) == (text, choice)


def test_a_location_of_any_form_is_passed_on_without_objects() -> None:
    (found,) = body_of(message("location", {"location": {"latitude": "1", "name": {"a": 1}}}, "x"))["messages"]
    assert found["location"] == {"latitude": "1"}
