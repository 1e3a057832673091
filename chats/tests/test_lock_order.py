"""All changes of a conversation lock its rows in one order, so that two transactions never wait for each other. Each test runs two
transactions to the statements at which, with another order, each would hold the lock that the other one needs."""

import re
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from chats.conftest import JOELMA, person
from chats.models import Message, MessageStatus, Origin
from chats.outbox import sender
from chats.outbox.message_queue import WindowClosed, queue_message
from chats.outbox.send_results import store_results
from chats.outbox.tests.steps import statuses_of, write
from cloud_api import messages
from cloud_api.graph import GraphError, Sent
from contacts.models import Contact
from webhooks.processing.pipeline import LANES
from webhooks.tests.bodies import body, value

pytestmark = pytest.mark.usefixtures("hub")
DEADLOCK = 1213
BARRIER_TIMEOUT = 1.0

CONTACT = r"FROM `contacts`.* FOR UPDATE|UPDATE `contacts`"
SEND_QUEUE = r"FROM `chat_turn`.* FOR UPDATE"
MESSAGE = r"FROM `chat_session_message`.* FOR UPDATE|UPDATE `chat_session_message`"
EVENT = r"FROM `chat_status_event`.* FOR UPDATE"
NUMBER = r"UPDATE `settings`"
BUCKETS = r"INSERT INTO `chat_turn`|SET `paced_until`"


