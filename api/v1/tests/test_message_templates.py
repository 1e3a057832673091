"""Message templates by the API: created and deleted at Meta, and filtered."""

from typing import Any

import pytest

from api.conftest import ApiClient, Shop
from chats.conftest import Meta, meta
from chats.models import MessageTemplate
from organizations.models import Organization, PhoneNumber

__all__ = ["meta"]

TEMPLATE = {
    "name": "pedido_pronto", "language": "pt_BR", "category": "UTILITY", "body": "Olá, {{1}}! O seu pedido está pronto.",
    "buttons": [{"kind": "URL", "text": "Acompanhar", "value": "https://example.com/pedidos"}], "examples": {"body_1": "Ana"},
}  # fmt: skip


@pytest.fixture
def own(meta: Meta, organization: Organization, numbers: dict[str, PhoneNumber]) -> ApiClient:
    """The client of a key of the organization whose numbers the stand-in has."""
    shop = Shop("Outra", "5561332199")
    shop.organization = organization
    return shop.client()


def test_a_template_is_created_and_deleted_at_meta(own: ApiClient, numbers: dict[str, PhoneNumber]) -> None:
    accounts = sorted({each.waba_id for each in numbers.values() if each.organization.activate})

    created = own.post("message-templates/", TEMPLATE | {"account": accounts[0]})

    assert created.status_code == 201, created.json()
    found = created.json()
    assert (found["name"], found["account"], found["components"][0]["type"]) == ("pedido_pronto", accounts[0], "BODY")
    assert own.post("message-templates/sync/").status_code == 202
    assert own.delete(f"message-templates/{found['id']}/?every_language=true").status_code == 204
    assert own.get(f"message-templates/{found['id']}/").status_code == 404
    assert not MessageTemplate.objects.filter(name="pedido_pronto").exists()


def test_what_meta_refuses_is_a_conflict_with_its_words(own: ApiClient, meta: Meta, numbers: dict[str, PhoneNumber]) -> None:
    account = min(each.waba_id for each in numbers.values())
    meta.fault("error:190", on="*")

    refused = own.post("message-templates/", TEMPLATE | {"account": account})

    assert (refused.status_code, refused.json()["code"]) == (409, "meta_refused")
    assert refused.json()["meta_code"] == 190


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"account": "another"}, "account", "unknown_id"),
        ({"name": "Com Espaço"}, "name", "invalid"),
        ({"examples": {}}, "examples.body_1", "invalid"),
        ({"buttons": [{"kind": "URL", "text": "Abrir", "value": "nada"}]}, "buttons.0.value", "invalid"),
        ({"buttons": [{"kind": "CALL", "text": "Abrir"}]}, "buttons.0.kind", "invalid_choice"),
        ({"category": "AUTHENTICATION"}, "category", "invalid_choice"),
        ({"status": "APPROVED"}, "status", "unknown"),
        ({"body": None}, "body", "null"),
    ],
)
def test_a_template_that_is_not_accepted_is_named_with_its_rule(
    api: ApiClient, shop: Shop, change: dict[str, Any], field: str, rule: str
) -> None:
    response = api.post("message-templates/", TEMPLATE | change)

    assert response.status_code == 400
    assert [(each["field"], each["rule"]) for each in response.json()["errors"]] == [(field, rule)]


def test_without_a_token_nothing_is_created(api: ApiClient) -> None:
    refused = api.post("message-templates/", TEMPLATE)

    assert (refused.status_code, refused.json()["code"]) == (409, "no_access_token")


def test_templates_are_filtered(api: ApiClient) -> None:
    queries = (({"category": "UTILITY"}, 1), ({"language": "en"}, 0), ({"account": "another"}, 0), ({"name": "pedido"}, 1))
    for query, count in queries:
        assert len(api.get("message-templates/", **query).json()["results"]) == count
