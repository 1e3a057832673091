"""Stored files of bots in pages."""

from django import template

from bots.editor.steps.messages import MEDIA_KINDS

register = template.Library()


@register.filter
def kind_of_file(kind: str) -> str:
    """What people call a kind of file."""
    return str(MEDIA_KINDS.get(kind, kind))
