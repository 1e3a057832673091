"""Message templates' standing in words."""

from typing import Any

from django import template

from chats.message_templates import wording
from chats.models import MessageTemplate

register = template.Library()


@register.filter
def status_name(found: MessageTemplate) -> Any:
    """The status in a word."""
    return wording.status_name(found)


@register.filter
def category_name(found: MessageTemplate) -> Any:
    """The category in a word."""
    return wording.category_name(found)
