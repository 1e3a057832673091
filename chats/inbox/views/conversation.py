"""One conversation: its messages, part by part, and who the contact is."""

import json
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_POST
from organizations.url_parameters import read_integer

from chats.conversations.read_state import first_unread, mark_as_read
from chats.conversations.timeline import ThreadPosition
from chats.inbox import timeline_lines
from chats.inbox.bubbles import build_bubbles, written
from chats.inbox.composer import ComposerMode, mode_of
from chats.inbox.forms import AnswerForm
from chats.inbox.selectors import Thread, possible_duplicates, read_around, read_latest, read_older, read_range, sessions_of
from chats.inbox.views.composer import composer_context
from chats.models import Message
from chats.outbox.read_receipts import queue_read_receipt
from contacts.models import Contact, Label
from contacts.selectors import contacts_of, latest_notes
from organizations.models import Profile
from organizations.permissions import Access, for_members


def _contact(access: Access, contact_id: int) -> Contact:
    """A contact of this organization; Http404 for any other."""
    return get_object_or_404(contacts_of(access.organization), pk=contact_id)


@for_members
def conversation(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """The middle of the page, when another conversation is opened in it."""
    return render(request, "chats/_conversation.html", conversation_context(request, _contact(access, contact_id)))


def conversation_context(request: HttpRequest, contact: Contact) -> dict[str, Any]:
    """What the conversation's template shows: its end, or what is around the message that the address names."""
    shown = _wanted(request, contact)
    thread = read_around(contact, shown) if shown else read_latest(contact)
    unread = None if shown else first_unread(contact, thread.messages)
    form = AnswerForm(contact=contact, initial={"text": _written_before(contact, request.GET.get("edit", ""))})
    composer = composer_context(contact, form=form, quoted=_quotable(contact, request.GET.get("reply", "")))
    return composer | {"jump_to": shown and shown.pk} | _drawn(contact, thread, unread)


def _wanted(request: HttpRequest, contact: Contact) -> Message | None:
    """The message that the address names, if it is here. Http404 if the address names something that is no message's id."""
    text = request.GET.get("message", "")
    if not text:
        return None
    pk = read_integer(text)
    if pk is None:
        raise Http404
    return Message.objects.filter(contact=contact, pk=pk).first()


def _quotable(contact: Contact, text: str) -> Message | None:
    """The message that an answer may name, if there is one."""
    pk = read_integer(text)
    return None if pk is None else Message.objects.filter(contact=contact, pk=pk).exclude(wamid=None).first()


def _written_before(contact: Contact, text: str) -> str:
    """The text of our message that is to be written once more; empty if there is none."""
    pk = read_integer(text)
    message = None if pk is None else Message.objects.filter(contact=contact, pk=pk).first()
    return written(message) if message else ""


def _drawn(contact: Contact, thread: Thread, unread: int | None = None) -> dict[str, Any]:
    told_by = [message.webhook_id for message in thread.messages if message.webhook_id]
    return {
        "thread": thread,
        "bubbles": timeline_lines.merge_lines(build_bubbles(thread, first_unread=unread), thread, contact),
        "unread": unread,
        "read_up_to": max(told_by, default=0),
        "may_write": mode_of(contact, timezone.now()) is ComposerMode.FREE,
    }


@for_members
def thread(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """Part of the messages: those `before` a place, those around a `message`, or those `from` a place on, up `to` another."""
    contact = _contact(access, contact_id)
    before, first, last = (ThreadPosition.read(request.GET.get(name, "")) for name in ("before", "from", "to"))
    if before:
        part = read_older(contact, before)
    elif first:
        part = read_range(contact, first, last)
    else:
        part = read_latest(contact)
    drawn = _drawn(contact, part, read_integer(request.GET.get("unread", "")))
    return render(request, "chats/_part.html", drawn | {"contact": contact, "is_latest": not (before or last)})


@for_members
def contact_pane(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """Who the contact is, what staff decided and wrote about them, and their sessions."""
    contact = _contact(access, contact_id)
    context = {
        "contact": contact,
        "possible_duplicates": possible_duplicates(contact),
        "sessions": sessions_of(contact),
        "notes": latest_notes(contact),
        "labels": Label.objects.filter(organization=access.organization),
        "given": set(contact.labels.values_list("pk", flat=True)),
        "profiles": Profile,
        "now": timezone.now(),
    }
    return render(request, "chats/_contact_pane.html", context)


@require_POST
@for_members
def mark_read(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """Somebody has the conversation before their eyes, up to what the webhook `up_to` told."""
    contact = _contact(access, contact_id)
    up_to = read_integer(request.POST.get("up_to", ""))
    if up_to is not None:
        mark_as_read(contact, up_to=up_to)
        if not contact.blocked_at:  # who is blocked does not learn that they were read
            queue_read_receipt(contact, up_to=up_to)
    return HttpResponse(status=204)


@for_members
def raw(request: HttpRequest, access: Access, contact_id: int, message_id: int) -> HttpResponse:
    """The API object of a message, as Meta gave it. Http404 for one that was deleted."""
    message = get_object_or_404(Message.objects.filter(contact=_contact(access, contact_id), revoked_at=None), pk=message_id)
    pretty = json.dumps(message.payload, ensure_ascii=False, indent=2)
    return render(request, "chats/raw.html", {"section": "inbox", "message": message, "contact": message.contact, "pretty": pretty})
