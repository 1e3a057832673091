"""The export of one person: everything about them and nothing about others, for administrators, until the link ends."""

import io
import json
import zipfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chats.conftest import bucket  # noqa: F401  a fixture
from chats.models import Attachment, Message
from contacts.conftest import SignedInClient, sign_in
from contacts.models import Contact
from organizations.models import AuditEntry, Organization, Role, User
from organizations.storage import storage_used
from privacy.erasure.lane import LANE as ERASURES
from privacy.erasure.requests import request_erasure
from privacy.erasure.tests.person import BSUID, OTHER, PHONE, store_person
from privacy.export_deletion import stop_exports
from privacy.models import Erasure, PersonExport, PersonExportPart, PrivacySettings
from privacy.person_export.export_queue import LANE, delete_expired_exports
from privacy.retention.files import DELETED
from webhooks.tests.bodies import HOUR, START

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(datetime.fromtimestamp(START + HOUR, UTC), tick=True) as traveller:
        yield traveller


@pytest.fixture
def admin(organization) -> SignedInClient:
    return sign_in(organization, Role.USER_ADMIN, language="pt-br")


@pytest.fixture
def contact(hub, numbers, admin) -> Contact:
    return store_person(hub, admin.user)


def export(admin: Client, contact: Contact) -> PersonExport:
    organization_id = contact.create_for_phone_number.organization_id
    assert admin.post(reverse("export_person", args=[organization_id, contact.pk])).status_code == 302
    while LANE.run_once():
        pass
    return PersonExport.objects.latest("pk")


def stored_files() -> list[Path]:
    return [each for each in Path(settings.MEDIA_ROOT).rglob("exports/**/*") if each.is_file()]


def archive_of(admin: Client, stored: PersonExport) -> zipfile.ZipFile:
    response: Any = admin.get(reverse("person_export_file", args=[stored.organization_id, stored.pk]))
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    return zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))


def test_the_file_has_everything_about_the_person_and_nothing_about_others(admin, contact) -> None:
    archive = archive_of(admin, export(admin, contact))
    data = {Path(name).stem: json.loads(archive.read(name)) for name in archive.namelist() if name.startswith("data/")}
    assert {each["wa_id"] for each in data["contacts"]} == {PHONE}
    assert {each["wamid"] for each in data["messages"]} == set(contact.messages.values_list("wamid", flat=True))
    assert {each["text"] for each in data["contact_note"]} == {"anotação sigilosa"}
    assert data["contact_retired_identity"]
    assert data["contact_change"]
    assert data["contact_marketing_choice"]
    assert data["bot_request"][0]["request"]["contact"]["wa_id"] == PHONE
    assert [each["status"] for each in data["statuses"]] == ["delivered"]
    assert data["labels"] == [{"contact_id": contact.pk, "label__name": "Cliente"}]
    assert archive.read(data["files"][0]["path"]) == b"imagem recibo-zwick"
    assert OTHER not in "".join(archive.read(name).decode() for name in archive.namelist())


def test_the_page_is_in_the_language_of_the_user(admin, contact) -> None:
    page = archive_of(admin, export(admin, contact)).read("index.html").decode()
    assert '<html lang="pt-br">' in page
    for each in ("Zwickinha", BSUID, "xilofone", "a bromélia é confidencial", "anotação sigilosa", "files/"):
        assert each in page


def test_the_file_says_who_answers_questions_about_the_data(admin, contact) -> None:
    organization = contact.create_for_phone_number.organization
    officer = {"officer_name": "Joelma Lima", "officer_contact": "privacidade@example.com"}
    PrivacySettings.objects.create(organization=organization, **officer)
    archive = archive_of(admin, export(admin, contact))
    page = archive.read("index.html").decode()
    assert json.loads(archive.read("data/organization.json")) == [{"organization_name": organization.organization_name, **officer}]
    assert "<strong>Joelma Lima</strong> privacidade@example.com" in page


