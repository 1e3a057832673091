"""Finds out what a request may do: by an API key, or by the session of a member who is signed in."""

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from api.access.access import ApiAccess
from api.keys.services import find_key
from api.models import ApiKey
from organizations.audit.context import Actor, set_actor
from organizations.models import ActorKind, User
from organizations.permissions import active_memberships, get_access
from organizations.url_parameters import read_integer

ORGANIZATION_HEADER = "Hub-Organization"


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer whub_…`. The key also decides the organization."""

    def authenticate(self, request: Request) -> tuple[User | AnonymousUser, ApiAccess] | None:
        """Returns None without a key, and raises AuthenticationFailed if it is not accepted."""
        header = request.headers.get("Authorization")
        if header is None:
            return None
        scheme, _, text = header.partition(" ")
        key: ApiKey | None = find_key(text.strip(), timezone.now()) if scheme.lower() == "bearer" else None
        if key is None:
            raise exceptions.AuthenticationFailed(
                "This key is not accepted: it does not exist, is revoked, has expired, or its organization is inactive.",
                code="key_not_accepted",
            )
        set_actor(Actor(ActorKind.KEY, key.pk, key.name))
        return key.created_by or AnonymousUser(), ApiAccess.of_key(key)

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="WhatsApp Hub"'


class StaffAuthentication(SessionAuthentication):
    """The session of a member who is signed in to the hub. Requests that change something need the CSRF token, as forms do. The
    header Hub-Organization has the organization's id. A member of one organization may leave it out."""

    def authenticate(self, request: Request) -> tuple[User, ApiAccess] | None:
        """Returns None without a session. Raises NotFound if the user is no member."""
        user = getattr(request._request, "user", None)
        if not isinstance(user, User) or not user.activate:
            return None
        self.enforce_csrf(request)
        access = get_access(user, self._organization_id(request, user))
        if access is None:
            raise exceptions.NotFound("There is no such organization, or you are not a member of it.")
        return user, ApiAccess.of_member(access)

    def _organization_id(self, request: Request, user: User) -> int:
        header = request.headers.get(ORGANIZATION_HEADER)
        if header is not None:
            return read_integer(header) or 0
        ids = list(active_memberships(user).values_list("organization", flat=True)[:2])
        if len(ids) > 1:
            raise exceptions.ParseError(
                f"You are a member of several organizations. The header {ORGANIZATION_HEADER} must have the id of one.",
                code="organization_required",
            )
        return ids[0] if ids else 0
