"""The pages of numbers: the guided set-up from the first to the last page, the list, one number, and who may see them."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conftest import SECRET, Hub, apply_all, payload
from organizations.live.revisions import current_revisions
from organizations.models import AccountEvent, Membership, Organization, PhoneNumber, Proof, Role, User
from organizations.views.number_pages import is_reachable
from webhooks.models import Webhook
from webhooks.tests.bodies import NUMBER, text_body

IDS = {"wa_id": "+55 (61) 3321-4400", "phone_number_id": NUMBER, "waba_id": "385012774910236"}
SECRETS = {"app_secret": SECRET, "meta_token": "EAAG" + "x" * 60}


def member(organization: Organization | None, role: str = Role.USER_ADMIN, email: str = "") -> Client:
    user = User.objects.create_user(email or f"{role}@example.com", language="en")
    if organization:
        Membership.objects.create(organization=organization, user=user, role=role)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def admin(organization: Organization) -> Client:
    return member(organization)


@pytest.fixture
def number(organization: Organization) -> PhoneNumber:
    return PhoneNumber.objects.create(
        organization=organization,
        phone_number_id=NUMBER,
        wa_id="556133214400",
        waba_id="385012774910236",
        app_secret=SECRET,
        meta_token="EAAG-token",
        webhook_verify_token="a-verify-token",
    )


@pytest.fixture
def foreign(transactional_db: None) -> PhoneNumber:
    owner = Organization.objects.create(organization_name="Barbearia Secreta")
    return PhoneNumber.objects.create(
        organization=owner,
        phone_number_id="700000000000001",
        wa_id="5521999990000",
        waba_id="777000777000777",
        proven_at=timezone.now(),
        proven_by=Proof.TOKEN,
    )


def at(name: str, organization: Organization, *args: object) -> str:
    return reverse(name, args=[organization.pk, *args])


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


# ---- the set-up


def test_the_whole_set_up_ends_with_both_ticks_and_the_way_to_the_inbox(hub: Hub, admin, organization):
    assert "Connect a number" in text(admin, at("numbers", organization))
    assert "developers.facebook.com/apps" in text(admin, at("new_number", organization))

    created = admin.post(at("new_number_ids", organization), IDS)
    number = PhoneNumber.objects.get()
    assert created["Location"] == at("number_setup", organization, number.pk, "secrets")
    assert (number.organization, number.wa_id, number.phone_number_id) == (organization, "556133214400", NUMBER)
    assert len(number.webhook_verify_token) >= 24

    stored = admin.post(created["Location"], SECRETS)
    assert stored["Location"] == at("number_setup", organization, number.pk, "callback")
    page = text(admin, stored["Location"])
    copied = re.findall(r'data-copy="([^"]+)"', page)
    assert copied == [f"http://testserver/webhooks/whatsapp/{organization.key}/", number.webhook_verify_token]
    assert "Waiting for Meta to check the address" in page
    assert "Meta cannot reach this address" in page

    path = f"/webhooks/whatsapp/{organization.key}/"
    asked = {"hub.mode": "subscribe", "hub.verify_token": copied[1], "hub.challenge": "1158201444"}
    assert hub.get(path, params=asked).text == "1158201444"
    proof = text(admin, at("number_proof", organization, number.pk))
    assert "Meta checked the address" in proof
    assert "Waiting for the first webhook" in proof
    assert "every 3s" in proof

    assert "385012774910236/subscribed_apps" in text(admin, at("number_setup", organization, number.pk, "fields"))
    assert "+55 61 3321-4400" in text(admin, at("number_setup", organization, number.pk, "test"))

    hub.deliver(text_body("wamid.1"), path=path)
    apply_all()
    proof = text(admin, at("number_proof", organization, number.pk))
    assert "First webhook seen" in proof
    assert at("inbox", organization) in proof
    assert "every 3s" not in proof
    assert "active" in text(admin, at("numbers", organization))


@pytest.mark.parametrize(
    ("columns", "words", "step"),
    [
        ({"meta_token": ""}, "set-up not finished", "secrets"),
        ({"app_secret": ""}, "set-up not finished", "secrets"),
        ({}, "set-up not finished", "callback"),
        ({"handshake_at": "2026-11-18T12:00Z"}, "no webhook yet", "fields"),
    ],
)
def test_the_set_up_goes_on_where_it_was_left(admin, organization, number, columns, words, step):
    PhoneNumber.objects.update(**columns)

    for address in (at("numbers", organization), at("number", organization, number.pk)):
        page = text(admin, address)
        assert words in page
        assert at("number_setup", organization, number.pk, step) in page


def test_the_same_ids_posted_twice_make_one_number(admin, organization):
    first, second = (admin.post(at("new_number_ids", organization), IDS) for _ in range(2))

    assert first["Location"] == second["Location"]
    assert PhoneNumber.objects.count() == 1


def test_a_number_of_one_s_own_that_works_is_named_and_linked(admin, organization, number):
    PhoneNumber.objects.update(first_webhook_at=timezone.now())
    answer = admin.post(at("new_number_ids", organization), IDS)

    assert answer.status_code == 422
    assert "connected already" in answer.content.decode()
    assert at("number", organization, number.pk) in answer.content.decode()
    assert PhoneNumber.objects.count() == 1


@pytest.mark.parametrize("column", ["phone_number_id", "waba_id"])
def test_owned_id_of_another_organization_is_refused_without_naming_it(admin, organization, foreign, column):
    answer = admin.post(at("new_number_ids", organization), IDS | {column: getattr(foreign, column)})
    page = answer.content.decode()

    assert answer.status_code == 422
    assert "cannot be connected here" in page
    assert "Barbearia" not in page
    assert foreign.wa_id not in page
    assert not organization.numbers.exists()


@pytest.mark.parametrize(
    ("country", "typed", "wa_id"),
    [
        ("BR", "61 98141-2286", "5561981412286"),  # not Australia's +61 981 412 286
        ("BR", "061 3321-4400", "556133214400"),
        ("BR", "+55 (061) 3321-4400", "556133214400"),
        ("BR", "\u202a+55 61 3321\u20114400\u202c", "556133214400"),
        ("AU", "0412 345 678", "61412345678"),
        ("AU", "+55 61 98141-2286", "5561981412286"),
    ],
)
def test_a_number_is_read_in_the_organization_s_country(admin, organization, country, typed, wa_id):
    Organization.objects.filter(pk=organization.pk).update(country=country)

    assert admin.post(at("new_number_ids", organization), IDS | {"wa_id": typed}).status_code == 302
    assert PhoneNumber.objects.get().wa_id == wa_id


@pytest.mark.parametrize(
    ("column", "typed"),
    [
        ("wa_id", ""),
        ("wa_id", "3321-4400"),
        ("wa_id", "oi"),
        ("wa_id", "5" * 5000),
        ("wa_id", "+55 61\x00"),
        ("phone_number_id", ""),
        ("phone_number_id", "+55 61 3321-4400"),
        ("phone_number_id", "448190735512098x"),
        ("phone_number_id", "٤٤٨١٩٠٧٣٥٥"),
        ("phone_number_id", "4" * 5000),
        ("phone_number_id", "556133214400"),
        ("waba_id", "1234"),
        ("waba_id", NUMBER),
        ("waba_id", "12345\x0067"),
    ],
)
def test_what_cannot_be_right_is_refused_at_its_field(admin, organization, column, typed):
    answer = admin.post(at("new_number_ids", organization), IDS | {column: typed})

    assert answer.status_code == 422
    assert f'id="id_{column}_error"' in answer.content.decode()
    assert not PhoneNumber.objects.exists()


def test_ids_pasted_with_spaces_around_them_are_understood(admin, organization):
    admin.post(at("new_number_ids", organization), IDS | {"phone_number_id": f" {NUMBER}\n", "wa_id": "+55\u00a061\u20113321 4400"})

    assert PhoneNumber.objects.get().phone_number_id == NUMBER


def test_wrong_ids_can_be_corrected_before_the_first_webhook(admin, organization, number, foreign):
    address = at("number_setup", organization, number.pk, "ids")
    assert admin.post(address, IDS | {"phone_number_id": "448190735512099"}).status_code == 302
    assert PhoneNumber.objects.get(pk=number.pk).phone_number_id == "448190735512099"

    refused = admin.post(address, IDS | {"phone_number_id": foreign.phone_number_id})
    assert refused.status_code == 422
    assert PhoneNumber.objects.get(pk=number.pk).phone_number_id == "448190735512099"


def test_the_id_stays_once_webhooks_have_come(hub: Hub, admin, organization, number):
    hub.deliver(text_body("wamid.1"))
    apply_all()
    admin.post(
        at("number_setup", organization, number.pk, "ids"),
        IDS | {"phone_number_id": "448190735512099", "waba_id": "385012774910237"},
    )

    number.refresh_from_db()
    assert (number.phone_number_id, number.waba_id) == (NUMBER, "385012774910237")


def test_the_id_stays_if_conversations_belong_to_it(admin, organization, number, hub: Hub):
    hub.deliver(text_body("wamid.1"))
    apply_all()
    PhoneNumber.objects.update(first_webhook_at=None)
    answer = admin.post(at("number_setup", organization, number.pk, "ids"), IDS | {"phone_number_id": "448190735512099"})

    assert answer.status_code == 422
    assert PhoneNumber.objects.get().phone_number_id == NUMBER


def test_secrets_go_in_and_never_come_out(admin, organization, number):
    for address in (at("number", organization, number.pk), at("number_setup", organization, number.pk, "secrets")):
        page = text(admin, address)
        assert SECRET not in page
        assert "EAAG-token" not in page
        assert "ends in aaaa" in page


@pytest.mark.parametrize(
    ("column", "typed"),
    [
        ("app_secret", ""),
        ("meta_token", ""),
        ("app_secret", "EAAG" + "x" * 60),
        ("app_secret", "two words"),
        ("app_secret", "s" * 1001),
        ("meta_token", "t" * 10_001),
        ("meta_token", "tok\x00en"),
    ],
)
def test_secrets_that_cannot_be_right_are_refused_and_not_shown(admin, organization, column, typed):
    number = PhoneNumber.objects.create(organization=organization, phone_number_id=NUMBER, wa_id="556133214400")
    answer = admin.post(at("number_setup", organization, number.pk, "secrets"), SECRETS | {column: typed})

    assert answer.status_code == 422
    assert f'id="id_{column}_error"' in answer.content.decode()
    assert SECRETS["meta_token"] not in answer.content.decode()
    assert not PhoneNumber.objects.exclude(app_secret="").exists()


def test_a_step_that_does_not_exist_is_a_404_and_posts_where_nothing_is_asked_are_refused(admin, organization, number):
    assert admin.get(at("number_setup", organization, number.pk, "nowhere")).status_code == 404
    assert admin.post(at("number_setup", organization, number.pk, "callback")).status_code == 405
    assert admin.post(at("numbers", organization)).status_code == 405


@pytest.mark.parametrize(
    ("address", "reachable"),
    [
        ("https://hub.example.com/webhooks/", True),
        ("http://hub.example.com/webhooks/", False),
        ("https://localhost/webhooks/", False),
        ("https://hub.local/", False),
        ("https://192.168.0.7/", False),
        ("https://[::1]:8000/", False),
        ("https://intranet/", False),
    ],
)
def test_addresses_that_meta_cannot_reach_are_known(address, reachable):
    assert is_reachable(address) is reachable


# ---- one number


def test_who_answers_new_contacts_can_be_changed(admin, organization, number):
    answer = admin.post(at("number_defaults", organization, number.pk), {"default_profile": "ia"}, follow=True)

    assert "Saved" in answer.content.decode()
    number.refresh_from_db()
    assert number.default_profile == "ia"
    assert number.contact_defaults == {"profile": "ia", "activate_bot": True, "owner": "person"}
    number.answers_since = timezone.now()
    assert number.contact_defaults["owner"] == "ia"


@pytest.mark.parametrize("wrong", [{"default_profile": "nobody"}, {"default_profile": ""}, {"default_profile": "bot "}])
def test_defaults_that_make_no_sense_are_refused(admin, organization, number, wrong):
    assert admin.post(at("number_defaults", organization, number.pk), wrong).status_code == 422
    number.refresh_from_db()
    assert number.default_profile == "human"


def test_a_replaced_app_secret_becomes_the_previous_one_and_an_empty_field_changes_nothing(admin, organization, number):
    address = at("number_secrets", organization, number.pk)
    assert "nothing has changed" in admin.post(address, {}, follow=True).content.decode()
    admin.post(address, {"app_secret": "n" * 32})

    number.refresh_from_db()
    assert (number.app_secret, number.previous_app_secret, number.meta_token) == ("n" * 32, SECRET, "EAAG-token")


@pytest.mark.parametrize(("days", "sentence"), [(6, "is accepted until"), (8, "has expired")])
def test_the_page_says_until_when_a_previous_app_secret_is_accepted(admin, organization, number, days, sentence):
    page = at("number", organization, number.pk)
    assert "previous app secret" not in text(admin, page)
    admin.post(at("number_secrets", organization, number.pk), {"app_secret": "n" * 32})
    PhoneNumber.objects.update(app_secret_replaced_at=timezone.now() - timedelta(days=days))

    assert f"The previous app secret {sentence}" in text(admin, page)


def test_a_new_verify_token_has_yet_to_be_checked_by_meta(hub: Hub, admin, organization, number):
    PhoneNumber.objects.update(handshake_at=timezone.now())
    admin.post(at("number_verify_token", organization, number.pk))

    number.refresh_from_db()
    assert number.webhook_verify_token != "a-verify-token"
    assert number.handshake_at is None
    asked = {"hub.mode": "subscribe", "hub.verify_token": number.webhook_verify_token, "hub.challenge": "1"}
    assert hub.get("/webhooks/whatsapp/", params=asked).status_code == 200


def test_while_a_number_is_off_its_webhooks_wait(hub: Hub, admin, organization, number):
    switch = at("number_switch", organization, number.pk)
    for _ in range(2):  # a repeated post does not turn it back
        admin.post(switch, {"activate": "off"})
    hub.deliver(text_body("wamid.1"))
    apply_all()
    assert Webhook.objects.get().held_items.count() == 1
    assert "off" in text(admin, at("numbers", organization))

    admin.post(switch, {"activate": "on"})
    apply_all()
    assert not Webhook.objects.get().held_items.exists()
    assert admin.post(switch, {"activate": "perhaps"}).status_code == 302


def test_changes_publish_the_revision(admin, organization, number):
    for name, form in (
        ("number_switch", {"activate": "off"}),
        ("number_verify_token", {}),
        ("number_secrets", {"app_secret": "n" * 32}),
    ):
        before = current_revisions([organization.pk])[organization.pk]
        admin.post(at(name, organization, number.pk), form)
        assert current_revisions([organization.pk])[organization.pk] > before


def test_quality_limit_and_events_are_shown_as_sentences(hub: Hub, admin, organization, number):
    for name in ("95_phone_number_quality_update", "96_phone_number_name_update", "97_account_update_restriction"):
        hub.deliver(payload(f"{name}.json"))
    apply_all()
    AccountEvent.objects.create(
        organization=organization,
        phone_number=number,
        field="phone_number_quality_update",
        event="flagged",
        value={"event": "FLAGGED", "current_limit": "TIER_1K"},
        occurred_at=timezone.now(),
        digest="x",
        webhook_id=1,
    )
    page = text(admin, at("number", organization, number.pk))

    assert "The number may send more messages a second. Its limit: no daily limit." in page
    assert "The display name “Aroeira 24h” was rejected. Meta&#x27;s reason: Name format unacceptable." in page
    assert "The account is restricted: it may not do everything for a while." in page
    assert "people block or report it. Its limit: 1,000 people a day." in page
    listed = text(admin, at("numbers", organization))
    assert "bg-error" in listed
    assert "1,000 people a day" in listed


@pytest.mark.parametrize(
    "value",
    [[], "text", {}, {"event": ["FLAGGED"]}, {"current_limit": {"a": 1}}, {"current_limit": "TIER_" + "9" * 5000}, {"event": 7}],
)
@pytest.mark.parametrize(
    "field", ["phone_number_quality_update", "phone_number_name_update", "account_update", "account_alerts", "new_in_2030"]
)
def test_events_of_any_shape_can_be_looked_at(admin, organization, number, value, field):
    AccountEvent.objects.create(
        organization=organization,
        phone_number=number,
        field=field,
        event="odd",
        value=value,
        occurred_at=timezone.now(),
        digest="x",
        webhook_id=1,
    )

    page = text(admin, at("number", organization, number.pk))
    assert "Meta says" in page or "this hub has no words for" in page
    text(admin, at("numbers", organization))


def test_number_with_undecryptable_secrets_can_be_viewed_and_fixed(admin, organization, number, settings):
    settings.FIELD_ENCRYPTION_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]
    page = text(admin, at("number", organization, number.pk))
    assert "no key" in page
    text(admin, at("number_setup", organization, number.pk, "callback"))

    admin.post(at("number_secrets", organization, number.pk), SECRETS)
    admin.post(at("number_verify_token", organization, number.pk))
    assert PhoneNumber.objects.defer("previous_app_secret").get().app_secret == SECRET


# ---- who may

READ = [
    *(("numbers", ()), ("numbers_part", ()), ("new_number", ()), ("new_number_ids", ()), ("number", ("pk",))),
    *(
        ("number_proof", ("pk",)),
        *(("number_setup", ("pk", step)) for step in ("prepare", "ids", "secrets", "callback", "fields", "test")),
    ),
]
WRITTEN = ["number_defaults", "number_secrets", "number_verify_token", "number_switch"]


def addresses(organization: Organization, number: PhoneNumber) -> list[str]:
    read = [at(name, organization, *(number.pk if each == "pk" else each for each in args)) for name, args in READ]
    return read + [at(name, organization, number.pk) for name in WRITTEN]


def test_administrators_and_creators_see_the_pages_with_few_queries(organization, number, django_assert_max_num_queries):
    for role in (Role.USER_ADMIN, Role.USER_CREATOR):
        client = member(organization, role)
        for address in addresses(organization, number)[: len(READ)]:
            with django_assert_max_num_queries(14):
                text(client, address)


def test_many_numbers_cost_no_more_queries(admin, organization, number, django_assert_max_num_queries):
    for place in range(30):
        PhoneNumber.objects.create(
            organization=organization, phone_number_id=f"8000000000{place:02}", wa_id=f"5561333300{place:02}"
        )
    with django_assert_max_num_queries(14):
        assert text(admin, at("numbers", organization)).count('id="number-') == 31


def test_plain_members_are_refused(organization, number):
    client = member(organization, Role.USER)
    for address in addresses(organization, number):
        assert client.get(address).status_code == 403
        assert client.post(address).status_code == 403


def test_outsiders_and_members_of_other_organizations_get_a_404(organization, number, foreign):
    outsider = member(None, email="outsider@example.com")
    elsewhere = member(foreign.organization, Role.USER_CREATOR)
    for address in addresses(organization, number):
        assert outsider.get(address).status_code == 404
        assert elsewhere.post(address, {"activate": "off"}).status_code == 404
    number.refresh_from_db()
    assert number.activate


def test_a_number_of_another_organization_is_a_404_within_one_s_own(admin, organization, foreign):
    for address in addresses(organization, foreign):
        if f"/{foreign.pk}/" in address.removeprefix(f"/o/{organization.pk}/settings/numbers"):
            assert admin.get(address).status_code in (404, 405)
            assert admin.post(address, SECRETS | IDS | {"activate": "off", "default_profile": "bot"}).status_code in (404, 405)
    before = (foreign.activate, foreign.app_secret, foreign.webhook_verify_token, foreign.default_profile)
    foreign.refresh_from_db()
    assert (foreign.activate, foreign.app_secret, foreign.webhook_verify_token, foreign.default_profile) == before


def test_anonymous_client_is_redirected_to_the_sign_in(client, organization, number):
    for address in addresses(organization, number):
        assert client.get(address)["Location"].startswith("/accounts/login/") or "login" in client.get(address)["Location"]


def test_settings_lead_to_the_numbers(admin, organization):
    assert admin.get(at("settings", organization))["Location"] == at("numbers", organization)
