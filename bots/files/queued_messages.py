"""Stored files of messages that are to be queued."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bots.files.stored_files import can_be_sent_as
from bots.models import BotFile
from chats.media.attachments import SharedFile
from chats.outbox.message_queue import BotMessage


def add_files(messages: Sequence[BotMessage], keys: Mapping[uuid.UUID, str]) -> list[BotMessage]:
    """Returns the messages with their stored files. `keys` are those of the files, by the token of their message. A message whose
    file the organization does not have any more is left out. At most one query."""
    if not keys:
        return list(messages)
    found = {(file.organization_id, file.key): file for file in BotFile.objects.filter(key__in=set(keys.values()))}
    return list(_with_files(messages, keys, found))


def _with_files(
    messages: Sequence[BotMessage], keys: Mapping[uuid.UUID, str], found: Mapping[tuple[int, str], BotFile]
) -> Iterator[BotMessage]:
    for message in messages:
        key = keys.get(message.token)
        if key is None:
            yield message
            continue
        file = found.get((message.contact.organization_id or 0, key))
        if file and can_be_sent_as(message.message["type"], file):
            yield replace(message, message=_named(message.message, file), file=_shared(file, message.message["type"]))


def _named(api_object: Mapping[str, Any], file: BotFile) -> dict[str, Any]:
    """Returns the API object in which a document has a name: without one, phones show none."""
    kind = api_object["type"]
    return {**api_object, kind: {"filename": file.file_name} | api_object[kind]} if kind == "document" else dict(api_object)


def _shared(file: BotFile, kind: str) -> SharedFile:
    return SharedFile(
        kind=kind,
        mime_type=file.mime_type,
        file_name=file.file_name,
        sha256=file.sha256,
        size=file.size,
        file=file.file.name or "",
        thumbnail=file.thumbnail.name or "",
        width=file.width,
        height=file.height,
    )
