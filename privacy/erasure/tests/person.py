"""A person who is everywhere, and another one beside them."""

import base64
import json
import uuid
import zlib
from datetime import UTC, datetime
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from bots.models import Bot, BotKind, BotRequest
from chats.models import Attachment, Message, Origin
from chats.outbox.message_queue import queue_message
from chats.text_search.index import index_texts
from cloud_api.messages import text
from conftest import Hub, apply_all
from contacts.models import Contact, ContactImport, Label, Note
from contacts.services import change_labels, rename_contact
from events.models import EventDelivery, EventEndpoint
from jobs.models import State
from organizations.models import Event, User
from webhooks.models import Webhook
from webhooks.tests.bodies import HOUR, NUMBER, START, body, echo_body, value

PHONE, WITH_NINE, OLD_PHONE = "556181500586", "5561981500586", "556199887766"
BSUID = "BR.1874209365510427"
OTHER = "5511987654321"
VALUES = [PHONE, WITH_NINE, OLD_PHONE, BSUID, "Joelma Zwick", "jozwick", "Zwickinha", "quartzo", "bromélia", "confidencial"]
VALUES += ["recibo-zwick", "xilofone", "anotação sigilosa", "granizo", "agendazwick"]
"""Everything that is the person's alone."""


def wamid_of(phone: str, tail: int) -> str:
    return "wamid." + base64.b64encode(b"\x1c\x18" + bytes([len(phone)]) + phone.encode() + b"\x15\x02\x00%06d" % tail).decode()


def message(phone: str, tail: int, at: int, words: str, **more: Any) -> dict[str, Any]:
    return {"from": phone, "id": wamid_of(phone, tail), "timestamp": str(at), "type": "text", "text": {"body": words}, **more}


def inbound(phone: str, tail: int, at: int, words: str, name: str, **more: Any) -> bytes:
    who = {"profile": {"name": name, "username": "jozwick"}, "wa_id": phone, "user_id": BSUID}
    other = {"profile": {"name": "Marlene"}, "wa_id": OTHER}
    own = message(phone, tail, at, words, from_user_id=BSUID, **more)
    return body(value(contacts=[who, other], messages=[own, message(OTHER, tail, at, f"bom dia {tail}")]))


def status(tail: int, word: str, at: int) -> bytes:
    received = {
        "id": wamid_of(PHONE, tail),
        "status": word,
        "timestamp": str(at),
        "recipient_id": PHONE,
        "recipient_user_id": BSUID,
    }
    return body(value(statuses=[received]))


def bodies() -> list[bytes]:
    """Webhooks of all kinds in which the person is."""
    change = {"type": "user_changed_number", "body": f"User changed from {OLD_PHONE} to {PHONE}", "wa_id": PHONE, "user_id": BSUID}
    entry = {"type": "contact", "contact": {"full_name": "Joelma Zwick agendazwick", "phone_number": f"+{PHONE}"}, "action": "add"}
    preference = {
        "wa_id": PHONE,
        "category": "marketing_messages",
        "value": "stop",
        "timestamp": str(START + 90),
        "detail": "granizo",
    }
    call = {
        "id": "wacid.1",
        "from": PHONE,
        "to": "556133214400",
        "event": "terminate",
        "status": "COMPLETED",
        "timestamp": str(START),
    }
    context = {"wa_id": PHONE, "username": "jozwick"}
    thread = {
        "id": PHONE,
        "context": context,
        "messages": [message(PHONE, 40, START - HOUR, "bromélia antiga", history_context={"status": "READ"})],
    }
    image = {
        "id": wamid_of(PHONE, 8),
        "timestamp": str(START + 95),
        "type": "image",
        "image": {"id": "77", "caption": "recibo-zwick"},
    }
    return [
        inbound(OLD_PHONE, 1, START, "quartzo rosa", "Joelma Zwick"),
        inbound(OLD_PHONE, 1, START, "quartzo rosa", "Joelma Zwick"),  # delivered again
        body(value(messages=[{**message(OLD_PHONE, 2, START + 10, ""), "type": "system", "system": change}])),
        inbound(PHONE, 3, START + 60, "a bromélia é confidencial", "Joelma Zwick"),
        echo_body(wamid_of(PHONE, 4), START + 70, to=PHONE, text="xilofone para você"),
        status(4, "delivered", START + 71),
        status(4, "delivered", START + 71),
        status(5, "read", START + 80),  # another system sent it
        body(value(state_sync=[{**entry, "metadata": {"timestamp": str(START + 85)}}]), field="smb_app_state_sync"),
        body(value(user_preferences=[preference]), field="user_preferences"),
        body(value(calls=[call]), field="calls"),
        body(value(history=[{"metadata": {"phase": 0}, "threads": [thread]}]), field="history"),
        body(value(messages=[{**image, "from": PHONE, "from_user_id": BSUID}])),
        body(value("000000", messages=[message(OTHER, 30, START, "de um número desconhecido")])),
        inbound(PHONE, 6, START + 100, "reação", "Joelma Zwick")[:-2],  # cut off: it cannot be read
    ]


def store_person(hub: Hub, user: User) -> Contact:
    """Applies the webhooks, and adds what staff, bots and operators store. Returns the contact."""
    for each in bodies():
        hub.deliver(each)
        apply_all()
    contact = Contact.objects.get(wa_id=PHONE)
    now = timezone.now()
    rename_contact(contact=contact, alias="Zwickinha", by=user, now=now)
    label = Label.objects.create(organization=contact.create_for_phone_number.organization, name="Cliente")
    change_labels(contact=contact, give={label.pk}, take=set(), by=user, now=now)
    Note.objects.create(contact=contact, author=user, text="anotação sigilosa")
    queue_message(contact=contact, message=text("xilofone na fila"), origin=Origin.STAFF, token=uuid.uuid4(), by=user, now=now)
    _store_files(contact)
    _store_bot_request(contact)
    _store_operators_rows(contact, user)
    _store_events(contact)
    index_texts()
    Message.objects.update(updated_at=datetime(2026, 1, 1, tzinfo=UTC))
    index_texts()
    return contact


def _store_files(contact: Contact) -> None:
    name = default_storage.save(f"files/{contact.organization_id}/2026/11/abc", ContentFile(b"imagem recibo-zwick"))
    file = Attachment.objects.get(message_name=wamid_of(PHONE, 8))
    Attachment.objects.filter(pk=file.pk).update(file=name, size=19, state=State.DONE, file_name="recibo-zwick.jpg")


def _store_bot_request(contact: Contact) -> None:
    bot = Bot.objects.create(organization=contact.create_for_phone_number.organization, key="eco", name="Eco", kind=BotKind.WEBHOOK)
    request = {"contact": {"wa_id": PHONE, "name": "Joelma Zwick"}, "messages": ["quartzo"]}
    response = json.dumps({"text": f"Olá Joelma Zwick {BSUID}"})
    rows = {"request": request, "response": response, "state": State.DONE, "outcome": "answered", "wamids": [wamid_of(PHONE, 3)]}
    BotRequest.objects.create(key=uuid.uuid4(), bot=bot, contact=contact, **rows)


def _store_operators_rows(contact: Contact, user: User) -> None:
    kind = ContentType.objects.get_for_model(Contact)
    entry = {"content_type": kind, "object_id": str(contact.pk), "action_flag": CHANGE, "change_message": "[]"}
    LogEntry.objects.create(user=user, object_repr="Joelma Zwick", **entry)
    sheet = b"nome;telefone\nJoelma Zwick;(61) 98150-0586\nMarlene;(11) 98765-4321\n"
    ContactImport.objects.create(
        organization=contact.create_for_phone_number.organization,
        queue_id=contact.create_for_phone_number.organization_id,
        created_by=user,
        state=State.WAITING,
        step=ContactImport.Step.CHECKED,
        phone_number_id=NUMBER,
        content=zlib.compress(sheet),
        encoding="utf-8-sig",
        separator=";",
        shown=[{"wa_id": PHONE, "name": "Joelma Zwick", "is_new": False}, {"wa_id": OTHER, "name": "Marlene", "is_new": False}],
        faults=[[2, "Joelma Zwick"]],
    )
    ContactImport.objects.create(
        organization=contact.create_for_phone_number.organization,
        queue_id=contact.create_for_phone_number.organization_id,
        state=State.DONE,
        step=ContactImport.Step.DONE,
        phone_number_id=NUMBER,
        encoding="utf-8-sig",
        separator=";",
        faults=[[3, "This is no phone number.", "wrong · Joelma Zwick"]],
    )


def _store_events(contact: Contact) -> None:
    """Stores events for another system: one that waits, one of a contact that was merged, and one of somebody else."""
    organization = contact.create_for_phone_number.organization
    endpoint = EventEndpoint.objects.create(
        organization=organization, description="CRM", url="https://crm.example.com/", secret="x"
    )
    now, facts = timezone.now(), {"wamid": wamid_of(PHONE, 3)}
    Event.objects.create(organization=organization, kind="message.received", contact_id=contact.pk, facts=facts, occurred_at=now)
    for contact_id, phone in ((contact.pk, PHONE), (999_999, OLD_PHONE), (888_888, OTHER)):
        EventDelivery.objects.create(
            endpoint=endpoint,
            event_id=uuid.uuid4(),
            kind="message.received",
            contact_id=contact_id,
            facts={"wamid": wamid_of(phone, 3)},
            occurred_at=now,
            outcome="delivered",
            request=json.dumps({"contact": {"wa_id": phone, "name": "Joelma Zwick" if phone == PHONE else ""}}),
            response=f"ok {phone}",
        )


def webhook_texts() -> str:
    return "".join(Webhook.objects.values_list("json", flat=True))
