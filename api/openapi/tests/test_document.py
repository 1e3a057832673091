"""The OpenAPI document and its page."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from api.conftest import Shop, ids_of
from api.openapi.document import openapi_document
from api.openapi.reference import read_reference
from api.sending.message_kinds import KINDS
from conftest import html_of
from organizations.models import PhoneNumber, Role

pytestmark = pytest.mark.django_db


def test_the_document_is_valid_and_made_without_warnings(tmp_path, capsys) -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "openapi.yml"))

    assert openapi_document()["openapi"] == "3.1.1"


def test_everybody_gets_the_document(client: Client) -> None:
    response = client.get("/api/v1/schema/")

    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    document = json.loads(response.content)
    assert document["paths"].keys() == openapi_document()["paths"].keys()
    assert client.get("/api/v1/schema/", headers={"If-None-Match": response["ETag"]}).status_code == 304


def test_the_page_shows_every_operation_and_object(shop: Shop) -> None:
    client = Client()
    client.force_login(shop.admin)

    page = html_of(client.get(f"/o/{shop.organization.pk}/settings/api-keys/reference/"))

    reference = read_reference(openapi_document())
    operations = [each for group in reference.operations.values() for each in group]
    assert len(operations) >= 70
    for operation in operations:
        assert operation.path in page
        assert not operation.response or f'href="#object-{operation.response}"' in page
    for each in reference.objects:
        assert f'id="object-{each.name}"' in page


def test_objects_describe_themselves_and_not_the_code() -> None:
    described = [each for each in read_reference(openapi_document()).objects if each.fields]

    assert len(described) > 30
    for each in described:
        assert each.description, each.name
        assert "context" not in each.description
        assert "Refuses unknown" not in each.description


def examples() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yields method, path and body of each example of a request."""
    for path, methods in openapi_document()["paths"].items():
        for method, described in methods.items():
            content = described.get("requestBody", {}).get("content", {}).get("application/json", {})
            yield from ((method.upper(), path, each["value"]) for each in content.get("examples", {}).values())


def test_the_examples_of_the_document_work(shop: Shop) -> None:
    PhoneNumber.objects.create(organization=shop.organization, phone_number_id="385012774910236", wa_id="556133214499")
    api, ids = shop.client(), ids_of(shop)
    found = list(examples())

    for index, (method, path, body) in enumerate(found):
        url = path.removeprefix("/api/v1/").format(**ids)
        response = api.request(method, url, json.dumps(body).encode(), Idempotency_Key=str(index))
        is_accepted = response.status_code in (200, 201) or response.json()["code"] == "no_access_token"
        assert is_accepted, (path, body, response.content)
    assert {body["kind"] for _, path, body in found if path.endswith("}/messages/")} | {"reaction"} == set(KINDS)
    paths = ("contacts/", "contacts/{contact_id}/notes/", "bots/", "message-templates/", "numbers/{number_id}/")
    assert {path for _, path, _ in found} >= {f"/api/v1/{path}" for path in paths}


def test_members_who_are_no_administrators_do_not_see_the_page(shop: Shop) -> None:
    client = Client()
    client.force_login(shop.member(Role.USER))

    assert client.get(f"/o/{shop.organization.pk}/settings/api-keys/reference/").status_code == 403
