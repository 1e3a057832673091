"""Stored files that several rows have: messages, bots, and what programs uploaded. A file is deleted with the last of them."""

from collections.abc import Iterable

from api.models import Media
from bots.models import BotFile
from chats.models import Attachment


def without_other_rows(attachments: Iterable[Attachment], *, organization_id: int) -> list[Attachment]:
    """Returns one of these rows for each stored file that no row besides them has. The organization's quota has such a file once,
    and its thumbnail belongs to it."""
    rows = list(attachments)
    by_name = {each.file.name: each for each in rows if each.file.name}
    others = Attachment.objects.filter(file__in=by_name).exclude(pk__in=[each.pk for each in rows])
    shared = set(others.values_list("file", flat=True))
    for model in (BotFile, Media):
        shared |= set(model._default_manager.filter(organization=organization_id, file__in=by_name).values_list("file", flat=True))
    return [each for name, each in by_name.items() if name not in shared]


def stored_names(attachments: Iterable[Attachment]) -> list[str]:
    """Returns the names of the files and thumbnails of these rows in the storage."""
    return [name for each in attachments for name in (each.file.name, each.thumbnail.name) if name]
