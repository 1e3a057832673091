"""A worker that dies at any statement of an erasure: another one ends it, and nothing of the person is left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from contacts.conftest import sign_in
from contacts.models import Contact
from organizations.models import Role
from privacy.erasure.lane import LANE
from privacy.erasure.requests import request_erasure
from privacy.erasure.tests.person import VALUES, store_person
from privacy.models import Erasure
from privacy.tests.search import traces

pytestmark = pytest.mark.django_db(transaction=True)
STEP = 9
"""The worker dies at each ninth statement after the last kill, so that all statements of all parts have their turn."""


class Killed(BaseException):
    """The process ends here. Not an Exception, so nothing handles it."""


@contextmanager
def killed_at(statement: int) -> Iterator[list[int]]:
    count = [0]

    def wrapper(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        count[0] += 1
        if count[0] == statement:
            raise Killed
        return execute(sql, *rest)

    with connection.execute_wrapper(wrapper):
        yield count


def is_killed(statement: int) -> bool:
    """Runs the lane until this statement. Returns False if the erasure ended before."""
    Erasure.objects.filter(state="due").update(due_at=timezone.now(), lease_token=None)  # the lease of the dead worker has ended
    with killed_at(statement) as count, suppress(Killed):
        while LANE.run_once():
            pass
    return count[0] >= statement


def test_an_erasure_ends_however_often_its_worker_is_killed(hub, numbers, organization) -> None:
    user = sign_in(organization, Role.USER_ADMIN).user
    contact = store_person(hub, user)
    organization.refresh_from_db()
    request_erasure(organization=organization, contact=Contact.objects.get(pk=contact.pk), by=user, now=timezone.now())
    kills = 0
    statement = STEP
    while is_killed(statement):
        kills += 1
        statement += 1 if kills % 4 else STEP
        assert kills < 300
    assert kills > 20
    assert Erasure.objects.get().state == "done"
    assert not Contact.objects.filter(pk=contact.pk).exists()
    assert traces(VALUES) == []


def test_two_erasures_at_once_end_both(hub, numbers, organization) -> None:
    user = sign_in(organization, Role.USER_ADMIN).user
    contact = store_person(hub, user)
    other = Contact.objects.exclude(pk=contact.pk).get()
    for each in (contact, other):
        each.refresh_from_db()
        request_erasure(organization=organization, contact=each, by=user, now=timezone.now())
    while LANE.run_once():
        pass
    assert set(Erasure.objects.values_list("state", flat=True)) == {"done"}
    assert traces([*VALUES, "5511987654321", "Marlene"]) == []
