"""What a conversation shows of a message's file: how to draw it if it is here, and if not, why not."""

from pathlib import PurePath
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chats.media.file_names import EXTENSIONS
from chats.media.file_responses import PICTURE_TYPES, PLAYABLE_TYPES
from chats.models import Attachment
from chats.models.files import DownloadProblem
from cloud_api.errors import codes_of, has_text, meaning_of, meta_words
from jobs.models import State

SIDE = 320
"""Pixels of the longer side of a picture in a conversation."""
WAYS = {"audio": "audio", "voice": "audio", "video": "video", "sticker": "sticker", "image": "image"}
"""By the kind of the message."""


def describe_file(file: Attachment | None) -> dict[str, Any]:
    """For chats/kinds/media.html: `way` is image, sticker, video, audio or document, empty where there is no file; then `missing`
    says why, and `is_awaited` whether it may still come. None: the hub was never to have it."""
    if file is None or not file.file:
        is_awaited = file is not None and file.state == State.DUE
        return {"way": "", "missing": _why_not_here(file), "is_awaited": is_awaited, "details": _details(file)} | _told(file)
    known = {"file_name": file.file_name, "type": _type(file), "size": file.size}
    drawn = {"way": _way(file), "has_thumbnail": bool(file.thumbnail), "box": _box(file)}
    return drawn | {key: value for key, value in known.items() if value}


def _told(file: Attachment | None) -> dict[str, Any]:
    """What the sender called it, where the message itself does not say."""
    return {"file_name": file.file_name} if file and file.file_name else {}


def _details(file: Attachment | None) -> str:
    """Meta's own words about why it is not here, where they say more than the hub's."""
    return next(filter(None, map(meta_words, (file and file.errors) or ())), "")


def _type(file: Attachment) -> str:
    """In short, such as PDF."""
    ending = PurePath(file.file_name).suffix or EXTENSIONS.get(file.mime_type, "")
    return ending.removeprefix(".").upper()[:8]


def _why_not_here(file: Attachment | None) -> Any:
    if file is None:
        return _("The file is not in the hub.")
    refused = next((gettext(meaning_of(code).words) for code in codes_of(file.errors or ()) if has_text(code)), "")
    if file.state == State.DUE and file.problem != DownloadProblem.NO_ROOM:
        waits = (
            gettext("It could not be fetched yet. The hub keeps trying.") if file.reason else gettext("The file is being fetched.")
        )
        return f"{waits} {refused}".strip()
    if refused and file.problem == DownloadProblem.REFUSED:
        return refused
    return DownloadProblem(file.problem).label if file.problem else _("The file is not in the hub.")


def _way(file: Attachment) -> str:
    """By the message's kind, as far as the file's own bytes allow: what cannot be shown is to be saved."""
    way = WAYS.get(file.kind, "document")
    if way in ("image", "sticker"):
        return way if file.mime_type in PICTURE_TYPES and file.thumbnail else "document"
    return way if file.mime_type.partition(";")[0] in PLAYABLE_TYPES else "document"


def _box(file: Attachment) -> tuple[int, int] | None:
    """Width and height of a picture in a conversation, so that its room is kept before it is there."""
    if not (file.width and file.height):
        return None
    scale = min(1.0, SIDE / max(file.width, file.height))
    return max(1, round(file.width * scale)), max(1, round(file.height * scale))
