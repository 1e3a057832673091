"""Erasing one person: nothing of them is left in any table or file, and nothing comes back. Others keep theirs."""

import gzip
import uuid
import zlib
from io import StringIO
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from api.media.uploads import sendable_file, store_media
from chats.exports.export_lane import LANE as EXPORTS
from chats.exports.services import ExportRequest, start_export
from chats.media.submitted_files import read_submitted_file
from chats.models import (
    Attachment,
    Export,
    ExportPart,
    ExportProblem,
    Message,
    MessageStatus,
    Origin,
    QueuedMessage,
    StatusEvent,
    UnmatchedStatus,
)
from chats.outbox.message_queue import queue_message
from chats.text_search.results import find_texts
from chats.text_search.words import SearchQuery
from conftest import apply_all
from contacts.conftest import sign_in
from contacts.models import Contact, ContactImport
from events.models import EventDelivery
from organizations.models import PhoneNumber, Role
from organizations.storage import storage_used
from privacy.erasure.lane import LANE
from privacy.erasure.requests import AlreadyErasing, request_erasure
from privacy.erasure.tests.person import OTHER, PHONE, VALUES, inbound, status, store_person, wamid_of
from privacy.models import Erasure
from privacy.tests.search import traces
from webhooks.models import HeldItem, Webhook
from webhooks.tests.bodies import HOUR, START, text_body

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def contact(hub, numbers, organization) -> Contact:
    return store_person(hub, sign_in(organization, Role.USER_ADMIN).user)


def erase(contact: Contact) -> Erasure:
    contact.refresh_from_db()
    organization = contact.create_for_phone_number.organization
    by = organization.memberships.get().user
    return request_erasure(organization=organization, contact=contact, by=by, now=timezone.now())


def run_erasures() -> None:
    while LANE.run_once():
        pass


def others() -> dict[str, list[Any]]:
    rows = Message.objects.filter(contact__wa_id=OTHER).order_by("wamid")
    return {
        "messages": list(rows.values("wamid", "content", "payload", "session_id", "create_in")),
        "contact": list(Contact.objects.filter(wa_id=OTHER).values("pk", "name", "last_message_timestamp")),
        "deliveries": list(EventDelivery.objects.filter(contact_id=888_888).values("request", "response")),
        "held": list(HeldItem.objects.filter(state="waiting").values("position", "cause")),
    }


def test_nothing_of_the_person_is_left_and_a_rebuild_brings_nothing_back(contact) -> None:
    before = others()
    assert len({each.partition(": ")[2] for each in traces(VALUES)}) >= len(VALUES), "the search finds what is there"
    erasure = erase(contact)
    run_erasures()
    erasure.refresh_from_db()
    assert (erasure.state, erasure.step, erasure.person) == ("done", "", "")
    assert erasure.counts["messages"] >= 6
    assert traces(VALUES) == []
    assert others() == before
    call_command("replay", "--rebuild", stdout=StringIO())
    apply_all()
    assert traces(VALUES) == []
    after = others()
    assert [each["wamid"] for each in after["messages"]] == [each["wamid"] for each in before["messages"]]
    assert after["contact"] == before["contact"]
    assert set(Webhook.objects.values_list("state", flat=True)) <= {"done", "dead"}
    assert all(row.size == len(row.body) for row in Webhook.objects.all())


