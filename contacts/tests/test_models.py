"""Rows of contacts: those inserted in bulk are like saved ones, and each has a name that pages show."""

import pytest

from contacts.models import Contact
from organizations.models import PhoneNumber

pytestmark = pytest.mark.django_db


def test_inserted_contacts_get_ids_and_derived_columns(number: PhoneNumber, foreign_number: PhoneNumber) -> None:
    identifiers = [
        {"wa_id": "5561981500586"},
        {"wa_id": "556181500587", "bsuid": "BR.1"},
        {"bsuid": "BR.2"},
    ]
    contacts = [Contact(create_for_phone_number=each, **columns) for each in (number, foreign_number) for columns in identifiers]
    Contact.objects.insert(contacts)
    for contact in contacts:
        stored = Contact.objects.get(pk=contact.pk)
        inserted = (stored.wa_id, stored.bsuid, stored.organization_id, stored.phone_key, stored.reversed_phone)
        stored.save()
        stored.refresh_from_db()
        assert inserted == (stored.wa_id, stored.bsuid, stored.organization_id, stored.phone_key, stored.reversed_phone)
        assert (stored.wa_id, stored.bsuid) == (contact.wa_id, contact.bsuid)
        assert stored.organization_id == contact.create_for_phone_number.organization_id


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        ({"alias": "Dona Ana", "name": "ana ✨", "wa_id": "556181500586"}, "Dona Ana"),
        ({"name": "ana ✨", "wa_id": "556181500586"}, "ana ✨"),
        ({"wa_id": "556181500586", "username": "ana", "bsuid": "BR.1"}, "+55 61 8150-0586"),
        ({"username": "ana", "bsuid": "BR.1"}, "@ana"),
        ({"bsuid": "BR.1"}, "BR.1"),
        ({}, ""),
    ],
)
def test_pages_show_the_first_name_that_is_known(known: dict[str, str], shown: str) -> None:
    assert Contact(**known).display_name == shown
