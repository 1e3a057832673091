"""Sets the audit context of each request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from organizations.audit.context import requested_by


class AuditMiddleware:
    """Entries that a request causes have its user, its address and its browser."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with requested_by(request):
            return self.get_response(request)
