"""Message templates' standing in words."""

from typing import Any

from django import template

from chats.message_templates import status_texts
from chats.models import MessageTemplate

register = template.Library()


@register.filter
def status_name(found: MessageTemplate) -> Any:
    """The status in a word."""
    return status_texts.status_name(found)


@register.filter
def category_name(found: MessageTemplate) -> Any:
    """The category in a word."""
    return status_texts.category_name(found)
