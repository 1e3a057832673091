"""The worker as a process, killed while it exports or erases a person: another one ends it, and nothing is left behind."""

import json
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.utils import timezone

from chats.models import Message
from chats.outbox.tests.steps import wait_for
from chats.outbox.tests.test_killed_worker import WorkerProcess
from contacts.conftest import sign_in
from contacts.models import Contact
from organizations.models import Organization, Role, User
from privacy.erasure.requests import request_erasure
from privacy.erasure.tests.person import VALUES, store_person
from privacy.erasure.tests.test_kills import Killed, killed_at
from privacy.models import Erasure, PersonExport
from privacy.person_export.export_queue import LANE, request_export
from privacy.tests.search import traces
from webhooks.tests.bodies import HOUR, START

pytestmark = pytest.mark.django_db(transaction=True)
NO_GRAPH = "http://127.0.0.1:9"
MESSAGES = 4_000
PAUSES = (0.0, 0.05, 0.2)
PROCESS_SECONDS = 60.0
"""A process starts slowly on a busy machine."""


@pytest.fixture
def user(organization: Organization) -> User:
    return sign_in(organization, Role.USER_ADMIN).user


@pytest.fixture
def contact(hub: Any, numbers: Any, settings: Any, tmp_path: Path, user: User) -> Contact:
    settings.MEDIA_ROOT = tmp_path / "media"  # of the worker too
    with time_machine.travel(datetime.fromtimestamp(START + HOUR, UTC), tick=True):
        return Contact.objects.get(pk=store_person(hub, user).pk)


@contextmanager
def killed_worker(directory: Path, lane: str) -> Iterator[None]:
    """Runs the lane in a process of its own, and kills it at the end."""
    worker = WorkerProcess(NO_GRAPH, directory, lanes=lane)
    try:
        yield
    finally:
        worker.kill()


def end_leases(model: Any) -> None:
    model.objects.filter(state="due").update(due_at=timezone.now() - timedelta(seconds=1))


def add_messages(contact: Contact) -> None:
    """Gives the contact so many messages that an export of them takes a while."""
    first = Message.objects.filter(contact=contact, is_user_message=True).first()
    assert first
    values = {each.attname: getattr(first, each.attname) for each in Message._meta.concrete_fields if not each.primary_key}
    copies = []
    for index in range(MESSAGES):
        values |= {"wamid": f"wamid.{index}", "create_in": first.create_in + timedelta(seconds=index)}
        copies.append(Message(**values))
    Message.objects.bulk_create(copies, batch_size=500)


def has_begun() -> bool:
    return PersonExport.objects.filter(written__gt=0).exists()


def files() -> list[Path]:
    return [each for each in Path(default_storage.path("exports")).rglob("*") if each.is_file()]


def test_an_export_of_a_person_whose_worker_is_killed_begins_again_and_is_complete(
    contact: Contact, organization: Organization, user: User, tmp_path: Path
) -> None:
    add_messages(contact)
    export = request_export(organization=organization, contact=contact, by=user, language="en", now=timezone.now())
    for pause in PAUSES:
        PersonExport.objects.update(written=0)
        with killed_worker(tmp_path, "person-exports"):
            wait_for(has_begun, seconds=PROCESS_SECONDS)
            time.sleep(pause)
        end_leases(PersonExport)
        export.refresh_from_db()
        assert export.state == "due"
    with killed_worker(tmp_path, "person-exports"):
        wait_for(partial(is_done, export), seconds=PROCESS_SECONDS)

    assert [str(each) for each in files()] == [default_storage.path(export.file)]
    with zipfile.ZipFile(default_storage.path(export.file)) as archive:
        written = [each["wamid"] or each["callback_data"] for each in json.loads(archive.read("data/messages.json"))]
    assert sorted(written) == sorted(each.name for each in contact.messages.all())


def is_done(row: PersonExport | Erasure) -> bool:
    row.refresh_from_db()
    return row.state == "done"


def test_a_worker_that_is_killed_at_any_statement_of_an_export_leaves_no_file(
    contact: Contact, organization: Organization, user: User
) -> None:
    statement, was_killed = 1, True
    while was_killed:
        export = request_export(organization=organization, contact=contact, by=user, language="en", now=timezone.now())
        was_killed = is_export_killed(statement)
        end_leases(PersonExport)
        LANE.run_once()
        assert is_done(export)
        assert [str(each) for each in files()] == [default_storage.path(export.file)], statement
        default_storage.delete(export.file)
        statement += 1
    assert 15 < statement < 200


def is_export_killed(statement: int) -> bool:
    """Runs the lane of exports until this statement. Returns False if it was done before."""
    with killed_at(statement):
        try:
            LANE.run_once()
        except Killed:
            return True
    return False


def test_an_erasure_whose_worker_is_killed_again_and_again_leaves_nothing(
    contact: Contact, organization: Organization, user: User, tmp_path: Path
) -> None:
    add_messages(contact)
    request_erasure(organization=organization, contact=contact, by=user, now=timezone.now())
    erasure = Erasure.objects.get()
    seen = set()
    for pause in PAUSES:
        before = (erasure.step, str(erasure.counts))
        with killed_worker(tmp_path, "erasures"):
            wait_for(partial(has_gone_on, erasure, before), seconds=PROCESS_SECONDS)
            time.sleep(pause)
        erasure.refresh_from_db()
        seen.add((erasure.step, str(erasure.counts)))
        end_leases(Erasure)
    with killed_worker(tmp_path, "erasures"):
        wait_for(partial(is_done, erasure), seconds=PROCESS_SECONDS)

    assert len(seen) > 1
    assert not Contact.objects.filter(pk=contact.pk).exists()
    assert traces([*VALUES, *(f"wamid.{index}" for index in (0, MESSAGES - 1))]) == []


def has_gone_on(erasure: Erasure, before: tuple[str, str]) -> bool:
    erasure.refresh_from_db()
    return (erasure.step, str(erasure.counts)) != before
