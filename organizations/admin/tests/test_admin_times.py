"""The admin shows all times in one style: the short date of the language, and the time to the second."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from contacts.models import Contact, RetiredIdentity
from organizations.models import Membership, Organization, PhoneNumber, Proof, User

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 5, 17, 30, 15, tzinfo=UTC)
"""14:30:15 in the hub's time zone."""
SHORT = {"en": "03/05/2026 14:30:15", "pt-br": "05/03/2026 14:30:15", "es": "05/03/2026 14:30:15"}
LONG = re.compile(r"March 5|5 de março|5 de marzo", re.IGNORECASE)


@pytest.fixture
def rows() -> dict[str, int]:
    """The ids of one row of each list, all with the time `AT`."""
    user = User.objects.create_user("bia@example.com", create_in=AT, last_login=AT)
    organization = Organization.objects.create(organization_name="Padaria", create_in=AT)
    membership = Membership.objects.create(organization=organization, user=user, create_in=AT)
    number = PhoneNumber.objects.create(
        organization=organization,
        phone_number_id="5243",
        wa_id="556181412286",
        create_in=AT,
        proven_at=AT,
        proven_by=Proof.TOKEN,
        proof_checked_at=AT,
    )
    contact = Contact.objects.create(
        create_for_phone_number=number, wa_id="556181500586", create_in=AT, blocked_at=AT, last_message_timestamp=AT
    )
    RetiredIdentity.objects.create(
        contact=contact, phone_number_id=number.phone_number_id, kind="wa_id", value="5561", retired_at=AT
    )
    pks = {"user": user.pk, "organization": organization.pk, "membership": membership.pk, "phonenumber": number.pk}
    return {f"organizations_{name}": pk for name, pk in pks.items()} | {"contacts_contact": contact.pk}


@pytest.mark.parametrize("language", SHORT)
def test_lists_and_pages_of_rows_show_times_in_one_style(admin_client: Client, rows: dict[str, int], language: str) -> None:
    timezone.deactivate()
    for model, pk in rows.items():
        for url in (reverse(f"admin:{model}_changelist"), reverse(f"admin:{model}_change", args=[pk])):
            page = admin_client.get(url, headers={"Accept-Language": language}).content.decode()
            assert SHORT[language] in page, url
            assert not LONG.search(page), url


@pytest.mark.parametrize(("model", "column"), [("user", 4), ("user", 5), ("organization", 2), ("membership", 4)])
def test_lists_can_be_sorted_by_these_times(admin_client: Client, rows: dict[str, int], model: str, column: int) -> None:
    page = admin_client.get(reverse(f"admin:organizations_{model}_changelist"), {"o": str(column)}).content.decode()

    assert re.search(r'class="sortable column-(created|signed_in) sorted ascending"', page)
