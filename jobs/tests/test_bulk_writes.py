"""Many rows in one statement: what is read afterwards is what the rows had, whatever their values have in common."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from chats.models import Message, Origin
from contacts.models import Contact
from jobs.bulk_writes import insert_missing_rows, insert_rows, update_columns, update_rows
from organizations.models import Organization, PhoneNumber

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEXTS = ["", "0", "1", "NULL", "100 %s of %(all)s %", 'it\'s; "so" \\ -- #', "ação 🎉", "two\nlines\t", "x" * 5000]


@pytest.fixture
def number(organization: Organization) -> PhoneNumber:
    return PhoneNumber.objects.create(organization=organization, phone_number_id="5243", wa_id="556133214400")


@pytest.fixture
def contact(number: PhoneNumber) -> Contact:
    return Contact.objects.create(create_for_phone_number=number, wa_id="556191110000", create_in=NOON)


def message(contact: Contact, index: int, **values: Any) -> Message:
    defaults: dict[str, Any] = {
        "phone_number": contact.create_for_phone_number,
        "contact": contact,
        "wamid": f"wamid.{index}",
        "wa_id": "556191110000",
        "wa_id_received": "556133214400",
        "is_user_message": True,
        "origin": Origin.LIVE,
        "kind": "text",
        "content": "oi",
        "payload": {},
        "message_status": "received",
        "session_id": uuid.UUID(int=7),
        "expires_at": NOON,
        "is_active": True,
        "create_in": NOON,
        "updated_at": NOON,
    }
    return Message(**defaults | values)


def stored(*columns: str) -> list[tuple[Any, ...]]:
    return list(Message.objects.order_by("pk").values_list(*columns))


def test_each_row_keeps_its_own_values(contact: Contact) -> None:
    payloads: list[Any] = ["", {}, [], "NULL", 0, False, {"a": [None, "ç", 1.5]}, "", {"%s": "%"}]
    columns = ("content", "payload", "is_active", "create_in", "session_id", "webhook_id", "flow_state", "target_wamid")
    rows = [
        message(
            contact,
            index,
            content=text,
            payload=payload,
            is_active=index % 2 == 0,
            create_in=NOON + timedelta(microseconds=index),
            session_id=uuid.UUID(int=index),
            webhook_id=index or None,
            flow_state={"step": index} if index % 3 else None,
            target_wamid=None if index % 4 else "wamid.0",
        )
        for index, (text, payload) in enumerate(zip(TEXTS, payloads, strict=True))
    ]
    expected = [tuple(getattr(row, column) for column in columns) for row in rows]
    insert_rows(rows)
    assert stored(*columns) == expected
    assert Message.objects.filter(flow_state__isnull=True).count() == 3


@pytest.mark.parametrize(
    ("column", "first", "other"),
    [
        ("is_active", False, True),
        ("webhook_id", 7, 8),
        ("webhook_id", None, 7),
        ("content", "", "oi"),
        ("payload", "", {"a": 1}),
        ("flow_state", None, {"a": 1}),
    ],
)
def test_a_value_between_two_equal_ones_is_its_own(contact: Contact, column: str, first: object, other: object) -> None:
    values = [first, other, first]
    insert_rows([message(contact, index, **{column: value}) for index, value in enumerate(values)])
    assert stored(column) == [(value,) for value in values]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("count", [1, 3])
def test_what_all_rows_have_in_common_is_stored_in_each(contact: Contact, count: int, text: str) -> None:
    insert_rows(
        [message(contact, index, content=text, quoted_wamid="", webhook_id=None, is_active=False) for index in range(count)]
    )
    assert (
        stored("content", "quoted_wamid", "webhook_id", "is_active", "payload", "create_in")
        == [(text, "", None, False, {}, NOON)] * count
    )


@pytest.mark.parametrize("word", ["0", "007", "1e3"])
def test_a_common_number_of_a_text_stays_a_text(contact: Contact, word: str) -> None:
    insert_rows([message(contact, index, kind=word, content="7") for index in range(3)])
    assert stored("kind", "content") == [(word, "7")] * 3


def insert_and_count(rows: list[Message]) -> list[int]:
    """Inserts the rows, and returns how many values each statement has."""
    sent: list[int] = []

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        sent.append(len(params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        insert_rows(rows)
    return sent


def test_values_that_rows_have_in_common_are_not_sent_for_each_row(contact: Contact) -> None:
    alike = insert_and_count([message(contact, index) for index in range(500)])
    different = [message(contact, index, quoted_wamid=f"wamid.{index}", is_active=index % 2 == 0) for index in range(500, 1000)]
    assert insert_and_count(different) == [alike[0] + 2 * 500]


def test_many_long_rows_become_several_statements_of_a_size_that_servers_accept(contact: Contact) -> None:
    rows = [message(contact, index, content="x" * (2**20 + index)) for index in range(7)]
    with CaptureQueriesContext(connection) as queries:
        insert_rows(rows)
    assert len(queries) == 4  # 3 MiB at most: two in each, and one
    assert [len(content) for (content,) in stored("content")] == [2**20 + index for index in range(7)]


def test_a_row_that_is_too_long_for_a_statement_is_alone_in_its_own(contact: Contact) -> None:
    lengths = [1, 2**22, 2, 2**22]
    with CaptureQueriesContext(connection) as queries:
        insert_rows([message(contact, index, content="x" * length) for index, length in enumerate(lengths)])
    assert len(queries) == 4
    assert [len(content) for (content,) in stored("content")] == lengths


def test_more_values_than_a_statement_may_have_are_divided(contact: Contact) -> None:
    texts = ("wamid", "content", "quoted_wamid", "target_wamid", "kind", "group_id", "api_key_name")  # and the id of the webhook
    rows = [message(contact, index, webhook_id=index, **dict.fromkeys(texts, str(index))) for index in range(4_000)]
    sent = insert_and_count(rows)
    assert len(sent) > 1
    assert max(sent) <= 30_000
    assert stored("wamid", "content", "webhook_id") == [(str(index), str(index), index) for index in range(4_000)]


def test_an_insert_of_no_rows_is_no_statement(contact: Contact) -> None:
    with CaptureQueriesContext(connection) as queries:
        insert_rows([])
        insert_missing_rows([])
        update_rows([], ["content"])
        update_columns(Message, ["content"], {})
    assert len(queries) == 0


def test_one_bad_row_leaves_none(contact: Contact) -> None:
    insert_rows([message(contact, 1)])
    with pytest.raises(IntegrityError):
        insert_rows([message(contact, 2), message(contact, 1), message(contact, 3)])
    assert stored("wamid") == [("wamid.1",)]


def test_missing_rows_are_added_and_the_others_stay_as_they_are(contact: Contact) -> None:
    insert_rows([message(contact, 1, content="first")])
    insert_missing_rows([message(contact, index, content="second") for index in (1, 2)])
    assert stored("wamid", "content") == [("wamid.1", "first"), ("wamid.2", "second")]


@pytest.mark.parametrize("count", [1, 2, 300])
def test_an_update_writes_the_named_columns_of_each_row_and_no_other(contact: Contact, count: int) -> None:
    insert_rows([message(contact, index) for index in range(count)])
    rows = list(Message.objects.order_by("pk"))
    for index, row in enumerate(rows):
        row.content, row.webhook_id, row.kind = f"{index} %s", index or None, "image"
    update_rows(rows, ["content", "webhook_id"])
    assert stored("content", "webhook_id", "kind") == [(f"{index} %s", index or None, "text") for index in range(count)]


@pytest.mark.parametrize("count", [1, 2, 450])
def test_columns_are_updated_whether_their_values_differ_or_not(contact: Contact, count: int) -> None:
    insert_rows([message(contact, index) for index in range(count)])
    ids = list(Message.objects.order_by("pk").values_list("pk", flat=True))
    update_columns(Message, ["kind", "webhook_id"], {pk: ("video", index) for index, pk in enumerate(ids)})
    assert stored("kind", "webhook_id", "content") == [("video", index, "oi") for index in range(count)]
    update_columns(Message, ["kind", "webhook_id"], {pk: (f"kind{index}", None) for index, pk in enumerate(ids)})
    assert stored("kind", "webhook_id", "content") == [(f"kind{index}", None, "oi") for index in range(count)]
    values = {pk: (None if index % 2 else 7,) for index, pk in enumerate(ids)}
    update_columns(Message, ["webhook_id"], values)
    assert stored("webhook_id") == list(values.values())
