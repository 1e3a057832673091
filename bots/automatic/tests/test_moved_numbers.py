"""Automatic messages of a number whose row is replaced, because another organization proved that it owns Meta's id."""

from typing import Any

import pytest
from django.utils import timezone

from bots.automatic.services import load_automatic, save_automatic
from bots.models import AutomaticMessages
from contacts.models import Contact
from jobs.transactions import run_in_transaction
from organizations.models import Organization, PhoneNumber, Proof, User
from organizations.numbers.ownership import move_replaced, prove_ownership_in_transaction

pytestmark = pytest.mark.django_db(transaction=True)

HELLO = {"type": "text", "text": "Olá!"}


@pytest.fixture
def number() -> PhoneNumber:
    """A number with conversations that nobody has proven to own, which greets."""
    holder = Organization.objects.create(organization_name="Padaria")
    number = PhoneNumber.objects.create(organization=holder, phone_number_id="5243", wa_id="556133214400")
    Contact.objects.create(create_for_phone_number=number, wa_id="556181500586")
    columns = {"greeting": HELLO, "greeting_is_on": True}
    save_automatic(number=number, columns=columns, number_columns={}, by=User(), now=timezone.now())
    return number


def replacement_of(number: PhoneNumber) -> PhoneNumber:
    """Another organization proves that it owns the number. Returns the row that replaces that of the first one."""
    other = Organization.objects.create(organization_name="Barbearia")
    claim = PhoneNumber.objects.create(organization=other, phone_number_id=f"5243~{other.pk}", wa_id="556133214400")
    proof: dict[str, Any] = {"proof": Proof.TOKEN, "account_too": False, "now": timezone.now()}
    run_in_transaction(lambda: prove_ownership_in_transaction(claim, **proof))
    return PhoneNumber.objects.exclude(pk=number.pk).get(organization=number.organization_id)


def test_the_settings_move_with_the_conversations(number: PhoneNumber) -> None:
    replacement = replacement_of(number)

    move_replaced()

    assert not PhoneNumber.objects.filter(pk=number.pk).exists()
    settings = load_automatic([replacement.pk])[replacement.pk]
    assert (settings.greeting, settings.greeting_is_on) == (HELLO, True)
    assert replacement.answers_since is not None


def test_settings_that_the_new_row_has_by_now_stay(number: PhoneNumber) -> None:
    replacement = replacement_of(number)
    AutomaticMessages.objects.create(number=replacement, away=HELLO)

    move_replaced()

    assert AutomaticMessages.objects.get().away == HELLO
