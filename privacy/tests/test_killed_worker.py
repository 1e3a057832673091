"""The worker as a process, killed while it exports or erases a person: another one ends it, and nothing is left behind."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from chats.exports.parts import JoinedParts
from chats.models import Attachment, Message
from chats.outbox.tests.steps import wait_for
from chats.outbox.tests.test_killed_worker import WorkerProcess
from contacts.conftest import sign_in
from contacts.models import Contact
from organizations.models import Organization, Role, User
from organizations.storage import storage_used
from privacy.erasure.lane import LANE as ERASURES
from privacy.erasure.requests import request_erasure
from privacy.erasure.tests.person import VALUES, store_person
from privacy.erasure.tests.test_kills import Killed, killed_at
from privacy.models import Erasure, PersonExport, PersonExportPart
from privacy.person_export.archive import MAX_PART_SIZE
from privacy.person_export.export_queue import LANE, available_parts, delete_expired_exports, request_export
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
    with WorkerProcess(NO_GRAPH, directory, lanes=lane):
        yield


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


def stored_files() -> set[str]:
    """The names of the files of exports in the storage."""
    top = Path(default_storage.path(""))
    return {str(each.relative_to(top)) for each in top.rglob("exports/**/*") if each.is_file()}


def files_of(export: PersonExport) -> set[str]:
    return {export.file, *export.parts.values_list("name", flat=True)}


def archive_of(export: PersonExport) -> zipfile.ZipFile:
    parts = available_parts(export, timezone.now())
    assert parts
    with closing(JoinedParts(parts, compressed=True)) as joined:
        return zipfile.ZipFile(io.BytesIO(b"".join(iter(partial(joined.read, 2**20), b""))))


def test_an_export_of_a_person_whose_worker_is_killed_in_the_last_part_is_complete(
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

    assert stored_files() == files_of(export)
    written = [each["wamid"] or each["callback_data"] for each in json.loads(archive_of(export).read("data/messages.json"))]
    assert sorted(written) == sorted(each.name for each in contact.messages.all())


def add_large_files(contact: Contact, count: int) -> list[Attachment]:
    """Gives the contact messages with files of which each fills a part of an export."""
    known = Attachment.objects.get(message_name__in=[each.name for each in contact.messages.all()])
    message = next(each for each in contact.messages.all() if each.name == known.message_name)
    values = {each.attname: getattr(message, each.attname) for each in Message._meta.concrete_fields if not each.primary_key}
    found = []
    for index in range(count):
        at = message.create_in + timedelta(seconds=index + 1)
        Message.objects.create(**values | {"wamid": f"wamid.large{index}", "create_in": at})
        name = default_storage.save(f"files/{contact.organization_id}/large{index}", ContentFile(b"%d" % index))
        with Path(default_storage.path(name)).open("r+b") as file:
            file.truncate(MAX_PART_SIZE)
        row = Attachment(phone_number=known.phone_number, message_name=f"wamid.large{index}", kind="image", file=name, state="done")
        row.save()
        found.append(row)
    return found


def finished_parts(export: PersonExport) -> list[PersonExportPart]:
    return list(export.parts.exclude(size=None).order_by("position"))


def test_an_export_whose_worker_is_killed_goes_on_with_the_next_part(
    contact: Contact, organization: Organization, user: User, tmp_path: Path
) -> None:
    large = add_large_files(contact, 4)
    export = request_export(organization=organization, contact=contact, by=user, language="en", now=timezone.now())
    kept: list[str] = []
    for count, pause in enumerate(PAUSES, 1):
        with killed_worker(tmp_path, "person-exports"):
            wait_for(lambda count=count: len(finished_parts(export)) >= count, seconds=PROCESS_SECONDS)  # type: ignore[misc]
            time.sleep(pause)
        end_leases(PersonExport)
        names = [each.name for each in finished_parts(export)]
        assert names[: len(kept)] == kept
        kept = names
    while LANE.run_once():
        pass

    assert is_done(export)
    assert [each.name for each in finished_parts(export)][: len(kept)] == kept
    assert stored_files() == files_of(export)
    assert storage_used(organization) == export.size == sum(default_storage.size(name) for name in files_of(export))
    archive = archive_of(export)
    copied = [name for name in archive.namelist() if name.startswith("files/")]
    assert len(copied) == len(set(copied)) == len(large) + 1
    assert archive.testzip() is None
    assert {each["path"] for each in json.loads(archive.read("data/files.json"))} == set(copied)


def is_done(row: PersonExport | Erasure) -> bool:
    row.refresh_from_db()
    return row.state == "done"


def test_a_worker_that_is_killed_at_any_statement_of_an_export_leaves_no_file_and_writes_each_once(
    contact: Contact, organization: Organization, user: User
) -> None:
    statement, was_killed = 1, True
    used = storage_used(organization)
    while was_killed:
        export = request_export(organization=organization, contact=contact, by=user, language="en", now=timezone.now())
        was_killed = is_export_killed(statement)
        end_leases(PersonExport)
        while LANE.run_once():
            pass
        assert is_done(export)
        assert stored_files() == files_of(export), statement
        assert storage_used(organization) - used == export.size == sum(default_storage.size(name) for name in files_of(export))
        archive = archive_of(export)
        assert [archive.read(name) for name in archive.namelist() if name.startswith("files/")] == [b"imagem recibo-zwick"]
        PersonExport.objects.update(expires_at=timezone.now())
        assert delete_expired_exports() == 1
        assert (stored_files(), storage_used(organization)) == (set(), used)
        statement += 1
    assert 30 < statement < 200


def is_export_killed(statement: int) -> bool:
    """Runs the lane of exports until this statement. Returns False if it was done before."""
    with killed_at(statement):
        try:
            while LANE.run_once():
                pass
        except Killed:
            return True
    return False


@pytest.mark.parametrize("statement", [10, 16, 20, 24, 26, 60, 71, 72])
def test_an_erasure_deletes_what_a_killed_worker_wrote_of_an_export(
    contact: Contact, organization: Organization, user: User, statement: int
) -> None:
    request_export(organization=organization, contact=contact, by=user, language="en", now=timezone.now())
    assert is_export_killed(statement)
    request_erasure(organization=organization, contact=contact, by=user, now=timezone.now())
    ERASURES.run_once()
    is_leased = PersonExport.objects.filter(lease_token__isnull=False).exists()
    assert Erasure.objects.get().step == ("withdraw" if is_leased else "")
    PersonExport.objects.update(due_at=timezone.now() - timedelta(seconds=1))  # the lease ends
    end_leases(Erasure)
    assert LANE.run_once() == 0  # the export does not go on
    while ERASURES.run_once():
        pass
    assert is_done(Erasure.objects.get())
    assert not PersonExportPart.objects.exists()
    assert stored_files() == set()
    assert traces(VALUES) == []


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
