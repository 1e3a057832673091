"""Notes about a contact, and the note that hands a conversation back to the bot."""

import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from chats.conversations import ownership
from chats.inbox.views.ownership import unchanged
from contacts.forms import NoteForm
from contacts.models import Contact
from contacts.selectors import get_contact_or_404, latest_notes
from contacts.services import add_note
from contacts.views.contact import fragment_or_back, invalid_form
from organizations.permissions import Access, for_members


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def notes(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """The notes about the contact, and the form for a new one. A note of the number's `hand_back_word` alone is not stored, but
    hands the conversation back."""
    contact = get_contact_or_404(access.organization, contact_id)
    if request.method != "POST":
        return render(request, "contacts/_notes.html", _context(contact))
    form = NoteForm(request.POST)
    if not form.is_valid():
        return invalid_form(request, access, "contacts/_notes.html", _context(contact) | {"note_form": form}, form)
    text = form.cleaned_data["text"]
    if is_hand_back_word(contact, text):
        return _hand_back(request, access, contact)
    add_note(contact=contact, text=text, by=access.user, now=timezone.now())
    return fragment_or_back(request, access, "contacts/_notes.html", _context(contact))


def is_hand_back_word(contact: Contact, text: str) -> bool:
    """Returns whether the text is the number's `hand_back_word`, in any case. An empty word is none."""
    word = contact.create_for_phone_number.hand_back_word.strip()
    return word != "" and text.strip().casefold() == word.casefold()


def _hand_back(request: HttpRequest, access: Access, contact: Contact) -> HttpResponse:
    if not ownership.hand_back(contact=contact, by=access.user, now=timezone.now()):
        return unchanged(request, access, contact)
    words = gettext("The conversation was handed back.")
    if not request.headers.get("HX-Request"):
        messages.success(request, words)
    response = fragment_or_back(request, access, "contacts/_notes.html", _context(contact))
    response["HX-Trigger"] = json.dumps({"hub:changed": None, "hub:toast": {"words": words, "kind": "alert-success"}})
    return response


def _context(contact: Contact) -> dict[str, Any]:
    return {"contact": contact, "notes": latest_notes(contact)}
