"""Two organizations with numbers, members and contacts."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from contacts.lists.search import find_contacts, index_names
from contacts.models import Contact
from organizations.models import Membership, Organization, PhoneNumber, Role, User


class SignedInClient(Client):
    """The client of a user."""

    user: User


def sign_in(organization: Organization | None, role: str = Role.USER, email: str = "", language: str = "en") -> SignedInClient:
    user = User.objects.create_user(email or f"{role}@example.com", language=language, name=(email or role).partition("@")[0])
    if organization:
        Membership.objects.create(organization=organization, user=user, role=role)
    client = SignedInClient()
    client.force_login(user)
    client.user = user
    return client


def found_ids(organization_id: int | None, typed: str) -> list[int]:
    """Returns the ids of the contacts that a search finds."""
    assert organization_id is not None
    found = find_contacts(organization_id, typed)
    assert found is not None, "nothing was typed"
    return list(found.ids)


@pytest.fixture
def padaria(db: None) -> Organization:
    return Organization.objects.create(organization_name="Padaria")


@pytest.fixture
def number(padaria: Organization) -> PhoneNumber:
    return PhoneNumber.objects.create(organization=padaria, phone_number_id="5243", wa_id="556133214400")


@pytest.fixture
def second_number(padaria: Organization) -> PhoneNumber:
    return PhoneNumber.objects.create(organization=padaria, phone_number_id="5244", wa_id="556198440077")


@pytest.fixture
def foreign_number(db: None) -> PhoneNumber:
    barbearia = Organization.objects.create(organization_name="Barbearia")
    return PhoneNumber.objects.create(organization=barbearia, phone_number_id="9999", wa_id="5511973310042")


@pytest.fixture
def member(padaria: Organization) -> SignedInClient:
    return sign_in(padaria)


@pytest.fixture
def admin(padaria: Organization) -> SignedInClient:
    return sign_in(padaria, Role.USER_ADMIN)


@pytest.fixture
def outsider(foreign_number: PhoneNumber) -> Client:
    """A creator of another organization."""
    return sign_in(foreign_number.organization, Role.USER_CREATOR, "outsider@example.com")


@pytest.fixture
def add_contact(number: PhoneNumber) -> Callable[..., Contact]:
    """Adds a contact as webhooks do."""

    def make(index: int = 0, *, at: PhoneNumber = number, **columns: Any) -> Contact:
        columns = {"wa_id": f"5561{81500000 + index}", "name": f"Maria {index:03}"} | columns
        contact = Contact.objects.create(create_for_phone_number=at, **columns)
        index_names([contact])
        contact.save(update_fields=["search_name"])
        return contact

    return make
