from django.http import HttpRequest, HttpResponse
from typing import Any

from organizations.permissions import Access, for_members, for_admins, for_creators


@for_members
def new_contact(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError


@for_members
def switch(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError


@for_members
def rename(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError


@for_members
def give_labels(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError


@for_members
def add_note(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError


@for_members
def delete_note(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError
