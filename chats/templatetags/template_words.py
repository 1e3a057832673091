"""Status, language and category of message templates, in templates."""

from typing import Any

from django import template

from chats.message_templates import status_texts
from chats.models import MessageTemplate

register = template.Library()


@register.filter
def status_name(found: MessageTemplate) -> Any:
    """Returns the label of the status."""
    return status_texts.status_name(found)


@register.filter
def language_name(found: MessageTemplate) -> Any:
    """Returns the name of the language."""
    return status_texts.language_text(found.language)


@register.filter
def category_name(found: MessageTemplate) -> Any:
    """Returns the label of the category."""
    return status_texts.category_name(found)