class Actor:
    """Work on a connection of its own, which stops before the first statement of a kind until the other one has come as far."""

    def __init__(self, work: Callable[[], object], *, stops_before: str, together: threading.Barrier) -> None:
        self._work = work
        self._stops_before: str | None = stops_before
        self._together = together
        self.deadlocks = 0
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            with connection.execute_wrapper(self._execute):
                self._work()
        except Exception as failure:  # noqa: BLE001  the test looks at it
            self.failure = failure
        finally:
            connection.close()

    def _execute(self, execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if self._stops_before and re.search(self._stops_before, sql):
            self._stops_before = None
            with suppress(threading.BrokenBarrierError):  # the other one waits for a lock before it comes so far
                self._together.wait(BARRIER_TIMEOUT)
        try:
            return execute(sql, parameters, many, context)
        except OperationalError as failure:
            self.deadlocks += failure.args[0] == DEADLOCK
            raise


def meet(one: Callable[[], object], before_one: str, other: Callable[[], object], before_other: str) -> None:
    """Runs both at once. Neither may fail or be the victim of a deadlock. SQLite has one lock, so it cannot deadlock."""
    together = threading.Barrier(2)
    actors = [
        Actor(one, stops_before=before_one, together=together),
        Actor(other, stops_before=before_other, together=together),
    ]
    for actor in actors:
        actor.thread.start()
    for actor in actors:
        actor.thread.join()
    assert [actor.failure for actor in actors] == [None, None]
    assert [actor.deadlocks for actor in actors] == [0, 0]


def apply_webhooks() -> None:
    LANES[0].run_once()


def react(contact: Contact, wamid: str) -> None:
    options: dict[str, Any] = {"token": uuid.uuid4(), "origin": Origin.STAFF, "now": timezone.now()}
    with suppress(WindowClosed):
        queue_message(contact=contact, message=messages.reaction(wamid, "👍"), **options)


def test_writing_and_storing_a_result_with_a_wa_id(meta, number) -> None:
    typed = person(number, wa_id="5561995550186")
    message = write(typed, "um")
    (attempt,) = sender.Scheduler().lease_attempts(1)
    sent = Sent("wamid.1", wa_id="556195550186", user_id=None, message_status=None)
    meet(lambda: store_results([(attempt, sent)]), CONTACT, lambda: write(typed, "dois"), SEND_QUEUE)
    typed.refresh_from_db()
    assert (statuses_of(message), typed.wa_id) == ([MessageStatus.SENT], "556195550186")


def test_writing_and_storing_a_result_that_stops_the_number(meta, joelma, number) -> None:
    message = write(joelma, "um")
    (attempt,) = sender.Scheduler().lease_attempts(1)
    meet(lambda: store_results([(attempt, GraphError(190))]), NUMBER, lambda: write(joelma, "dois"), SEND_QUEUE)
    number.refresh_from_db()
    assert (statuses_of(message), number.sending_stopped_code) == ([MessageStatus.QUEUED], 190)


def test_a_status_and_the_result_of_the_same_message(meta, joelma, hub) -> None:
    message = write(joelma, "Oi")
    (attempt,) = sender.Scheduler().lease_attempts(1)
    result = sender.send(attempt)
    (sent,) = meta.sent()
    hub.deliver(meta.status_body(sent, "delivered"))
    meet(lambda: store_results([(attempt, result)]), EVENT, apply_webhooks, MESSAGE)
    message.refresh_from_db()
    assert (message.message_status, message.wamid) == (MessageStatus.DELIVERED, sent["wamid"])


def test_statuses_and_results_of_several_messages(meta, people, hub) -> None:
    """The hub's own IDs are in any order, and so are the statuses."""
    written = [write(contact, "Oi") for contact in people(8)]
    attempts = list(sender.Scheduler().lease_attempts(16))
    results = [(attempt, sender.send(attempt)) for attempt in attempts]
    status_objects = [
        {"id": sent["wamid"], "status": "read", "timestamp": str(int(timezone.now().timestamp())), "recipient_id": JOELMA}
        | {"biz_opaque_callback_data": sent["callback_data"]}
        for sent in meta.sent()
    ]
    hub.deliver(body(value(statuses=status_objects)))
    meet(lambda: store_results(results), EVENT, apply_webhooks, MESSAGE)
    assert set(statuses_of(*written)) == {MessageStatus.READ}


def test_a_refusal_of_a_message_and_a_reaction_to_it(meta, joelma, hub) -> None:
    message = write(joelma, "Oi")
    (attempt,) = sender.Scheduler().lease_attempts(1)
    store_results([(attempt, Sent("wamid.1", None, None, None))])
    status = {"id": "wamid.1", "status": "failed", "timestamp": str(int(timezone.now().timestamp())), "recipient_id": JOELMA}
    refusal = status | {"errors": [{"code": 131047}], "biz_opaque_callback_data": message.callback_data}
    hub.deliver(body(value(statuses=[refusal])))
    meet(apply_webhooks, CONTACT, lambda: react(joelma, "wamid.1"), MESSAGE)
    joelma.refresh_from_db()
    assert (statuses_of(message), joelma.window_refused_at is not None) == ([MessageStatus.FAILED], True)


def test_a_merge_of_two_contacts_and_leasing_their_queues(meta, joelma, number, hub) -> None:
    Contact.objects.filter(pk=joelma.pk).update(bsuid="BR.1874209365510400")
    hidden = person(number, bsuid="BR.1874209365510499")
    written = [write(joelma, "Oi"), write(hidden, "Oi")]
    change = {"type": "user_changed_user_id", "user_id": hidden.bsuid, "previous_user_id": "BR.1874209365510400"}
    message_from_meta = {
        "from_user_id": "BR.1874209365510400",
        "id": "wamid.moved",
        "timestamp": str(int(timezone.now().timestamp())),
    }
    hub.deliver(body(value(messages=[message_from_meta | {"type": "system", "system": change}])))
    meet(lambda: list(sender.Scheduler().lease_attempts(8)), MESSAGE, apply_webhooks, SEND_QUEUE)
    assert {each.contact_id for each in Message.objects.filter(pk__in=[message.pk for message in written])} == {joelma.pk}


def test_writing_and_leasing_an_earlier_message(meta, joelma) -> None:
    first = write(joelma, "um")
    meet(lambda: list(sender.Scheduler().lease_attempts(8)), BUCKETS, lambda: write(joelma, "dois"), SEND_QUEUE)
    assert statuses_of(first) == [MessageStatus.SENDING]
