"""How a conversation shows a message's file, or why the hub does not have it."""

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

MAX_SIDE = 320
"""Pixels of the longer side of a picture in a conversation."""
DISPLAY_BY_KIND = {"audio": "audio", "voice": "audio", "video": "video", "sticker": "sticker", "image": "image"}
"""How a file is drawn, by the kind of its message. Others are drawn as documents."""


def describe_file(file: Attachment | None) -> dict[str, Any]:
    """Returns the context of chats/kinds/media.html. `file` is None if no webhook had a media ID for it.

    `way`: image, sticker, video, audio or document. It is empty if the hub does not have the file. Then `missing` is the reason,
    and `is_awaited` is True while the download may still succeed.
    """
    if file is None or not file.file:
        is_awaited = file is not None and file.state == State.DUE
        named = {"file_name": file.file_name} if file and file.file_name else {}
        return {"way": "", "missing": _missing_reason(file), "is_awaited": is_awaited, "details": _details(file)} | named
    optional = {"file_name": file.file_name, "type": _type(file), "size": file.size}
    required = {"way": _display(file), "has_thumbnail": bool(file.thumbnail), "box": _box(file)}
    return required | {key: value for key, value in optional.items() if value}


def _details(file: Attachment | None) -> str:
    """Returns Meta's own text about the error if it contains more than the hub's; else an empty string."""
    return next(filter(None, map(meta_words, (file and file.errors) or ())), "")


def _type(file: Attachment) -> str:
    """Returns the type in short, such as PDF."""
    suffix = PurePath(file.file_name).suffix or EXTENSIONS.get(file.mime_type, "")
    return suffix.removeprefix(".").upper()[:8]


def _missing_reason(file: Attachment | None) -> Any:
    """Returns the text for staff why the hub does not have the file."""
    if file is None:
        return _("The file is not in the hub.")
    refused = next((gettext(meaning_of(code).words) for code in codes_of(file.errors or ()) if has_text(code)), "")
    if file.state == State.DUE and file.problem != DownloadProblem.NO_ROOM:
        waiting = (
            gettext("It could not be fetched yet. The hub keeps trying.") if file.reason else gettext("The file is being fetched.")
        )
        return f"{waiting} {refused}".strip()
    if refused and file.problem == DownloadProblem.REFUSED:
        return refused
    return DownloadProblem(file.problem).label if file.problem else _("The file is not in the hub.")


def _display(file: Attachment) -> str:
    """Returns how the file is drawn: by the message's kind, or as a document if browsers cannot show its type."""
    display = DISPLAY_BY_KIND.get(file.kind, "document")
    if display in ("image", "sticker"):
        return display if file.mime_type in PICTURE_TYPES and file.thumbnail else "document"
    return display if file.mime_type.partition(";")[0] in PLAYABLE_TYPES else "document"


def _box(file: Attachment) -> tuple[int, int] | None:
    """Returns width and height of a picture in a conversation, so that the page reserves the space before it is loaded."""
    if not (file.width and file.height):
        return None
    scale = min(1.0, MAX_SIDE / max(file.width, file.height))
    return max(1, round(file.width * scale)), max(1, round(file.height * scale))
