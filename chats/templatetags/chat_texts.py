"""Message texts in templates."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chats.inbox.bubbles import preview, written
from chats.inbox.text_formatting import as_html, as_plain
from chats.models import Message
from chats.text_search.words import SearchQuery, find_match

register = template.Library()
NEAR = 40
"""Letters shown before what was searched for."""


@register.filter
def message_html(text: str) -> SafeString:
    """With WhatsApp's marks and links."""
    return as_html(text)


@register.filter
def plain_words(text: str) -> str:
    """Without WhatsApp's marks, where none can be drawn."""
    return as_plain(text)


@register.filter
def preview_words(message: Message) -> str:
    """The message in one line."""
    return preview(message).words


@register.filter
def written_words(message: Message) -> str:
    """The text of one of our messages, to be used again; empty if it had none."""
    return written(message)


@register.filter
def around(words: str, wanted: SearchQuery) -> SafeString | str:
    """The words from shortly before what was searched for, which is marked."""
    place = find_match(words, wanted)
    if place is None:
        return words[:200]
    first, end = place
    start = max(0, first - NEAR)
    before = ("…" if start else "") + words[start:first]
    return format_html("{}<mark>{}</mark>{}", before, words[first:end], words[end : end + 160])
