"""Who is in charge of a conversation: what people, messages and merges change."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chats.conversations.done_and_blocked import mark_as_done
from chats.conversations.ownership import hand_back, take_over
from chats.models import Message, Origin, QueuedMessage, SendQueue
from chats.outbox.message_queue import BotMessage, queue_bot_messages, queue_message
from cloud_api import messages
from conftest import apply_all
from contacts.models import Contact, ContactChange
from contacts.owner_changes import OwnerChange, change_owners
from contacts.owners import Owner, OwnerReason
from contacts.services import set_who_answers
from jobs.transactions import run_in_transaction
from organizations.models import Organization, PhoneNumber, Profile, User
from webhooks.tests.bodies import NUMBER, body, message, value

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def customer(joelma: Contact) -> Contact:
    """A customer whom the bot answers."""
    Contact.objects.filter(pk=joelma.pk).update(profile="bot", activate_bot=True, owner="bot")
    joelma.refresh_from_db()
    return joelma


def by_bot(contact: Contact, words: str = "Olá!") -> None:
    """Queues a message of the bot."""
    now = timezone.now()

    def queue() -> None:
        locked = Contact.objects.select_for_update().get(pk=contact.pk)
        numbers = PhoneNumber.objects.in_bulk([locked.create_for_phone_number_id], field_name="phone_number_id")
        wanted = BotMessage(contact=locked, message=messages.text(words), token=uuid.uuid4(), origin=Origin.BOT)
        queue_bot_messages([wanted], numbers, now)

    run_in_transaction(queue)


def wait(contact: Contact, note: str = "") -> None:
    """The bot hands over."""

    def write() -> None:
        locked = Contact.objects.select_for_update().get(pk=contact.pk)
        change_owners([OwnerChange(contact=locked, owner=Owner.WAITING, reason=OwnerReason.FLOW, note=note)], timezone.now())
        locked.save()

    run_in_transaction(write)


def by_staff(contact: Contact, ana: User, **content: Any) -> Message:
    options = {"message": messages.text("Sou a Ana.")} | content
    return queue_message(contact=contact, token=uuid.uuid4(), origin=Origin.STAFF, now=timezone.now(), by=ana, **options)


def owner(contact: Contact) -> tuple[str, str]:
    contact.refresh_from_db()
    return contact.owner, contact.owner_reason


def test_many_messages_of_bots_are_queued_like_single_ones(customer) -> None:
    by_bot(customer, "Um")
    by_bot(customer, "Dois")
    rows = Message.objects.order_by("create_in")
    assert [(row.content, row.origin, row.message_status, row.is_user_message) for row in rows] == [
        ("Um", "bot", "queued", False),
        ("Dois", "bot", "queued", False),
    ]
    assert rows[0].session_id == rows[1].session_id
    assert rows[0].create_in < rows[1].create_in
    customer.refresh_from_db()
    assert customer.last_business_message_at == rows[1].create_in
    assert customer.session_id == rows[1].session_id
    assert QueuedMessage.objects.filter(contact=customer).count() == 2
    assert SendQueue.objects.get(contact=customer).state == "due"


def test_the_outbox_sends_what_bots_have_queued(meta, customer) -> None:
    by_bot(customer)
    apply_all()
    (sent,) = meta.sent()
    assert sent["request"]["text"]["body"] == "Olá!"


@pytest.mark.parametrize("origin", [Origin.STAFF, Origin.API])
def test_staff_take_over_by_answering_and_programs_do_not(customer, ana, origin) -> None:
    queue_message(contact=customer, message=messages.text("Oi"), token=uuid.uuid4(), origin=origin, now=timezone.now(), by=ana)
    assert owner(customer)[0] == ("person" if origin == Origin.STAFF else "bot")


def test_a_reaction_of_staff_is_no_answer(customer, ana) -> None:
    received = Message.objects.create(
        phone_number_id=NUMBER, contact=customer, wamid="w1", wa_id="1", wa_id_received="2", is_user_message=True, origin="live",
        kind="text", content="oi", payload={}, message_status="received", session_id=uuid.uuid4(), is_active=True,
        create_in=timezone.now(), expires_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    by_staff(customer, ana, message=messages.reaction(received.wamid or "", "👍"))
    assert owner(customer)[0] == "bot"


def test_a_person_who_answers_withdraws_what_has_not_left(customer, ana) -> None:
    by_bot(customer, "Um")
    by_bot(customer, "Dois")
    answer = by_staff(customer, ana)
    assert owner(customer) == ("person", "answered")
    assert list(Message.objects.filter(origin="bot").values_list("message_status", flat=True)) == ["withdrawn", "withdrawn"]
    assert list(QueuedMessage.objects.values_list("message", flat=True)) == [answer.pk]
    (line,) = ContactChange.objects.filter(contact=customer, kind="owner")
    assert line.values == {"from": "bot", "to": "person", "reason": "answered"}
    assert line.actor == ana


def test_a_message_that_is_being_sent_is_not_withdrawn(customer, ana) -> None:
    by_bot(customer)
    QueuedMessage.objects.update(attempted_at=timezone.now())
    take_over(contact=customer, by=ana, now=timezone.now())
    assert Message.objects.get().message_status == "queued"


def test_a_choice_among_many_contacts_withdraws_what_is_queued_when_the_outbox_comes_to_it(
    meta, customer, ana, organization: Organization
) -> None:
    by_bot(customer)
    choice = {"organization": organization, "contact_ids": [customer.pk], "by": ana, "now": timezone.now()}
    set_who_answers(profile=Profile.HUMAN, **choice)
    assert owner(customer) == ("person", "chosen")
    apply_all()
    assert meta.sent() == []
    assert Message.objects.get().message_status == "withdrawn"
    assert SendQueue.objects.get(contact=customer).state == "done"


def test_who_was_chosen_for_many_contacts_is_in_charge_of_each(customer, ana, organization: Organization) -> None:
    take_over(contact=customer, by=ana, now=timezone.now())
    choice = {"organization": organization, "contact_ids": [customer.pk], "by": ana, "now": timezone.now()}
    set_who_answers(profile=Profile.AI, **choice)
    assert owner(customer) == ("ia", "chosen")
    set_who_answers(profile=Profile.BOT, **choice)
    assert owner(customer) == ("bot", "chosen")


def test_only_a_person_ends_waiting(customer, ana) -> None:
    wait(customer)
    by_bot(customer, "Já chamo alguém.")
    customer.refresh_from_db()
    assert customer.waiting_since is not None
    assert owner(customer)[0] == "waiting"
    by_staff(customer, ana)
    customer.refresh_from_db()
    assert customer.waiting_since is None
    assert owner(customer)[0] == "person"


def test_a_conversation_that_is_marked_as_done_no_longer_waits(customer, ana) -> None:
    wait(customer)
    assert mark_as_done(contact=customer, by=ana, now=timezone.now())
    assert owner(customer) == ("bot", "done")
    assert customer.waiting_since is None


def test_taking_over_and_handing_back_say_whether_anything_changed(customer, ana) -> None:
    assert take_over(contact=customer, by=ana, now=timezone.now())
    assert not take_over(contact=customer, by=ana, now=timezone.now())
    assert hand_back(contact=customer, by=ana, now=timezone.now())
    assert not hand_back(contact=customer, by=ana, now=timezone.now())
    assert [line.values["reason"] for line in ContactChange.objects.order_by("pk")] == ["taken_over", "handed_back"]


def test_a_contact_of_the_team_is_not_handed_to_a_bot(joelma, ana) -> None:
    assert not hand_back(contact=joelma, by=ana, now=timezone.now())
    assert owner(joelma)[0] == "person"


def test_a_withdrawn_message_counts_as_no_answer_after_a_rebuild_too(customer, ana) -> None:
    Contact.objects.filter(pk=customer.pk).update(waiting_since=timezone.now())
    by_bot(customer)
    take_over(contact=customer, by=ana, now=timezone.now())
    customer.refresh_from_db()
    assert customer.last_business_message_at is None


def standby(wamid: str, at: int) -> bytes:
    return body(value(NUMBER, messages=[message(wamid, at)]), field="standby")


def test_metas_agent_is_in_charge_while_messages_come_by_standby(post_and_apply) -> None:
    now = int(timezone.now().timestamp())
    post_and_apply(standby("w1", now - 5))
    contact = Contact.objects.get()
    assert owner(contact) == ("meta_agent", "standby")
    post_and_apply(body(value(NUMBER, messages=[message("w2", now + 60)])))
    assert owner(contact) == ("person", "standby_ended")


def test_an_old_standby_message_changes_no_owner(post_and_apply) -> None:
    post_and_apply(standby("w1", int(timezone.now().timestamp()) - 3600))
    assert owner(Contact.objects.get())[0] == "person"
