"""The body of a request to a webhook bot, and that of a test (docs/bots.md)."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.urls import reverse

from bots.flows.customer_answers import read_message
from bots.webhook_bots.settings import WebhookSettings
from chats.media.message_files import FILE_KINDS
from chats.models import Message
from cloud_api.payloads.texts import file_name, mapping, text
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber

VERSION = 1
MESSAGE_RECEIVED = "message.received"
LOCATION_FIELDS = ("latitude", "longitude", "name", "address")
TEST_CONTACT = {
    "id": 0,
    "wa_id": "5511900000000",
    "user_id": None,
    "name": "Test",
    "labels": [],
}
TEST_NUMBER = {"phone_number_id": "0", "phone": "551130000000", "name": "Test", "is_simulated": True}
TEST_TEXT = "This is a test of WhatsApp Hub. Nobody reads your answer."


def turn_body(
    *,
    contact: Contact,
    number: PhoneNumber,
    labels: Collection[str],
    rows: Sequence[Message],
    key: uuid.UUID,
    settings: WebhookSettings,
) -> dict[str, Any]:
    """Returns the body for a customer's messages that came together, in order of time."""
    return {
        **_envelope(key, settings, rows[-1].create_in),
        "organization": _organization(number.organization),
        "number": {
            "phone_number_id": number.phone_number_id,
            "phone": number.wa_id,
            "name": number.name or number.wa_id,
            "is_simulated": number.is_simulated,
        },
        "contact": {
            "id": contact.pk,
            "wa_id": contact.wa_id,
            "user_id": contact.bsuid,
            "name": contact.alias or contact.name,
            "labels": sorted(labels),
        },
        "session": {
            "id": str(contact.session_id) if contact.session_id else None,
            "expires_at": _time(contact.session_expires_at),
            "window_closes_at": _time(contact.window_expires_at),
        },
        "messages": [_message(row) for row in rows],
    }


def test_body(*, organization: Organization, key: uuid.UUID, settings: WebhookSettings, now: datetime) -> dict[str, Any]:
    """Returns the body of a test, with the fields of a real one. `test` is true, and the customer is made up."""
    return {
        **_envelope(key, settings, now),
        "test": True,
        "organization": _organization(organization),
        "number": dict(TEST_NUMBER),
        "contact": dict(TEST_CONTACT),
        "session": {"id": None, "expires_at": None, "window_closes_at": None},
        "messages": [
            {"id": f"test.{key}", "kind": "text", "text": TEST_TEXT, "choice_id": None, "timestamp": _time(now)},
        ],
    }


test_body.__test__ = False  # type: ignore[attr-defined]  # pytest would run it where it is imported


def _envelope(key: uuid.UUID, settings: WebhookSettings, at: datetime) -> dict[str, Any]:
    path = reverse("bot_callback", args=[key])
    return {
        "version": VERSION,
        "type": MESSAGE_RECEIVED,
        "timestamp": _time(at),
        "test": False,
        "request_id": str(key),
        "callback_url": f"{settings.hub_url.rstrip('/')}{path}" if settings.hub_url else None,
        "callback_path": path,
    }


def _organization(organization: Organization) -> dict[str, Any]:
    return {"id": organization.pk, "name": organization.organization_name}


def _message(row: Message) -> dict[str, Any]:
    """Returns a message of the customer. Whatever kind it is, `text` is what can be read of it, without the name of a file."""
    answer = read_message(row.kind, row.content, row.payload)
    is_file = row.kind in FILE_KINDS
    described = {
        "id": row.wamid,
        "kind": row.kind,
        "text": answer.text or ("" if is_file else row.content),
        "choice_id": answer.choice_id or None,
        "timestamp": _time(row.create_in),
    }
    content = mapping(row.payload, row.kind)
    if is_file:
        described["file"] = {"kind": row.kind, "mime_type": text(content, "mime_type"), "name": file_name(content)}
    if row.kind == "location":
        described["location"] = _location(content)
    return described


def _location(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: content[name] for name in LOCATION_FIELDS if isinstance(content.get(name), str | int | float)}


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
