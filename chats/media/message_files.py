"""Which file belongs to which message: they know each other by the message's name in its number."""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Q

from chats.models import Attachment, Message

FILE_KINDS = frozenset({"image", "video", "audio", "voice", "document", "sticker"})
"""Kinds of messages that are files (docs/meta-platform.md 3)."""
# A customer's answer to a form may have some too.
MAY_HAVE_FILE = FILE_KINDS | {"template", "unsupported", "media_placeholder"}

FileKey = tuple[str, str]


def key_of(message: Message) -> FileKey:
    """The number's phone_number_id and the message's name there."""
    return message.phone_number_id, message.name


def files_of(messages: Iterable[Message]) -> dict[FileKey, Attachment]:
    """The files of those of these messages that have one, in one query if any may; of several the first."""
    return {key: files[0] for key, files in all_files_of(messages).items()}


def all_files_of(messages: Iterable[Message]) -> dict[FileKey, list[Attachment]]:
    """All files of these messages, in their order, in one query if any may have one."""
    named: dict[str, set[str]] = defaultdict(set)
    for message in messages:
        if message.kind in MAY_HAVE_FILE or (message.kind == "interactive" and message.is_user_message):
            named[message.phone_number_id].add(message.name)
    if not named:
        return {}
    which = Q(pk__in=[])
    for number, names in named.items():
        which |= Q(phone_number=number, message_name__in=names)
    found: dict[FileKey, list[Attachment]] = defaultdict(list)
    for file in sorted(Attachment.objects.filter(which), key=lambda each: each.position):
        found[file.phone_number_id, file.message_name].append(file)
    return found
