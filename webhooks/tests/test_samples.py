"""Delivers every sample body, and compares all rows with `samples.json`, which has one line a body."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Model

from chats.models import Message, StatusEvent
from conftest import PAYLOADS, apply_all, payload
from contacts.models import Contact
from organizations.models import AccountEvent
from webhooks.models import HeldItem, Webhook
from webhooks.tests.reasons import in_english

SAMPLES: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("samples.json").read_text())
USUAL = ["live", "received"]


def listed(model: type[Model], *columns: str, order: str = "pk") -> list[list[Any]]:
    return [list(row) for row in model._default_manager.order_by(order, "pk").values_list(*columns)]


def left() -> dict[str, Any]:
    """Returns the rows of the tables, in the form of `samples.json`."""
    messages = listed(Message, "kind", "content", "wa_id", "wa_id_received", "origin", "message_status", order="create_in")
    found = {
        "contacts": listed(Contact, "wa_id", "bsuid", "name", "username"),
        "messages": [row[:4] if row[4:] == USUAL else row for row in messages],
        "statuses": [
            [event.status, event.participant, event.pricing is not None, [each["code"] for each in event.errors or ()]]
            for event in StatusEvent.objects.order_by("pk")
        ],
        "events": listed(AccountEvent, "field", "event", "waba_id", "phone_number"),
        "held": [[*row, in_english(reason)] for *row, reason in listed(HeldItem, "position", "state", "reason")],
        "dead": in_english(Webhook.objects.get().reason) if Webhook.objects.get().state == "dead" else None,
    }
    return {key: each for key, each in found.items() if each}


def test_every_sample_has_its_line() -> None:
    files = {str(path.relative_to(PAYLOADS)) for path in PAYLOADS.rglob("*.*")}
    assert files == set(SAMPLES)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_stored_as_listed(hub, numbers, name) -> None:
    hub.deliver(payload(name))
    apply_all()
    assert left() == SAMPLES[name]
    assert Webhook.objects.get().body == payload(name)


@pytest.mark.parametrize(
    "name", [name for name, rows in SAMPLES.items() if "messages" in rows and not name.startswith("malformed")]
)
def test_a_message_keeps_its_whole_api_object_and_its_time(hub, numbers, name) -> None:
    delivered = {each["id"]: each for each in _objects(json.loads(payload(name))) if "id" in each and "timestamp" in each}
    hub.deliver(payload(name))
    apply_all()
    rows = list(Message.objects.all())
    assert [row.payload for row in rows] == [delivered[row.wamid.removesuffix(":connect")] for row in rows]
    assert [int(row.create_in.timestamp()) for row in rows] == [int(row.payload["timestamp"]) for row in rows]


def _objects(value: Any) -> list[dict[str, Any]]:
    """All objects in it, at any depth."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [*([value] if isinstance(value, dict) else []), *(found for each in inner for found in _objects(each))]


ALONE = [name for name, rows in SAMPLES.items() if len(rows.get("messages", ())) == 1]


@pytest.mark.parametrize("name", ALONE)
def test_a_single_message_has_a_session_of_24_hours_unless_it_is_a_notice(hub, numbers, name) -> None:
    hub.deliver(payload(name))
    apply_all()
    row = Message.objects.get()
    assert row.expires_at - row.create_in == timedelta(hours=0 if row.kind == "system" else 24)


@pytest.mark.parametrize("name", ALONE)
def test_the_window_is_opened_by_what_a_customer_wrote_to_the_number(hub, numbers, name) -> None:
    hub.deliver(payload(name))
    apply_all()
    row = Message.objects.get()
    opens = row.is_user_message and row.kind != "system" and not row.group_id
    assert Contact.objects.get().window_expires_at == (row.create_in + timedelta(hours=24) if opens else None)
    assert opens == (name[:2] not in ("25", "26", "27", "28", "36", "80", "81"))


def test_imported_history_opens_no_window_and_no_session(hub, numbers) -> None:
    hub.deliver(payload("83_history_chunk.json"))
    apply_all()
    contact = Contact.objects.get()
    assert (contact.window_expires_at, contact.session_id, contact.session_is_active) == (None, None, False)
    assert [row.expires_at - row.create_in for row in Message.objects.all()] == [timedelta(0)] * 2
    assert not Message.objects.filter(is_active=True).exists()


@pytest.mark.parametrize(
    ("name", "column", "path"),
    [
        ("02_text_reply.json", "quoted_wamid", ("context", "id")),
        ("19_button_template_quick_reply.json", "quoted_wamid", ("context", "id")),
        ("17_reaction.json", "target_wamid", ("reaction", "message_id")),
        ("18_reaction_removed.json", "target_wamid", ("reaction", "message_id")),
        ("33_edit_text.json", "target_wamid", ("edit", "original_message_id")),
        ("35_revoke.json", "target_wamid", ("revoke", "original_message_id")),
        ("36_group_text.json", "group_id", ("group_id",)),
    ],
)
def test_a_message_names_what_it_is_about(hub, numbers, name, column, path) -> None:
    hub.deliver(payload(name))
    apply_all()
    row = Message.objects.get()
    delivered = row.payload
    for step in path:
        delivered = delivered[step]
    assert getattr(row, column) == delivered
