"""A number that goes from one organization to another: nothing of the first one's stops, slows or reaches the second, and what each
was told stays its own when the log is applied again."""

import uuid
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from chats.models import Message, NumberRateLimit, Origin, SendQueue
from chats.outbox import sender
from chats.outbox.message_queue import queue_message
from chats.outbox.send_results import store_results
from cloud_api import messages
from cloud_api.graph import GraphError
from conftest import run_worker
from contacts.models import Contact
from jobs.transactions import run_in_transaction
from organizations.models import AccountEvent, PhoneNumber, Proof
from organizations.numbers.ownership import (
    NumberMoved,
    move_replaced,
    prove_ownership_in_transaction,
    raise_if_moved,
    withdraw_proof,
)
from webhooks.models import Webhook
from webhooks.tests.bodies import NUMBER
from webhooks.tests.ownership.test_ownership import (
    IDS,
    INTRUDERS_SECRET,
    PLATFORM,
    TOKEN,
    People,
    account_body,
    give_secret,
    give_token,
    intruder,
    meta,
    owner,
    post_signed_text,
    post_text,
)

__all__ = ["intruder", "meta", "owner"]


def write(contact: Contact, words: str, token: uuid.UUID | None = None) -> Message:
    options: dict[str, Any] = {"token": token or uuid.uuid4(), "origin": Origin.STAFF, "now": timezone.now()}
    return queue_message(contact=contact, message=messages.text(words), **options)


def person(number: PhoneNumber, wa_id: str = "556199990000") -> Contact:
    now = timezone.now()
    columns = {"last_customer_message_at": now, "last_message_timestamp": now, "create_in": now}
    return Contact.objects.create(
        organization=number.organization, create_for_phone_number=number, wa_id=wa_id, profile="human", **columns
    )


def rebuild() -> None:
    call_command("replay", rebuild=True, all=True, stdout=StringIO())
    run_worker()


def told_to(people: People) -> list[tuple[str, str, str | None]]:
    rows = Message.objects.filter(contact__organization=people.organization)
    columns = ("content", "phone_number__organization__organization_name", "contact__wa_id")
    return list(rows.order_by(*columns).values_list(*columns))


# ---- what is under way when the number goes


@pytest.mark.parametrize("code", [190, 80007])
def test_what_the_former_one_was_sending_neither_stops_nor_slows_the_new_one_s_number(hub, meta, owner, intruder, code):
    intruder.type_ids()
    give_token(intruder.number, "made-up")
    write(person(intruder.number), "under way")
    (sending,) = sender.Scheduler().lease_attempts(10)
    owner.type_ids()
    owner.paste(meta_token=TOKEN)
    store_results([(sending, GraphError(code, "refused", retry_after=3000.0))])

    assert owner.number.phone_number_id == NUMBER
    assert owner.number.sending_stopped_at is None
    assert not NumberRateLimit.objects.filter(phone_number__phone_number_id=NUMBER, next_slot_at__gt=timezone.now()).exists()


def test_what_waits_on_the_new_one_s_number_never_leaves_with_the_former_one_s_token(hub, meta, owner, intruder):
    intruder.type_ids()
    give_token(intruder.number, "made-up")
    read_before = intruder.number
    owner.type_ids()
    owner.paste(meta_token=TOKEN)
    message = write(person(owner.number), "for the owner to send")

    assert sender.Scheduler()._lease([(read_before, 10)]) == []
    message.refresh_from_db()
    assert message.message_status == "queued"
    assert SendQueue.objects.get().lease_token is None


def test_what_is_written_while_the_number_goes_is_the_writer_s(hub, meta, owner, intruder):
    intruder.type_ids()
    read_before = person(intruder.number)
    owner.type_ids()
    owner.paste(meta_token=TOKEN)
    message = write(read_before, "written before the page knew")

    message.refresh_from_db()
    assert message.phone_number == intruder.number
    assert not Message.objects.filter(phone_number__phone_number_id=NUMBER).exists()


# ---- nobody can keep the number by what they add while it is moved


def prove_only(number: PhoneNumber) -> None:
    """Prove the number, and move nothing yet."""
    run_in_transaction(lambda: prove_ownership_in_transaction(number, proof=Proof.TOKEN, account_too=False, now=timezone.now()))


def halfway(owner: People, intruder: People) -> PhoneNumber:
    """The owner has proven the number, and nothing was moved yet; the row that replaces the intruder's."""
    owner.type_ids()
    prove_only(owner.number)
    return intruder.number


