"""Writes the ZIP file with everything about a person. Only some hundred rows are in memory at a time."""

import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any

from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, QuerySet

from chats.media.file_names import offered_name
from chats.media.file_storage import storage_errors
from chats.media.message_files import all_files_of, key_of
from chats.models import Attachment, BotTurn, Message, QueuedMessage, ReadReceipt, SendQueue, StatusEvent
from contacts.models import Contact, ContactWord
from contacts.services import GivenLabel
from organizations.models import Organization
from privacy.person_export.readable_page import page_frame, page_messages
from privacy.related_rows import related_rows
from privacy.retention.policies import settings_of

BATCH = 500
"""Rows in memory."""
CHUNK = 256 * 1024
"""Bytes of a file in memory."""
LEASE_COLUMNS = {"state", "due_at", "lease_token", "attempts", "reason"}
NOT_ABOUT_THE_PERSON: tuple[type[Model], ...] = (ContactWord, SendQueue, QueuedMessage, ReadReceipt, BotTurn)
"""Rows by which the hub works."""

Progress = Callable[[int], object]
"""Called with the number of messages that are written so far."""


def write_archive(target: IO[bytes], contacts: Sequence[Contact], progress: Progress) -> None:
    """Writes everything about these contacts, who are one person."""
    ids = [contact.pk for contact in contacts]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        _write_json(archive, "organization", [_organization_values(contacts[0].organization)])
        _write_rows(archive, "contacts", Contact.objects.filter(pk__in=ids))
        labels = GivenLabel.objects.filter(contact__in=ids).order_by("pk").values("contact_id", "label__name")
        _write_json(archive, "labels", labels.iterator(BATCH))
        for rows in related_rows(ids):
            if rows.model not in NOT_ABOUT_THE_PERSON:
                _write_rows(archive, rows.model._meta.db_table, rows)
        _write_json(archive, "messages", _message_values(ids, progress))
        _write_json(archive, "statuses", _status_values(ids))
        _write_json(archive, "files", _write_files(archive, ids))
        with archive.open("index.html", "w") as page:
            head, end = page_frame(contacts)
            page.write(head.encode())
            for part in _batches(ids):
                page.write(page_messages(part, _paths(part)).encode())
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
                while chunk := text.read(CHUNK):
                    file.write(chunk)


def _batches(ids: Sequence[int]) -> Iterator[list[Message]]:
    """Yields the messages in the order of their times."""
    for contact_id in ids:
        rows = Message.objects.filter(contact=contact_id).order_by("create_in", "pk")
        part = list(rows[:BATCH])
        while part:
            yield part
            last = part[-1]
            later = rows.filter(create_in__gt=last.create_in)
            same_time = rows.filter(create_in=last.create_in, pk__gt=last.pk)
            part = [*same_time[:BATCH], *later[:BATCH]]


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


def _paths(messages: Sequence[Message]) -> dict[int, list[str]]:
    """Returns the paths in the archive of each message's files, by the message's id."""
    paths: dict[int, list[str]] = defaultdict(list)
    for message, file in _files(messages):
        if file.file:
            paths[message.pk].append(_path(file))
    return paths


def _path(file: Attachment) -> str:
    return f"files/{file.pk}-{offered_name(file.file_name, file.kind, file.mime_type)}"


def _write_files(archive: zipfile.ZipFile, ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Copies the files into the archive, and yields what is known of each."""
    for part in _batches(ids):
        for message, file in _files(part):
            is_there = bool(file.file) and _copy(archive, file)
            yield {
                "message": message.wamid or message.callback_data,
                "kind": file.kind,
                "mime_type": file.mime_type,
                "file_name": file.file_name,
                "size": file.size,
                "sha256": file.sha256,
                "path": _path(file) if is_there else None,
            }


def _copy(archive: zipfile.ZipFile, file: Attachment) -> bool:
    """Returns whether the storage had the file."""
    try:
        with default_storage.open(str(file.file.name)) as source:
            entry = zipfile.ZipInfo(_path(file), date_time=file.create_in.timetuple()[:6])
            with archive.open(entry, "w", force_zip64=True) as target:
                while chunk := source.read(CHUNK):
                    target.write(chunk)
    except storage_errors():
        return False
    return True


def _spooled() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(max_size=4 * 2**20)
