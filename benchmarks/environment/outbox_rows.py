"""`python -m benchmarks.environment.outbox_rows`: creates a number with queued messages, directly in the hub's tables. Queueing
them one by one, as the hub does, would take longer than sending them."""

import argparse
import os
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whatsapp_hub.settings")
django.setup()

from django.utils import timezone  # noqa: E402  models need Django set up

from chats.models import Message, MessageStatus, Origin, QueuedMessage, SendQueue  # noqa: E402
from chats.outbox.rate_limits import pause_number  # noqa: E402
from cloud_api.errors import TOKEN_REFUSED  # noqa: E402
from contacts.models import Contact, phone_key, reversed_phone  # noqa: E402
from jobs.bulk_writes import insert_rows  # noqa: E402
from jobs.models import State  # noqa: E402
from organizations.models import Organization, PhoneNumber  # noqa: E402
from organizations.numbers.suspension import stop_sending  # noqa: E402

ORGANIZATION = "Benchmark"
BATCH_SIZE = 5_000
FIRST_WA_ID = 556170000000
SECRET = "s" * 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", required=True, help="phone number ID")
    parser.add_argument("--token", required=True)
    parser.add_argument("--per-second", type=int, required=True)
    parser.add_argument("--people", type=int, required=True)
    parser.add_argument("--messages", type=int, required=True)
    parser.add_argument("--waits", choices=["stopped", "held"], help="the number is stopped, or pauses for an hour")
    options = parser.parse_args()
    number = _create_number(options)
    contacts = _create_contacts(number, options.people)
    _create_queues(number, contacts, options.messages)
    if options.waits == "stopped":
        stop_sending(number.phone_number_id, organization_id=number.organization_id, code=TOKEN_REFUSED, now=timezone.now())
    elif options.waits == "held":
        pause_number(number.phone_number_id, organization_id=number.organization_id, seconds=3600)


def _create_number(options: argparse.Namespace) -> PhoneNumber:
    organization, _ = Organization.objects.get_or_create(organization_name=ORGANIZATION)
    number, _ = PhoneNumber.objects.get_or_create(
        phone_number_id=options.number,
        defaults={
            "organization": organization,
            "wa_id": "556133214400",
            "waba_id": "" if options.waits else f"9{options.number}",  # without an account, the worker does not sync templates
            "meta_token": options.token,
            "app_secret": SECRET,
            "messages_per_second": options.per_second,
        },
    )
    return number


def _create_contacts(number: PhoneNumber, count: int) -> list[Contact]:
    now = timezone.now()
    contacts = [
        Contact(
            create_for_phone_number=number,
            organization_id=number.organization_id,
            wa_id=str(FIRST_WA_ID + index),
            name=f"Pessoa {index}",
            last_customer_message_at=now,
            last_message_timestamp=now,
        )
        for index in range(count)
    ]
    for contact in contacts:
        contact.phone_key, contact.reversed_phone = phone_key(contact), reversed_phone(contact)
    _insert_in_batches(contacts)
    return list(Contact.objects.filter(create_for_phone_number=number).order_by("pk"))


def _create_queues(number: PhoneNumber, contacts: Sequence[Contact], count: int) -> None:
    now = timezone.now()
    _insert_in_batches([_message(number, contacts[index % len(contacts)], now) for index in range(count)])
    ids = list(Message.objects.filter(phone_number=number).order_by("pk").values_list("pk", "contact"))
    queued = (QueuedMessage(message_id=pk, contact_id=contact) for pk, contact in ids)
    QueuedMessage.objects.bulk_create(queued, batch_size=BATCH_SIZE)
    contact_ids = sorted({contact for _, contact in ids})
    queues = (SendQueue(contact_id=contact, phone_number=number, state=State.DUE, due_at=now) for contact in contact_ids)
    SendQueue.objects.bulk_create(queues, batch_size=BATCH_SIZE)


def _message(number: PhoneNumber, contact: Contact, now: datetime) -> Message:
    return Message(
        phone_number=number,
        contact=contact,
        wa_id=number.wa_id,
        wa_id_received=contact.address,
        is_user_message=False,
        origin=Origin.API,
        kind="text",
        content="Bom dia",
        payload={"type": "text", "text": {"body": "Bom dia"}},
        message_status=MessageStatus.QUEUED,
        session_id=uuid.uuid4(),
        expires_at=now,
        is_active=True,
        create_in=now,
        callback_data=str(uuid.uuid4()),
    )


def _insert_in_batches(rows: Sequence[Any]) -> None:
    for start in range(0, len(rows), BATCH_SIZE):
        insert_rows(rows[start : start + BATCH_SIZE])


if __name__ == "__main__":
    main()
