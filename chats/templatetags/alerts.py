"""Alerts of unread messages, in templates."""

from django import template

from chats.inbox.alerts import UnreadConversations
from chats.inbox.alerts import unread_conversations as find_unread
from organizations.models import Organization

register = template.Library()


@register.simple_tag
def unread_conversations(organization: Organization) -> UnreadConversations:
    """Returns the organization's unread conversations. Needs one query."""
    return find_unread(organization)
