"""What administrators do by the API: labels, canned replies, numbers, bots, the webhook log."""

from typing import Any

import pytest

from api.conftest import ApiClient, Shop, ids_of
from bots.models import AutomaticMessages, Bot
from chats.models import CannedReply
from contacts.models import Label, Note
from jobs.models import State
from organizations.audit.actions import AuditAction
from organizations.models import AuditEntry, PhoneNumber
from webhooks.models import HeldItem, Webhook

FLOW = {
    "format": 1, "name": "Boas-vindas", "start": "hello", "settings": {},
    "steps": [
        {"id": "hello", "type": "send", "next": "wait",
         "message": {"type": "buttons", "text": "Olá!", "buttons": [{"id": "prices", "title": "Preços"}]}},
        {"id": "wait", "type": "wait", "next": "branch"},
        {"id": "branch", "type": "branch", "otherwise": "person",
         "cases": [{"when": {"type": "choice", "id": "prices"}, "next": "end"}]},
        {"id": "person", "type": "hand_over"},
        {"id": "end", "type": "end"},
    ],
}  # fmt: skip


@pytest.fixture
def ids(shop: Shop) -> dict[str, str]:
    return ids_of(shop)


def errors_of(response: Any) -> list[tuple[str, str]]:
    return [(each["field"], each["rule"]) for each in response.json()["errors"]]


def test_a_label_is_added_changed_and_deleted(api: ApiClient, shop: Shop) -> None:
    created = api.post("labels/", {"name": "Fiado", "colour": "red"})
    path = f"labels/{created.json()['id']}/"

    assert (created.status_code, created.json()["colour"]) == (201, "red")
    assert api.patch(path, {"name": "Cliente antigo"}).json()["name"] == "Cliente antigo"
    assert api.get(path).json() == {"id": created.json()["id"], "name": "Cliente antigo", "colour": "red"}
    assert errors_of(api.post("labels/", {"name": "vip"})) == [("name", "invalid")]
    assert errors_of(api.post("labels/", {"name": "x", "colour": "pink"})) == [("colour", "invalid_choice")]
    assert errors_of(api.patch(path, {"name": "a,b"})) == [("name", "invalid")]
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404
    assert Label.objects.filter(organization=shop.organization).count() == 1


def test_a_canned_reply_is_added_changed_and_deleted(api: ApiClient, shop: Shop) -> None:
    created = api.post("canned-replies/", {"shortcut": "/Horario", "text": "Das 7h às 19h."})
    path = f"canned-replies/{created.json()['id']}/"

    assert (created.status_code, created.json()["shortcut"]) == (201, "horario")
    assert api.patch(path, {"text": "Das 7h às 20h."}).json()["text"] == "Das 7h às 20h."
    assert [each["shortcut"] for each in api.get("canned-replies/", shortcut="pix").json()["results"]] == ["pix"]
    assert errors_of(api.post("canned-replies/", {"shortcut": "pix", "text": "x"})) == [("shortcut", "invalid")]
    assert errors_of(api.patch(path, {"shortcut": "a b"})) == [("shortcut", "invalid")]
    assert api.delete(path).status_code == 204
    assert CannedReply.objects.filter(organization=shop.organization).count() == 1


def test_a_key_for_some_numbers_changes_nothing_that_all_numbers_share(shop: Shop, ids: dict[str, str]) -> None:
    client = shop.client(numbers=[shop.number.phone_number_id])

    refused = [
        client.post("labels/", {"name": "Fiado"}),
        client.delete(f"labels/{ids['label_id']}/"),
        client.post(f"bots/{ids['bot_id']}/publish/"),
        client.get("webhooks/"),
    ]

    assert [(each.status_code, each.json()["code"]) for each in refused] == [(403, "key_is_limited")] * 4
    assert client.get("labels/").status_code == 200
    assert client.patch(f"numbers/{shop.number.phone_number_id}/", {"name": "Loja"}).status_code == 200
    assert client.get(f"numbers/{shop.second.phone_number_id}/").status_code == 404


