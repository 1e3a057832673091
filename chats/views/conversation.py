"""One conversation: its messages, part by part, and who the contact is."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from chats.models import Message
from chats.presenting import present
from chats.reading import first_unread, mark_as_read
from chats.receipts import note_seen
from chats.selectors import Place, Thread, around, between, latest, namesakes, older_than, sessions_of
from chats.views.composer import of_composer
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
    return render(request, "chats/_conversation.html", of_conversation(request, _contact(access, contact_id)))


def of_conversation(request: HttpRequest, contact: Contact) -> dict[str, Any]:
    """What the conversation's template shows: its end, or what is around the message that the address names."""
    wanted = request.GET.get("message", "")
    shown = Message.objects.filter(contact=contact, pk=wanted).first() if wanted.isascii() and wanted.isdigit() else None
    thread = around(contact, shown) if shown else latest(contact)
    unread = None if shown else first_unread(contact, thread.messages)
    composer = of_composer(contact, quoted=_quotable(contact, request.GET.get("reply", "")))
    return composer | {"jump_to": shown and shown.pk} | _drawn(thread, unread)


def _quotable(contact: Contact, pk: str) -> Message | None:
    """The message that an answer may name, if there is one."""
    wanted = Message.objects.filter(contact=contact).exclude(wamid=None)
    return wanted.filter(pk=pk).first() if pk.isascii() and pk.isdigit() and len(pk) < 19 else None


def _drawn(thread: Thread, unread: int | None = None) -> dict[str, Any]:
    told_by = [message.webhook_id for message in thread.messages if message.webhook_id]
    return {
        "thread": thread,
        "bubbles": present(thread, first_unread=unread),
        "unread": unread,
        "read_up_to": max(told_by, default=0),
    }


@for_members
def thread(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """Part of the messages: those `before` a place, those around a `message`, or those `from` a place on, up `to` another."""
    contact = _contact(access, contact_id)
    before, first, last = (Place.read(request.GET.get(name, "")) for name in ("before", "from", "to"))
    unread = request.GET.get("unread", "")
    if before:
        part = older_than(contact, before)
    elif first:
        part = between(contact, first, last)
    else:
        part = latest(contact)
    drawn = _drawn(part, int(unread) if unread.isascii() and unread.isdigit() and len(unread) < 19 else None)
    return render(request, "chats/_part.html", drawn | {"contact": contact, "is_latest": not (before or last)})


@for_members
def contact_pane(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """Who the contact is, what staff decided and wrote about them, and their sessions."""
    contact = _contact(access, contact_id)
    context = {
        "contact": contact,
        "namesakes": namesakes(contact),
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
    up_to = request.POST.get("up_to", "")
    if up_to.isascii() and up_to.isdigit() and len(up_to) < 19:
        mark_as_read(contact, up_to=int(up_to))
        note_seen(contact, up_to=int(up_to))
    return HttpResponse(status=204)


@for_members
def raw(request: HttpRequest, access: Access, contact_id: int, message_id: int) -> HttpResponse:
    """The API object of a message, as Meta gave it."""
    message = get_object_or_404(Message.objects.filter(contact=_contact(access, contact_id)), pk=message_id)
    pretty = json.dumps(message.payload, ensure_ascii=False, indent=2)
    return render(request, "chats/raw.html", {"section": "inbox", "message": message, "contact": message.contact, "pretty": pretty})
