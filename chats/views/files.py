"""The files of messages."""

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from chats.media.finding import files_of
from chats.media.serving import StoredFile, answer, open_stored
from chats.models import Attachment, Message
from contacts.selectors import contacts_of
from organizations.permissions import Access, for_members


@for_members
@require_safe
def file(request: HttpRequest, access: Access, contact_id: int, message_id: int) -> HttpResponseBase:
    """The file itself, as it was sent."""
    attachment = _attachment(access, contact_id, message_id)
    if not attachment.file:
        raise Http404
    named = {"name": attachment.file_name, "kind": attachment.kind, "sha256": attachment.sha256}
    return _answer(request, open_stored(attachment.file, **named))


@for_members
@require_safe
def thumbnail(request: HttpRequest, access: Access, contact_id: int, message_id: int) -> HttpResponseBase:
    """A small picture of a picture."""
    attachment = _attachment(access, contact_id, message_id)
    if not attachment.thumbnail:
        raise Http404
    return _answer(request, open_stored(attachment.thumbnail, name="", kind=attachment.kind, sha256=""))


def _attachment(access: Access, contact_id: int, message_id: int) -> Attachment:
    """Http404 for a message without one, for one that was deleted, and for any that is not in this organization's conversation."""
    contact = get_object_or_404(contacts_of(access.organization), pk=contact_id)
    message = get_object_or_404(Message.objects.filter(contact=contact, revoked_at=None), pk=message_id)
    attachment = next(iter(files_of([message]).values()), None)
    if attachment is None:
        raise Http404
    return attachment


def _answer(request: HttpRequest, stored: StoredFile | None) -> HttpResponseBase:
    if stored:
        return answer(request, stored)
    context = {
        "code": 404,
        "what": gettext("This file is not in the storage"),
        "do": gettext("It was here, but the hub's storage does not have it any more. An administrator may find it in a backup."),
    }
    return render(request, "error.html", context, status=404)
