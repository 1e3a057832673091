"""A worker that dies at any statement of a turn leaves exactly one answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from bots.answering import turns
from bots.answering.tests.conftest import now
from bots.models import BotConversation
from chats.models import BotTurn, Message
from conftest import apply_all
from webhooks.processing import pipeline
from webhooks.tests.bodies import text_body

pytestmark = pytest.mark.django_db(transaction=True)
MAX_STATEMENTS = 80


class Killed(BaseException):
    """The process ends here. Not an Exception, so nothing handles it."""


@contextmanager
def killed_at(statement: int) -> Iterator[list[int]]:
    """Ends the work at this statement. Yields a list with the number of statements so far."""
    count = [0]

    def wrapper(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        count[0] += 1
        if count[0] == statement:
            raise Killed
        return execute(sql, *rest)

    with connection.execute_wrapper(wrapper):
        yield count


def test_a_worker_that_is_killed_at_any_statement_leaves_one_answer(publish, hub, numbers) -> None:
    publish()
    for statement in range(1, MAX_STATEMENTS):
        customer = f"5561981{statement:06}"
        hub.deliver(text_body(f"w{statement}", now(), sender=customer))
        apply_webhooks_only()
        if not kill_at(statement):
            break
        BotTurn.objects.update(due_at=timezone.now(), lease_token=None)
        apply_all()
        assert Message.objects.filter(contact__wa_id=customer, is_user_message=False).count() == 1, statement
        assert Message.objects.filter(contact__wa_id=customer, bot_replied=True).count() == 1, statement
    assert 15 < statement < MAX_STATEMENTS - 1
    assert BotConversation.objects.count() == statement


def kill_at(statement: int) -> bool:
    """Runs the lane of turns until this statement. Returns False if it was done before."""
    try:
        with killed_at(statement):
            turns.LANE.run_once()
    except Killed:
        return True
    return False


def apply_webhooks_only() -> None:
    for lane in pipeline.LANES:
        lane.run_once()
