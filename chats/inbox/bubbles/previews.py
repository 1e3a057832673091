"""A message in one line, for lists and quotes."""

from dataclasses import dataclass

from django.utils.translation import gettext

from chats.inbox.bubbles.bot_traces import is_by_ai
from chats.inbox.bubbles.contents import plain_text
from chats.inbox.bubbles.message_texts import AI, ICONS, SENDERS, shown_kind
from chats.models import Message, Origin
from contacts.models import Contact
from organizations.models import User


@dataclass(frozen=True)
class MessagePreview:
    """The icon and the words of the line."""

    icon: str
    words: str


def preview(message: Message) -> MessagePreview:
    """Returns the message in one line."""
    if message.revoked_at:
        return MessagePreview("ban", gettext("Deleted message"))
    return MessagePreview(ICONS.get(shown_kind(message), ""), plain_text(message))


def quoted_author(message: Message, contact: Contact) -> str:
    """Returns who wrote a message that is quoted: the contact, a bot or a program. “You” for messages of the team."""
    if message.is_user_message:
        return contact.display_name
    is_of_team = message.origin in (Origin.STAFF, Origin.PHONE_APP)
    known = AI if is_by_ai(message) else None if is_of_team else SENDERS.get(Origin(message.origin))
    return str(known[1]) if known else gettext("You")


def author_label(message: Message, reader: User) -> str:
    """Returns the author of the business's message in one word. Empty for the customer's messages."""
    if message.is_user_message:
        return ""
    author = message.written_by
    if author == reader:
        return gettext("You")
    if author:
        return next(iter(author.name.split()), author.email)
    known = AI if is_by_ai(message) else SENDERS.get(Origin(message.origin))
    return str(known[1]) if known else ""
