"""The archive has each webhook, whatever the order of commits and wherever the writer dies."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from backups.webhook_archive.reader import Archive
from backups.webhook_archive.writer import ArchiveInUse, ArchiveWriter
from contacts.models import Contact
from contacts.tombstones.models import Tombstone
from privacy.erasure.requests import request_erasure
from webhooks.models import Webhook
from webhooks.tests.bodies import text_body

pytestmark = pytest.mark.django_db(transaction=True)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def store(pk: int, *, received_at: datetime | None = None, body: str = "{}") -> Webhook:
    return Webhook.objects.create(pk=pk, json=body, size=len(body), date=received_at or timezone.now())


def ids_in(directory: Path) -> list[int]:
    return [each.pk for each in Archive(directory).webhooks(LONG_AGO)]


@pytest.fixture
def writer(db, tmp_path: Path):
    writer = ArchiveWriter(tmp_path)
    yield writer
    writer.close()


def test_each_webhook_is_written_once(writer, tmp_path) -> None:
    store(1)
    assert writer.write_new() == 1
    store(2)
    store(3)
    assert writer.write_new() == 2
    assert writer.write_new() == 0
    assert ids_in(tmp_path) == [1, 2, 3]


def test_an_earlier_id_that_is_committed_later_is_found(writer, tmp_path) -> None:
    store(7)
    writer.write_new()
    store(5)
    writer.write_new()
    assert sorted(ids_in(tmp_path)) == [5, 7]


def test_webhooks_of_more_than_a_minute_ago_are_not_read_again(writer, tmp_path) -> None:
    store(1, received_at=timezone.now() - timedelta(minutes=2))
    store(2)
    writer.write_new()
    assert writer._last == 1
    writer.close()
    again = ArchiveWriter(tmp_path)
    assert again.write_new() == 1  # what is in the archive twice is stored once
    again.close()


def test_the_end_of_a_file_may_be_missing(writer, tmp_path) -> None:
    store(1)
    writer.write_new()
    store(2, body="x" * 5_000)
    writer.write_new()
    path = next(tmp_path.glob("*.gz"))
    path.write_bytes(path.read_bytes()[:-20])
    assert ids_in(tmp_path) == [1]


def test_after_a_failed_write_the_same_is_written_again(writer, tmp_path) -> None:
    store(1)
    writer.write_new()
    writer._file.close()
    store(2)
    with pytest.raises(ValueError, match="closed file"):
        writer.write_new()
    writer._end_file()
    writer.write_new()
    assert ids_in(tmp_path) == [1, 2]


def test_the_bytes_of_a_body_stay_the_same(hub, numbers, tmp_path) -> None:
    body = text_body("wamid.1", text="ação 🌱")
    hub.deliver(body)
    hub.deliver(b"\xff\xfe")
    writer = ArchiveWriter(tmp_path)
    writer.write_new()
    writer.close()
    assert [each.body for each in Archive(tmp_path).webhooks(LONG_AGO)] == [body, b"\xff\xfe"]


def test_each_erasure_is_written_although_the_clock_of_a_phone_was_ahead(post_and_apply, organization, writer, tmp_path) -> None:
    ahead = int(time.time()) + 120
    post_and_apply(text_body("w1", ahead, sender="556181500586"), text_body("w2", ahead - 120, sender="556181500587"))
    for contact in Contact.objects.order_by("wa_id"):
        request_erasure(organization=organization, contact=contact, by=None, now=timezone.now())
        writer.write_new()
    found = Archive(tmp_path).erasures(LONG_AGO)[organization.pk]
    assert len(found.tombstones) == Tombstone.objects.count() == 2


def test_one_process_writes(writer, tmp_path) -> None:
    with pytest.raises(ArchiveInUse):
        ArchiveWriter(tmp_path)


def test_files_are_for_their_owner_alone(writer, tmp_path) -> None:
    store(1)
    writer.write_new()
    assert {path.stat().st_mode & 0o077 for path in tmp_path.glob("*.gz")} == {0}


def test_files_are_deleted_after_their_days_and_no_older_backup_is_restored(db, tmp_path) -> None:
    old = tmp_path / "2026-01-01T00-00-00-000000.jsonl.gz"
    ArchiveWriter(tmp_path).close()
    old.write_bytes(b"")
    writer = ArchiveWriter(tmp_path, keep=timedelta(days=8))
    writer.write_new()
    writer.close()
    assert not old.exists()
    assert Archive(tmp_path).began_at > timezone.now() - timedelta(hours=1)
