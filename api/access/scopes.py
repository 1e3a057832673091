"""Whether a request may do what it asks for."""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from api.access.access import ApiAccess


class HasScope(BasePermission):
    """The view's `scopes` name the scope that each method needs."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Raises PermissionDenied, which names the missing scope. Returns False without a key and a session: this becomes 401."""
        access = request.auth
        if not isinstance(access, ApiAccess):
            return False
        scope = view.scopes.get("GET" if request.method == "HEAD" else request.method)
        if scope is None:
            return True  # the method is refused with 405 afterwards
        if not access.may_use(scope):
            raise PermissionDenied(f"This needs the scope “{scope.value}”.", code="scope_missing")
        if access.numbers is not None and request.method in view.of_all_numbers:
            raise PermissionDenied("This concerns all numbers, and the key is for some numbers only.", code="key_is_limited")
        return True
