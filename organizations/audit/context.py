"""Who acts, and from where. A middleware, the authentication of the API and commands set it, so that services need not pass it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Self

from django.http import HttpRequest

from organizations.models import ActorKind, User
from organizations.user_agents import read_user_agent


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something. `label` is an e-mail or a name."""

    kind: ActorKind
    id: int | None = None
    label: str = ""

    @classmethod
    def of_user(cls, user: User, kind: ActorKind = ActorKind.PERSON) -> Self:
        return cls(kind, user.pk, user.email)


@dataclass(frozen=True, slots=True)
class AuditContext:
    """The request, if there is one, and the actor, if a key or a command acts."""

    actor: Actor | None = None
    request: HttpRequest | None = None

    def actor_for(self, by: User | Actor | None) -> Actor:
        """Returns who acts: a key or a command before the user in whose name it acts. Without `by` it is the user who is signed
        in, without a request the hub."""
        if isinstance(by, Actor):
            return by
        if self.actor:
            return self.actor
        user = by or getattr(self.request, "user", None)
        if isinstance(user, User):
            return Actor.of_user(user, ActorKind.OPERATOR if self._is_admin else ActorKind.PERSON)
        return Actor(ActorKind.PERSON if self.request else ActorKind.SYSTEM)

    @property
    def _is_admin(self) -> bool:
        """Whether the request is for Django admin."""
        match = self.request and self.request.resolver_match
        return bool(match and match.app_name == "admin")

    @property
    def address(self) -> str:
        """The IP address of the client, which the web server has from a trusted proxy or from the connection."""
        return self.request.META.get("REMOTE_ADDR") or "" if self.request else ""

    @property
    def agent(self) -> str:
        """The client's browser and system."""
        return str(read_user_agent(self.request.headers.get("User-Agent", ""))) if self.request else ""


_context: ContextVar[AuditContext] = ContextVar("audit_context", default=AuditContext())  # noqa: B039  it is immutable


def current_context() -> AuditContext:
    """Returns the context of the running request or command."""
    return _context.get()


def acting_key() -> str:
    """Returns the name of the API key that acts. Empty if none does."""
    actor = current_context().actor
    return actor.label if actor and actor.kind == ActorKind.KEY else ""


@contextmanager
def requested_by(request: HttpRequest) -> Iterator[None]:
    """Sets the request for the code below."""
    token = _context.set(AuditContext(request=request))
    try:
        yield
    finally:
        _context.reset(token)


@contextmanager
def act_as(actor: Actor) -> Iterator[None]:
    """Sets the actor for the code below."""
    token = _context.set(replace(_context.get(), actor=actor))
    try:
        yield
    finally:
        _context.reset(token)


def set_actor(actor: Actor) -> None:
    """Sets the actor for the rest of the request."""
    _context.set(replace(_context.get(), actor=actor))
