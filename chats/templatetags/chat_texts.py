"""Message texts in templates."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chats.inbox.bubbles import previews
from chats.inbox.bubbles.message_texts import written_text
from chats.inbox.bubbles.previews import preview
from chats.inbox.text_formatting import as_html, as_plain
from chats.models import Message
from chats.text_search.words import SearchQuery, find_match
from contacts.models import Contact

register = template.Library()
NEAR = 40
"""Characters that are shown before a match."""


@register.filter
def message_html(text: str) -> SafeString:
    """Returns the text with WhatsApp's marks and links as HTML."""
    return as_html(text)


@register.filter
def plain_words(text: str) -> str:
    """Returns the text without WhatsApp's marks, for places without formatting."""
    return as_plain(text)


@register.filter
def preview_words(message: Message) -> str:
    """Returns the message in one line."""
    return preview(message).words


@register.filter
def quoted_author(message: Message, contact: Contact) -> str:
    """Returns who wrote a quoted message, as it is shown in the conversation with this contact."""
    return previews.quoted_author(message, contact)


@register.filter
def written_words(message: Message) -> str:
    """Returns the text of a business's message, to be used again. Empty if it has none."""
    return written_text(message)


@register.filter
def around(words: str, wanted: SearchQuery) -> SafeString | str:
    """Returns the part of the text around the match, with the match marked."""
    match = find_match(words, wanted)
    if match is None:
        return words[:200]
    first, end = match
    start = max(0, first - NEAR)
    before = ("…" if start else "") + words[start:first]
    return format_html("{}<mark>{}</mark>{}", before, words[first:end], words[end : end + 160])
