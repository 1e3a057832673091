"""Exports through their page: the files, what they contain, who gets them, and what happens when something dies."""

import csv
import gzip
import io
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chats.exports.deletion import delete_ended_files, expire_exports
from chats.exports.export_lane import LANE
from chats.exports.services import end_exports
from chats.models import Attachment, Export, ExportPart, ExportProblem, Message
from conftest import html_of
from contacts.conftest import sign_in
from contacts.models import Contact, Label
from jobs.models import State
from organizations.models import AuditEntry, Membership, Organization, Role
from organizations.storage import storage_used

pytestmark = pytest.mark.django_db
START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def joelma(add_contact: Callable[..., Contact]) -> Contact:
    return add_contact(wa_id="556181500586", name="Joelma")


def write(contact: Contact, text: str, at: datetime = START, **columns: Any) -> Message:
    columns = {
        "kind": "text", "payload": {"text": {"body": text}}, "wamid": f"wamid.{uuid.uuid4()}", "is_user_message": True,
        "origin": "live", "message_status": "received", "wa_id": contact.wa_id, "wa_id_received": "556133214400",
    } | columns  # fmt: skip
    return Message.objects.create(
        phone_number_id=contact.create_for_phone_number_id, contact=contact, content=text, session_id=uuid.uuid4(),
        expires_at=at, is_active=False, create_in=at, **columns,
    )  # fmt: skip


def start(client: Client, organization: Organization, **fields: Any) -> Export:
    """Posts the form, and returns the export."""
    fields = {"content": "messages", "format": "jsonl", "token": uuid.uuid4()} | fields
    response = client.post(reverse("exports", args=[organization.pk]), fields)
    assert response.status_code == 302, html_of(response)
    export: Export = Export.objects.latest("pk")
    return export


def link_of(client: Client, export: Export) -> str:
    """Returns the link to the file as the page has it."""
    page = html_of(client.get(reverse("exports", args=[export.organization_id])))
    after = page.partition(f'href="{reverse("export_file", args=[export.organization_id, export.pk])}')[2]
    assert after, "the page offers no file"
    return reverse("export_file", args=[export.organization_id, export.pk]) + after.partition('"')[0]


def read(response: Any) -> bytes:
    assert response.status_code in (200, 206)
    return b"".join(response)


def download(client: Client, export: Export, suffix: str = "", **headers: str) -> bytes:
    return read(client.get(link_of(client, export) + suffix, headers=headers))


def exported(client: Client, organization: Organization, **fields: Any) -> bytes:
    """Starts an export, lets the worker write it, and returns the file."""
    export = start(client, organization, **fields)
    work()
    return download(client, export)


def lease_once() -> None:
    assert LANE.run_once() == 1


def work() -> None:
    while LANE.run_once():
        pass


def objects(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def table(content: bytes, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=delimiter))


def test_messages_are_exported_as_json_lines(padaria, admin, joelma) -> None:
    quoted = write(joelma, "oi")
    write(joelma, "Olá!", START + timedelta(minutes=1), is_user_message=False, origin="staff", message_status="read",
          written_by=admin.user, quoted_wamid=quoted.wamid)  # fmt: skip

    first, second = objects(exported(admin, padaria))

    assert first["contact"] == {"wa_id": "556181500586", "bsuid": None, "name": "Joelma"}
    assert (first["text"], first["from_customer"], first["sent_at"]) == ("oi", True, "2026-05-04T09:00:00-03:00")
    assert (second["text"], second["written_by"], second["origin"]) == ("Olá!", "user_admin", "staff")
    assert (second["status"], second["quoted_wamid"]) == ("read", quoted.wamid)
    assert first["payload"] == {"text": {"body": "oi"}}


def test_messages_are_exported_as_csv_in_the_language_of_the_user(padaria, joelma) -> None:
    admin = sign_in(padaria, Role.USER_ADMIN, language="pt-br")
    write(joelma, "linha um\nlinha dois; fim")

    content = exported(admin, padaria, format="csv")

    (row,) = table(content, ";")
    assert content.startswith("\ufeff".encode())
    assert row["texto"] == "linha um\nlinha dois; fim"
    assert row["hora"] == "2026-05-04T09:00:00-03:00"
    assert (row["recebida ou enviada"], row["contato"], row["nosso número"]) == ("recebida", "Joelma", "556133214400")


