"""The worker as a process, killed while it delivers events: each event arrives, in order, and twice only if it was under way."""

import time
from collections import Counter
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from bots.answering.tests.programs.webhook_program import Program
from chats.outbox.tests.steps import wait_for
from chats.outbox.tests.test_killed_worker import WorkerProcess
from conftest import apply_all
from events.delivery.lane import PER_QUEUE
from events.delivery.tests.conftest import wamids_of, write
from events.models import EventDelivery, EventQueue
from organizations.models import Event
from webhooks.processing import pipeline

pytestmark = pytest.mark.django_db(transaction=True)
NO_GRAPH = "http://127.0.0.1:9"
SENDERS = [f"55619815{number:05}" for number in range(10)]
EVENTS = 12
"""Of each sender."""
PAUSES = (0.0, 0.02, 0.05, 0.1)


def has_more(receiver: Program, count: int) -> bool:
    return len(receiver.bodies) > count or not (EventQueue.objects.filter(state="due").exists() or Event.objects.exists())


def test_events_arrive_in_order_however_often_the_worker_is_killed(
    hub: Any, numbers: Any, messages_only: Any, receiver: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOT_ALLOWED_ADDRESSES", receiver.url.removeprefix("http://").removesuffix("/bot"))
    expected = {sender: [f"wamid.{sender}.{index}" for index in range(EVENTS)] for sender in SENDERS}
    for index in range(EVENTS):
        for sender in SENDERS:
            hub.deliver(write(expected[sender][index], sender=sender))
    for lane in pipeline.LANES:
        lane.drain(lambda: False)
    for pause in PAUSES:
        before = len(receiver.bodies)
        with WorkerProcess(NO_GRAPH, tmp_path, lanes="events"):
            wait_for(partial(has_more, receiver, before))
            time.sleep(pause)
        EventQueue.objects.filter(state="due").update(due_at=timezone.now() - timedelta(seconds=1))
    apply_all()

    arrived = wamids_of(receiver)
    first_times = list(dict.fromkeys(arrived))
    assert {sender: [each for each in first_times if f".{sender}." in each] for sender in SENDERS} == expected
    assert not EventDelivery.objects.exclude(outcome="delivered").exists()
    repeated = sum(count - 1 for count in Counter(arrived).values())
    assert repeated <= len(PAUSES) * len(SENDERS) * PER_QUEUE
