from django.http import HttpRequest, HttpResponse
from typing import Any

from organizations.permissions import Access, for_members, for_admins, for_creators


@for_admins
def webhook_log(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError


@for_admins
def webhook(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError


@for_admins
def apply_again(request: HttpRequest, access: Access, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError
