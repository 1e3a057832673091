"""Files that webhooks tell of: each is to be fetched, because Meta keeps it for a week only."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chats.media.finding import KINDS, files_of, key_of
from chats.media.naming import clean_name
from chats.models import Attachment, Message, Origin
from chats.models.files import Problem
from cloud_api.errors import FILE_NOT_GIVEN
from cloud_api.graph.files import hex_digest
from cloud_api.payloads.contents import mapping, objects, text
from jobs.models import State

KEPT_AT_META = timedelta(days=7)
"""How long media ids from webhooks work (reference 8.3)."""
LONGEST_ID = 255


def expect_files(messages: Sequence[Message], now: datetime) -> None:
    """Have the files of these messages fetched, of whichever side, as webhooks told them. What is known of a file already stays as
    it is: a rebuild keeps the files that are here. In a transaction; IntegrityError if somebody else just did the same."""
    expected = {key_of(message): file for message in messages if (file := _expected(message, now))}
    if not expected:
        return
    known = files_of(message for message in messages if key_of(message) in expected)
    Attachment.objects.bulk_create([file for key, file in expected.items() if key not in known])


def _expected(message: Message, now: datetime) -> Attachment | None:
    payload = message.payload if isinstance(message.payload, dict) else {}
    if message.kind not in KINDS and "errors" not in payload:
        return None
    media = mapping(payload, message.kind)
    if _is_too_big(payload):
        return _file(message, media, state=State.DEAD, problem=Problem.TOO_BIG)
    media_id = text(media, "id")
    if message.kind not in KINDS or not media_id.strip(". ") or len(media_id) > LONGEST_ID:
        return None
    until = (now if message.origin == Origin.HISTORY else message.create_in) + KEPT_AT_META
    return _file(message, media, media_id=media_id, media_id_until=until)


def _is_too_big(payload: Mapping[str, Any]) -> bool:
    return any(error.get("code") == FILE_NOT_GIVEN for error in objects(payload, "errors"))


def _file(message: Message, media: Mapping[str, Any], **columns: Any) -> Attachment:
    return Attachment(
        phone_number_id=message.phone_number_id,
        message_name=message.name,
        kind=message.kind if message.kind in KINDS else "media_placeholder",
        mime_type=text(media, "mime_type")[:255],
        file_name=clean_name(text(media, "filename")),
        sha256=hex_digest(media.get("sha256")),
        **columns,
    )
