"""Exports and proposed messages by the API."""

import gzip
import json
from typing import Any

import pytest

from api.conftest import ApiClient, Shop
from chats.exports.export_lane import LANE
from chats.models import Export, ProposedMessage

MESSAGES = {"content": "messages", "format": "jsonl"}


def work() -> None:
    while LANE.run_once():
        pass


def read(response: Any) -> bytes:
    assert response.status_code in (200, 206)
    return b"".join(response)


def test_a_program_starts_an_export_and_reads_its_file(api: ApiClient, shop: Shop) -> None:
    started = api.post("exports/", MESSAGES | {"number": shop.number.phone_number_id})
    assert started.status_code == 201
    address = f"exports/{started.json()['id']}/"
    assert started.json()["status"] == "queued"
    assert api.get(f"{address}file/").json()["code"] == "no_file"

    work()

    shown = api.get(address).json()
    assert (shown["status"], shown["percent"], shown["lines"]) == ("ready", 100, 3)
    packed = read(api.get(f"{address}file/"))
    lines = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
    assert [line["text"] for line in lines] == ["oi 2", "oi 1", "oi 0"]
    assert read(api.request("GET", f"{address}file/", Range="bytes=5-9")) == packed[5:10]


def test_an_export_is_deleted_by_the_api(api: ApiClient, shop: Shop) -> None:
    address = f"exports/{api.post('exports/', MESSAGES).json()['id']}/"
    work()

    assert api.request("DELETE", address).status_code == 204

    assert api.get(address).json()["status"] == "ended"
    assert api.get(f"{address}file/").status_code == 409


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"content": "webhooks"}, "content"),
        ({"format": "xlsx"}, "format"),
        ({"number": "unknown"}, "number"),
        ({"number": 7}, "number"),
        ({"label": "lab_x"}, "label"),
        ({"since": "ontem"}, "since"),
        ({"since": "2026-05-02T00:00:00Z", "until": "2026-05-01T00:00:00Z"}, "until"),
        ({"content": "contacts", "since": "2026-05-02T00:00:00Z"}, "since"),
        ({"language": "fr"}, "language"),
        ({"more": 1}, "more"),
    ],
)
def test_bad_input_names_its_field(api: ApiClient, changes: dict[str, Any], field: str) -> None:
    refused = api.post("exports/", MESSAGES | changes)

    assert refused.status_code == 400
    assert [each["field"] for each in refused.json()["errors"]] == [field]


def test_the_number_and_the_label_of_others_do_not_exist(api: ApiClient, other_shop: Shop) -> None:
    label = other_shop.client().get("labels/").json()["results"][0]["id"]

    for changes in ({"number": other_shop.number.phone_number_id}, {"label": label}):
        assert api.post("exports/", MESSAGES | changes).json()["errors"][0]["rule"] == "unknown_id"


def test_a_key_for_some_numbers_exports_only_these(shop: Shop) -> None:
    limited = shop.client(numbers=[shop.second.phone_number_id])

    assert limited.post("exports/", MESSAGES).json()["errors"][0]["field"] == "number"
    assert limited.post("exports/", MESSAGES | {"number": shop.number.phone_number_id}).status_code == 400
    assert limited.post("exports/", MESSAGES | {"number": shop.second.phone_number_id}).status_code == 201
    assert len(limited.get("exports/").json()["results"]) == 1
    assert Export.objects.count() == 2


def test_too_many_exports_are_a_conflict(api: ApiClient) -> None:
    for _ in range(4):
        assert api.post("exports/", MESSAGES).status_code == 201

    assert api.post("exports/", MESSAGES).json()["code"] == "too_many_exports"


def test_a_program_proposes_messages_and_sees_what_became_of_them(api: ApiClient, shop: Shop) -> None:
    contact = api.get("contacts/", search="Cliente 1").json()["results"][0]["id"]
    proposed = api.post(f"conversations/{contact}/proposals/", {"text": "Seu pedido saiu."})
    assert proposed.status_code == 201
    assert api.get(f"proposals/{proposed.json()['id']}/").json()["state"] == "proposed"

    ProposedMessage.objects.filter(contact=shop.contacts[1]).update(state="rejected")

    assert api.get(f"proposals/{proposed.json()['id']}/").json()["state"] == "rejected"
    assert [each["text"] for each in api.get(f"conversations/{contact}/proposals/").json()["results"]] == ["Seu pedido saiu."]


@pytest.mark.parametrize("text", ["", "  ", "a" * 4097, 7, None])
def test_a_bad_proposal_is_refused(api: ApiClient, text: Any) -> None:
    contact = api.get("contacts/", search="Cliente 1").json()["results"][0]["id"]

    assert api.post(f"conversations/{contact}/proposals/", {"text": text}).status_code == 400


def test_a_conversation_has_few_open_proposals(api: ApiClient) -> None:
    contact = api.get("contacts/", search="Cliente 1").json()["results"][0]["id"]
    statuses = [api.post(f"conversations/{contact}/proposals/", {"text": "oi"}).status_code for _ in range(6)]

    assert statuses == [201] * 5 + [409]
