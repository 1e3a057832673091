"""The admin of organizations and numbers: a superuser can replace secrets, and never sees them."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from organizations.models import CLAIM_MARK, AccountEvent, Membership, Organization, PhoneNumber, User

pytestmark = pytest.mark.django_db
EVENING = datetime(2026, 3, 1, 20, tzinfo=UTC)
SECRETS = {
    "webhook_verify_token": "verify-token-AAAA",
    "meta_token": "EAAG-meta-token-BBBB",
    "app_secret": "app-secret-value-CCCC",
    "previous_app_secret": "previous-secret-DDDD",
}


@pytest.fixture
def organization() -> Organization:
    return Organization.objects.create(organization_name="Padaria")


@pytest.fixture
def number(organization) -> PhoneNumber:
    return PhoneNumber.objects.create(
        organization=organization, phone_number_id="524386454098961", wa_id="556181412286", waba_id="1022", **SECRETS
    )


def page(number):
    return reverse("admin:organizations_phonenumber_change", args=[number.pk])


def form(**changes):
    return {"wa_id": "556181412286", "waba_id": "1022", "activate": "on", "default_profile": "human"} | changes


def english(client, address):
    return client.get(address, headers={"Accept-Language": "en"}).content.decode()


def test_no_page_shows_a_secret(admin_client, number):
    admin_client.post(page(number), form(new_app_secret="brand-new-secret-EEEE", new_meta_token="new-token-EAAG-FFFF"))
    addresses = [
        page(number),
        reverse("admin:organizations_phonenumber_changelist"),
        reverse("admin:organizations_phonenumber_history", args=[number.pk]),
        reverse("admin:organizations_organization_change", args=[number.organization_id]),
        reverse("admin:index"),
    ]
    shown = "".join(english(admin_client, address) for address in addresses)

    assert PhoneNumber.objects.get().app_secret == "brand-new-secret-EEEE"
    for secret in (*SECRETS.values(), "brand-new-secret-EEEE", "new-token-EAAG-FFFF"):
        assert secret not in shown
        assert secret[:-4] not in shown


def test_a_form_with_an_error_does_not_give_the_secret_back(admin_client, number):
    answer = admin_client.post(page(number), form(wa_id="nonsense", new_app_secret="brand-new-secret-EEEE"))

    assert answer.status_code == 200
    assert "wa_id" in answer.context["adminform"].form.errors
    assert "brand-new-secret" not in answer.content.decode()


def test_form_shows_that_a_secret_is_set_and_its_last_characters(admin_client, number):
    shown = english(admin_client, page(number))

    assert "Set, ends in CCCC. Leave it empty to keep it so." in shown
    assert "DDDD" not in shown


def test_only_the_presence_of_a_short_secret_is_shown(admin_client, number):
    PhoneNumber.objects.update(app_secret="s-9xyz", meta_token="")
    shown = english(admin_client, page(number))

    assert "9xyz" not in shown
    assert "Set. Leave it empty" in shown
    assert "Not set. Leave it empty" in shown


def test_empty_secrets_keep_what_is_stored(admin_client, number):
    admin_client.post(page(number), form(wa_id="+55 61 8141-2287"))

    again = PhoneNumber.objects.get()
    assert again.wa_id == "556181412287"
    assert {column: getattr(again, column) for column in SECRETS} == SECRETS


def test_a_new_app_secret_keeps_the_old_one_as_the_previous(admin_client, number):
    admin_client.post(page(number), form(new_app_secret="brand-new-secret-EEEE"))

    again = PhoneNumber.objects.get()
    assert (again.app_secret, again.previous_app_secret) == ("brand-new-secret-EEEE", SECRETS["app_secret"])


def test_the_previous_app_secret_can_be_forgotten(admin_client, number):
    admin_client.post(page(number), form(new_app_secret="brand-new-secret-EEEE", forget_previous_app_secret="on"))

    assert PhoneNumber.objects.get().previous_app_secret == ""


@pytest.mark.parametrize(("days", "sentence"), [(6, "is accepted until"), (8, "has expired")])
def test_it_is_shown_until_when_the_previous_app_secret_is_accepted(admin_client, number, days, sentence):
    assert "The previous app secret has expired" in english(admin_client, page(number)), "nobody knows its age"
    admin_client.post(page(number), form(new_app_secret="brand-new-secret-EEEE"))
    PhoneNumber.objects.update(app_secret_replaced_at=timezone.now() - timedelta(days=days))

    assert f"The previous app secret {sentence}" in english(admin_client, page(number))


def test_the_date_of_a_previous_app_secret_ends_with_one_full_stop(admin_client, number):
    admin_client.post(page(number), form(new_app_secret="brand-new-secret-EEEE"))

    assert re.search(r"is accepted until \d\d/\d\d/\d{4} \d\d:\d\d\.<", english(admin_client, page(number)))


def test_an_id_that_another_organization_has_too_is_shown_as_meta_has_it(admin_client, number):
    PhoneNumber.objects.update(phone_number_id=f"{number.phone_number_id}{CLAIM_MARK}9")
    organization = reverse("admin:organizations_organization_change", args=[number.organization_id])
    for address in (page(number), reverse("admin:organizations_phonenumber_changelist"), organization):
        shown = re.sub(r'href="[^"]*"', "", english(admin_client, address))  # links ask for the number's rows by its key
        assert number.phone_number_id in shown
        assert f"{number.phone_number_id}{CLAIM_MARK}" not in shown


def test_a_new_verify_token_is_found_by_the_handshake(admin_client, number):
    before = number.webhook_verify_token_digest
    admin_client.post(page(number), form(new_webhook_verify_token="another-verify-token"))

    assert PhoneNumber.objects.get().webhook_verify_token == "another-verify-token"
    assert PhoneNumber.objects.get().webhook_verify_token_digest not in ("", before)


def test_secrets_that_no_key_opens_can_be_replaced_on_the_page(admin_client, number, settings):
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert "no key of FIELD_ENCRYPTION_KEYS opens it" in english(admin_client, page(number))
    assert number.wa_id in english(admin_client, reverse("admin:organizations_phonenumber_changelist"))

    admin_client.post(page(number), form(new_app_secret="brand-new-secret-EEEE"))

    assert PhoneNumber.objects.only("app_secret").get().app_secret == "brand-new-secret-EEEE"


def test_an_operator_adds_a_number(admin_client, organization):
    own = {"organization": organization.pk, "phone_number_id": "77", "new_app_secret": SECRETS["app_secret"]}
    answer = admin_client.post(reverse("admin:organizations_phonenumber_add"), form(**own))

    assert answer.status_code == 302
    number = PhoneNumber.objects.get()
    assert (number.organization, number.app_secret) == (organization, SECRETS["app_secret"])


def test_the_ids_that_contacts_hang_on_cannot_be_changed(admin_client, number):
    other = Organization.objects.create(organization_name="Farmácia")
    admin_client.post(page(number), form(phone_number_id="99", organization=other.pk, wa_id="556181412287"))

    number.refresh_from_db()
    assert (number.phone_number_id, number.organization_id) == ("524386454098961", number.organization_id)
    assert number.organization != other
    assert number.wa_id == "556181412287"


def test_only_a_number_that_was_never_used_can_be_deleted(admin_client, number):
    delete = reverse("admin:organizations_phonenumber_delete", args=[number.pk])
    event = store_event(number)
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403

    event.delete()
    assert admin_client.post(delete, {"post": "yes"}).status_code == 302
    assert not PhoneNumber.objects.exists()


def store_event(number, index=0, **columns):
    return AccountEvent.objects.create(
        **(
            {
                "organization": number.organization,
                "phone_number": number,
                "waba_id": number.waba_id,
                "field": "phone_number_quality_update",
                "event": f"EVENT-{index:02}",
                "value": {"current_limit": f"TIER-{index:02}"},
                "occurred_at": EVENING + timedelta(minutes=index),
                "digest": f"digest-{AccountEvent.objects.count()}",
                "webhook_id": 1,
            }
            | columns
        )
    )


def test_number_page_shows_the_latest_events_of_the_number_and_its_account(admin_client, number):
    for place in range(22):
        store_event(number, place)
    store_event(number, 50, phone_number=None, field="message_template_status_update", event="PAUSED")
    store_event(number, 51, phone_number=None, waba_id="9999", event="OTHER-ACCOUNT")
    stranger = Organization.objects.create(organization_name="Farmácia")
    store_event(number, 52, phone_number=None, organization=stranger, event="OTHER-ORGANIZATION")
    shown = english(admin_client, page(number))

    assert "PAUSED" in shown
    assert "TIER-21" in shown
    assert [f"EVENT-{place:02}" in shown for place in (21, 3, 2, 1, 0)] == [True, True, False, False, False]
    assert "OTHER" not in shown


def test_account_events_can_be_read_and_not_changed(admin_client, number):
    event = store_event(number, 7)
    page = reverse("admin:organizations_accountevent_change", args=[event.pk])

    assert "&quot;current_limit&quot;: &quot;TIER-07&quot;" in english(admin_client, page)
    assert "EVENT-07" in english(admin_client, reverse("admin:organizations_accountevent_changelist") + "?q=1022")
    assert admin_client.post(page, {"event": "x"}).status_code == 403
    assert admin_client.get(reverse("admin:organizations_accountevent_add")).status_code == 403


def test_an_organization_s_page_shows_its_own_webhook_address(admin_client, number):
    shown = english(admin_client, reverse("admin:organizations_organization_change", args=[number.organization_id]))

    assert f"/webhooks/whatsapp/{number.organization.key}/" in shown
    assert f'name="{number.organization.key}"' not in shown


def test_an_operator_adds_an_organization_and_its_members(admin_client, admin_user):
    ana = User.objects.create_user("ana@example.com")
    members = {
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "0",
        "memberships-0-user": ana.pk,
        "memberships-0-role": "user_admin",
        "memberships-0-activate": "on",
    }
    page = reverse("admin:organizations_organization_add")
    answer = admin_client.post(page, {"organization_name": "Padaria", "activate": "on", **members})

    assert answer.status_code == 302
    organization = Organization.objects.get()
    assert organization.create_by == admin_user
    assert Membership.objects.get().organization == organization
    assert Membership.objects.get().role == "user_admin"


def test_the_country_of_a_new_organization_is_brazil_by_default(admin_client):
    shown = english(admin_client, reverse("admin:organizations_organization_add"))
    assert re.findall(r'<option value="(\w\w)" selected', shown) == ["BR"]
    assert '<label for="id_country">Country:' in shown


@pytest.mark.parametrize("lookup", ["name__regex", "name__iregex", "organization__organization_name__regex"])
def test_a_list_cannot_be_filtered_by_a_pattern(admin_client, number, lookup):
    address = reverse("admin:organizations_phonenumber_changelist")
    assert admin_client.get(address, {lookup: "["}).status_code == 400


@pytest.mark.parametrize("kind", ["user", "organization", "phonenumber"])
def test_a_list_has_a_title_and_offers_show_all_only_for_a_search(admin_client, number, kind):
    address = reverse(f"admin:organizations_{kind}_changelist")
    name = {"user": "Users", "organization": "Organizations", "phonenumber": "Numbers"}[kind]
    assert f"<h1>{name}</h1>" in english(admin_client, address)
    assert "Show all" not in english(admin_client, address)
    assert "Show all" in english(admin_client, address + "?q=padaria")


def test_an_organization_with_a_number_cannot_be_deleted(admin_client, number):
    delete = reverse("admin:organizations_organization_delete", args=[number.organization_id])

    assert admin_client.post(delete, {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("name", ["user", "organization", "membership", "phonenumber", "accountevent"])
def test_a_list_takes_few_queries_however_many_rows(admin_client, number, name, django_assert_max_num_queries):
    for place in range(30):
        store_event(number, place)
        member = User.objects.create_user(f"user{place}@example.com")
        other = Organization.objects.create(organization_name=f"Organization {place}", create_by=member)
        Membership.objects.create(organization=other, user=member)
        PhoneNumber.objects.create(organization=other, phone_number_id=str(place), wa_id="551")

    with django_assert_max_num_queries(6):
        answer = admin_client.get(reverse(f"admin:organizations_{name}_changelist"))

    assert answer.status_code == 200
    assert answer.context["cl"].result_count >= 30


def test_a_number_s_page_takes_few_queries(admin_client, number, django_assert_max_num_queries):
    for place in range(25):
        store_event(number, place)
    admin_client.get(page(number))  # Django remembers content types from then on

    with django_assert_max_num_queries(16):
        admin_client.get(page(number))


def test_saving_a_number_writes_only_the_columns_that_changed(admin_client, number):
    updates = Updates()
    with connection.execute_wrapper(updates):
        admin_client.post(page(number), form(default_profile="bot"))

    (update,) = [sql for sql in updates.seen if "settings" in sql]
    assert "default_profile" in update
    assert "secret" not in update
    assert "wa_id" not in update


class Updates:
    """Keeps the UPDATE statements that are executed."""

    def __init__(self):
        self.seen = []

    def __call__(self, execute, sql, params, many, context):
        if sql.startswith("UPDATE"):
            self.seen.append(sql)
        return execute(sql, params, many, context)


def test_the_admin_bears_the_hub_s_name(admin_client):
    shown = english(admin_client, reverse("admin:index"))

    assert "WhatsApp Hub" in shown
    assert "Django administration" not in shown


@pytest.mark.parametrize("typed", ["556181412286", "+55 61 98141-2286", "(061) 8141-2286", "\u202a+55 (061) 8141\u20112286\u202c"])
def test_a_number_is_found_in_any_way_of_writing(admin_client, number, typed):
    rows = admin_client.get(reverse("admin:organizations_phonenumber_changelist"), {"q": typed}).context["cl"].result_list
    assert list(rows) == [number]
