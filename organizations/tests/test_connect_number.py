"""`connect_number`: creates, updates, refuses; never tells a secret."""

import threading
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from organizations.models import Organization, PhoneNumber
from organizations.services import NotConnected, connect_number, phone_digits

SECRETS = {"verify_token": "verify-me-please", "app_secret": "app-secret-one", "meta_token": "EAAG-meta-token"}
GIVEN = {"organization": "Padaria", "phone_number_id": "524386454098961", "wa_id": "556181412286", **SECRETS}


def run(**changes):
    out = StringIO()
    call_command("connect_number", stdout=out, **(GIVEN | changes))
    return out.getvalue()


@pytest.mark.django_db
def test_the_first_call_creates_the_organization_and_the_number():
    run(waba_id="102290129340398")

    number = PhoneNumber.objects.get()
    assert number.organization.organization_name == "Padaria"
    assert (number.phone_number_id, number.wa_id, number.waba_id) == (
        "524386454098961",
        "556181412286",
        "102290129340398",
    )
    assert (number.webhook_verify_token, number.app_secret, number.meta_token) == tuple(SECRETS.values())
    assert number.is_applied


@pytest.mark.django_db
def test_it_prints_the_addresses_for_metas_panel_and_no_secret():
    printed = run() + run(app_secret="app-secret-two")

    assert f"/webhooks/whatsapp/{Organization.objects.get().key}/" in printed
    assert "\n  /webhooks/whatsapp/ " in printed
    assert not [secret for secret in (*SECRETS.values(), "app-secret-two") if secret in printed]


@pytest.mark.django_db
def test_the_same_call_again_changes_nothing():
    run()
    before = PhoneNumber.objects.values("pk", "wa_id", "waba_id", "webhook_verify_token_digest", "create_in").get()
    run()

    assert PhoneNumber.objects.values(*before).get() == before
    assert PhoneNumber.objects.get().previous_app_secret == ""
    assert Organization.objects.count() == 1


@pytest.mark.django_db
def test_a_changed_app_secret_makes_the_old_one_the_previous():
    run()
    run(app_secret="app-secret-two")
    run(app_secret="app-secret-two")

    number = PhoneNumber.objects.get()
    assert (number.app_secret, number.previous_app_secret) == ("app-secret-two", "app-secret-one")


@pytest.mark.django_db
def test_an_update_without_an_account_keeps_the_known_one():
    run(waba_id="102290129340398")
    run(wa_id="5561981412286", verify_token="another-token")

    number = PhoneNumber.objects.get()
    assert (number.waba_id, number.wa_id) == ("102290129340398", "5561981412286")
    assert number.webhook_verify_token == "another-token"


@pytest.mark.django_db
def test_an_update_leaves_what_operators_decided():
    run()
    PhoneNumber.objects.update(activate=False, default_profile="bot")
    printed = run()

    assert PhoneNumber.objects.filter(activate=False, default_profile="bot").exists()
    assert "inactive" in printed


@pytest.mark.django_db
def test_a_number_of_another_organization_is_refused_and_nothing_is_created():
    run()
    with pytest.raises(CommandError, match="another organization"):
        run(organization="Farmácia")

    assert list(Organization.objects.values_list("organization_name", flat=True)) == ["Padaria"]
    assert PhoneNumber.objects.get().organization.organization_name == "Padaria"


@pytest.mark.django_db
@pytest.mark.parametrize("column", GIVEN)
def test_an_empty_value_is_refused(column):
    with pytest.raises(CommandError, match="empty"):
        run(**{column: "  "})

    assert not PhoneNumber.objects.exists()
    assert not Organization.objects.exists()


@pytest.mark.django_db
def test_a_value_too_long_is_refused():
    with pytest.raises(CommandError, match="longer than 64"):
        run(phone_number_id="1" * 65)


@pytest.mark.django_db
def test_a_number_whose_secrets_no_key_opens_can_be_connected_anew(settings):
    run()
    settings.FIELD_ENCRYPTION_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]
    run()

    number = PhoneNumber.objects.defer("previous_app_secret").get()
    assert (number.app_secret, number.meta_token) == ("app-secret-one", "EAAG-meta-token")


@pytest.mark.parametrize(
    ("typed", "digits"),
    [
        ("556181412286", "556181412286"),
        ("+55 (61) 8141-2286", "556181412286"),
        ("+55\u00a061\u20118141.2286", "556181412286"),
        ("\u202a+55 61 8141 2286\u202c", "556181412286"),
    ],
)
def test_a_number_may_be_typed_as_people_write_it(typed, digits):
    assert phone_digits(typed) == digits


@pytest.mark.parametrize("typed", ["", " + ", "abc", "5561-CALL-ME", "061 8141-2286", "1234", "5" * 16, "٥٥٦١٨١٤١٢٢٨٦"])
def test_what_is_no_number_is_refused(typed):
    with pytest.raises(NotConnected):
        phone_digits(typed)


@pytest.mark.django_db(transaction=True)
def test_first_calls_at_the_same_moment_connect_the_number_once():
    together = threading.Barrier(4)

    def connect() -> None:
        together.wait()
        try:
            connect_number(**GIVEN)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        for connecting in [pool.submit(connect) for _ in range(4)]:
            connecting.result()

    assert (PhoneNumber.objects.count(), Organization.objects.count()) == (1, 1)
