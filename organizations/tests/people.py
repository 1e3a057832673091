"""Members and clients for tests."""

from typing import Any

from django.test import Client

from organizations.models import Membership, Organization, Role, User
from organizations.permissions import Access, get_access

PASSWORD = "uma-senha-longa-7"


def member(organization: Organization, role: Role = Role.USER, *, name: str = "", **columns: Any) -> tuple[User, Client]:
    """Returns a new member of the organization, and a client in which this user is signed in."""
    user = User.objects.create_user(f"{(name or role.value).lower()}@example.com", PASSWORD, name=name)
    Membership.objects.create(organization=organization, user=user, role=role, **columns)
    return user, browser(user)


def browser(user: User) -> Client:
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(user)
    return client


def access_of(user: User, organization: Organization) -> Access:
    """Returns the access that a member has."""
    access = get_access(user, organization.pk)
    assert access is not None
    return access


def outsider() -> Client:
    """Returns the client of the creator of another organization."""
    return member(Organization.objects.create(organization_name="Outra"), Role.USER_CREATOR, name="Olga")[1]
