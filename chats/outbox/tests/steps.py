"""Steps that tests of the outbox share: writing messages, reading their statuses, ending leases, waiting."""

import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from chats.models import Message, NumberRateLimit, Origin, SendQueue
from chats.outbox.message_queue import queue_message
from cloud_api import messages
from contacts.models import Contact


def write(contact: Contact, words: str, **more: Any) -> Message:
    options: dict[str, Any] = {"token": uuid.uuid4(), "origin": Origin.STAFF, "now": timezone.now()} | more
    return queue_message(contact=contact, message=messages.text(words), **options)


def statuses_of(*written: Message) -> list[str]:
    found = Message.objects.in_bulk([message.pk for message in written])
    return [found[message.pk].message_status for message in written]


def error_of(message: Message) -> dict[str, Any]:
    """Returns the first error that is stored with the message."""
    assert message.errors
    return dict(message.errors[0])


def bodies(meta: Any) -> list[str]:
    """Returns the texts that Graph has received."""
    return [each["request"]["text"]["body"] for each in meta.sent()]


def make_due() -> None:
    """Ends all backoffs, pauses and leases."""
    NumberRateLimit.objects.update(next_slot_at=timezone.now() - timedelta(seconds=1))
    end_leases()


def end_leases() -> None:
    SendQueue.objects.filter(state="due").update(due_at=timezone.now() - timedelta(seconds=1))


def wait_for(condition: Callable[[], Any], *, seconds: float = 60.0) -> None:
    """Waits until `condition` is true, at most so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.02)


class InThread:
    """Runs a function in a thread, on a database connection of its own."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self.result: Any = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._work()
        finally:
            connection.close()

    def join(self) -> Any:
        self._thread.join()
        return self.result
