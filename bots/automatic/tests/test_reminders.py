"""Reminders before the service window closes."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bots.automatic.reminders import send_reminders
from bots.automatic.services import save_automatic
from bots.models import AutomaticMessages, AutomaticMessageSent
from chats.models import Message, MessageStatus, Origin, QueuedMessage
from chats.outbox.message_queue import queue_message
from cloud_api.messages import text
from conftest import Hub, run_worker
from contacts.models import Contact
from contacts.owners import Owner
from organizations.models import PhoneNumber, User
from whatsapp_hub.tests.browser.webhooks import deliver_and_apply, message

REMINDER = {"type": "text", "text": "{{first_name}}, ainda podemos ajudar?"}
JOELMA = "556181500586"


@pytest.fixture
def number(numbers: dict[str, PhoneNumber]) -> PhoneNumber:
    """A number with a reminder an hour before the window closes."""
    number = numbers["448190735512098"]
    columns = {"reminder": REMINDER, "reminder_is_on": True, "reminder_minutes": 60}
    save_automatic(number=number, columns=columns, number_columns={}, by=User(), now=timezone.now())
    return number


def answered(contact: Contact, *, now: datetime | None = None) -> None:
    queue_message(
        contact=contact, message=text("Qual o tamanho?"), token=uuid.uuid4(), origin=Origin.STAFF, now=now or timezone.now()
    )


@pytest.fixture
def joelma(hub: Hub, number: PhoneNumber) -> Contact:
    """A customer who wrote, was answered, and wrote nothing since."""
    deliver_and_apply(hub, message(JOELMA, "Joelma Conceição", content="Oi"))
    contact = Contact.objects.get(wa_id=JOELMA)
    answered(contact)
    contact.refresh_from_db()
    return contact


def reminders() -> list[str]:
    return list(Message.objects.filter(origin=Origin.AUTOMATIC).values_list("content", flat=True))


def run_at(contact: Contact, *, before_closing: timedelta) -> int:
    """Runs the chore at this time before the contact's window closes."""
    contact.refresh_from_db()
    assert contact.window_expires_at
    with time_machine.travel(contact.window_expires_at - before_closing, tick=False):
        return send_reminders()


SOON = timedelta(minutes=30)


def test_a_customer_who_has_not_answered_is_reminded_once_before_the_window_closes(joelma: Contact) -> None:
    assert run_at(joelma, before_closing=timedelta(minutes=61)) == 0
    assert run_at(joelma, before_closing=timedelta(minutes=59)) == 1
    assert run_at(joelma, before_closing=timedelta(minutes=58)) == 0

    assert reminders() == ["Joelma, ainda podemos ajudar?"]
    queued = QueuedMessage.objects.get(message__origin=Origin.AUTOMATIC)
    assert queued.message.message_status == MessageStatus.QUEUED
    assert queued.message.bot_trace == {"because": "reminder"}
    assert AutomaticMessageSent.objects.get().kind == "reminder"


@pytest.mark.parametrize("before_closing", [timedelta(seconds=30), timedelta(), -timedelta(minutes=5)])
def test_nobody_is_reminded_when_the_window_closes_or_has_closed(joelma: Contact, before_closing: timedelta) -> None:
    assert run_at(joelma, before_closing=before_closing) == 0


def test_a_customer_who_wrote_last_is_not_reminded(hub: Hub, number: PhoneNumber) -> None:
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi"))

    assert run_at(Contact.objects.get(), before_closing=SOON) == 0


def test_the_next_session_has_its_own_reminder(hub: Hub, number: PhoneNumber) -> None:
    first = timezone.now() - timedelta(days=3)
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi", at=first.timestamp()))
    joelma = Contact.objects.get()
    answered(joelma, now=first + timedelta(minutes=1))
    Contact.objects.update(session_is_active=True)  # as it was before the worker ran, three days later
    assert run_at(joelma, before_closing=SOON) == 1

    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Voltei"))
    PhoneNumber.objects.update(sending_stopped_at=None)  # the number has no access token, so the worker stopped it
    answered(joelma)

    assert run_at(joelma, before_closing=SOON) == 1
    assert len(reminders()) == 2


