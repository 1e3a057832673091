"""Consents of a contact by the API, and marketing templates that they refuse."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from api.conftest import ApiClient, Shop
from chats.models import Message, MessageTemplate
from contacts.models import ConsentDecision

NEW = {"purpose": "marketing", "decision": "granted", "form": "https://padaria.example", "wording": "Quero receber ofertas."}


@pytest.fixture
def contact(api: ApiClient) -> str:
    return str(next(each["id"] for each in api.get("contacts/").json()["results"] if each["name"] == "Cliente 0"))


def test_a_consent_is_recorded_and_listed(api: ApiClient, contact: str, shop: Shop) -> None:
    created = api.post(f"contacts/{contact}/consents/", NEW)

    assert created.status_code == 201
    found = created.json()
    assert {name: found[name] for name in NEW} == NEW
    assert (found["source"], found["wamid"], found["number"], found["recorded_by"]) == (
        "api",
        "",
        shop.number.phone_number_id,
        "Ana",
    )
    assert found["recorded_at"] == found["decided_at"]
    assert api.get(f"contacts/{contact}/consents/").json()["results"] == [found]


def test_a_withdrawal_stops_marketing_until_a_later_consent(api: ApiClient, contact: str) -> None:
    def is_stopped() -> bool:
        return bool(api.get(f"contacts/{contact}/").json()["marketing_stopped"])

    api.post(f"contacts/{contact}/consents/", NEW | {"decision": "withdrawn"})
    assert is_stopped()
    earlier = (timezone.now() - timedelta(days=1)).isoformat()
    api.post(f"contacts/{contact}/consents/", NEW | {"decided_at": earlier})
    assert is_stopped(), "the consent is older than the withdrawal"
    api.post(f"contacts/{contact}/consents/", NEW)
    assert not is_stopped()
    assert [each["decision"] for each in api.get(f"contacts/{contact}/consents/").json()["results"]] == [
        "granted",
        "granted",
        "withdrawn",
    ]


@pytest.mark.parametrize("purpose", ["service", "Lista de espera"])
def test_other_purposes_do_not_concern_marketing(api: ApiClient, contact: str, purpose: str) -> None:
    created = api.post(f"contacts/{contact}/consents/", NEW | {"purpose": purpose, "decision": "withdrawn"})

    assert created.json()["purpose"] == purpose
    assert not api.get(f"contacts/{contact}/").json()["marketing_stopped"]


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"purpose": " "}, "purpose", "invalid"),
        ({"purpose": "\u200b"}, "purpose", "invalid"),
        ({"purpose": "x" * 61}, "purpose", "max_length"),
        ({"purpose": None}, "purpose", "null"),
        ({"decision": "maybe"}, "decision", "invalid_choice"),
        ({"decision": True}, "decision", "invalid_choice"),
        ({"decided_at": "yesterday"}, "decided_at", "invalid"),
        ({"decided_at": "2999-01-01T00:00:00Z"}, "decided_at", "out_of_range"),
        ({"decided_at": "1999-12-31T23:59:59Z"}, "decided_at", "out_of_range"),
        ({"decided_at": "0001-01-01T00:00:00Z"}, "decided_at", "out_of_range"),
        ({"decided_at": "0001-01-01T00:00:00+14:00"}, "decided_at", "overflow"),
        ({"wording": "a\x00b"}, "wording", "null_characters_not_allowed"),
        ({"wording": "\ud800"}, "wording", "surrogate_characters_not_allowed"),
        ({"form": ""}, "form", "blank"),
        ({"form": "x" * 201}, "form", "max_length"),
        ({"form": 1}, "form", "invalid"),
        ({"wording": "x" * 2001}, "wording", "max_length"),
        ({"source": "word"}, "source", "unknown"),
        ({"wamid": "wamid.1"}, "wamid", "unknown"),
    ],
)
def test_an_odd_consent_is_refused(api: ApiClient, contact: str, change: dict[str, Any], field: str, rule: str) -> None:
    response = api.post(f"contacts/{contact}/consents/", NEW | change)

    assert response.status_code == 400
    assert [(each["field"], each["rule"]) for each in response.json()["errors"]] == [(field, rule)]
    assert not ConsentDecision.objects.exists()


def test_a_recorded_consent_cannot_be_changed_or_deleted(api: ApiClient, contact: str) -> None:
    created = api.post(f"contacts/{contact}/consents/", NEW).json()

    for path in (f"contacts/{contact}/consents/", f"contacts/{contact}/consents/{created['id']}/"):
        assert api.request("DELETE", path).status_code in (404, 405)
        assert api.patch(path, {"decision": "withdrawn"}).status_code in (404, 405)


def test_the_scope_and_the_number_of_the_key_count(shop: Shop, other_shop: Shop, contact: str) -> None:
    path = f"contacts/{contact}/consents/"

    assert shop.client(["read"]).get(path).status_code == 200
    assert shop.client(["read"]).post(path, NEW).status_code == 403
    assert shop.client(["send"]).post(path, NEW).status_code == 201
    elsewhere = shop.client(numbers=[shop.second.phone_number_id])
    assert (elsewhere.get(path).status_code, elsewhere.post(path, NEW).status_code) == (404, 404)
    assert other_shop.client().get(path).status_code == 404


def test_a_marketing_template_to_somebody_who_has_stopped_is_a_conflict(api: ApiClient, contact: str, shop: Shop) -> None:
    MessageTemplate.objects.create(
        organization=shop.organization, waba_id=shop.number.waba_id, name="oferta", language="pt_BR", status="APPROVED",
        category="MARKETING", components=[{"type": "BODY", "text": "Pão!"}], reported_at=timezone.now(),
    )  # fmt: skip
    withdrawn = api.post(f"contacts/{contact}/consents/", NEW | {"decision": "withdrawn"}).json()
    path, offer = f"conversations/{contact}/messages/", {"kind": "template", "name": "oferta", "language": "pt_BR"}

    refused = api.post(path, offer | {"take_over": True}, Idempotency_Key="1")

    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["marketing_source"]) == (409, "marketing_refused", "api")
    assert problem["marketing_stopped_at"] == withdrawn["decided_at"]
    assert withdrawn["decided_at"] in problem["detail"]
    assert api.get(f"conversations/{contact}/").json()["owner"] == "person"
    assert not Message.objects.filter(is_user_message=False).exists()

    api.post(f"contacts/{contact}/consents/", NEW)
    assert api.post(path, offer, Idempotency_Key="1").status_code == 201, "the key was not used up"