def test_a_text_of_the_person_is_no_markup(admin, contact) -> None:
    Message.objects.filter(contact=contact).update(content="<script>alert(1)</script>")
    page = archive_of(admin, export(admin, contact)).read("index.html").decode()
    assert "<script" not in page


def test_many_messages_are_all_written_once(admin, contact) -> None:
    first = Message.objects.filter(contact=contact, is_user_message=True).first()
    assert first
    copies = []
    for index in range(1_201):
        copy = Message.objects.get(pk=first.pk)
        copy.pk, copy.wamid, copy.create_in = None, f"wamid.{index}", first.create_in + timedelta(seconds=index // 600)
        copies.append(copy)
    Message.objects.bulk_create(copies)
    archive = archive_of(admin, export(admin, contact))
    written = [each["wamid"] for each in json.loads(archive.read("data/messages.json"))]
    assert len(written) == len(set(written)) == contact.messages.count()


def test_a_worker_whose_lease_ends_deletes_no_part_of_the_next_one(admin, contact) -> None:
    admin.post(reverse("export_person", args=[contact.create_for_phone_number.organization_id, contact.pk]))
    ended = PersonExport.objects.lease(limit=1, seconds=0)
    assert ended
    begun: list[Future[PersonExportPart]] = []

    def begin_a_part() -> PersonExportPart:
        try:
            (taken,) = lease.ids if (lease := PersonExport.objects.lease(limit=1, seconds=60)) else []
            name = default_storage.save("exports/next", ContentFile(b"a part that is being written"))
            return PersonExportPart.objects.create(export_id=taken, position=1, name=name)
        finally:
            connection.close()

    def begin_meanwhile(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "person_export_part" in sql and not begun:
            begun.append(threads.submit(begin_a_part))
            wait(begun, timeout=1)  # it may have to wait for this transaction
        return execute(sql, params, many, context)

    with ThreadPoolExecutor(1) as threads:
        with connection.execute_wrapper(begin_meanwhile):
            LANE.work(ended)
        part = begun[0].result()

    assert PersonExportPart.objects.filter(pk=part.pk).exists()
    assert default_storage.exists(part.name)


def test_the_link_ends_and_the_file_is_deleted(admin, contact, clock) -> None:
    before = storage_used(contact.create_for_phone_number.organization)
    stored = export(admin, contact)
    clock.shift(timedelta(days=7, seconds=1))
    assert admin.get(reverse("person_export_file", args=[stored.organization_id, stored.pk])).status_code == 404
    assert delete_expired_exports() == 1
    assert not PersonExport.objects.exists()
    assert not stored_files()
    assert storage_used(contact.create_for_phone_number.organization) == before


def test_an_erasure_deletes_the_file(admin, contact) -> None:
    export(admin, contact)
    contact.refresh_from_db()
    organization = contact.create_for_phone_number.organization
    request_erasure(organization=organization, contact=contact, by=admin.user, now=datetime.now(UTC))
    while ERASURES.run_once():
        pass
    assert not PersonExport.objects.exists()
    assert not stored_files()


def test_a_file_that_the_hub_deleted_before_it_was_copied_has_no_link(admin, contact) -> None:
    for name in Attachment.objects.exclude(file="").values_list("file", flat=True):
        default_storage.delete(name)
    archive = archive_of(admin, export(admin, contact))
    assert [each["path"] for each in json.loads(archive.read("data/files.json"))] == [None]
    assert "files/" not in archive.read("index.html").decode()


def test_a_file_that_the_hub_deletes_after_it_was_copied_stays_in_the_export(admin, contact) -> None:
    organization_id = contact.create_for_phone_number.organization_id
    admin.post(reverse("export_person", args=[organization_id, contact.pk]))
    assert LANE.run_once() == 1
    assert PersonExport.objects.get().parts.count() == 1
    for name in Attachment.objects.exclude(file="").values_list("file", flat=True):
        default_storage.delete(name)
    Attachment.objects.update(**DELETED)
    archive = archive_of(admin, export(admin, contact))
    path = json.loads(archive.read("data/files.json"))[0]["path"]
    assert archive.read(path) == b"imagem recibo-zwick"
    assert path in archive.read("index.html").decode()


def test_a_message_that_comes_while_the_file_is_written_is_in_it_with_its_file(admin, contact) -> None:
    organization_id = contact.create_for_phone_number.organization_id
    admin.post(reverse("export_person", args=[organization_id, contact.pk]))
    assert LANE.run_once() == 1
    known = Attachment.objects.get()
    message = Message.objects.get(wamid=known.message_name)
    message.pk, message.wamid = None, "wamid.late"
    message.create_in -= timedelta(days=1)
    message.save(force_insert=True)
    known.pk, known.message_name = None, message.wamid
    known.save(force_insert=True)
    archive = archive_of(admin, export(admin, contact))
    paths = {each["message"]: each["path"] for each in json.loads(archive.read("data/files.json"))}
    assert archive.read(paths["wamid.late"]) == b"imagem recibo-zwick"
    assert len(set(paths.values())) == 2


def test_a_file_whose_message_moves_while_the_file_is_written_is_in_it_once(admin, contact) -> None:
    organization_id = contact.create_for_phone_number.organization_id
    admin.post(reverse("export_person", args=[organization_id, contact.pk]))
    assert LANE.run_once() == 1
    message = Message.objects.get(wamid=Attachment.objects.get().message_name)
    Message.objects.filter(pk=message.pk).update(create_in=message.create_in + timedelta(days=1))
    archive = archive_of(admin, export(admin, contact))
    assert len([name for name in archive.namelist() if name.startswith("files/")]) == 1


def test_a_storage_that_fails_delays_the_export(admin, contact) -> None:
    name = Attachment.objects.exclude(file="").values_list("file", flat=True)[0]
    path = Path(default_storage.path(name))
    path.rename(path.with_name("away"))
    path.mkdir()  # opening it is an error of the system
    stored = export(admin, contact)
    assert (stored.state, stored.attempts, stored.reason) == ("due", 1, "StorageFailed: IsADirectoryError EISDIR")
    path.rmdir()
    path.with_name("away").rename(path)
    PersonExport.objects.update(due_at=datetime(2020, 1, 1, tzinfo=UTC))
    archive = archive_of(admin, export(admin, contact))
    assert archive.read(json.loads(archive.read("data/files.json"))[0]["path"]) == b"imagem recibo-zwick"


def test_a_file_that_the_storage_never_returns_is_missing_and_the_list_says_so(admin, contact, caplog) -> None:
    known = Attachment.objects.exclude(file="").get()
    late = Message.objects.get(wamid=known.message_name)
    late.pk, late.wamid = None, "wamid.late"
    late.save(force_insert=True)
    other = Attachment.objects.get(pk=known.pk)
    other.pk, other.message_name = None, late.wamid
    other.file.name = default_storage.save(f"files/{contact.organization_id}/late", ContentFile(b"another"))
    other.save(force_insert=True)
    path = Path(default_storage.path(str(known.file.name)))
    path.unlink()
    path.mkdir()
    stored = export(admin, contact)
    while stored.state == "due":
        PersonExport.objects.update(due_at=datetime(2020, 1, 1, tzinfo=UTC))
        LANE.run_once()
        stored.refresh_from_db()
    archive = archive_of(admin, stored)
    assert archive.testzip() is None
    files = {each["message"]: each for each in json.loads(archive.read("data/files.json"))}
    assert (files[known.message_name]["path"], files[known.message_name]["is_missing"]) == (None, True)
    assert files["wamid.late"]["is_missing"] is False
    assert archive.read(files["wamid.late"]["path"]) == b"another"
    assert f"file {known.pk} is missing" in caplog.text


def test_an_interrupted_download_goes_on(admin, contact) -> None:
    stored = export(admin, contact)
    file = reverse("person_export_file", args=[stored.organization_id, stored.pk])
    whole = b"".join(admin.get(file).streaming_content)
    rest = admin.get(file, headers={"Range": "bytes=100-"})
    assert rest.status_code == 206
    assert b"".join(rest.streaming_content) == whole[100:]


def test_request_and_download_are_in_the_audit_log(admin, contact) -> None:
    archive_of(admin, export(admin, contact))
    entries = AuditEntry.objects.filter(action="exported", target_id=str(contact.pk))
    assert entries.count() == 2


def test_only_administrators_may_export(admin, contact) -> None:
    organization = contact.create_for_phone_number.organization
    address = reverse("export_person", args=[organization.pk, contact.pk])
    stored = export(admin, contact)
    file = reverse("person_export_file", args=[organization.pk, stored.pk])
    member = sign_in(organization, Role.USER)
    outsider = sign_in(Organization.objects.create(organization_name="Outra"), Role.USER_ADMIN, email="x@example.com")
    assert [member.get(each).status_code for each in (address, file)] == [403, 403]
    assert [outsider.get(each).status_code for each in (address, file)] == [404, 404]
    assert Client().get(file).status_code == 302


def begin_erasure(contact: Contact, user: User) -> Erasure:
    organization = contact.create_for_phone_number.organization
    return request_erasure(organization=organization, contact=contact, by=user, now=timezone.now())


def test_a_person_who_is_being_erased_is_not_exported_any_more(admin, contact) -> None:
    begin_erasure(contact, admin.user)
    address = reverse("export_person", args=[contact.organization_id, contact.pk])

    assert admin.post(address).status_code == 404
    assert not PersonExport.objects.exists()


def test_an_export_that_an_erasure_has_stopped_is_not_made_due_again(admin, contact) -> None:
    assert admin.post(reverse("export_person", args=[contact.organization_id, contact.pk])).status_code == 302
    stopped = PersonExport.objects.get()
    begin_erasure(contact, admin.user)
    assert stop_exports(stopped.organization_id, [contact.pk])

    with time_machine.travel(timezone.now() - timedelta(minutes=5)):  # the clock of another machine
        admin.post(reverse("retry_person_export", args=[stopped.organization_id, stopped.pk]))
    stopped.refresh_from_db()
    assert stopped.state == "dead"
    assert LANE.run_once() == 0


@pytest.fixture
def switch_storage(settings: Any, bucket: dict[str, Any]) -> Callable[[], None]:  # noqa: F811
    """Switches between the working storage, with which it begins, and one that refuses everything."""
    refusing = settings.STORAGES
    working = settings.STORAGES = refusing | {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}}

    def switch() -> None:
        settings.STORAGES = refusing if settings.STORAGES is working else working

    return switch


def test_an_export_whose_files_cannot_be_deleted_keeps_its_row(admin, contact, switch_storage) -> None:
    export(admin, contact)
    PersonExport.objects.update(expires_at=timezone.now())
    switch_storage()
    assert delete_expired_exports() == 0
    assert PersonExport.objects.exists()

    switch_storage()
    assert delete_expired_exports() == 1
    assert stored_files() == []


def test_an_erasure_waits_for_a_storage_that_does_not_delete(admin, contact, switch_storage) -> None:
    names = list(Attachment.objects.exclude(file="").values_list("file", flat=True))
    erasure = begin_erasure(contact, admin.user)
    switch_storage()
    ERASURES.run_once()
    erasure.refresh_from_db()
    assert (erasure.state, erasure.reason) == ("due", "StorageFailed: AccessDenied AccessDenied")

    switch_storage()
    Erasure.objects.update(due_at=Now())
    while ERASURES.run_once():
        Erasure.objects.filter(state="due").update(due_at=Now())
    erasure.refresh_from_db()
    assert erasure.state == "done"
    assert names
    assert not any(default_storage.exists(name) for name in names)
