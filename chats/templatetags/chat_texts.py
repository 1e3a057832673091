"""Message texts in templates."""

import re

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chats.formatting import as_html
from chats.models import Message
from chats.presenting import preview

register = template.Library()
NEAR = 40
"""Letters shown before what was searched for."""


@register.filter
def message_html(text: str) -> SafeString:
    """With WhatsApp's marks and links."""
    return as_html(text)


@register.filter
def preview_words(message: Message) -> str:
    """The message in one line."""
    return preview(message).words


@register.filter
def around(words: str, wanted: str) -> SafeString | str:
    """The words from shortly before what was searched for, which is marked."""
    found = re.search(re.escape(wanted), words, re.IGNORECASE) if wanted else None
    if not found:
        return words[:200]
    start = max(0, found.start() - NEAR)
    before = ("…" if start else "") + words[start : found.start()]
    return format_html("{}<mark>{}</mark>{}", before, found[0], words[found.end() : found.end() + 160])
