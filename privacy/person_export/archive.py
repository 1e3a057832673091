"""Writes the ZIP file with everything about a person: parts with the files of messages, and a last one with everything else. Only
some hundred rows are in memory at a time."""

import logging
import shutil
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import IO, Any

from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, QuerySet

from chats.media.file_names import offered_name
from chats.media.file_storage import StorageFailed, storage_error_text, storage_errors
from chats.media.message_files import all_files_of, key_of
from chats.models import Attachment, BotTurn, Message, QueuedMessage, ReadReceipt, SendQueue, StatusEvent
from contacts.models import Contact, ContactWord
from contacts.services import GivenLabel
from jobs.index_hints import read_by_index
from organizations.models import Organization
from privacy.models import PersonExportPart
from privacy.person_export.readable_page import page_frame, page_messages
from privacy.person_export.zip_parts import Entry, entries_of, last_zip_part, zip_part
from privacy.related_rows import related_rows
from privacy.retention.files import KINDS
from privacy.retention.policies import settings_of

log = logging.getLogger(__name__)

BATCH = 500
"""Rows in memory."""
CHUNK = 256 * 1024
"""Bytes of a file in memory."""
MAX_PART_SIZE = 64 * 2**20
"""A part with files of messages ends after the message with which it has reached so many bytes."""
LEASE_COLUMNS = {"state", "due_at", "lease_token", "attempts", "reason"}
NOT_ABOUT_THE_PERSON: tuple[type[Model], ...] = (ContactWord, SendQueue, QueuedMessage, ReadReceipt, BotTurn)
"""Rows by which the hub works."""

Progress = Callable[[int], object]
"""Called with the number of messages that are written so far."""
Position = dict[str, Any]
"""A message in the order of the archive, as JSON: the ids of its contact and its own, and its time. Empty: before all messages."""


def write_files(
    target: IO[bytes], contacts: Sequence[Contact], parts: Sequence[PersonExportPart], *, skips_unreadable: bool = False
) -> tuple[list[Entry], Position]:
    """Writes the part after these ones, with files of messages. Returns its entries, and the position of its last message. Without
    entries there are no more files. Raises StorageFailed for a file that the storage does not return, unless it skips those."""
    position = parts[-1].last_message if parts else {}
    copied = _paths(entry[0] for part in parts for entry in part.entries)
    with zip_part(target) as archive:
        for part in _batches([contact.pk for contact in contacts], after=position, kinds=KINDS):
            files = all_files_of(part)
            for message in part:
                for file in files.get(key_of(message), ()):
                    if file.pk not in copied:  # it may be, if the message has another contact or time since
                        _copy(archive, file, skips_unreadable=skips_unreadable)
                position = {"contact": message.contact_id, "sent_at": message.create_in.isoformat(), "message": message.pk}
                if target.tell() >= MAX_PART_SIZE:
                    return entries_of(archive), position
        return entries_of(archive), position


def write_archive(
    target: IO[bytes],
    contacts: Sequence[Contact],
    parts: Sequence[PersonExportPart],
    progress: Progress,
    *,
    skips_unreadable: bool = False,
) -> None:
    """Writes the last part, after these ones: everything about these contacts, who are one person. Raises StorageFailed for a file
    that the storage does not return, unless it skips those: then the list of files says which ones are missing."""
    ids = [contact.pk for contact in contacts]
    with last_zip_part(target, ((part.size or 0, part.entries) for part in parts)) as archive:
        _write_json(archive, "organization", [_organization_values(contacts[0].organization)])
        _write_rows(archive, "contacts", Contact.objects.filter(pk__in=ids))
        labels = GivenLabel.objects.filter(contact__in=ids).order_by("pk").values("contact_id", "label__name")
        _write_json(archive, "labels", labels.iterator(BATCH))
        for rows in related_rows(ids):
            if rows.model not in NOT_ABOUT_THE_PERSON:
                _write_rows(archive, rows.model._meta.db_table, rows)
        _write_json(archive, "messages", _message_values(ids, progress))
        _write_json(archive, "statuses", _status_values(ids))
        _write_json(archive, "files", _write_files(archive, ids, skips_unreadable=skips_unreadable))
        paths = _paths(archive.namelist())
        with archive.open("index.html", "w") as page:
            head, end = page_frame(contacts)
            page.write(head.encode())
            for messages in _batches(ids):
                page.write(page_messages(messages, _paths_of(messages, paths)).encode())
            page.write(end.encode())


def _organization_values(organization: Organization) -> dict[str, str]:
    """Returns who stored the data, and who answers questions about them."""
    settings = settings_of(organization)
    officer = {"officer_name": settings.officer_name, "officer_contact": settings.officer_contact}
    return {"organization_name": organization.organization_name, **officer}


def _write_rows(archive: zipfile.ZipFile, name: str, rows: QuerySet[Any]) -> None:
    columns = [each.attname for each in rows.model._meta.concrete_fields if each.name not in LEASE_COLUMNS]
    _write_json(archive, name, rows.order_by("pk").values(*columns).iterator(BATCH))


