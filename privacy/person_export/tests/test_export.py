"""The export of one person: everything about them and nothing about others, for administrators, until the link ends."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.urls import reverse

from chats.models import Message
from contacts.conftest import SignedInClient, sign_in
from contacts.models import Contact
from organizations.models import AuditEntry, Organization, Role
from organizations.storage import storage_used
from privacy.erasure.lane import LANE as ERASURES
from privacy.erasure.requests import request_erasure
from privacy.erasure.tests.person import BSUID, OTHER, PHONE, store_person
from privacy.models import PersonExport, PrivacySettings
from privacy.person_export.export_queue import LANE, delete_expired_exports
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
    assert LANE.run_once() == 1
    return PersonExport.objects.latest("pk")


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


def test_the_link_ends_and_the_file_is_deleted(admin, contact, clock) -> None:
    before = storage_used(contact.create_for_phone_number.organization)
    stored = export(admin, contact)
    clock.shift(timedelta(days=7, seconds=1))
    assert admin.get(reverse("person_export_file", args=[stored.organization_id, stored.pk])).status_code == 404
    assert delete_expired_exports() == 1
    assert not PersonExport.objects.exists()
    assert not list((Path(settings.MEDIA_ROOT) / "exports").rglob("*.zip"))
    assert storage_used(contact.create_for_phone_number.organization) == before


def test_an_erasure_deletes_the_file(admin, contact) -> None:
    export(admin, contact)
    contact.refresh_from_db()
    organization = contact.create_for_phone_number.organization
    request_erasure(organization=organization, contact=contact, by=admin.user, now=datetime.now(UTC))
    while ERASURES.run_once():
        pass
    assert not PersonExport.objects.exists()
    assert not list((Path(settings.MEDIA_ROOT) / "exports").rglob("*.zip"))


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
