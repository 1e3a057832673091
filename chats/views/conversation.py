from django.http import HttpRequest, HttpResponse
from typing import Any

from organizations.permissions import Access, for_members, for_admins, for_creators


@for_members
def conversation(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError


@for_members
def thread(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError


@for_members
def contact_pane(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError


@for_members
def mark_read(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError


@for_members
def raw(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError
