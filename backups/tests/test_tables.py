"""A backup has every row of every table, as it was at one time."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from backups.backup_folders import MANIFEST, reserve
from backups.tables.row_ids import SKIPPED
from backups.tables.rows import backed_up_models
from backups.tables.snapshots import open_snapshot
from backups.tests.conftest import restore
from chats.conversations.sessions.session_expiry import close_expired_sessions
from chats.models import Attachment, Message
from conftest import PAYLOADS, apply_all
from contacts.models import Contact
from organizations.audit.actions import AuditAction
from organizations.models import AuditEntry, Organization, PhoneNumber
from webhooks.models import Webhook
from webhooks.tests.bodies import text_body

Backup = Callable[..., Path]


def all_rows() -> dict[str, list[dict[str, Any]]]:
    models = [each for each in backed_up_models() if each is not AuditEntry]
    return {each._meta.db_table: list(each._base_manager.order_by("pk").values()) for each in models}


@pytest.fixture
def full(hub, numbers) -> None:
    """Rows of all kinds of webhooks, one of them in bytes that are no text, and a file."""
    for path in sorted(PAYLOADS.rglob("*.*")):
        hub.deliver(path.read_bytes())
    hub.deliver(b'{"entry": "\xff"}')
    apply_all()
    close_expired_sessions()
    name = default_storage.save("files/1/photo", ContentFile(b"picture"))
    Attachment.objects.filter(pk=Attachment.objects.earliest("pk").pk).update(file=name, size=7, state="done")


def test_a_restored_database_has_the_same_rows_and_files(full, make_backup: Backup, settings, tmp_path) -> None:
    before = all_rows()
    assert len(before["chat_session_message"]) > 50
    assert any(row["raw"] for row in before["webhook"])
    backup = make_backup()
    settings.MEDIA_ROOT = tmp_path / "new disk"
    output = restore(backup)
    after = all_rows()
    assert {table for table in before if before[table] != after[table]} == set()
    with default_storage.open("files/1/photo") as file:
        assert file.read() == b"picture"
    assert "0 files missing" in output
    assert AuditEntry.objects.get(action=AuditAction.RESTORED).actor_label == "manage.py restore"


def test_secrets_are_in_the_backup_as_tokens_only(full, numbers, make_backup: Backup) -> None:
    backup = make_backup()
    secret = next(iter(numbers.values())).app_secret
    stored = b"".join(gzip.decompress(path.read_bytes()) for path in backup.glob("*.gz"))
    assert b"gAAAA" in stored
    assert secret.encode() not in stored
    restore(backup)
    assert {each.app_secret for each in PhoneNumber.objects.all()} == {secret}


def test_ids_of_lost_rows_are_not_given_again(full, hub, make_backup: Backup) -> None:
    backup = make_backup()
    last = Contact.objects.latest("pk").pk
    restore(backup)
    hub.deliver(text_body("wamid.NEW", sender="5511900000001"))
    apply_all()
    assert Contact.objects.latest("pk").pk > last + SKIPPED
    assert Webhook.objects.latest("pk").pk > SKIPPED


def test_rows_that_are_written_during_a_backup_are_not_in_it(hub, numbers, make_backup: Backup) -> None:
    with open_snapshot() as source:
        Organization.objects.create(organization_name="Later")
        with source.cursor() as cursor:
            cursor.execute("SELECT organization_name FROM organization")
            assert [name for (name,) in cursor.fetchall()] == ["Aroeira"]


@pytest.mark.parametrize("damage", ["table", "manifest", "version", "keys", "rows"])
def test_a_backup_that_cannot_be_restored_changes_nothing(hub, numbers, make_backup: Backup, settings, damage: str) -> None:
    backup = make_backup()
    path = backup / MANIFEST
    if damage == "table":
        with (backup / "contacts.jsonl.gz").open("ab") as file:
            file.write(b"x")
    elif damage == "manifest":
        path.unlink()
    elif damage == "version":
        path.write_text(path.read_text().replace("organizations.0001_initial", "organizations.9999_later"))
    elif damage == "keys":
        path.write_text(json.dumps(json.loads(path.read_text()) | {"key_check": "gAAAAAB"}))
    if damage == "rows":
        with pytest.raises(CommandError, match="not empty"):
            call_command("restore", str(backup))
        return
    with pytest.raises(CommandError):
        restore(backup)
    assert not Organization.objects.exists()
    assert not Message.objects.exists()


@pytest.mark.parametrize("lost", ["contacts.jsonl.gz", "files.txt", MANIFEST])
def test_half_a_backup_is_refused(hub, numbers, make_backup: Backup, lost: str) -> None:
    backup = make_backup()
    (backup / lost).rename(backup / "lost")
    with pytest.raises(CommandError, match=r"missing|no complete backup"):
        restore(backup)
    assert not Organization.objects.exists()


@pytest.mark.parametrize(
    "text", ["", '{"format": 1, "taken_at', "[]", '{"format": 1}', '{"format": 1, "taken_at": "x", "tables": 1}']
)
def test_a_damaged_manifest_is_named(db, tmp_path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(CommandError, match=f"{MANIFEST} is damaged"):
        call_command("restore", str(tmp_path))
    with pytest.raises(CommandError, match="no complete backup"):
        call_command("restore", str(tmp_path / MANIFEST))


def test_old_backups_and_their_files_are_deleted(full, make_backup: Backup) -> None:
    first = make_backup()
    stored = first.parent / "files" / "files" / "1" / "photo"
    assert stored.read_bytes() == b"picture"
    Attachment.objects.update(file="")
    first.rename(first.with_name("2026-01-01T00-00-00"))
    second = make_backup("--keep", "1")
    assert [each.name for each in second.parent.iterdir() if each.name != "files"] == [second.name]
    assert not stored.exists()


def test_what_others_keep_in_the_same_directory_stays(full, make_backup: Backup) -> None:
    first = make_backup()
    backups = first.parent
    first.rename(backups / "2026-01-01T00-00-00")
    others = [backups / "postgres" / "dump", backups / "app" / MANIFEST, backups / "files" / "photos" / "mine.jpg"]
    for path in others:
        path.parent.mkdir(parents=True)
        path.touch()
    make_backup("--keep", "1")
    assert not (backups / "2026-01-01T00-00-00").exists()
    assert all(path.exists() for path in others)


def test_a_renamed_backup_keeps_its_files(full, make_backup: Backup) -> None:
    backup = make_backup()
    backups = backup.parent
    shutil.copytree(backup, backups / "2026-01-01T00-00-00")
    backup.rename(backups / "before the update")
    Attachment.objects.update(file="")
    make_backup("--keep", "1")
    assert not (backups / "2026-01-01T00-00-00").exists()
    assert (backups / "files" / "files" / "1" / "photo").exists()


def test_one_backup_is_made_at_a_time(full, tmp_path) -> None:
    with reserve(tmp_path / "backups"), pytest.raises(CommandError, match="another process"):
        call_command("backup", str(tmp_path / "backups"))


def test_a_backup_that_fails_says_why_and_leaves_room(full, tmp_path) -> None:
    backups = tmp_path / "backups"
    (backups / "files").mkdir(parents=True)
    (backups / "files" / "files").touch()  # where a directory is needed
    with pytest.raises(CommandError, match="the backup was not finished"):
        call_command("backup", str(backups))
    assert [path.name for path in backups.glob("*-*/*")] == ["files.txt"]


@pytest.mark.parametrize("arguments", [["backup", "--keep", "0"], ["archive_webhooks", "--once", "--keep-days", "-8"]])
def test_days_and_counts_are_at_least_one(db, tmp_path, arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="at least 1"):
        call_command(*arguments, str(tmp_path / "directory"))


@pytest.mark.parametrize("command", ["backup", "archive_webhooks"])
def test_a_directory_that_cannot_be_used_is_named(db, tmp_path, command: str) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(CommandError, match=str(path)):
        call_command(command, str(path))
