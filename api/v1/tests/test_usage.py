"""The usage of numbers: whole days, as many in a page as can be counted quickly, along an index."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api.conftest import ApiClient, Shop
from api.v1.administration import usage
from chats.models import Message, StatusEvent

ROWS = 3_000
DAYS = {"since": "2026-03-01", "until": "2026-03-31"}


def errors_of(response: Any) -> list[tuple[str, str]]:
    assert response.status_code == 400
    return [(each["field"], each["rule"]) for each in response.json()["errors"]]


def store(shop: Shop, count: int, *, first: datetime, step: timedelta) -> None:
    """Stores messages of customers, one after each step."""
    contact = shop.contacts[0]
    columns = {"phone_number": shop.number, "contact": contact, "wa_id": "1", "wa_id_received": "2", "is_user_message": True}
    columns |= {"origin": "live", "kind": "text", "content": "oi", "payload": {}, "message_status": "received"}
    columns |= {"session_id": uuid.uuid4(), "expires_at": first, "is_active": False}
    rows = (Message(**columns, wamid=f"wamid.{uuid.uuid4()}", create_in=first + index * step) for index in range(count))
    Message.objects.bulk_create(rows, batch_size=500)


def test_usage_counts_messages_of_each_day(api: ApiClient, shop: Shop) -> None:
    today = timezone.now().replace(hour=12)
    sent = shop.message(shop.contacts[0], "oi", today)
    sent.is_user_message, sent.message_status = False, "delivered"
    sent.save()
    StatusEvent.objects.create(
        phone_number=shop.number, wamid=sent.wamid, status="delivered", occurred_at=today, webhook_id=1,
        pricing={"billable": True, "type": "regular", "category": "utility"},
    )  # fmt: skip

    found = api.get("usage/", since=str((today - timedelta(days=1)).date())).json()["results"]

    own = next(each for each in found if each["day"] == str(today.date()) and each["number"] == shop.number.phone_number_id)
    assert (own["sent"], own["sent_by_status"], own["billed"]) == (1, {"delivered": 1}, {"utility": 1})
    assert sum(each["received"] for each in found) == 3
    assert shop.client(numbers=[shop.second.phone_number_id]).get("usage/").json()["results"] == []
    for query, rule in (({"since": "2026-03-02", "until": "2026-03-01"}, "order"), ({"since": "x"}, "invalid"),
                        ({"since": "2026-01-01", "until": "2026-03-01"}, "max_days")):  # fmt: skip
        assert errors_of(api.get("usage/", **query)) == [("since", rule)]


def test_a_page_counts_a_limited_number_of_messages_and_all_pages_have_each_day_once(
    api: ApiClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "MAX_COUNTED", 20)
    store(shop, 310, first=datetime(2026, 3, 1, tzinfo=UTC), step=timedelta(hours=2.4))
    days: list[tuple[str, int]] = []
    pages, cursor = 0, None
    while pages == 0 or cursor:
        page = api.get("usage/", **DAYS, **({"cursor": cursor} if cursor else {})).json()
        assert sum(each["received"] for each in page["results"]) <= 20
        days += [(each["day"], each["received"]) for each in page["results"]]
        pages, cursor = pages + 1, page["next_cursor"]

    assert days == [(f"2026-03-{day:02}", 10) for day in range(31, 0, -1)]
    assert pages > 15
    assert errors_of(api.get("usage/", **DAYS, cursor="cur_x")) == [("cursor", "invalid")]


@pytest.mark.django_db(transaction=True)  # MySQL commits before it analyzes a table
@pytest.mark.parametrize("most", [50_000, 500])
def test_usage_reads_no_other_days_and_no_whole_table(
    api: ApiClient, shop: Shop, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(usage, "MAX_COUNTED", most)
    store(shop, ROWS, first=datetime(2026, 1, 1, tzinfo=UTC), step=timedelta(hours=1))
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE TABLE chat_session_message")
    with CaptureQueriesContext(connection) as captured:
        assert api.get("usage/", since="2026-03-29", until="2026-03-31").json()["results"]

    assert len(captured) <= 10
    statements = [each["sql"] for each in captured.captured_queries if "chat_session_message" in each["sql"]]
    assert len(statements) >= 3
    for statement in statements:
        assert "message_latest" in explain(statement), statement


def explain(statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {'QUERY PLAN ' if connection.vendor == 'sqlite' else ''}{statement.replace('%', '%%')}")
        return str(cursor.fetchall())
