from django.http import HttpRequest, HttpResponse
from typing import Any

from organizations.permissions import Access, for_members, for_admins, for_creators


@for_admins
def members(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError


@for_admins
def change_role(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError


@for_admins
def switch(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError


@for_admins
def remove(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError
