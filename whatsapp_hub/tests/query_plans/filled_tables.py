"""Fills the tables that grow with the messages of a hub, so that the planner of the database prefers indexes."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice

from django.db import connection
from django.db.models import Model
from django.utils import timezone

from chats.models import (
    Attachment,
    BotTurn,
    Message,
    MessageStatus,
    QueuedMessage,
    ReadReceipt,
    SendQueue,
    StatusEvent,
    UnmatchedStatus,
)
from contacts.models import ConsentDecision, Contact, ContactChange, ContactWord, RetiredIdentity, Tombstone
from demo_data.generator import generate
from jobs.models import State
from organizations.models import AccountEvent, AuditEntry, Organization, PhoneNumber
from webhooks.models import HeldItem, Webhook

NEIGHBOUR = "Vizinha"
"""An organization with as many rows: databases read the whole table if it belongs to one."""
CONTACTS, MESSAGES = 1_000, 8_000
ROWS = 3_000
"""Rows of each other table."""
OLD = timezone.now() - timedelta(days=200)


def fill_tables(organization: Organization, number: PhoneNumber) -> set[str]:
    """Stores some thousand rows in each table that grows: contacts and conversations of the organization, and what remains of their
    webhooks and of sending. Returns the names of the tables."""
    for name in (NEIGHBOUR, organization.organization_name):
        generate(
            organization_name=name,
            contacts=CONTACTS,
            messages=MESSAGES,
            numbers=1,
            seed=1,
            now=timezone.now(),
            progress=lambda _count: None,
        )
    contacts = list(Contact.objects.filter(organization=organization).order_by("pk"))
    models = {Contact, ContactWord, Message, Webhook}
    for model, row in _rows(organization, number, contacts).items():
        _fill(model, row, CONTACTS // 2 if model in OF_EACH_CONTACT else ROWS)
        models.add(model)
    messages = Message.objects.filter(is_user_message=False).order_by("pk")[:ROWS]
    QueuedMessage.objects.bulk_create([QueuedMessage(message=each, contact_id=each.contact_id) for each in messages])
    models.add(QueuedMessage)
    tables = {model._meta.db_table for model in models}
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("ANALYZE")
        else:
            cursor.execute(f"ANALYZE TABLE {', '.join(sorted(tables))}")
            cursor.fetchall()
    return tables


OF_EACH_CONTACT = (BotTurn, ReadReceipt, SendQueue)
"""Tables with at most one row for each contact."""


def _fill(model: type[Model], row: Callable[[int], Model], count: int) -> None:
    rows = map(row, range(count))
    while chunk := list(islice(rows, 500)):
        model._default_manager.bulk_create(chunk)


def _rows(organization: Organization, number: PhoneNumber, contacts: list[Contact]) -> dict[type[Model], Callable[[int], Model]]:
    """Returns for each model a function that makes its row with an index."""
    tenant, later = organization.pk, timezone.now() + timedelta(days=2)
    neighbour = Organization.objects.get(organization_name=NEIGHBOUR).pk

    def owner(index: int) -> int:
        return neighbour if index % 4 else tenant

    def at(index: int) -> datetime:
        return OLD + timedelta(minutes=index)

    done = {"json": "{}", "size": 2, "state": State.DONE}
    _fill(Webhook, lambda index: Webhook(**done, date=at(index), organization_id=owner(index), queue_id=owner(index)), ROWS)
    webhooks = list(Webhook.objects.order_by("pk").values_list("pk", flat=True))

    def of(index: int) -> Contact:
        return contacts[index % len(contacts)]

    def wamid(index: int) -> str:
        return f"wamid.old{index:08}"

    return {
        HeldItem: lambda index: HeldItem(
            webhook_id=webhooks[index],
            position="0.0.messages.0",
            cause=HeldItem.Cause.UNREADABLE if index % 3 else HeldItem.Cause.UNKNOWN_NUMBER,
            state=State.DEAD if index % 3 else State.WAITING,
            queue_id=owner(index),
            organization_id=owner(index),
            phone_number_id=number.phone_number_id if index % 40 == 1 else str(10**14 + index),
        ),
        StatusEvent: lambda index: StatusEvent(
            phone_number=number, wamid=wamid(index), status=MessageStatus.READ, occurred_at=at(index), webhook_id=webhooks[index]
        ),
        UnmatchedStatus: lambda index: UnmatchedStatus(
            phone_number=number, organization_id=owner(index), wamid=wamid(index), webhook_id=webhooks[index]
        ),
        Attachment: lambda index: Attachment(
            phone_number=number, message_name=wamid(index), kind="image", state=State.DONE, due_at=at(index)
        ),
        BotTurn: lambda index: BotTurn(contact=of(index), organization_id=tenant, state=State.DONE),
        SendQueue: lambda index: SendQueue(
            contact=of(index), phone_number_id=of(index).create_for_phone_number_id, state=State.DUE, due_at=later
        ),
        ReadReceipt: lambda index: ReadReceipt(contact=of(index), wamid=wamid(index), state=State.DUE, due_at=later),
        ContactChange: lambda index: ContactChange(contact=of(index), kind=ContactChange.Kind.DONE, values={}, create_in=at(index)),
        ConsentDecision: lambda index: ConsentDecision(
            contact=of(index), phone_number_id=number.phone_number_id, key=str(uuid.uuid4()), withdrawn=True, decided_at=at(index)
        ),
        RetiredIdentity: lambda index: RetiredIdentity(
            contact=of(index),
            phone_number_id=number.phone_number_id,
            kind=RetiredIdentity.Kind.WA_ID,
            value=str(index),
            retired_at=at(index),
        ),
        Tombstone: lambda index: Tombstone(organization=organization, digest=f"{index:064}", until=at(index)),
        AccountEvent: lambda index: AccountEvent(
            organization=organization,
            field="account_update",
            occurred_at=at(index),
            digest=f"{index:064}",
            webhook_id=webhooks[index],
        ),
        AuditEntry: lambda index: AuditEntry(
            organization_id=tenant,
            action="contact.changed",
            actor_kind="user",
            sequence=index + 1,
            digest=f"{index:064}",
            create_in=at(index),
        ),
    }