def test_nothing_can_be_added_to_a_row_while_others_are_moved_to_it(hub, meta, owner, intruder):
    intruder.type_ids()
    person(intruder.number)
    copy = halfway(owner, intruder)
    with pytest.raises(NumberMoved):
        raise_if_moved([copy])
    added = {"number": copy.pk, "phone": "+55 61 99999-0000", "name": "Ana"}
    assert intruder.client.post(intruder.at("new_contact"), added).status_code == 422
    intruder.post("number_switch", copy.pk, activate="on")
    assert not intruder.number.activate

    move_replaced()
    assert owner.number.phone_number_id == NUMBER
    assert Contact.objects.get().create_for_phone_number == intruder.number
    intruder.post("number_switch", copy.pk, activate="on")
    assert intruder.number.activate


def test_the_pace_of_both_rows_does_not_keep_the_number(hub, meta, owner, intruder):
    intruder.type_ids()
    NumberRateLimit.objects.create(phone_number=intruder.number, next_slot_at=timezone.now())
    copy = halfway(owner, intruder)
    NumberRateLimit.objects.create(phone_number=copy, next_slot_at=timezone.now())
    move_replaced()
    assert owner.number.phone_number_id == NUMBER


def test_a_row_that_cannot_move_does_not_stop_the_others(hub, meta, owner, intruder):
    other = "700000000000009"
    intruder.type_ids(phone_number_id=other)
    person(intruder.number)
    stuck = intruder.number
    owner.type_ids(phone_number_id=other)
    prove_only(owner.number)
    person(intruder.number)  # as an earlier version of the hub let happen
    third = People("Cafeteria")
    third.type_ids()
    fourth = People("Doceria")
    fourth.type_ids()
    prove_only(fourth.number)

    move_replaced()
    assert fourth.number.phone_number_id == NUMBER
    assert PhoneNumber.objects.filter(pk=stuck.pk, replaced_by__isnull=False).exists()


# ---- a rebuild gives the same rows


def hand_over(owner: People) -> None:
    owner.type_ids()
    owner.paste(meta_token=TOKEN)
    run_worker()
    assert owner.number.phone_number_id == NUMBER


def test_webhooks_that_the_platform_signed_for_the_former_owner_stay_theirs_after_a_rebuild(hub, meta, owner, intruder):
    columns = {"organization": intruder.organization, "proven_at": timezone.now(), "proven_by": Proof.UPGRADE}
    PhoneNumber.objects.create(**IDS, **columns)
    post_text(hub, "old")
    hub.deliver(account_body(), secret=PLATFORM)
    run_worker()
    hand_over(owner)
    post_text(hub, "new")
    before = told_to(owner), told_to(intruder)
    events = sorted(AccountEvent.objects.values_list("organization", "digest"))
    logs = list(Webhook.objects.order_by("pk").values_list("organization_id", flat=True))
    heard = owner.number.first_webhook_at

    rebuild()
    assert (told_to(owner), told_to(intruder)) == before
    assert [words for words, *_ in before[1]] == ["old"]
    assert sorted(AccountEvent.objects.values_list("organization", "digest")) == events
    assert list(Webhook.objects.order_by("pk").values_list("organization_id", flat=True)) == logs
    assert owner.number.first_webhook_at == heard
    pages = [owner.client.get(owner.at("webhook", pk)) for pk in Webhook.objects.order_by("pk").values_list("pk", flat=True)]
    assert [page.status_code for page in pages] == [404, 404, 200]


def test_webhooks_of_the_former_owner_s_own_app_stay_theirs_after_a_rebuild(hub, meta, owner, intruder):
    intruder.type_ids()
    give_secret(intruder.number, INTRUDERS_SECRET)
    post_signed_text(hub, intruder, INTRUDERS_SECRET, "made up")
    hand_over(owner)
    post_text(hub, "genuine")
    post_signed_text(hub, intruder, INTRUDERS_SECRET, "made up later")
    before = told_to(owner), told_to(intruder)

    rebuild()
    assert (told_to(owner), told_to(intruder)) == before
    assert [words for words, *_ in before[1]] == ["made up"]


def test_messages_from_before_the_proof_was_withdrawn_are_there_after_a_rebuild(hub, meta, owner):
    hand_over(owner)
    post_text(hub, "while it held")
    assert withdraw_proof(number=owner.number, now=timezone.now())
    post_text(hub, "after that")

    rebuild()
    assert owner.contents == ["while it held"]


def test_a_rebuild_after_the_previous_secret_expired_gives_the_same_rows(hub, meta, owner, settings):
    hand_over(owner)
    number = owner.number
    give_secret(number, INTRUDERS_SECRET)
    post_signed_text(hub, owner, INTRUDERS_SECRET, "with the old secret")
    number.replace_app_secret("d" * 32)
    number.app_secret_replaced_at = timezone.now() - 2 * PhoneNumber.previous_app_secret_lifetime()
    number.save()
    rebuild()
    assert owner.contents == ["with the old secret"]

    number.previous_app_secret = ""
    number.save()
    rebuild()
    assert owner.contents == ["with the old secret"]
