"""Alerts of unread messages, and of customers who wait for a person, in templates."""

from django import template
from django.utils import timezone

from chats.inbox.alerts import UnreadConversations
from chats.inbox.alerts import unread_conversations as find_unread
from contacts.lists.contact_list import ListCount
from contacts.lists.contact_list import waiting_for_person as find_waiting
from organizations.models import Organization

register = template.Library()


@register.simple_tag
def unread_conversations(organization: Organization) -> UnreadConversations:
    """Returns the organization's unread conversations. Needs one query."""
    return find_unread(organization)


@register.simple_tag
def waiting_for_person(organization: Organization) -> ListCount:
    """Returns how many of the organization's conversations wait for a person. Needs one query."""
    return find_waiting(organization.pk, timezone.now())[0]
