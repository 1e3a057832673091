"""The files of messages."""

import logging
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from chats.inbox.selectors import get_message_or_404
from chats.media.file_responses import file_response, open_stored_file
from chats.media.file_storage import STORAGE_ERRORS, storage_error_text
from chats.media.message_files import all_files_of
from chats.models import Attachment
from contacts.selectors import get_contact_or_404
from organizations.permissions import Access, for_members
from organizations.url_parameters import read_integer

log = logging.getLogger(__name__)


@for_members
@require_safe
def file(request: HttpRequest, access: Access, contact_id: int, message_id: int) -> HttpResponseBase:
    """The file as it was sent."""
    attachment = _attachment(request, access, contact_id, message_id)
    if not attachment.file:
        raise Http404
    properties = {"name": attachment.file_name, "kind": attachment.kind, "sha256": attachment.sha256}
    return _respond_with_file(request, attachment.file, **properties)


@for_members
@require_safe
def thumbnail(request: HttpRequest, access: Access, contact_id: int, message_id: int) -> HttpResponseBase:
    """The thumbnail of an image."""
    attachment = _attachment(request, access, contact_id, message_id)
    if not attachment.thumbnail:
        raise Http404
    return _respond_with_file(request, attachment.thumbnail, name="", kind=attachment.kind, sha256="")


def _attachment(request: HttpRequest, access: Access, contact_id: int, message_id: int) -> Attachment:
    """Returns the message's file, or the one of several at the `position` of the URL. Raises Http404 if there is none, if the
    message was deleted, and for other organizations' messages."""
    message = get_message_or_404(get_contact_or_404(access.organization, contact_id), message_id)
    if message.revoked_at:
        raise Http404
    position = read_integer(request.GET.get("position", "0"))
    files = next(iter(all_files_of([message]).values()), [])
    attachment = next((each for each in files if each.position == position), None)
    if attachment is None:
        raise Http404
    return attachment


def _respond_with_file(request: HttpRequest, column: Any, **properties: str) -> HttpResponseBase:
    """Returns the file of a column: 404 if the storage does not have it, 503 if the storage fails."""
    stored = None
    try:
        stored = open_stored_file(column, **properties)
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
        "do": gettext("The hub's storage does not return it. Try again later. The operator of the hub can see why."),
    }
    response = render(request, "error.html", context, status=503)
    response["Retry-After"] = "60"
    return response