def test_a_note_is_changed_and_deleted_by_its_author_or_an_administrator(api: ApiClient, shop: Shop, ids: dict[str, str]) -> None:
    path = f"notes/{ids['note_id']}/"
    Note.objects.update(author=None)
    sender = shop.client(["read", "send"])

    assert [sender.patch(path, {"text": "x"}).json()["code"], sender.delete(path).json()["code"]] == ["not_the_author"] * 2
    assert api.patch(path, {"text": "prefere Pix"}).json()["text"] == "prefere Pix"
    entry = AuditEntry.objects.get(action=AuditAction.NOTE_CHANGED)
    assert (entry.actor_kind, entry.actor_label, entry.changes) == ("key", "Loja", {"note": None})
    assert errors_of(api.patch(path, {"text": " "})) == [("text", "blank")]
    Note.objects.update(author=shop.admin)
    assert sender.delete(path).status_code == 204
    assert api.get(path).status_code == 404


def test_a_number_is_read_with_its_health_and_changed(api: ApiClient, shop: Shop, ids: dict[str, str]) -> None:
    path = f"numbers/{shop.number.phone_number_id}/"

    body = {"name": "  Loja  centro ", "read_receipts": False, "default_who_answers": "bot", "bot": ids["bot_id"]}
    changed = api.patch(path, body)

    found = changed.json()
    assert changed.status_code == 200
    assert (found["name"], found["read_receipts"], found["bot"]) == ("Loja centro", False, shop.bot.key)
    assert (found["events"], found["stopped_at"], found["quality"]) == ([], None, "")
    assert api.patch(path, {"active": False, "bot": None}).json()["state"] == "off"
    assert not PhoneNumber.objects.get(pk=shop.number.pk).default_bot
    assert errors_of(api.patch(path, {"ai": ids["bot_id"]})) == [("ai", "unknown_id")]
    assert errors_of(api.patch(path, {"meta_token": "x"})) == [("meta_token", "unknown")]
    assert api.post(f"{path}resume/").status_code == 200


def test_automatic_messages_are_switched(api: ApiClient, shop: Shop) -> None:
    path = f"numbers/{shop.number.phone_number_id}/automatic-messages/"

    assert errors_of(api.patch(path, {"greeting": True})) == [("greeting", "no_text")]
    AutomaticMessages.objects.create(number=shop.number, greeting={"kind": "text", "text": "Olá!"})
    assert api.patch(path, {"greeting": True, "handed_over": False}).json()["greeting"] is True
    found = api.get(path).json()
    assert (found["greeting"], found["handed_over"], found["messages"]["greeting"]["text"]) == (True, False, "Olá!")
    assert errors_of(api.patch(path, {"greeting": 1})) == [("greeting", "invalid")]


def test_a_bot_is_created_published_restored_and_deleted(api: ApiClient, shop: Shop) -> None:
    created = api.post("bots/", {"flow": FLOW})
    bot = created.json()
    path = f"bots/{bot['id']}/"
    assert (created.status_code, bot["name"], bot["published_version"], bot["draft_changed"]) == (201, "Boas-vindas", None, True)

    published = api.post(f"{path}publish/").json()
    assert (published["published_version"], published["draft_changed"]) == (1, False)
    changed = api.patch(path, {"flow": FLOW | {"name": "Outro"}}).json()
    assert (changed["name"], changed["draft_changed"]) == ("Outro", True)
    versions = api.get(f"{path}versions/").json()["results"]
    assert [(each["number"], each["published_by"], each["flow"]["name"]) for each in versions] == [(1, "Ana", "Boas-vindas")]
    assert api.post(f"{path}versions/{versions[0]['id']}/restore/").json()["draft"]["name"] == "Boas-vindas"
    assert api.patch(f"numbers/{shop.number.phone_number_id}/", {"bot": bot["id"]}).status_code == 200
    in_use = api.delete(path)
    assert (in_use.status_code, in_use.json()["code"], in_use.json()["numbers"]) == (
        409,
        "bot_in_use",
        [shop.number.phone_number_id],
    )
    assert api.post(f"{path}unpublish/").json()["published_version"] is None
    api.patch(f"numbers/{shop.number.phone_number_id}/", {"bot": None})
    assert api.delete(path).status_code == 204
    assert [each["key"] for each in api.get("bots/", kind="flow").json()["results"]] == [shop.bot.key]


def test_a_flow_that_is_not_accepted_is_named_with_its_problems(api: ApiClient, ids: dict[str, str]) -> None:
    assert errors_of(api.post("bots/", {"flow": {"format": 2}}))[0][0] == "flow"
    assert errors_of(api.post("bots/", {"flow": [1]})) == [("flow", "type")]
    broken = FLOW | {"start": "nowhere"}
    bot = api.post("bots/", {"flow": broken}).json()["id"]
    refused = api.post(f"bots/{bot}/publish/")
    assert (refused.status_code, refused.json()["code"]) == (409, "cannot_publish")
    assert refused.json()["problems"]
    assert api.post(f"bots/{bot}/try/").json()["code"] == "cannot_publish"


def test_a_conversation_with_a_draft_stores_nothing(api: ApiClient) -> None:
    path = f"bots/{api.post('bots/', {'flow': FLOW}).json()['id']}/try/"

    first = api.post(path, {"messages": ["Oi"], "open": True}).json()
    tapped = api.post(path, {"tap": "prices", "state": first["state"]}).json()
    person = api.post(path, {"messages": ["+30", "[image]"], "state": first["state"]}).json()

    assert [(each["side"], each["text"]) for each in first["lines"]][:2] == [("customer", "Oi"), ("bot", "Olá!")]
    assert first["lines"][1]["choices"] == [{"id": "prices", "title": "Preços"}]
    assert (first["step"], tapped["handed_over"], person["handed_over"]) == ("wait", False, True)
    assert errors_of(api.post(path, {"state": "x"})) == [("state", "invalid")]
    assert errors_of(api.post(path, {"tap": "nothing"})) == [("tap", "unknown_id")]
    assert errors_of(api.post(path, {"messages": ["x"] * 51})) == [("messages", "max_length")]
    assert Bot.objects.filter(published=None).count() == 2


def test_a_webhook_is_read_and_applied_again(api: ApiClient, shop: Shop, ids: dict[str, str]) -> None:
    path = f"webhooks/{ids['webhook_id']}/"
    HeldItem.objects.create(
        webhook=shop.webhook, position="0.1", cause="unreadable", organization_id=shop.organization.pk, reason="x"
    )
    other = Webhook.objects.create(organization_id=shop.organization.pk, json="é", size=2, state=State.DONE)

    assert [each["held_count"] for each in api.get("webhooks/").json()["results"]] == [0, 1]
    page = api.get("webhooks/", limit=1).json()
    assert api.get("webhooks/", cursor=page["next_cursor"]).json()["results"][0]["id"] == ids["webhook_id"]
    assert [each["id"] for each in api.get("webhooks/", show="problems").json()["results"]] == [ids["webhook_id"]]
    assert [each["position"] for each in api.get(path).json()["held_items"]] == ["0.1"]
    assert api.get(f"{path}body/").content == b"{}"
    assert (api.post(f"{path}apply-again/").status_code, api.get(path).json()["state"]) == (202, "due")
    assert Webhook.objects.get(pk=other.pk).state == State.DONE


def test_the_organization_is_read(api: ApiClient, shop: Shop) -> None:
    found = api.get("organization/").json()

    assert (found["name"], found["country"]) == ("Padaria", "BR")
    assert found["storage_used"] == shop.media.size
