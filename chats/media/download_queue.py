"""Queues the files of received messages for download. Meta keeps them for a week only."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chats.media.file_names import clean_name
from chats.media.message_files import FILE_KINDS, files_of, key_of
from chats.models import Attachment, Message, Origin
from chats.models.files import DownloadProblem
from cloud_api.errors import FILE_NOT_GIVEN, code_of
from cloud_api.graph.media import hex_digest
from cloud_api.payloads.texts import file_name, form_files, mapping, objects, text
from jobs.models import State
from jobs.wakeups import wake_after_commit

MEDIA_ID_LIFETIME = timedelta(days=7)
"""How long media IDs from webhooks are valid (docs/meta-platform.md 8.3)."""
MAX_MEDIA_ID_LENGTH = 255
_TOO_BIG = re.compile(r"too (?:big|large)|size|100 ?MB", re.IGNORECASE)


def queue_downloads(messages: Sequence[Message], now: datetime) -> None:
    """Queues the files of messages from webhooks, inbound or outbound. A file that has a row already is left as it is, so a rebuild
    keeps the files that the hub has. Must run in a transaction. Raises IntegrityError if another transaction does the same."""
    new = {key_of(message): files for message in messages if (files := _attachments(message, now))}
    if not new:
        return
    stored = files_of(message for message in messages if key_of(message) in new)
    Attachment.objects.bulk_create([file for key, files in new.items() if key not in stored for file in files])
    wake_after_commit(Attachment)


def _attachments(message: Message, now: datetime) -> list[Attachment]:
    """Returns the files of a message, not stored."""
    payload = message.payload if isinstance(message.payload, dict) else {}
    if message.kind == "interactive" and message.is_user_message:
        return _form_attachments(message, payload, now)
    if message.kind not in FILE_KINDS and "errors" not in payload:
        return []
    media = mapping(payload, message.kind)
    if refusals := [error for error in objects(payload, "errors") if code_of(error) == FILE_NOT_GIVEN]:
        problem = DownloadProblem.TOO_BIG if any(map(_is_too_big, refusals)) else DownloadProblem.REFUSED
        return [_attachment(message, media, state=State.DEAD, problem=problem, errors=refusals)]
    if message.kind not in FILE_KINDS or not _is_media_id(text(media, "id")):
        return []
    return [_attachment(message, media, **_media_columns(message, media, now))]


def _form_attachments(message: Message, payload: Mapping[str, Any], now: datetime) -> list[Attachment]:
    """Returns the files of a reply to a form. Their kind is derived from their type, because the payload does not contain it."""
    files = [media for media in form_files(payload) if _is_media_id(text(media, "id"))]
    return [
        _attachment(message, media, position=position, kind=_kind_by_type(media), **_media_columns(message, media, now))
        for position, media in enumerate(files)
    ]


def _is_media_id(value: str) -> bool:
    return bool(value.strip(". ")) and len(value) <= MAX_MEDIA_ID_LENGTH


def _kind_by_type(media: Mapping[str, Any]) -> str:
    kind = text(media, "mime_type").partition("/")[0]
    return kind if kind in ("image", "video", "audio") else "document"


def _media_columns(message: Message, media: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    pruned_until = message.phone_number.organization.files_pruned_until
    if pruned_until and message.create_in < pruned_until:
        return {"state": State.DEAD, "problem": DownloadProblem.PRUNED}
    # Meta uploads the files of imported history when it sends the history.
    uploaded_at = now if message.origin == Origin.HISTORY else message.create_in
    return {"media_id": text(media, "id"), "media_id_until": uploaded_at + MEDIA_ID_LIFETIME}


def _is_too_big(error: Mapping[str, Any]) -> bool:
    """Returns whether Meta's details mention the size. The code has other reasons too (docs/meta-platform.md 9.2)."""
    return _TOO_BIG.search(text(mapping(error, "error_data"), "details") or text(error, "details")) is not None


def _attachment(message: Message, media: Mapping[str, Any], **columns: Any) -> Attachment:
    kind = message.kind if message.kind in FILE_KINDS else "media_placeholder"
    described = {"mime_type": text(media, "mime_type")[:255], "file_name": clean_name(file_name(media))}
    common = {"phone_number_id": message.phone_number_id, "message_name": message.name, "kind": kind}
    return Attachment(**(common | described | {"sha256": hex_digest(media.get("sha256"))} | columns))
