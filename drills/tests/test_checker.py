"""The checker fails when something is lost or doubled: otherwise a drill that passes says nothing."""

import random

import pytest
from django.db import connection

from benchmarks.environment import databases
from benchmarks.load import bodies
from benchmarks.load.bodies import NUMBER
from drills.checker import StoredAnswer, StoredWebhooks, check_answers, check_deliveries, read_webhooks
from drills.report import Result, table
from drills.traffic.deliveries import Delivery, text_message

ONE = Delivery(b"", "a" * 64, ("wamid.1",), (("wamid.2", "read"),))
STORED = StoredWebhooks(bodies={ONE.digest}, unapplied=set(), messages={"wamid.1": 1}, statuses={("wamid.2", "read"): 1})


def replaced(**parts):
    return StoredWebhooks(**(STORED.__dict__ | parts))


def test_what_is_stored_and_applied_once_is_neither_lost_nor_doubled() -> None:
    found = check_deliveries([ONE], STORED)
    assert (found.lost, found.doubled, found.untrue) == ([], [], [])


@pytest.mark.parametrize("missing", [{"bodies": set()}, {"messages": {}}, {"statuses": {}}])
def test_what_was_acknowledged_and_is_missing_is_lost(missing) -> None:
    assert len(check_deliveries([ONE], replaced(**missing)).lost) == 1


def test_an_item_that_is_visibly_dead_or_held_is_not_lost() -> None:
    assert not check_deliveries([ONE], replaced(messages={}, statuses={}, unapplied={ONE.digest})).lost


@pytest.mark.parametrize("more", [{"messages": {"wamid.1": 2}}, {"statuses": {("wamid.2", "read"): 2}}, {"wrong_counts": [7]}])
def test_what_was_applied_twice_is_doubled(more) -> None:
    found = check_deliveries([ONE], replaced(**more))
    assert (found.lost, len(found.doubled)) == ([], 1)


@pytest.mark.parametrize(
    ("stored", "at_graph", "lost", "doubled", "untrue"),
    [
        ({"t": StoredAnswer("sent")}, {"t": 1}, 0, 0, 0),
        ({"t": StoredAnswer("queued")}, {}, 0, 0, 0),
        ({"t": StoredAnswer("uncertain")}, {"t": 1}, 0, 0, 0),
        ({"t": StoredAnswer("uncertain")}, {}, 0, 0, 0),
        ({}, {}, 1, 0, 0),
        ({"t": StoredAnswer("sent")}, {"t": 2}, 0, 1, 0),
        ({"t": StoredAnswer("sent", rows=2)}, {"t": 1}, 0, 1, 0),
        ({"t": StoredAnswer("sent")}, {}, 0, 0, 1),
        ({"t": StoredAnswer("queued")}, {"t": 1}, 0, 0, 1),
        ({"t": StoredAnswer("sending")}, {"t": 1}, 0, 0, 1),
    ],
)
def test_answers_are_sent_once_and_their_status_is_true(stored, at_graph, lost, doubled, untrue) -> None:
    found = check_answers(["t"], stored, at_graph)
    assert (len(found.lost), len(found.doubled), len(found.untrue)) == (lost, doubled, untrue)


def test_a_drill_fails_if_anything_is_lost_doubled_or_wrong() -> None:
    results = [Result("good"), Result("lost", lost=1), Result("doubled", doubled=1), Result("wrong", problems=["a reason"])]
    assert [each.is_passed for each in results] == [True, False, False, False]
    assert table(results).count("FAILED") == 3
    assert "wrong: a reason" in table(results)


TABLES = {
    "webhook": ("id", "json", "raw", "state"),
    "webhook_held_item": ("webhook_id",),
    "chat_session_message": ("id", "phone_number_id", "contact_id", "wamid", "is_user_message", "origin"),
    "chat_status_event": ("phone_number_id", "wamid", "status"),
    "contacts": ("id", "create_for_phone_number", "unread_count", "read_webhook_id"),
}
"""The columns that the checker reads."""


@pytest.fixture
def hub_rows(tmp_path):
    """The columns that the checker reads, with one applied message."""
    database = databases.sqlite(tmp_path / "hub.sqlite3")
    sent = text_message(NUMBER, bodies.person(1), "wamid.1", random.Random(1))
    body = sent.request.partition(b"\r\n\r\n")[2].decode()
    with database.connect() as rows:
        for table_name, columns in TABLES.items():
            rows.execute(f"CREATE TABLE {table_name} ({', '.join(columns)})")
        rows.execute("INSERT INTO webhook VALUES (1, ?, NULL, 'done')", [body])
        rows.execute("INSERT INTO contacts VALUES (1, ?, 1, 0)", [NUMBER.phone_number_id])
        rows.execute("INSERT INTO chat_session_message VALUES (1, ?, 1, 'wamid.1', 1, 'live')", [NUMBER.phone_number_id])
    return database, sent


def check(database, sent):
    found = check_deliveries([sent], read_webhooks(database, [NUMBER.phone_number_id]))
    return len(found.lost), len(found.doubled)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE webhook SET state = 'done'", (0, 0)),
        ("DELETE FROM webhook", (1, 0)),
        ("UPDATE webhook SET json = replace(json, 'wamid.1', 'wamid.9')", (1, 0)),
        ("DELETE FROM chat_session_message", (1, 1)),
        ("UPDATE contacts SET unread_count = 2", (0, 1)),
        ("INSERT INTO chat_session_message SELECT 2, phone_number_id, 1, wamid, 1, 'live' FROM chat_session_message", (0, 2)),
    ],
)
def test_a_row_that_is_lost_or_doubled_is_found(hub_rows, statement, expected) -> None:
    database, sent = hub_rows
    with database.connect() as rows:
        rows.execute(statement)
    assert check(database, sent) == expected


def test_the_messages_of_a_dead_webhook_are_visible(hub_rows) -> None:
    database, sent = hub_rows
    with database.connect() as rows:
        rows.execute("DELETE FROM chat_session_message")
        rows.execute("UPDATE contacts SET unread_count = 0")
        rows.execute("UPDATE webhook SET state = 'dead'")
    assert check(database, sent) == (0, 0)


@pytest.mark.django_db
@pytest.mark.parametrize("name", TABLES)
def test_the_columns_that_the_checker_reads_are_the_hubs(name) -> None:
    with connection.cursor() as cursor:
        columns = {each.name for each in connection.introspection.get_table_description(cursor, name)}
    assert set(TABLES[name]) <= columns
