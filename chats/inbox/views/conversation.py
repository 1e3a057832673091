"""One conversation: its messages, part by part, and its contact."""

import json
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_POST

from chats.conversations.read_state import first_unread, mark_as_read
from chats.conversations.timeline import ThreadPosition
from chats.inbox import timeline_lines
from chats.inbox.bubbles.message_texts import written_text
from chats.inbox.bubbles.thread_bubbles import build_bubbles
from chats.inbox.composer import ComposerMode, mode_of
from chats.inbox.forms import AnswerForm
from chats.inbox.fragments import etag_of
from chats.inbox.owner_band import owner_band
from chats.inbox.selectors import (
    Thread,
    bot_variables,
    divide_latest,
    find_message,
    get_message_or_404,
    possible_duplicates,
    read_around,
    read_latest,
    read_older,
    read_range,
    sessions_of,
)
from chats.inbox.views.composer import composer_context
from chats.models import Message
from chats.outbox.read_receipts import queue_read_receipt
from chats.proposals.services import open_proposals
from contacts.models import Contact, Label
from contacts.selectors import get_contact_or_404, latest_notes
from contacts.views.consents import consents_context
from organizations.models import Profile
from organizations.permissions import Access, for_members
from organizations.url_parameters import read_integer


@for_members
def conversation(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """The middle of the page, fetched when another conversation is opened."""
    contact = get_contact_or_404(access.organization, contact_id)
    return render(request, "chats/_conversation.html", conversation_context(request, contact))


def conversation_context(request: HttpRequest, contact: Contact) -> dict[str, Any]:
    """Returns the context of the conversation's template: its end, or the part around the message of the URL."""
    shown = _requested_message(request, contact)
    thread = read_around(contact, shown) if shown else read_latest(contact)
    unread = None if shown else first_unread(contact, thread.messages)
    edited = find_message(contact, request.GET.get("edit", ""))
    quoted = find_message(contact, request.GET.get("reply", ""))
    form = AnswerForm(contact=contact, initial={"text": written_text(edited) if edited else ""})
    # Only a message with a wamid can be quoted.
    composer = composer_context(contact, form=form, quoted=quoted if quoted and quoted.wamid is not None else None)
    return (
        composer
        | {"jump_to": shown and shown.pk, "band": owner_band(contact, composer["now"])}
        | {"proposals": open_proposals(contact, composer["now"])}
        | _thread_context(contact, thread, unread, last=None)
    )


def _requested_message(request: HttpRequest, contact: Contact) -> Message | None:
    """Returns the message of the URL, if the conversation has it. Raises Http404 if the URL contains no valid id."""
    text = request.GET.get("message", "")
    if text and read_integer(text) is None:
        raise Http404
    return find_message(contact, text)


def _thread_context(contact: Contact, thread: Thread, unread: int | None, *, last: ThreadPosition | None) -> dict[str, Any]:
    """Returns the context of a part of the messages, up to the position `last`, or to the end, whatever comes."""
    part = {"from": thread.first, "to": last, "unread": unread}
    webhook_ids = [message.webhook_id for message in thread.messages if message.webhook_id]
    return {
        "thread": thread,
        "bubbles": timeline_lines.merge_lines(build_bubbles(thread, first_unread=unread), thread, contact),
        "part_query": urlencode({name: str(value) for name, value in part.items() if value}),
        "is_latest": last is None,
        "read_up_to": max(webhook_ids, default=0),
        "may_write": mode_of(contact, timezone.now()) is ComposerMode.FREE,
    }


@for_members
def thread(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """Part of the messages: `before` a position, or `from` a position `to` another one, or else the end. An end that has become
    long is returned as two parts. 304 if the page shows just that."""
    contact = get_contact_or_404(access.organization, contact_id)
    before, first, last = (ThreadPosition.read(request.GET.get(name, "")) for name in ("before", "from", "to"))
    last = before.previous if before else last
    if last is None:
        parts = divide_latest(contact, read_range(contact, first, None) if first else read_latest(contact))
    else:
        parts = [(read_range(contact, first, last) if first else read_older(contact, last.next), last)]
    unread = read_integer(request.GET.get("unread", ""))
    contexts = [_thread_context(contact, each, unread, last=end) | {"contact": contact} for each, end in parts]
    content = "".join(render_to_string("chats/_part.html", context, request) for context in contexts)
    etag = etag_of(content)
    # The page itself asks with the ETag. The browser must not, because what it kept has an old token.
    response = HttpResponse(content, headers={"ETag": etag, "Cache-Control": "no-store"})
    return get_conditional_response(request, etag=etag, response=response) or response


@for_members
def contact_pane(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """The contact: names, who answers, labels, notes, consents, sessions, and possible duplicates."""
    contact = get_contact_or_404(access.organization, contact_id)
    context = {
        "contact": contact,
        "possible_duplicates": possible_duplicates(contact),
        "sessions": sessions_of(contact),
        "variables": bot_variables(contact),
        "notes": latest_notes(contact),
        "labels": Label.objects.filter(organization=access.organization),
        "given": set(contact.labels.values_list("pk", flat=True)),
        "profiles": Profile,
        "now": timezone.now(),
    }
    return render(request, "chats/_contact_pane.html", context | consents_context(contact))


@require_POST
@for_members
def mark_read(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """Marks the messages of the webhook `up_to` and of earlier ones as read. Open pages request this while they are visible."""
    contact = get_contact_or_404(access.organization, contact_id)
    up_to = read_integer(request.POST.get("up_to", ""))
    if up_to is not None:
        mark_as_read(contact, up_to=up_to)
        if not contact.blocked_at:  # blocked persons get no read receipts
            queue_read_receipt(contact, up_to=up_to)
    return HttpResponse(status=204)


@for_members
def raw(request: HttpRequest, access: Access, contact_id: int, message_id: int) -> HttpResponse:
    """The API object of a message. Raises Http404 for a deleted message."""
    message = get_message_or_404(get_contact_or_404(access.organization, contact_id), message_id)
    if message.revoked_at:
        raise Http404
    pretty = json.dumps(message.payload, ensure_ascii=False, indent=2)
    return render(request, "chats/raw.html", {"section": "inbox", "message": message, "contact": message.contact, "pretty": pretty})
