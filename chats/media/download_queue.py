"""Files that webhooks tell of: each is to be fetched, because Meta keeps it for a week only."""

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
"""How long media ids from webhooks work (docs/meta-platform.md 8.3)."""
MAX_MEDIA_ID_LENGTH = 255
_TOO_BIG = re.compile(r"too (?:big|large)|size|100 ?MB", re.IGNORECASE)


def queue_downloads(messages: Sequence[Message], now: datetime) -> None:
    """Have the files of these messages fetched, of whichever side, as webhooks told them. What is known of a file already stays as
    it is: a rebuild keeps the files that are here. In a transaction; IntegrityError if somebody else just did the same."""
    expected = {key_of(message): files for message in messages if (files := _expected(message, now))}
    if not expected:
        return
    known = files_of(message for message in messages if key_of(message) in expected)
    Attachment.objects.bulk_create([file for key, files in expected.items() if key not in known for file in files])
    wake_after_commit(Attachment)


def _expected(message: Message, now: datetime) -> list[Attachment]:
    payload = message.payload if isinstance(message.payload, dict) else {}
    if message.kind == "interactive" and message.is_user_message:
        return _expected_of_form(message, payload, now)
    if message.kind not in FILE_KINDS and "errors" not in payload:
        return []
    media = mapping(payload, message.kind)
    if refusals := [error for error in objects(payload, "errors") if code_of(error) == FILE_NOT_GIVEN]:
        problem = DownloadProblem.TOO_BIG if any(map(_says_too_big, refusals)) else DownloadProblem.REFUSED
        return [_file(message, media, state=State.DEAD, problem=problem, errors=refusals)]
    if message.kind not in FILE_KINDS or not _is_media_id(text(media, "id")):
        return []
    return [_file(message, media, **_at_meta(message, media, now))]


def _expected_of_form(message: Message, payload: Mapping[str, Any], now: datetime) -> list[Attachment]:
    """The files that somebody put into a form; they are drawn by what they are, since the form does not say."""
    files = [media for media in form_files(payload) if _is_media_id(text(media, "id"))]
    return [
        _file(message, media, position=position, kind=_kind_by_type(media), **_at_meta(message, media, now))
        for position, media in enumerate(files)
    ]


def _is_media_id(written: str) -> bool:
    return bool(written.strip(". ")) and len(written) <= MAX_MEDIA_ID_LENGTH


def _kind_by_type(media: Mapping[str, Any]) -> str:
    kind = text(media, "mime_type").partition("/")[0]
    return kind if kind in ("image", "video", "audio") else "document"


def _at_meta(message: Message, media: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """By which id Meta knows the file, and for how long."""
    since = now if message.origin == Origin.HISTORY else message.create_in
    return {"media_id": text(media, "id"), "media_id_until": since + MEDIA_ID_LIFETIME}


def _says_too_big(error: Mapping[str, Any]) -> bool:
    """Whether Meta's details name the size: the code has other reasons too (docs/meta-platform.md 9.2)."""
    return _TOO_BIG.search(text(mapping(error, "error_data"), "details") or text(error, "details")) is not None


def _file(message: Message, media: Mapping[str, Any], **columns: Any) -> Attachment:
    kind = message.kind if message.kind in FILE_KINDS else "media_placeholder"
    told = {"mime_type": text(media, "mime_type")[:255], "file_name": clean_name(file_name(media))}
    common = {"phone_number_id": message.phone_number_id, "message_name": message.name, "kind": kind}
    return Attachment(**(common | told | {"sha256": hex_digest(media.get("sha256"))} | columns))