def _write_json(archive: zipfile.ZipFile, name: str, values: Iterable[Any]) -> None:
    """Writes a list, one value a line. Nothing is written if there are no values. The values may write other files before."""
    encoder = DjangoJSONEncoder(ensure_ascii=False)
    with _spooled() as text:
        count = 0
        for value in values:
            text.write((",\n" if count else "[\n").encode() + encoder.encode(value).encode())
            count += 1
        if count:
            text.write(b"\n]\n")
            text.seek(0)
            with archive.open(f"data/{name}.json", "w") as file:
                shutil.copyfileobj(text, file, CHUNK)


def _batches(ids: Sequence[int], *, after: Position | None = None, kinds: Collection[str] = ()) -> Iterator[list[Message]]:
    """Yields the messages of these kinds, by default all, of each contact in the order of their times."""
    for contact_id in ids:
        rows = read_by_index(Message.objects.filter(contact=contact_id), "message_conversation").order_by("create_in", "pk")
        if kinds:
            rows = rows.filter(kind__in=kinds)
        if after and contact_id < after["contact"]:
            continue
        if after and contact_id == after["contact"]:
            part = _following(rows, datetime.fromisoformat(after["sent_at"]), after["message"])
        else:
            part = list(rows[:BATCH])
        while part:
            yield part
            part = _following(rows, part[-1].create_in, part[-1].pk)


def _following(rows: "QuerySet[Message]", sent_at: datetime, message_id: int) -> list[Message]:
    later = rows.filter(create_in__gt=sent_at)
    same_time = rows.filter(create_in=sent_at, pk__gt=message_id)
    return [*same_time[:BATCH], *later[:BATCH]]


def _message_values(ids: Sequence[int], progress: Progress) -> Iterator[dict[str, Any]]:
    columns = [each.attname for each in Message._meta.concrete_fields if each.attname not in ("written_by_id", "bot_trace")]
    written = 0
    for part in _batches(ids):
        for message in part:
            yield {column: getattr(message, column) for column in columns}
        written += len(part)
        progress(written)


def _status_values(ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    for part in _batches(ids):
        events = StatusEvent.objects.named(message.key for message in part if not message.is_user_message)
        yield from map(dict, events.order_by("pk").values("wamid", "status", "occurred_at", "pricing", "conversation", "errors"))


def _files(messages: Sequence[Message]) -> Iterator[tuple[Message, Attachment]]:
    found = all_files_of(messages)
    for message in messages:
        yield from ((message, file) for file in found.get(key_of(message), ()))


def _paths(names: Iterable[str]) -> dict[int, str]:
    """Returns the names of those entries that are files of messages, by the ids of the files."""
    paths = [name for name in names if name.startswith("files/")]
    return {int(path.removeprefix("files/").partition("-")[0]): path for path in paths}


def _paths_of(messages: Sequence[Message], paths: Mapping[int, str]) -> dict[int, list[str]]:
    """Returns the paths of each message's files, by the message's id."""
    found: dict[int, list[str]] = defaultdict(list)
    for message, file in _files(messages):
        if file.pk in paths:
            found[message.pk].append(paths[file.pk])
    return found


def _write_files(archive: zipfile.ZipFile, ids: Sequence[int], *, skips_unreadable: bool) -> Iterator[dict[str, Any]]:
    """Yields what is known of each file. Copies those into the archive that came after the other parts were written."""
    paths = _paths(archive.namelist())
    for part in _batches(ids, kinds=KINDS):
        for message, file in _files(part):
            path = paths.get(file.pk) or _copy(archive, file, skips_unreadable=skips_unreadable)
            yield {
                "message": message.wamid or message.callback_data,
                "kind": file.kind,
                "mime_type": file.mime_type,
                "file_name": file.file_name,
                "size": file.size,
                "sha256": file.sha256,
                "path": path,
                "is_missing": bool(file.file) and path is None,
            }


def _copy(archive: zipfile.ZipFile, file: Attachment, *, skips_unreadable: bool) -> str | None:
    """Copies the file into the archive. Returns its path, None if the hub does not have the file or it is skipped. Raises
    StorageFailed."""
    if not file.file:
        return None
    path = f"files/{file.pk}-{offered_name(file.file_name, file.kind, file.mime_type)}"
    entry = zipfile.ZipInfo(path, date_time=file.create_in.timetuple()[:6])
    with _spooled() as content:  # an entry that was begun cannot be taken back
        try:
            with default_storage.open(str(file.file.name)) as source:
                shutil.copyfileobj(source, content, CHUNK)
        except FileNotFoundError:  # deleted meanwhile
            return None
        except storage_errors() as failure:
            if not skips_unreadable:
                raise StorageFailed(storage_error_text(failure)) from failure
            log.error("file %s is missing in the export of a person: %s", file.pk, storage_error_text(failure))
            return None
        content.seek(0)
        with archive.open(entry, "w", force_zip64=True) as target:
            shutil.copyfileobj(content, target, CHUNK)
    return path


def _spooled() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(max_size=4 * 2**20)
