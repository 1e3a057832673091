"""What a request to the API may do in an organization."""

from dataclasses import dataclass
from typing import Self

from api.models import ApiKey, Scope
from organizations.models import Organization, Role, User
from organizations.permissions import Access, RoleRules

ROLES = {Scope.READ: Role.USER, Scope.SEND: Role.USER, Scope.MANAGE: Role.USER_ADMIN}
"""The lowest role with which staff may do what a scope allows."""


@dataclass(frozen=True, kw_only=True)
class ApiAccess(RoleRules):
    """What a key, or a member who is signed in, may do. `organizations.permissions` has the rules of the role."""

    organization: Organization
    role: Role
    scopes: frozenset[Scope]
    user: User | None
    """Whose name changes carry: the member, or the user who created the key. None if that user was deleted, or a command created
    the key."""
    key: ApiKey | None = None
    numbers: tuple[str, ...] | None = None
    """The phone number IDs that a key may use. None: all of the organization."""

    @classmethod
    def of_key(cls, key: ApiKey) -> Self:
        scopes = frozenset(Scope(each) for each in key.scopes if each in Scope.values)
        return cls(
            organization=key.organization,
            role=max((ROLES[each] for each in scopes), key=lambda role: role.rank, default=Role.USER),
            scopes=scopes,
            user=key.created_by,
            key=key,
            numbers=None if key.numbers is None else tuple(key.numbers),
        )

    @classmethod
    def of_member(cls, access: Access) -> Self:
        scopes = frozenset(scope for scope in Scope if access.may(ROLES[scope]))
        return cls(organization=access.organization, role=access.role, scopes=scopes, user=access.user)

    @property
    def owner(self) -> str:
        """Identifies the key or the member among all of the hub. Idempotency keys of two owners never meet."""
        return f"key {self.key.pk}" if self.key else f"user {self.user.pk if self.user else 0} in {self.organization.pk}"

    @property
    def key_name(self) -> str:
        """The name of the key. Empty for members."""
        return self.key.name if self.key else ""

    def may_use_number(self, phone_number_id: str) -> bool:
        """Whether contacts and messages of this number may be used."""
        return self.numbers is None or phone_number_id in self.numbers

    def may_use(self, scope: Scope) -> bool:
        """Whether the scope is given, by the key or by the member's role."""
        return scope in self.scopes and self.may(ROLES[scope])
