"""The files of messages."""

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from chats.inbox.selectors import get_message_or_404
from chats.media.file_responses import stored_file_response
from chats.media.message_files import all_files_of
from chats.models import Attachment
from contacts.selectors import get_contact_or_404
from organizations.permissions import Access, for_members
from organizations.url_parameters import read_integer


@for_members
@require_safe
def file(request: HttpRequest, access: Access, contact_id: int, message_id: int) -> HttpResponseBase:
    """The file as it was sent."""
    attachment = _attachment(request, access, contact_id, message_id)
    if not attachment.file:
        raise Http404
    properties = {"name": attachment.file_name, "kind": attachment.kind, "sha256": attachment.sha256}
    return stored_file_response(request, attachment.file, **properties)


@for_members
@require_safe
def thumbnail(request: HttpRequest, access: Access, contact_id: int, message_id: int) -> HttpResponseBase:
    """The thumbnail of an image."""
    attachment = _attachment(request, access, contact_id, message_id)
    if not attachment.thumbnail:
        raise Http404
    return stored_file_response(request, attachment.thumbnail, name="", kind=attachment.kind, sha256="")


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
