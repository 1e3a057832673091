"""A worker that dies at any statement of a delivery loses no event and keeps the order."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from conftest import apply_all
from events.delivery.lane import event_lane
from events.delivery.tests.conftest import write
from events.models import EventDelivery, EventQueue
from organizations.models import Event
from webhooks.processing import pipeline

pytestmark = pytest.mark.django_db(transaction=True)
MAX_STATEMENTS = 120


class Killed(BaseException):
    """The process ends here. Not an Exception, so nothing handles it."""


@contextmanager
def killed_at(statement: int) -> Iterator[None]:
    """Ends the work at this statement."""
    count = 0

    def wrapper(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        nonlocal count
        count += 1
        if count == statement:
            raise Killed
        return execute(sql, *rest)

    with connection.execute_wrapper(wrapper):
        yield


def test_a_worker_that_is_killed_at_any_statement_loses_no_event_and_keeps_the_order(hub, numbers, messages_only, receiver) -> None:
    for statement in range(1, MAX_STATEMENTS):
        sender = f"5561981{statement:06}"
        expected = [f"a{statement}", f"b{statement}"]
        for wamid in expected:
            hub.deliver(write(wamid, sender=sender))
        for lane in pipeline.LANES:
            lane.run_once()
        receiver.bodies.clear()
        was_killed = kill_at(statement)
        EventQueue.objects.update(due_at=timezone.now(), lease_token=None)
        apply_all()
        arrived = [json.loads(body)["data"]["message"]["wamid"] for body in receiver.bodies]
        assert list(dict.fromkeys(arrived)) == expected, statement
        assert not EventDelivery.objects.exclude(outcome="delivered").exists()
        assert not Event.objects.exists()
        if not was_killed:
            break
    assert 15 < statement < MAX_STATEMENTS - 1


def kill_at(statement: int) -> bool:
    """Runs the lane of events until this statement. Returns False if it was done before."""
    lane = event_lane()
    try:
        with killed_at(statement):
            lane.drain(lambda: False)
    except Killed:
        if lane._threads:
            lane._threads.shutdown()
        if lane._renewal:
            lane._renewal.stop()
        return True
    return False