@pytest.mark.parametrize(
    "columns",
    [
        {"activate_automatic_message": False},
        {"blocked_at": timezone.now()},
        {"owner": Owner.WAITING},
        {"owner": Owner.META_AGENT},
    ],
)
def test_who_gets_no_automatic_messages_gets_no_reminder(joelma: Contact, columns: dict[str, Any]) -> None:
    Contact.objects.filter(pk=joelma.pk).update(**columns)

    assert run_at(joelma, before_closing=SOON) == 0


def test_a_window_that_meta_counts_as_closed_gets_no_reminder(joelma: Contact) -> None:
    Contact.objects.filter(pk=joelma.pk).update(window_refused_at=joelma.last_customer_message_at)

    assert run_at_hour(joelma) == 0


def run_at_hour(contact: Contact) -> int:
    assert contact.last_customer_message_at
    with time_machine.travel(contact.last_customer_message_at + timedelta(hours=23, minutes=30), tick=False):
        return send_reminders()


@pytest.mark.parametrize(
    "columns",
    [
        {"activate": False},
        {"answers_since": None},
        {"sending_stopped_at": timezone.now()},
    ],
)
def test_a_number_that_does_not_send_reminds_nobody(joelma: Contact, number: PhoneNumber, columns: dict[str, Any]) -> None:
    PhoneNumber.objects.filter(pk=number.pk).update(**columns)

    assert run_at(joelma, before_closing=SOON) == 0


def test_the_reminder_is_off_until_somebody_switches_it_on(joelma: Contact, number: PhoneNumber) -> None:
    columns = {"reminder_is_on": False, "greeting": REMINDER, "greeting_is_on": True}
    save_automatic(number=number, columns=columns, number_columns={}, by=User(), now=timezone.now())

    assert run_at(joelma, before_closing=SOON) == 0


def test_a_message_in_a_group_opens_no_window_and_is_not_reminded_of(hub: Hub, number: PhoneNumber) -> None:
    deliver_and_apply(hub, message(JOELMA, "Joelma", content="Oi", group_id="grupo-1"))
    Contact.objects.update(last_business_message_at=timezone.now() + timedelta(seconds=1))
    contact = Contact.objects.get()

    assert contact.last_customer_message_at is None
    with time_machine.travel(contact.create_in + timedelta(hours=23, minutes=30), tick=False):
        assert send_reminders() == 0


def test_a_reminder_that_cannot_be_sent_stops_no_other_and_is_not_tried_again(hub: Hub, number: PhoneNumber) -> None:
    deliver_and_apply(hub, message("556199321788", "Rui", content="Oi"), message(JOELMA, "Joelma", content="Oi"))
    for contact in Contact.objects.all():
        answered(contact)
    joelma = Contact.objects.get(wa_id=JOELMA)
    AutomaticMessages.objects.update(reminder={"type": "media", "kind": "image"})

    assert run_at(joelma, before_closing=SOON) == 0
    assert AutomaticMessageSent.objects.count() == 2
    AutomaticMessages.objects.update(reminder=REMINDER)
    assert run_at(joelma, before_closing=SOON) == 0


def test_many_conversations_cost_no_query_each_while_nobody_is_to_be_reminded(hub: Hub, number: PhoneNumber) -> None:
    deliver_and_apply(hub, *(message(f"55619932{index:04}", "Rui", content="Oi") for index in range(20)))
    for contact in Contact.objects.all():
        answered(contact)

    with CaptureQueriesContext(connection) as queries:
        assert send_reminders() == 0

    assert len(queries) == 2


def test_the_worker_sends_reminders(joelma: Contact) -> None:
    assert joelma.last_customer_message_at
    with time_machine.travel(joelma.last_customer_message_at + timedelta(hours=23, minutes=30)):
        run_worker()

    assert reminders() == ["Joelma, ainda podemos ajudar?"]
