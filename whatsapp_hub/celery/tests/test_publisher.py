"""Wake-ups become messages, and a broker that fails delays nobody."""

import time
from typing import Any

import pytest
from django.db import transaction

from chats.outbox.tests.steps import wait_for
from jobs import wakeups
from jobs.wakeups import add_listener, wake_after_commit
from webhooks.models import Webhook
from webhooks.tests.bodies import text_body
from whatsapp_hub.celery import app
from whatsapp_hub.celery.queues import MAX_MESSAGES
from whatsapp_hub.celery.tests.engine import broker_url
from whatsapp_hub.celery.tests.processes import WORKERS

WAKE_UPS = 400
DELIVERIES = 10


def messages_in(queue: str) -> int:
    with app.connection_for_read(broker_url(WORKERS)) as connection:
        return connection.default_channel.queue_declare(queue, passive=True).message_count


def purge(queue: str) -> None:
    with app.connection_for_read(broker_url(WORKERS)) as connection:
        connection.default_channel.queue_purge(queue)


@pytest.fixture
def listening(publisher: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wake-ups of this process are published."""
    monkeypatch.setattr(wakeups, "_listeners", [])
    add_listener(lambda model: publisher.publish(["webhooks"]))


def test_wake_ups_that_follow_each_other_are_few_messages_and_the_last_one_counts(publisher: Any) -> None:
    started = time.monotonic()
    for _ in range(WAKE_UPS):
        publisher.publish(["webhooks", "outbox"])
        time.sleep(0.002)
    seconds = time.monotonic() - started
    wait_for(lambda: messages_in("webhooks"))
    time.sleep(0.2)
    assert 2 <= messages_in("webhooks") <= min(MAX_MESSAGES, 20 * seconds + 2)
    assert messages_in("outbox") >= 2
    purge("webhooks")
    publisher.publish(["webhooks"])
    publisher.publish(["webhooks"])
    wait_for(lambda: messages_in("webhooks"))


def test_a_message_may_be_published_later(publisher: Any) -> None:
    publisher.publish(["outbox"], after=1.0)
    publisher.publish(["webhooks"])
    wait_for(lambda: messages_in("webhooks"))
    assert messages_in("outbox") == 0
    wait_for(lambda: messages_in("outbox") == 1)


def test_without_workers_messages_do_not_pile_up(publisher: Any) -> None:
    for _ in range(MAX_MESSAGES + 20):
        publisher.publish(["mail"])
        time.sleep(0.06)
    assert 0 < messages_in("mail") <= MAX_MESSAGES


def test_rows_that_become_due_wake_once_they_are_committed(listening: None, transactional_db: None) -> None:
    with transaction.atomic():
        wake_after_commit(Webhook)
        time.sleep(0.5)
        assert messages_in("webhooks") == 0
    wait_for(lambda: messages_in("webhooks"))


@pytest.mark.parametrize("fault", ["away", "silent", "cut"])
def test_a_broker_that_fails_never_delays_the_200_of_a_webhook(broker, listening, hub, numbers, fault) -> None:
    hub.deliver(text_body("before"))  # connects to the broker
    wait_for(lambda: messages_in("webhooks"))
    getattr(broker, fault)()
    started = time.monotonic()
    for index in range(DELIVERIES):
        assert hub.post(text_body(f"w{index}")).status_code == 200
    assert time.monotonic() - started < 5
    assert Webhook.objects.count() == DELIVERIES + 1


@pytest.mark.parametrize("fault", ["away", "silent", "cut"])
def test_after_a_fault_wake_ups_are_published_again(broker: Any, publisher: Any, fault: str) -> None:
    publisher.publish(["webhooks"])
    wait_for(lambda: messages_in("webhooks"))
    getattr(broker, fault)()
    for _ in range(20):
        publisher.publish(["webhooks"])
        time.sleep(0.1)
    purge("webhooks")
    broker.open()
    wait_for(lambda: messages_in("webhooks"))


def test_a_broker_that_is_away_at_the_start_is_found_later(broker: Any, publisher: Any) -> None:
    broker.away()
    publisher.publish(["webhooks"])
    time.sleep(0.5)
    broker.open()
    wait_for(lambda: messages_in("webhooks") == 1)
