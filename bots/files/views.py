"""Files of bots, for the members of their organization."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from bots.models import BotFile
from chats.media.file_responses import stored_file_response
from organizations.permissions import Access, for_members


@for_members
@require_safe
def file(request: HttpRequest, access: Access, file_key: str) -> HttpResponseBase:
    """The file as customers get it."""
    found = get_object_or_404(BotFile, organization=access.organization, key=file_key)
    return stored_file_response(request, found.file, name=found.file_name, kind=found.kind, sha256=found.sha256)
