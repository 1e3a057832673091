"""The page in the export that people can read: one HTML file without scripts, in the language of the user."""

from collections.abc import Mapping, Sequence

from django.template.loader import render_to_string
from django.utils import timezone

from chats.models import Message
from contacts.models import Contact
from privacy.retention.policies import settings_of

MESSAGES = "@messages@"
"""Where the messages go."""


def page_frame(contacts: Sequence[Contact]) -> tuple[str, str]:
    """Returns what is before the messages, which says who the page is about, and what is after them."""
    organization = contacts[0].organization
    context = {
        "contacts": contacts,
        "organization": organization,
        "settings": settings_of(organization),
        "now": timezone.now(),
        "messages": MESSAGES,
    }
    head, _, end = render_to_string("privacy/export/page.html", context).rpartition(MESSAGES)
    return head, end


def page_messages(messages: Sequence[Message], paths: Mapping[int, Sequence[str]]) -> str:
    """Returns these messages, with links to their files in the archive."""
    lines = [{"message": message, "paths": paths.get(message.pk, ())} for message in messages]
    return render_to_string("privacy/export/messages.html", {"lines": lines})
