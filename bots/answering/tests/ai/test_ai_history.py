"""Which messages of a conversation an AI reads."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from bots.ai.questions import PastMessage
from bots.ai.settings import AiSettings
from bots.answering.ai_history import read_history
from chats.models import Message, MessageStatus, Origin
from contacts.models import Contact
from organizations.models import PhoneNumber

pytestmark = pytest.mark.django_db(transaction=True)
SESSION = uuid.UUID(int=1)
BEGIN = datetime.fromisoformat("2026-11-23T12:00:00Z")


@pytest.fixture
def contact(number: PhoneNumber) -> Contact:
    return Contact.objects.create(create_for_phone_number=number, wa_id="556181500586", session_id=SESSION)


def store(contact: Contact, index: int, content: str, *, ours: bool = False, **columns: Any) -> Message:
    """Stores the message of this minute of the session."""
    values: dict[str, Any] = {
        "contact": contact,
        "phone_number": contact.create_for_phone_number,
        "wamid": f"w{index}",
        "session_id": SESSION,
        "kind": "text",
        "content": content,
        "payload": {},
        "is_user_message": not ours,
        "origin": Origin.BOT if ours else Origin.LIVE,
        "create_in": BEGIN + timedelta(minutes=index),
        "expires_at": BEGIN + timedelta(days=1),
        "is_active": True,
    }
    row: Message = Message.objects.create(**values | columns)
    return row


def read(contact: Contact, **settings: Any) -> list[tuple[str, str, str]]:
    return [(each.speaker, each.kind, each.text) for each in read_history(contact, AiSettings(**settings))]


def test_the_last_messages_of_the_session_are_read_the_oldest_first(contact: Contact) -> None:
    for index in range(6):
        store(contact, index, f"t{index}", ours=index % 2 == 1)
    store(contact, 9, "resposta", ours=True, message_status=MessageStatus.FAILED)
    assert [text for _, _, text in read(contact, history_messages=3)] == ["t3", "t5", "t4"]
    assert [text for _, _, text in read(contact)] == ["t0", "t1", "t2", "t3", "t5", "t4"]


def test_what_was_not_sent_deleted_or_of_another_session_is_not_read(contact: Contact) -> None:
    store(contact, 0, "antes", session_id=uuid.UUID(int=2))
    store(contact, 1, "apagada", revoked_at=timezone.now())
    store(contact, 2, "retirada", ours=True, message_status=MessageStatus.WITHDRAWN)
    store(contact, 3, "falhou", ours=True, message_status=MessageStatus.FAILED)
    store(contact, 4, "👍", kind="reaction")
    store(contact, 5, "no grupo", group_id="g1")
    store(contact, 6, "enviada", ours=True)
    store(contact, 7, "oi")
    store(contact, 8, "antiga", edited_content="nova")
    assert [text for _, _, text in read(contact)] == ["enviada", "oi", "nova"]


def test_files_have_their_caption_and_nothing_else(contact: Contact) -> None:
    store(contact, 0, "extrato.pdf", kind="document", payload={"document": {"filename": "extrato.pdf"}})
    store(contact, 1, "image", ours=True, kind="image", payload={"image": {"link": "https://a.example/x"}})
    store(contact, 2, "veja", ours=True, kind="image", payload={"image": {"caption": "veja"}})
    store(contact, 3, "Olá, temos novidades", ours=True, kind="template", payload={"template": {"name": "x"}})
    store(contact, 4, "audio", kind="audio", payload={"audio": {"id": "1"}})
    expected = [
        ("customer", "document", ""),
        ("business", "image", ""),
        ("business", "image", "veja"),
        ("business", "template", "Olá, temos novidades"),
        ("customer", "audio", ""),
    ]
    assert read(contact) == expected


def test_tokens_limit_the_history_but_the_last_message_is_there(contact: Contact) -> None:
    store(contact, 0, "a" * 700)
    store(contact, 1, "b" * 700, ours=True)
    store(contact, 2, "c" * 700)
    assert [text[0] for _, _, text in read(contact, history_tokens=500)] == ["b", "c"]
    assert [text[0] for _, _, text in read(contact, history_tokens=10)] == ["c"]
    assert [text[0] for _, _, text in read(contact, history_messages=0)] == ["c"]


def test_what_the_hub_sent_since_stands_before_the_customers_last_messages(contact: Contact) -> None:
    store(contact, 0, "olá")
    store(contact, 1, "resposta", ours=True)
    store(contact, 2, "primeira")
    store(contact, 3, "segunda")
    store(contact, 4, "saudação", ours=True)
    assert [text for _, _, text in read(contact)] == ["olá", "resposta", "saudação", "primeira", "segunda"]


def test_a_contact_without_a_session_has_no_history(number: PhoneNumber) -> None:
    assert read_history(Contact(create_for_phone_number=number), AiSettings()) == []


def test_a_session_with_messages_of_the_business_only_is_read(contact: Contact) -> None:
    store(contact, 0, "oi?", ours=True)
    assert read_history(contact, AiSettings()) == [PastMessage("business", "text", "oi?")]
