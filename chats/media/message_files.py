"""Which files a message has. A file refers to its message by the number and the message's name."""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Q

from chats.models import Attachment, Message

FILE_KINDS = frozenset({"image", "video", "audio", "voice", "document", "sticker"})
"""Kinds of messages that are files (docs/meta-platform.md 3)."""
MAY_HAVE_FILE = FILE_KINDS | {"template", "unsupported", "media_placeholder"}

FileKey = tuple[str, str]


def key_of(message: Message) -> FileKey:
    """Returns the number's phone_number_id and the message's name."""
    return message.phone_number_id, message.name


def files_of(messages: Iterable[Message]) -> dict[FileKey, Attachment]:
    """Returns the first file of each message that has files. Makes no query if none of the messages may have one, else one."""
    return {key: files[0] for key, files in all_files_of(messages).items()}


def all_files_of(messages: Iterable[Message]) -> dict[FileKey, list[Attachment]]:
    """Returns all files of each message that has files, in order. Makes no query if none of the messages may have one, else one."""
    names_by_number: dict[str, set[str]] = defaultdict(set)
    for message in messages:
        if _may_have_file(message):
            names_by_number[message.phone_number_id].add(message.name)
    if not names_by_number:
        return {}
    condition = Q(pk__in=[])
    for phone_number_id, names in names_by_number.items():
        condition |= Q(phone_number=phone_number_id, message_name__in=names)
    found: dict[FileKey, list[Attachment]] = defaultdict(list)
    for file in sorted(Attachment.objects.filter(condition), key=lambda each: each.position):
        found[file.phone_number_id, file.message_name].append(file)
    return found


def _may_have_file(message: Message) -> bool:
    if message.kind in MAY_HAVE_FILE:
        return True
    if message.kind == "interactive":  # a customer's reply to a form
        return message.is_user_message
    # Meta may refuse the file of a message of any kind, also of one that the hub does not know.
    return isinstance(message.payload, dict) and "errors" in message.payload
