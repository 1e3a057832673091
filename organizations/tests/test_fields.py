"""Stored secrets: encrypted in the table, and found by their digest."""

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.db import connection

from organizations.fields import digests
from organizations.models import Organization, PhoneNumber

pytestmark = pytest.mark.django_db


@pytest.fixture
def number() -> PhoneNumber:
    return PhoneNumber.objects.create(
        organization=Organization.objects.create(organization_name="Padaria"),
        phone_number_id="524386454098961",
        wa_id="556181412286",
        webhook_verify_token="verify-me",
        meta_token="EAAG-token",
        app_secret="app-secret-1",
    )


def stored(number, column):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM settings WHERE id = %s", [number.pk])
        return cursor.fetchone()[0]


@pytest.mark.parametrize("column", ["webhook_verify_token", "meta_token", "app_secret"])
def test_the_table_holds_a_secret_only_encrypted(number, settings, column):
    token = stored(number, column)

    assert getattr(number, column) not in token
    assert Fernet(settings.FIELD_ENCRYPTION_KEYS[0]).decrypt(token).decode() == getattr(number, column)


def test_a_secret_comes_back_as_it_was(number):
    assert PhoneNumber.objects.get().meta_token == "EAAG-token"


def test_an_empty_secret_stays_empty(number):
    assert stored(number, "previous_app_secret") == ""
    assert PhoneNumber.objects.get().previous_app_secret == ""


def test_after_a_new_key_came_first_the_old_secrets_can_still_be_read(number, settings):
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.FIELD_ENCRYPTION_KEYS]

    assert PhoneNumber.objects.get().app_secret == "app-secret-1"


def test_a_secret_that_no_key_decrypts_is_an_error_and_stays_in_the_table(number, settings):
    before = stored(number, "app_secret")
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    with pytest.raises(InvalidToken):
        PhoneNumber.objects.get()
    assert stored(number, "app_secret") == before


def test_a_number_is_found_by_the_digest_of_its_verify_token(number):
    assert PhoneNumber.objects.get(webhook_verify_token_digest__in=digests("verify-me")) == number
    assert not PhoneNumber.objects.filter(webhook_verify_token_digest__in=digests("Verify-me")).exists()


def test_the_digest_follows_the_verify_token(number):
    number.webhook_verify_token = "another"
    number.save()

    assert PhoneNumber.objects.get(webhook_verify_token_digest__in=digests("another")) == number
    assert not PhoneNumber.objects.filter(webhook_verify_token_digest__in=digests("verify-me")).exists()


def test_identifiers_differ_when_only_their_case_differs(number):
    assert not Organization.objects.filter(key=number.organization.key.swapcase()).exists()


def test_a_new_app_secret_makes_the_old_one_the_previous(number):
    number.replace_app_secret("app-secret-2")

    assert (number.app_secret, number.previous_app_secret) == ("app-secret-2", "app-secret-1")


@pytest.mark.parametrize("given", ["", "app-secret-1"])
def test_no_secret_or_the_same_one_replaces_nothing(number, given):
    number.replace_app_secret("app-secret-0")
    number.replace_app_secret("app-secret-1")
    number.replace_app_secret(given)

    assert (number.app_secret, number.previous_app_secret) == ("app-secret-1", "app-secret-0")
