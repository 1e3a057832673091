"""Messages and conversations by the API: search, statuses, sending again, sessions, and what is read."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from api.conftest import ApiClient, Shop, ids_of
from chats.models import Message, MessageStatus, StatusEvent
from contacts.models import Contact
from organizations.models import PhoneNumber
from webhooks.models import Webhook


@pytest.fixture
def ids(shop: Shop) -> dict[str, str]:
    return ids_of(shop)


def send(api: ApiClient, ids: dict[str, str], key: str = "1") -> tuple[Any, Message]:
    """Returns the response of a sent text, and its row."""
    path = f"conversations/{ids['contact_id']}/messages/"
    found = api.post(path, {"kind": "text", "body": "Seu pedido saiu."}, Idempotency_Key=key).json()
    return found, Message.objects.get(is_user_message=False, callback_data__isnull=False)


def test_messages_are_filtered(api: ApiClient, shop: Shop, ids: dict[str, str]) -> None:
    path = f"conversations/{ids['contact_id']}/messages/"
    send(api, ids)
    times = [each.create_in for each in shop.messages]

    def texts(**query: Any) -> list[str]:
        return [each["text"] for each in api.get(path, **query).json()["results"]]

    assert texts(from_customer="false") == ["Seu pedido saiu."]
    assert texts(from_customer="true") == ["oi 0", "oi 1", "oi 2"]
    assert texts(session=str(shop.messages[1].session_id)) == ["oi 1"]
    assert texts(sent_since=times[1].isoformat(), sent_before=times[0].isoformat()) == ["oi 1"]
    for query in ({"from_customer": "yes"}, {"session": "x"}, {"sent_since": "yesterday"}, {"status": "x"}):
        refused = api.get(path, **query)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, next(iter(query)))


def test_messages_are_found_by_their_texts(api: ApiClient, shop: Shop, other_shop: Shop) -> None:
    shop.message(shop.contacts[1], "Quero pão de queijo", timezone.now())
    shop.message(shop.elsewhere, "Tem pão?", timezone.now() - timedelta(hours=1))
    other_shop.message(other_shop.contacts[0], "pão da concorrência", timezone.now())

    def texts(client: ApiClient, **query: Any) -> list[str]:
        return [each["text"] for each in client.get("messages/", **query).json()["results"]]

    assert texts(api, search="pao") == ["Quero pão de queijo", "Tem pão?"]
    assert texts(api, search="pao", number=shop.second.phone_number_id) == ["Tem pão?"]
    assert texts(shop.client(numbers=[shop.number.phone_number_id]), search="pao") == ["Quero pão de queijo"]
    assert texts(api, search="pao", number="another") == []
    assert api.get("messages/").json()["errors"][0]["rule"] == "required"
    assert api.get("messages/", search="x").json()["errors"][0]["rule"] == "min_length"


def test_statuses_have_what_meta_reported(api: ApiClient, shop: Shop, ids: dict[str, str]) -> None:
    found, row = send(api, ids)
    path = f"messages/{found['id']}/"
    assert api.get(f"{path}statuses/").json()["results"] == []
    Message.objects.filter(pk=row.pk).update(wamid="wamid.sent")
    for minute, status in enumerate(("sent", "delivered")):
        StatusEvent.objects.create(
            phone_number=shop.number, wamid="wamid.sent", status=status, webhook_id=1, pricing={"category": "utility"},
            occurred_at=timezone.now() + timedelta(minutes=minute),
        )  # fmt: skip

    statuses = api.get(f"{path}statuses/").json()["results"]

    assert [(each["status"], each["pricing"]) for each in statuses] == [(s, {"category": "utility"}) for s in ("sent", "delivered")]


def test_a_failed_message_is_sent_again_once(api: ApiClient, ids: dict[str, str]) -> None:
    found, row = send(api, ids)
    path = f"messages/{found['id']}/send-again/"
    assert api.post(path).json()["code"] == "cannot_send_again"
    Message.objects.filter(pk=row.pk).update(message_status=MessageStatus.FAILED, errors=[{"code": 131000}])

    first, second = api.post(path), api.post(path)

    assert (first.status_code, second.json()["id"]) == (201, first.json()["id"])
    assert (first.json()["status"], first.json()["origin"], first.json()["text"]) == ("queued", "api", "Seu pedido saiu.")
    assert Message.objects.get(resends=row).written_by is None
    Message.objects.filter(resends=row).delete()
    Contact.objects.update(last_customer_message_at=timezone.now() - timedelta(days=2))
    assert api.post(path).json()["code"] == "window_closed"
    PhoneNumber.objects.update(activate=False)
    assert api.post(path).json()["code"] == "number_off"


def test_an_uncertain_message_is_settled(api: ApiClient, ids: dict[str, str]) -> None:
    found, row = send(api, ids)
    path = f"messages/{found['id']}/mark-as-sent/"
    assert api.post(path).json()["status"] == "queued"
    Message.objects.filter(pk=row.pk).update(message_status=MessageStatus.UNCERTAIN)

    assert api.post(path).json()["status"] == "sent"


def test_sessions_are_listed(api: ApiClient, shop: Shop, ids: dict[str, str]) -> None:
    sessions = api.get(f"conversations/{ids['contact_id']}/sessions/").json()["results"]

    assert [each["id"] for each in sessions] == [str(each.session_id) for each in shop.messages]
    assert {each["message_count"] for each in sessions} == {1}


def test_a_conversation_is_marked_as_unread_and_read(api: ApiClient, shop: Shop, ids: dict[str, str]) -> None:
    path = f"conversations/{ids['contact_id']}/"
    webhook = Webhook.objects.create(json="{}", size=2)
    assert api.post(f"{path}unread/").json()["code"] == "nothing_to_read"
    Message.objects.filter(pk=shop.messages[0].pk).update(webhook_id=webhook.pk)

    assert api.post(f"{path}unread/").json()["unread_count"] == 1
    assert api.post(f"{path}read/").json()["unread_count"] == 0
    api.patch(f"contacts/{ids['contact_id']}/", {"blocked": True})
    assert api.post(f"{path}unread/").status_code == 409
