"""`rotate_keys`: afterwards the old key is not needed any more."""

from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from organizations.credentials import stored_secrets
from organizations.fields import digests
from organizations.models import Organization, PhoneNumber

pytestmark = pytest.mark.django_db
OLD, NEW, LOST = (Fernet.generate_key().decode() for _ in range(3))


def connect(number: int) -> PhoneNumber:
    return PhoneNumber.objects.create(
        organization=Organization.objects.get_or_create(organization_name="Padaria")[0],
        phone_number_id=str(number),
        wa_id="556181412286",
        webhook_verify_token=f"verify-{number}",
        app_secret=f"secret-{number}",
        previous_app_secret=f"previous-{number}",
    )


def rotate() -> str:
    out = StringIO()
    call_command("rotate_keys", stdout=out)
    return out.getvalue()


def test_all_secrets_are_readable_with_the_new_key_alone(settings):
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    numbers = [connect(number) for number in range(3)]
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    printed = rotate()
    settings.FIELD_ENCRYPTION_KEYS = [NEW]

    for number in numbers:
        again = PhoneNumber.objects.get(pk=number.pk)
        assert [getattr(again, column) for column in PhoneNumber.SECRETS] == [
            getattr(number, column) for column in PhoneNumber.SECRETS
        ]
    assert "settings: 3 rows" in printed
    assert "3 rows encrypted" in printed


def test_the_verify_token_is_found_by_the_new_key_s_digest(settings):
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    number = connect(1)
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    rotate()
    settings.FIELD_ENCRYPTION_KEYS = [NEW]

    assert PhoneNumber.objects.get(webhook_verify_token_digest__in=digests("verify-1")) == number


def test_more_rows_than_fit_one_batch_are_all_rotated(settings):
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    for number in range(stored_secrets.BATCH + 5):
        connect(number)
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]

    assert f"{stored_secrets.BATCH + 5} rows encrypted" in rotate()
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    assert len(list(PhoneNumber.objects.all())) == stored_secrets.BATCH + 5


def test_a_row_that_no_key_decrypts_is_named_and_the_others_are_rotated(settings):
    settings.FIELD_ENCRYPTION_KEYS = [LOST]
    lost = connect(1)
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    good = connect(2)
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]

    with pytest.raises(CommandError, match=f"settings {lost.pk}\\b") as failure:
        rotate()

    assert f"settings {good.pk}" not in str(failure.value)
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    assert PhoneNumber.objects.get(pk=good.pk).app_secret == "secret-2"
    settings.FIELD_ENCRYPTION_KEYS = [LOST]
    assert PhoneNumber.objects.get(pk=lost.pk).app_secret == "secret-1"


def test_it_is_safe_to_repeat(settings):
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    number = connect(1)
    rotate()
    rotate()

    assert PhoneNumber.objects.get(pk=number.pk).previous_app_secret == "previous-1"
