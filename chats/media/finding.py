"""Which file belongs to which message: they know each other by the message's name in its number."""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Q

from chats.models import Attachment, Message

KINDS = frozenset({"image", "video", "audio", "voice", "document", "sticker"})
"""Kinds of messages that are files (reference 3)."""
MAY_HAVE_FILE = KINDS | {"template", "unsupported", "media_placeholder"}

Key = tuple[str, str]


def key_of(message: Message) -> Key:
    """The number's phone_number_id and the message's name there."""
    return message.phone_number_id, message.name


def files_of(messages: Iterable[Message]) -> dict[Key, Attachment]:
    """The files of those of these messages that have one, in one query if any may."""
    named: dict[str, set[str]] = defaultdict(set)
    for message in messages:
        if message.kind in MAY_HAVE_FILE:
            named[message.phone_number_id].add(message.name)
    if not named:
        return {}
    which = Q(pk__in=[])
    for number, names in named.items():
        which |= Q(phone_number=number, message_name__in=names)
    return {(each.phone_number_id, each.message_name): each for each in Attachment.objects.filter(which)}