def test_the_list_of_unknown_messages_is_erased_in_steps(contact, monkeypatch) -> None:
    monkeypatch.setattr("privacy.erasure.leftovers.STEP", 2)
    theirs, other = wamid_of(PHONE, 50), wamid_of(OTHER, 50)
    row = UnmatchedStatus.objects.earliest("pk")
    columns = {"phone_number": row.phone_number, "organization_id": row.organization_id, "received_at": timezone.now()}
    UnmatchedStatus.objects.bulk_create(
        UnmatchedStatus(wamid=wamid, webhook_id=row.webhook_id + index // 4, **columns)
        for index, wamid in enumerate([theirs, other] * 5)
    )
    erase(contact)
    run_erasures()
    assert set(UnmatchedStatus.objects.values_list("wamid", flat=True)) == {other}
    assert UnmatchedStatus.objects.count() == 5


def test_from_the_request_on_nobody_finds_the_person(contact) -> None:
    erase(contact)
    row = Contact.objects.get(pk=contact.pk)
    assert (row.wa_id, row.name, row.alias, row.username) == (None, "", "", "")
    with pytest.raises(AlreadyErasing):
        erase(contact)


def test_a_person_who_writes_during_the_erasure_is_a_new_contact(contact, hub, clock) -> None:
    erase(contact)
    clock.shift(60)
    hub.deliver(inbound(PHONE, 50, START + HOUR + 50, "voltei", "Joelma"))
    apply_all()
    run_erasures()
    new = Contact.objects.get(wa_id=PHONE)
    assert new.pk != contact.pk
    assert [each.content for each in new.messages.all()] == ["voltei"]
    assert StatusEvent.objects.count() == 0
    call_command("replay", "--rebuild", stdout=StringIO())
    apply_all()
    assert [each.content for each in Message.objects.filter(contact__wa_id=PHONE)] == ["voltei"]


def test_a_late_webhook_is_erased_when_it_arrives(contact, hub, clock) -> None:
    erase(contact)
    run_erasures()
    clock.shift(60)
    hub.deliver(inbound(PHONE, 60, START + 120, "quartzo atrasado", "Joelma Zwick"))
    hub.deliver(status(4, "read", START + HOUR + 30))
    apply_all()
    assert traces(VALUES) == []


def test_messages_that_have_not_left_are_withdrawn(contact) -> None:
    assert QueuedMessage.objects.filter(contact=contact).exists()
    erase(contact)
    run_erasures()
    assert not QueuedMessage.objects.exists()


def test_a_message_in_flight_ends_first(contact) -> None:
    QueuedMessage.objects.filter(contact=contact).update(attempted_at=timezone.now())
    erasure = erase(contact)
    run_erasures()
    erasure.refresh_from_db()
    assert (erasure.step, erasure.state) == ("withdraw", "due")
    QueuedMessage.objects.all().delete()  # as the outbox does with the result
    Erasure.objects.update(due_at=timezone.now())
    run_erasures()
    erasure.refresh_from_db()
    assert erasure.state == "done"


def test_an_import_that_waits_loses_the_line_of_the_person(contact) -> None:
    erase(contact)
    run_erasures()
    row, done = ContactImport.objects.order_by("pk")
    assert zlib.decompress(row.content).decode() == "nome;telefone\n\nMarlene;(11) 98765-4321\n"
    assert [each["wa_id"] for each in row.shown] == [OTHER]
    assert done.faults == []


def test_files_with_all_conversations_are_deleted(contact) -> None:
    request = ExportRequest(content=Export.Content.MESSAGES, format=Export.Format.CSV, language="pt-br", time_zone="UTC")
    organization = contact.create_for_phone_number.organization
    by = organization.memberships.get().user
    export = start_export(organization=organization, request=request, by=by, now=timezone.now())
    while EXPORTS.run_once():
        pass
    names = list(ExportPart.objects.values_list("name", flat=True))
    assert any(b"quartzo" in _unpacked(name) for name in names)
    erase(contact)
    run_erasures()
    assert not any(default_storage.exists(name) for name in names)
    export.refresh_from_db()
    assert (export.status, export.problem) == (Export.Status.ENDED, ExportProblem.ERASED)


def test_a_file_that_others_have_too_is_deleted_with_the_last_of_them(post_and_apply, organization) -> None:
    sign_in(organization, Role.USER_ADMIN)
    post_and_apply(text_body("w1", START, sender=PHONE), text_body("w2", START, sender=OTHER))
    one, other = (Contact.objects.get(wa_id=phone) for phone in (PHONE, OTHER))
    uploaded = read_submitted_file(SimpleUploadedFile("catálogo.pdf", b"%PDF-1.4\n%%EOF\n"))
    media = store_media(organization=organization, submitted=uploaded, now=timezone.now())
    for contact in (one, other):
        send_file(contact, sendable_file(organization=organization, pk=media.pk, kind="document", now=timezone.now()))
    erase(one)
    run_erasures()
    assert Attachment.objects.count() == 1
    assert media.file.storage.exists(str(media.file))
    assert storage_used(organization) == media.size
    media.delete()  # what the chore does with one that has expired
    erase(other)
    run_erasures()
    assert not media.file.storage.exists(str(media.file))
    assert storage_used(organization) == 0


def send_file(contact: Contact, file: Any) -> None:
    document = {"type": "document", "document": {"filename": file.file_name}}
    row = queue_message(contact=contact, message=document, token=uuid.uuid4(), origin=Origin.API, now=timezone.now(), file=file)
    QueuedMessage.objects.filter(pk=row.pk).delete()
    Message.objects.filter(pk=row.pk).update(message_status=MessageStatus.SENT)


def test_words_of_others_are_still_found(contact) -> None:
    erase(contact)
    run_erasures()
    found = find_texts(list(PhoneNumber.objects.all()), SearchQuery.read("bom dia"))
    assert found.messages
    words = {row[0] for row in _rows("SELECT word FROM chat_indexed_word")}
    assert {"bom", "dia"} <= words
    assert not words & {"quartzo", "bromelia", "confidencial"}


def _unpacked(name: str) -> bytes:
    with default_storage.open(name) as file:
        return gzip.decompress(file.read())


def _rows(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
