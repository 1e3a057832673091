"""A message that failed is no answer: the customer still waits, until it arrives after all or another message is sent."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chats.conftest import NUMBER
from chats.models import Message, MessageStatus
from chats.outbox.tests.steps import statuses_of, write
from conftest import apply_all
from contacts.models import Contact
from webhooks.tests.bodies import status_body, text_body

pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture
def waiting(meta: Any, joelma: Contact, post_and_apply: Any) -> Contact:
    """A contact whose last message has no answer."""
    post_and_apply(text_body("wamid.question", int(timezone.now().timestamp()), sender=joelma.wa_id))
    joelma.refresh_from_db()
    assert joelma.waiting_since
    return joelma


def is_waiting(contact: Contact) -> bool:
    contact.refresh_from_db()
    return contact.waiting_since is not None


@pytest.fixture
def report(post_and_apply: Any) -> Any:
    """Reports a status of a message that was sent."""

    def post(message: Message, status: str, **more: Any) -> None:
        message.refresh_from_db()
        at = int(timezone.now().timestamp()) + 5
        post_and_apply(status_body(message.wamid or "", status, at, number=NUMBER, **more))

    return post


FAILED = {"errors": [{"code": 131026, "title": "Message undeliverable"}]}


def test_a_message_that_graph_refuses_is_no_answer(meta, waiting) -> None:
    since = waiting.waiting_since
    meta.fault("error:131026")
    failed = write(waiting, "Bom dia")
    assert not is_waiting(waiting)

    apply_all()

    assert statuses_of(failed) == [MessageStatus.FAILED]
    assert is_waiting(waiting)
    assert waiting.waiting_since == since
    write(waiting, "Bom dia de novo")
    assert not is_waiting(waiting)


def test_a_message_whose_status_is_failed_is_no_answer_until_it_arrives(meta, waiting, report) -> None:
    sent = write(waiting, "Bom dia")
    apply_all()
    report(sent, "failed", **FAILED)
    assert is_waiting(waiting)
    report(sent, "delivered")
    assert statuses_of(sent) == [MessageStatus.DELIVERED]
    assert not is_waiting(waiting)


@pytest.mark.parametrize("is_first", [True, False])
def test_another_answer_that_was_sent_counts(meta, waiting, report, is_first) -> None:
    sent = [write(waiting, words) for words in ("Bom dia", "Tudo bem?")]
    apply_all()
    report(sent[0 if is_first else 1], "failed", **FAILED)
    assert not is_waiting(waiting)


def test_an_answer_that_is_queued_counts(meta, waiting, report) -> None:
    sent = write(waiting, "Bom dia")
    apply_all()
    write(waiting, "Tudo bem?")
    report(sent, "failed", **FAILED)
    assert not is_waiting(waiting)


def test_what_staff_marked_as_done_stays_done(meta, waiting, report) -> None:
    sent = write(waiting, "Bom dia")
    apply_all()
    Contact.objects.update(done_until=timezone.now())
    report(sent, "failed", **FAILED)
    assert not is_waiting(waiting)


def test_a_question_whose_answer_may_be_deleted_stays_answered(meta, waiting, report) -> None:
    sent = write(waiting, "Bom dia")
    apply_all()
    waiting.organization.messages_pruned_until = timezone.now() + timedelta(minutes=1)
    waiting.organization.save()
    report(sent, "failed", **FAILED)
    assert not is_waiting(waiting)
