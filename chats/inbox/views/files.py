"""The files of messages."""

import logging
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe
from organizations.url_parameters import read_integer

from chats.media.file_responses import file_response, open_stored_file
from chats.media.file_storage import STORAGE_ERRORS, storage_error_text
from chats.media.message_files import all_files_of
from chats.models import Attachment, Message
from contacts.selectors import contacts_of
from organizations.permissions import Access, for_members

log = logging.getLogger(__name__)


@for_members
@require_safe
def file(request: HttpRequest, access: Access, contact_id: int, message_id: int) -> HttpResponseBase:
    """The file itself, as it was sent."""
    attachment = _attachment(request, access, contact_id, message_id)
    if not attachment.file:
        raise Http404
    named = {"name": attachment.file_name, "kind": attachment.kind, "sha256": attachment.sha256}
    return _answer(request, attachment.file, **named)


@for_members
@require_safe
def thumbnail(request: HttpRequest, access: Access, contact_id: int, message_id: int) -> HttpResponseBase:
    """A small picture of a picture."""
    attachment = _attachment(request, access, contact_id, message_id)
    if not attachment.thumbnail:
        raise Http404
    return _answer(request, attachment.thumbnail, name="", kind=attachment.kind, sha256="")


def _attachment(request: HttpRequest, access: Access, contact_id: int, message_id: int) -> Attachment:
    """The message's file, or of several that at the `position` in the address. Http404 for a message without one, for one that was
    deleted, and for any that is not in this organization's conversation."""
    contact = get_object_or_404(contacts_of(access.organization), pk=contact_id)
    message = get_object_or_404(Message.objects.filter(contact=contact, revoked_at=None), pk=message_id)
    position = read_integer(request.GET.get("position", "0"))
    files = next(iter(all_files_of([message]).values()), [])
    attachment = next((each for each in files if each.position == position), None)
    if attachment is None:
        raise Http404
    return attachment


def _answer(request: HttpRequest, column: Any, **known: str) -> HttpResponseBase:
    """The file that a column names. One that the storage does not give now may be there the next time."""
    stored = None
    try:
        stored = open_stored_file(column, **known)
        if stored:
            return file_response(request, stored)
    except STORAGE_ERRORS as failure:
        log.error("a stored file cannot be read: %s", storage_error_text(failure))
        if stored:
            stored.content.close()
        return _unavailable(request)
    context = {
        "code": 404,
        "what": gettext("This file is not in the storage"),
        "do": gettext("It was here, but the hub's storage does not have it any more. An administrator may find it in a backup."),
    }
    return render(request, "error.html", context, status=404)


def _unavailable(request: HttpRequest) -> HttpResponse:
    context = {
        "code": 503,
        "what": gettext("This file cannot be read at the moment"),
        "do": gettext("The hub's storage does not give it out. Try again later; whoever runs the hub can see why."),
    }
    response = render(request, "error.html", context, status=503)
    response["Retry-After"] = "60"
    return response
