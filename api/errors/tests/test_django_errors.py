"""Requests below /api/ that fail outside the views of the API get problem documents, and pages stay pages."""

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from api.conftest import Shop
from api.errors.problems import problem_response
from conftest import without_table
from contacts.models import ContactWord


def problem_of(response: Any) -> tuple[int, str, str]:
    return response.status_code, response["Content-Type"], response.json()["code"]


@pytest.mark.parametrize("path", ["/api/", "/api/v2/contacts/", "/api/x"])
def test_another_version_is_a_404_document(db: None, path: str) -> None:
    assert problem_of(Client().get(path)) == (404, "application/problem+json", "no_such_url")


def test_a_page_that_does_not_exist_stays_a_page(db: None) -> None:
    assert Client().get("/nothing/")["Content-Type"].startswith("text/html")


def test_another_host_is_a_400_document(db: None) -> None:
    response = Client().get("/api/v1/labels/", headers={"Host": "evil.example.net"})

    assert problem_of(response) == (400, "application/problem+json", "bad_request")


def test_an_error_of_the_hub_is_a_500_document_without_its_cause(transactional_db: None) -> None:
    key = Shop("Padaria", "5561332100").key()
    client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {key}"})

    with without_table(ContactWord):
        response = client.get("/api/v1/contacts/?search=maria")

    assert problem_of(response) == (500, "application/problem+json", "internal_error")
    assert "contact_word" not in response.content.decode()


@pytest.mark.parametrize(
    ("code", "status"),
    [(2013, 503), (2006, 503), (2003, 503), (1213, 503), (1047, 503), (1054, None)],
    ids=["lost", "gone", "not there", "deadlock", "outside its cluster", "unknown column"],
)
def test_a_lost_database_is_a_503_that_asks_for_a_repetition(code: int, status: int | None) -> None:
    response = problem_response(OperationalError(code, "what the server said"), {})

    assert (response.status_code if response else None) == status
    if response:
        assert response["Retry-After"] == "5"
        assert "said" not in str(response.data)
