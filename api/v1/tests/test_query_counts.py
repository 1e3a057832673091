"""How many statements an operation sends to the database: not more than ten, but for what a message itself needs."""

import re
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from api.conftest import ApiClient, Shop, ids_of
from api.models import Scope
from api.sending.examples import MESSAGES
from api.v1.tests.test_permission_walk import OPERATIONS, filled, read_file

MOST = 10
TRANSACTION = ("SAVEPOINT", "RELEASE")
"""What begins and ends a transaction within that of the test."""
TEXT = MESSAGES["A text"]


def statements(captured: CaptureQueriesContext) -> list[str]:
    """Returns the statements without those that begin and end transactions."""
    return [each["sql"] for each in captured.captured_queries if not each["sql"].startswith(TRANSACTION)]


@pytest.fixture
def ids(shop: Shop) -> dict[str, str]:
    return ids_of(shop)


def count_send(api: ApiClient, ids: dict[str, str], body: dict[str, Any], key: str = "") -> CaptureQueriesContext:
    """Sends a text and then this message. Returns what the second one cost."""
    path = f"conversations/{ids['contact_id']}/messages/"
    assert api.post(path, TEXT, Idempotency_Key="first").status_code == 201
    with CaptureQueriesContext(
        connection,
    ) as captured:
        response = api.post(path, body, Idempotency_Key=key or str(uuid.uuid4()))
    assert response.status_code == 201, response.json()
    return captured


@pytest.mark.parametrize("name", [each for each in MESSAGES if "takes the conversation over" not in each])
def test_a_message_of_each_kind_takes_ten_statements_and_one_transaction(api: ApiClient, ids: dict[str, str], name: str) -> None:
    captured = count_send(api, ids, MESSAGES[name])

    of_template = 1 if MESSAGES[name]["kind"] == "template" else 0
    assert len(statements(captured)) == MOST + of_template, "\n".join(statements(captured))
    assert len(captured) - len(statements(captured)) == len(TRANSACTION)


def test_each_statement_of_a_message_has_its_purpose(api: ApiClient, ids: dict[str, str]) -> None:
    words = (re.match(r'(\w+) [^"`]*["`](\w+)["`]', each) for each in statements(count_send(api, ids, TEXT)))

    assert [match.groups() for match in words if match] == [
        ("SELECT", "api_key"),
        ("UPDATE", "api_key_use"),
        ("SELECT", "contacts"),
        ("SELECT", "contacts"),
        ("INSERT", "api_send_request"),
        ("UPDATE", "chat_turn"),
        ("UPDATE", "contacts"),
        ("INSERT", "chat_session_message"),
        ("INSERT", "chat_outgoing"),
        ("UPDATE", "organization_revision"),
    ]


EXTRA: list[tuple[str, dict[str, Any], int]] = [
    ("a quote", TEXT | {"quoted": "message_id"}, 1),
    ("a reaction", {"kind": "reaction", "message": "message_id", "emoji": "👍"}, 4),
    ("an uploaded file", {"kind": "document", "media": "media_id"}, 2),
]


@pytest.mark.parametrize(("body", "extra"), [each[1:] for each in EXTRA], ids=[each[0] for each in EXTRA])
def test_what_a_message_refers_to_costs_more(api: ApiClient, ids: dict[str, str], body: dict[str, Any], extra: int) -> None:
    named = {name: ids.get(value, value) for name, value in body.items() if isinstance(value, str)}
    captured = count_send(api, ids, body | named)

    assert len(statements(captured)) == MOST + extra, "\n".join(statements(captured))


def test_a_repeated_request_takes_four_statements(api: ApiClient, ids: dict[str, str]) -> None:
    captured = count_send(api, ids, TEXT, "first")

    assert len(captured) == 4


READS = [(route, scope) for route, method, scope in OPERATIONS if method == "GET"]


@pytest.mark.parametrize(("route", "scope"), READS)
def test_reading_takes_at_most_ten_statements(shop: Shop, ids: dict[str, str], route: str, scope: Scope) -> None:
    client = shop.client([scope.value])
    client.get("labels/")
    with CaptureQueriesContext(connection) as captured:
        read_file(client.get(filled(route, ids)))

    assert len(captured) <= MOST, "\n".join(each["sql"] for each in captured.captured_queries)
