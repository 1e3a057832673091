"""The worker as a process, killed at random times while customers write: each message is answered once."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from bots.answering.tests.conftest import now
from bots.models import Bot
from chats.models import BotTurn, Message
from chats.outbox.tests.steps import wait_for
from chats.outbox.tests.test_killed_worker import WorkerProcess
from conftest import Hub, apply_all
from organizations.models import PhoneNumber
from webhooks.models import Webhook
from webhooks.tests.bodies import text_body

pytestmark = pytest.mark.django_db(transaction=True)
CUSTOMERS = [f"55619815{number:05}" for number in range(8)]
KILLS = 4
NO_GRAPH = "http://127.0.0.1:9"
ECHO: dict[str, Any] = {
    "format": 1,
    "name": "Eco",
    "start": "ask",
    "settings": {"silence_seconds": 0},
    "steps": [
        {
            "id": "ask",
            "type": "ask",
            "message": {"type": "text", "text": "Recebido: {{said}}."},
            "variable": "said",
            "answer": {"kind": "text"},
            "invalid": {"type": "text", "text": "Não entendi."},
            "next": "ask",
        },
    ],
}
"""Each answer contains the messages that it answers, except the first one of a customer, which begins the flow."""


def test_each_message_is_answered_once_however_often_the_worker_is_killed(
    publish: Callable[..., Bot], hub: Hub, numbers: dict[str, PhoneNumber], tmp_path: Path
) -> None:
    publish(ECHO)
    write_all(hub, "inicio")
    apply_all()
    assert answers().count() == len(CUSTOMERS)

    said: list[str] = []
    for kill in range(KILLS):
        before = answers().count()
        said += write_all(hub, f"antes{kill}")
        with running_worker(tmp_path):
            wait_for(partial(are_more_than, before), seconds=60.0)  # a process starts slowly on a busy machine
            said += write_all(hub, f"durante{kill}")
            time.sleep(random.uniform(0.0, 0.2))  # noqa: S311  a time, not a secret
        end_leases()
    apply_all()

    texts = answers().values_list("content", flat=True)
    assert {text: sum(text in answer for answer in texts) for text in said} == dict.fromkeys(said, 1)
    assert not Message.objects.filter(is_user_message=True).exclude(bot_replied=True).exists()
    assert not BotTurn.objects.exists()


def write_all(hub: Hub, words: str) -> list[str]:
    """Delivers a message of each customer, and returns their texts, which no other messages have."""
    texts = {customer: f"{words}-{customer}" for customer in CUSTOMERS}
    for customer, text in texts.items():
        hub.deliver(text_body(f"wamid.{text}", now(), text=text, sender=customer))
    return list(texts.values())


def are_more_than(count: int) -> bool:
    """Returns whether customers have got more answers than these."""
    return bool(answers().count() > count)


def answers() -> Any:
    return Message.objects.filter(is_user_message=False)


@contextmanager
def running_worker(directory: Path) -> Iterator[None]:
    """Runs the lanes from webhooks to turns in a process of their own, and kills it at the end."""
    with WorkerProcess(NO_GRAPH, directory, lanes="webhooks,bots,bot-timers"):
        yield


def end_leases() -> None:
    """Ends the leases of the killed worker."""
    past = timezone.now() - timedelta(seconds=1)
    for model in (Webhook, BotTurn):
        model._default_manager.filter(state="due", due_at__gt=past).update(due_at=past)