def test_no_text_is_a_formula_in_a_spreadsheet(padaria, admin, joelma) -> None:
    for index, text in enumerate(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'=1"]):
        write(joelma, text, START + timedelta(minutes=index))

    rows = table(exported(admin, padaria, format="csv"))

    assert [row["text"] for row in rows] == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", "''=1"]


def test_files_are_named_with_their_media_id(padaria, admin, joelma, number) -> None:
    message = write(joelma, "", kind="document")
    Attachment.objects.create(
        phone_number=number, message_name=message.name, kind="document", file_name="nota.pdf", media_id="7788", size=12,
        mime_type="application/pdf", state="done",
    )  # fmt: skip

    (line,) = objects(exported(admin, padaria))
    (row,) = table(exported(admin, padaria, format="csv"))

    assert line["files"] == [
        {"kind": "document", "file_name": "nota.pdf", "mime_type": "application/pdf", "media_id": "7788", "sha256": "", "size": 12}
    ]
    assert (row["files"], row["media ids"]) == ("nota.pdf", "7788")


def test_a_deleted_message_has_no_text_and_an_edited_one_the_latest(padaria, admin, joelma) -> None:
    write(joelma, "segredo", revoked_at=START)
    write(joelma, "errado", START + timedelta(minutes=1), edited_content="certo", edited_at=START)

    content = exported(admin, padaria)

    assert [line["text"] for line in objects(content)] == ["", "certo"]
    assert b"segredo" not in content


def test_only_messages_of_the_period_the_number_and_the_label(padaria, admin, joelma, second_number, add_contact) -> None:
    elsewhere = add_contact(1, at=second_number)
    joelma.labels.add(Label.objects.create(organization=padaria, name="VIP"))
    for contact in (joelma, elsewhere):
        for day in (3, 4, 5, 6):
            # 23:30 in São Paulo
            write(contact, f"{contact.pk} {day}", datetime(2026, 5, day + 1, 2, 30, tzinfo=UTC))

    of_period = exported(admin, padaria, since="2026-05-04", until="2026-05-05")
    of_number = exported(admin, padaria, number=second_number.phone_number_id)
    of_label = exported(admin, padaria, label=Label.objects.get().pk)

    assert [line["text"] for line in objects(of_period)] == [
        f"{contact.pk} {day}" for contact in (joelma, elsewhere) for day in (4, 5)
    ]
    assert {line["number"] for line in objects(of_number)} == {second_number.phone_number_id}
    assert {line["contact"]["wa_id"] for line in objects(of_label)} == {joelma.wa_id}


def test_contacts_are_exported_in_both_formats(padaria, admin, add_contact, second_number, foreign_number) -> None:
    ana, bea = add_contact(1, alias="Ana"), add_contact(2, at=second_number, wa_id=None, bsuid="BR.187")
    add_contact(3, at=foreign_number)
    ana.labels.add(Label.objects.create(organization=padaria, name="VIP"))

    lines = objects(exported(admin, padaria, content="contacts"))
    rows = table(exported(admin, padaria, content="contacts", format="csv"))
    of_label = objects(exported(admin, padaria, content="contacts", label=Label.objects.get().pk))
    of_number = objects(exported(admin, padaria, content="contacts", number=second_number.phone_number_id))

    assert [(line["wa_id"], line["bsuid"], line["labels"]) for line in lines] == [
        (ana.wa_id, None, ["VIP"]), (None, "BR.187", []),
    ]  # fmt: skip
    assert [row["name"] for row in rows] == ["Ana", ""]
    assert [line["alias"] for line in of_label] == ["Ana"]
    assert [line["bsuid"] for line in of_number] == [bea.bsuid]


def test_an_empty_export_is_ready_and_has_its_headers(padaria, admin, number) -> None:
    assert exported(admin, padaria) == b""
    assert table(exported(admin, padaria, format="csv")) == []
    assert b"sent" in exported(admin, padaria, format="csv")


def test_other_organizations_are_never_in_a_file(padaria, admin, joelma, add_contact, foreign_number) -> None:
    write(joelma, "nosso")
    write(add_contact(9, at=foreign_number), "deles")

    assert [line["text"] for line in objects(exported(admin, padaria))] == ["nosso"]


def fill(contact: Contact, count: int) -> None:
    """Adds messages, some at the same time as others."""
    Message.objects.bulk_create(
        Message(
            phone_number_id=contact.create_for_phone_number_id, contact=contact, content=f"n{index}", kind="text", payload={},
            session_id=uuid.UUID(int=1), expires_at=START, is_active=False, create_in=START + timedelta(seconds=index // 3),
            wamid=f"wamid.{index}", is_user_message=True, origin="live", message_status="received", wa_id="1", wa_id_received="2",
        )
        for index in range(count)
    )  # fmt: skip


MANY = 10_750


def test_a_large_export_has_each_line_once_whichever_way_it_is_downloaded(padaria, admin, joelma) -> None:
    fill(joelma, MANY)
    export = start(admin, padaria, format="csv")
    work()
    export.refresh_from_db()

    plain, packed = download(admin, export), download(admin, export, "&gzip=yes")
    middle = download(admin, export, Range=f"bytes={export.size // 2}-{export.size // 2 + 99}")
    end = download(admin, export, Range=f"bytes={export.size - 10}-")

    assert [row["text"] for row in table(plain)] == [f"n{index}" for index in range(MANY)]
    assert gzip.decompress(packed) == plain
    assert (export.lines, export.size, export.percent) == (MANY, len(plain), 100)
    assert export.parts.count() == 3
    assert (middle, end) == (plain[export.size // 2 :][:100], plain[-10:])
    assert storage_used(padaria) == len(packed)


def test_messages_that_arrive_meanwhile_are_not_in_the_file(padaria, admin, joelma) -> None:
    fill(joelma, 6_000)
    export = start(admin, padaria)
    lease_once()
    write(joelma, "tarde demais", START - timedelta(days=1))
    write(joelma, "tarde demais", START + timedelta(days=1))
    work()

    assert len(objects(download(admin, export))) == 6_000


def test_an_unfinished_part_of_a_dead_worker_is_written_again(padaria, admin, joelma) -> None:
    fill(joelma, 6_000)
    export = start(admin, padaria)
    lease_once()
    default_storage.save("exports/lost", io.BytesIO(b"half a part"))
    ExportPart.objects.create(export=export, position=1, name="exports/lost")

    work()

    assert [line["text"] for line in objects(download(admin, export))] == [f"n{index}" for index in range(6_000)]
    assert not default_storage.exists("exports/lost")


def test_a_worker_whose_lease_has_ended_deletes_no_part_of_the_next_one(padaria, admin, joelma) -> None:
    fill(joelma, 6_000)
    export = start(admin, padaria)
    lease_once()
    ended = Export.objects.lease(limit=1, seconds=0)
    assert ended
    assert Export.objects.lease(limit=1, seconds=60)
    default_storage.save("exports/next", io.BytesIO(b"a part that is being written"))
    part = ExportPart.objects.create(export=export, position=1, name="exports/next")

    LANE.work(ended)

    assert ExportPart.objects.filter(pk=part.pk).exists()
    assert default_storage.exists("exports/next")


def test_a_worker_that_was_suspended_while_it_read_adds_nothing(padaria, admin, joelma) -> None:
    fill(joelma, 6_000)
    export = start(admin, padaria)
    lease_once()
    names: list[str] = []

    def suspend(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if "chat_session_message" in sql and not names:  # another worker writes the whole file now
            names.append("")
            Export.objects.update(due_at=timezone.now() - timedelta(seconds=1))
            work()
            names[:] = export.parts.values_list("name", flat=True)
        return result

    with connection.execute_wrapper(suspend):
        lease_once()

    assert len(names) == 2
    assert list(export.parts.values_list("name", flat=True)) == names
    assert [line["text"] for line in objects(download(admin, export))] == [f"n{index}" for index in range(6_000)]


def test_progress_is_shown_while_the_worker_writes(padaria, admin, joelma) -> None:
    fill(joelma, 12_500)
    export = start(admin, padaria)
    assert "queued" in html_of(admin.get(reverse("exports_list", args=[padaria.pk])))
    lease_once()

    page = html_of(admin.get(reverse("exports_list", args=[padaria.pk])))

    export.refresh_from_db()
    assert 35 <= export.percent <= 45
    assert f'value="{export.percent}"' in page
    assert 'hx-trigger="every 2s"' in page
    assert "5,000 messages" in page


def test_of_one_organization_the_oldest_export_is_written_first(padaria, admin, joelma, outsider, foreign_number) -> None:
    fill(joelma, 6_000)
    first, second = start(admin, padaria), start(admin, padaria)
    foreign = start(outsider, foreign_number.organization)
    for _ in range(3):
        lease_once()
        first.refresh_from_db()
        second.refresh_from_db()
        assert first.status == "ready" or second.status == "queued"
    work()

    for export in (first, second, foreign):
        export.refresh_from_db()
        assert export.status == "ready"


def test_a_cancelled_export_leaves_nothing(padaria, admin, joelma) -> None:
    fill(joelma, 6_000)
    export = start(admin, padaria)
    lease_once()
    names = list(export.parts.values_list("name", flat=True))

    admin.post(reverse("export_cancel", args=[padaria.pk, export.pk]))
    expire_exports()

    export.refresh_from_db()
    assert (export.status, export.ending) == ("ended", "cancelled")
    assert names
    assert not any(map(default_storage.exists, names))
    assert (export.parts.count(), storage_used(padaria)) == (0, 0)
    assert "cancelled" in html_of(admin.get(reverse("exports", args=[padaria.pk])))


def test_a_file_is_deleted_by_hand_or_after_seven_days(padaria, admin, joelma) -> None:
    write(joelma, "oi")
    exports = [start(admin, padaria), start(admin, padaria)]
    work()
    names = list(ExportPart.objects.values_list("name", flat=True))
    links = [link_of(admin, export) for export in exports]

    admin.post(reverse("export_delete", args=[padaria.pk, exports[0].pk]))
    assert admin.get(links[0]).status_code == 302
    with time_machine.travel(timezone.now() + timedelta(days=7, minutes=1)):
        admin = sign_in(padaria, Role.USER_ADMIN, "depois@example.com")
        assert admin.get(links[1]).status_code == 302
        expire_exports()

    assert [export.ending for export in Export.objects.order_by("pk")] == ["deleted", "expired"]
    assert len(names) == 2
    assert not any(map(default_storage.exists, names))
    assert storage_used(padaria) == 0


def test_a_link_is_for_one_person_and_ends_after_a_day(padaria, admin, joelma) -> None:
    write(joelma, "oi")
    export = start(admin, padaria)
    work()
    link = link_of(admin, export)
    colleague = sign_in(padaria, Role.USER_CREATOR, "dona@example.com")

    read(admin.get(link))
    assert colleague.get(link).status_code == 302
    assert admin.get(link.partition("?")[0]).status_code == 302
    assert admin.get(link[:-1] + ("a" if link[-1] != "a" else "b")).status_code == 302
    assert download(colleague, export)
    later = timezone.now() + timedelta(hours=24, minutes=1)
    with time_machine.travel(later):
        admin.force_login(admin.user)
        ended = admin.get(link, follow=True)
        assert "This link has ended" in html_of(ended)
        assert download(admin, export)


def test_only_administrators_export(padaria, admin, member, outsider, joelma) -> None:
    write(joelma, "oi")
    export = start(admin, padaria)
    work()
    link, page = link_of(admin, export), reverse("exports", args=[padaria.pk])

    assert [member.get(address).status_code for address in (link, page)] == [403, 403]
    assert [outsider.get(address).status_code for address in (link, page)] == [404, 404]
    assert [Client().get(address).status_code for address in (link, page)] == [302, 302]
    assert member.post(page, {"content": "messages", "format": "csv", "token": uuid.uuid4()}).status_code == 403


def test_an_export_fails_when_its_user_loses_the_right(padaria, admin, joelma) -> None:
    fill(joelma, 6_000)
    export = start(admin, padaria)
    lease_once()
    Membership.objects.filter(user=admin.user).update(role=Role.USER)
    work()

    creator = sign_in(padaria, Role.USER_CREATOR, "dona@example.com")
    export.refresh_from_db()
    assert (export.status, export.problem) == ("failed", "lost_access")
    assert "no longer an administrator" in html_of(creator.get(reverse("exports", args=[padaria.pk])))
    Membership.objects.filter(user=admin.user).update(role=Role.USER_ADMIN)
    creator.post(reverse("export_again", args=[padaria.pk, export.pk]))
    work()
    assert len(objects(download(creator, export))) == 6_000


def test_a_failing_storage_is_tried_again_and_then_said_in_words(padaria, admin, joelma, settings, tmp_path) -> None:
    write(joelma, "oi")
    (tmp_path / "file").write_text("no folder")
    folder, settings.MEDIA_ROOT = settings.MEDIA_ROOT, str(tmp_path / "file")
    export = start(admin, padaria)
    for _ in range(6):
        Export.objects.update(due_at=timezone.now() - timedelta(hours=1))
        work()

    export.refresh_from_db()
    assert (export.state, export.problem) == (State.DEAD, "storage")
    assert "storage did not take the file" in html_of(admin.get(reverse("exports", args=[padaria.pk])))
    settings.MEDIA_ROOT = folder
    admin.post(reverse("export_again", args=[padaria.pk, export.pk]))
    work()
    assert len(objects(download(admin, export))) == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"content": "webhooks"}, "Select a valid choice"),
        ({"format": "xlsx"}, "Select a valid choice"),
        ({"number": "9999"}, "Select a valid choice"),
        ({"label": "999999"}, "Select a valid choice"),
        ({"since": "ontem"}, "Enter a valid date"),
        ({"since": "0001-01-01"}, "greater than or equal to"),
        ({"until": "9999-12-31"}, "less than or equal to"),
        ({"since": "2026-05-05", "until": "2026-05-04"}, "before the first one"),
        ({"content": "contacts", "since": "2026-05-05"}, "only for conversations"),
        ({"token": "x"}, "New export"),
    ],
)
def test_bad_input_is_refused_in_words(padaria, admin, number, foreign_number, fields, words) -> None:
    values = {"content": "messages", "format": "csv", "token": uuid.uuid4()} | fields
    response = admin.post(reverse("exports", args=[padaria.pk]), values)

    assert response.status_code == 422
    assert words in html_of(response)
    assert not Export.objects.exists()


def test_a_form_that_is_posted_twice_starts_one_export(padaria, admin, number) -> None:
    token = uuid.uuid4()
    start(admin, padaria, token=token)
    start(admin, padaria, token=token)

    assert Export.objects.count() == 1


def test_too_many_exports_at_once_are_refused(padaria, admin, number) -> None:
    for _ in range(5):
        start(admin, padaria)
    response = admin.post(reverse("exports", args=[padaria.pk]), {"content": "messages", "format": "csv", "token": uuid.uuid4()})

    assert response.status_code == 422
    assert "too many exports" in html_of(response)
    work()
    start(admin, padaria)


def test_an_export_of_another_organization_is_not_found(padaria, admin, outsider, foreign_number) -> None:
    foreign = start(outsider, foreign_number.organization)

    for name in ("export_file", "export_cancel", "export_delete", "export_again"):
        address = reverse(name, args=[padaria.pk, foreign.pk])
        assert (admin.get if name == "export_file" else admin.post)(address).status_code == 404


def test_start_download_and_deletion_are_in_the_audit_log(padaria, admin, joelma) -> None:
    write(joelma, "oi")
    export = start(admin, padaria, since="2026-05-04")
    work()
    download(admin, export)
    download(admin, export, Range="bytes=1-")
    assert admin.get(link_of(admin, export), headers={"Range": "bytes=9999999-"}).status_code == 416
    admin.post(reverse("export_delete", args=[padaria.pk, export.pk]))

    entries = AuditEntry.objects.filter(target_kind="export", target_id=str(export.pk)).order_by("pk")
    assert list(entries.values_list("action", "actor_id")) == [
        (action, admin.user.pk) for action in ("exported", "export_downloaded", "export_downloaded", "export_ended")
    ]
    assert entries[0].changes["content"] == [None, "messages"]


def test_the_direct_export_of_a_list_is_in_the_audit_log(padaria, admin, joelma) -> None:
    read(admin.get(reverse("contacts_export", args=[padaria.pk])))

    assert AuditEntry.objects.filter(action="exported", target_kind="contacts", organization_id=padaria.pk).count() == 1


def test_a_file_that_the_storage_lost_is_said_in_words(padaria, admin, joelma) -> None:
    write(joelma, "oi")
    export = start(admin, padaria)
    work()
    link = link_of(admin, export)
    default_storage.delete(ExportPart.objects.get().name)

    assert "cannot be read at the moment" in html_of(admin.get(link, follow=True))
    assert "export_downloaded" not in AuditEntry.objects.values_list("action", flat=True)


def test_erasure_ends_all_exports_of_the_organization(padaria, admin, joelma, outsider, foreign_number) -> None:
    fill(joelma, 6_000)
    ready, running = start(admin, padaria), start(admin, padaria)
    foreign = start(outsider, foreign_number.organization)
    while Export.objects.get(pk=running.pk).status != "running":
        lease_once()
    work_names = list(ExportPart.objects.exclude(export=foreign).values_list("name", flat=True))

    end_exports(organization_id=padaria.pk, problem=ExportProblem.ERASED)
    delete_ended_files(padaria.pk)
    work()

    assert work_names
    assert not any(map(default_storage.exists, work_names))
    assert {each.status for each in Export.objects.filter(pk__in=[ready.pk, running.pk])} == {"ended"}
    assert Export.objects.get(pk=foreign.pk).status == "ready"
    assert "was erased meanwhile" in html_of(admin.get(reverse("exports", args=[padaria.pk])))
