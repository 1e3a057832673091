from django.http import HttpRequest, HttpResponse
from typing import Any

from organizations.permissions import Access, for_members, for_admins, for_creators


def profile(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    raise NotImplementedError
