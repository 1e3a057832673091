from django.http import HttpRequest, HttpResponse
from typing import Any

from organizations.permissions import Access, for_members, for_admins, for_creators


def accept(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError


@for_admins
def invite(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError


@for_admins
def withdraw(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError


@for_admins
def renew(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError
