"""`connect_number` creates and updates numbers, refuses invalid input, and never prints a secret."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from organizations.members.first_superuser import create_first_superuser
from organizations.models import Invitation, Membership, Organization, PhoneNumber, Role, User
from organizations.numbers.registration import CannotConnect, connect_number, parse_phone
from organizations.tests.people import member

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
    assert "the previous one is accepted for 7 days" in run(app_secret="app-secret-two")
    run(app_secret="app-secret-two")

    number = PhoneNumber.objects.get()
    assert (number.app_secret, number.previous_app_secret) == ("app-secret-two", "app-secret-one")
    assert number.app_secret_replaced_at


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


# ---- secrets that no other user of the machine can see

NAMED = {"HUB_VERIFY_TOKEN": "verify-me-please", "HUB_APP_SECRET": "app-secret-one", "HUB_META_TOKEN": "EAAG-meta-token"}
PIPED = "".join(f"{name}={secret}\n" for name, secret in NAMED.items())


def run_without_secrets(monkeypatch, piped="", **options):
    monkeypatch.setattr("sys.stdin", StringIO(piped))
    options = {column: each for column, each in GIVEN.items() if column not in SECRETS} | options
    call_command("connect_number", stdout=StringIO(), **options)


def stored() -> tuple[str, ...]:
    number = PhoneNumber.objects.get()
    return number.webhook_verify_token, number.app_secret, number.meta_token


@pytest.mark.django_db
def test_secrets_are_read_from_the_environment(monkeypatch):
    for name, secret in NAMED.items():
        monkeypatch.setenv(name, secret)
    run_without_secrets(monkeypatch)

    assert stored() == tuple(SECRETS.values())


@pytest.mark.django_db
def test_secrets_are_read_from_standard_input(monkeypatch):
    run_without_secrets(monkeypatch, f"# of the panel\n\n{PIPED}", secrets_from_stdin=True)

    assert stored() == tuple(SECRETS.values())


@pytest.mark.django_db
def test_an_option_wins_over_standard_input_and_that_over_the_environment(monkeypatch):
    monkeypatch.setenv("HUB_APP_SECRET", "of the environment")
    monkeypatch.setenv("HUB_META_TOKEN", "of the environment")
    run_without_secrets(
        monkeypatch, "HUB_APP_SECRET=piped\nHUB_VERIFY_TOKEN=a=b\n", secrets_from_stdin=True, app_secret="an option"
    )

    assert stored() == ("a=b", "an option", "of the environment")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("piped", "said"),
    [
        ("", "the verify token is missing: give --verify-token, HUB_VERIFY_TOKEN on standard input"),
        (f"{PIPED}{PIPED}", "standard input contains HUB_VERIFY_TOKEN twice"),
        ("app-secret-one", "line 1 of standard input is none of HUB_VERIFY_TOKEN=…"),
        ("META_TOKEN=EAAG-meta-token", "line 1 of standard input is none of"),
        (f"{PIPED}HUB_META_TOKEN", "line 4 of standard input is none of"),
        (PIPED.replace("app-secret-one", ""), "the app secret is empty"),
    ],
)
def test_what_is_wrong_with_secrets_is_said_in_one_line_without_them(monkeypatch, piped, said):
    with pytest.raises(CommandError, match=said) as refused:
        run_without_secrets(monkeypatch, piped, secrets_from_stdin=True)

    assert "\n" not in str(refused.value)
    assert "EAAG" not in str(refused.value)
    assert "app-secret-one" not in str(refused.value)
    assert not PhoneNumber.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("column", ["phone_number_id", "waba_id"])
@pytest.mark.parametrize("typed", ["+55 61", "number-one", "4481~7", "٤٤٨١"])
def test_what_is_no_id_of_meta_s_is_refused(column, typed):
    with pytest.raises(CommandError, match="is digits and nothing else"):
        run(**{column: typed})


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
        ("61 8141-2286", "556181412286"),
        ("+55 (061) 8141-2286", "556181412286"),
        ("15550783881", "15550783881"),
    ],
)
def test_a_number_may_be_typed_as_people_write_it(typed, digits):
    assert parse_phone(typed) == digits


@pytest.mark.parametrize("typed", ["", " + ", "abc", "5561-CALL-ME", "8141-2286", "1234", "5" * 16, "٥٥٦١٨١٤١٢٢٨٦"])
def test_what_is_no_number_is_refused(typed):
    with pytest.raises(CannotConnect):
        parse_phone(typed)


@pytest.mark.django_db(transaction=True)
def test_concurrent_first_calls_connect_the_number_once():
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


# ---- who can see the number


@pytest.mark.django_db
def test_output_says_that_no_user_can_see_the_conversations_yet():
    assert "no user can see its conversations yet" in run()


@pytest.mark.django_db
def test_named_superuser_becomes_creator_of_a_new_organization_and_is_listed():
    ana = User.objects.create_superuser("ana@example.com", "uma-senha-longa-7")

    printed = run(member=[" Ana@Example.com "])

    member = Membership.objects.get()
    assert (member.user, member.organization.organization_name, member.role) == (ana, "Padaria", "user_creator")
    assert "who can see its conversations: ana@example.com (user_creator)" in printed


@pytest.mark.django_db
def test_who_is_named_later_becomes_a_user_and_repeating_changes_nothing():
    for name in ("ana", "bia"):
        User.objects.create_superuser(f"{name}@example.com", "uma-senha-longa-7")
    run(member=["ana@example.com"])
    run(member=["bia@example.com", "ana@example.com"])
    run(member=["bia@example.com"])

    roles = dict(Membership.objects.values_list("user__email", "role"))
    assert roles == {"ana@example.com": "user_creator", "bia@example.com": "user"}


@pytest.mark.django_db
def test_a_member_who_was_switched_off_comes_back_with_their_role():
    for name in ("ana", "bia"):
        User.objects.create_superuser(f"{name}@example.com", "uma-senha-longa-7")
    run(member=["ana@example.com", "bia@example.com"])
    User.objects.update(is_superuser=False)
    Membership.objects.filter(user__email="bia@example.com").update(role="user_admin", activate=False)
    run(member=["bia@example.com"])

    assert Membership.objects.values_list("role", "activate").get(user__email="bia@example.com") == ("user_admin", True)


@pytest.mark.django_db
def test_who_has_no_user_is_invited_and_the_link_works(client):
    printed = run(member=["nova@example.com"])

    assert "no user can see its conversations until the invitation is accepted" in printed
    link = re.findall(r"^  (/invitations/\S+)$", printed, re.MULTILINE)[0]
    joined = client.post(link, {"name": "Nova", "password": "uma-senha-longa-7"})
    assert joined["Location"] == f"/o/{Organization.objects.get().pk}/inbox/"
    assert Membership.objects.get().role == "user_creator"


@pytest.mark.django_db
def test_a_user_of_another_organization_enters_only_by_this_ones_invitation(client):
    other = Organization.objects.create(organization_name="Outra")
    _, administrator = member(other, Role.USER_ADMIN)
    page = administrator.post(f"/o/{other.pk}/settings/members/invite/", {"email": "dona@example.com", "role": "user"})
    shown = re.findall(r'data-copy="http://testserver(/invitations/[^"]+)"', page.content.decode())[0]
    client.post(shown, {"name": "Not the owner of the address", "password": "uma-senha-longa-7"})

    printed = run(member=["dona@example.com"])

    organization = Organization.objects.get(organization_name="Padaria")
    assert "dona@example.com is invited as user_creator" in printed
    assert client.get(f"/o/{organization.pk}/inbox/").status_code == 404
    client.post(re.findall(r"^  (/invitations/\S+)$", printed, re.MULTILINE)[0])
    assert client.get(f"/o/{organization.pk}/inbox/").status_code == 200


@pytest.mark.django_db
def test_what_is_no_address_is_refused_before_anything_is_connected():
    with pytest.raises(CommandError, match="takes an e-mail address, and 'ana' is none"):
        run(member=["ana"])

    assert not PhoneNumber.objects.exists()


# ---- the first login after it


@pytest.mark.django_db
def test_the_first_login_enters_the_organization_that_was_connected(client):
    run()
    created = create_first_superuser()
    assert created is not None
    email, password = created
    client.post("/accounts/login/", {"login": email, "password": password})
    organization = Organization.objects.get()

    page = client.get("/", follow=True)
    assert page.redirect_chain == []
    assert "Padaria" in page.content.decode()

    entered = client.post(f"/organizations/{organization.pk}/take-over/", follow=True)
    assert entered.redirect_chain == [(f"/o/{organization.pk}/inbox/", 302)]
    assert Membership.objects.get().role == "user_creator"
    assert client.get("/")["Location"] == f"/o/{organization.pk}/inbox/"


@pytest.mark.django_db
def test_only_a_superuser_takes_over_and_only_what_has_no_members(client):
    run()
    organization = Organization.objects.get()
    address = f"/organizations/{organization.pk}/take-over/"
    assert client.post(address)["Location"].startswith("/accounts/login/")

    ana = User.objects.create_user("ana@example.com", "uma-senha-longa-7")
    client.force_login(ana)
    assert client.post(address).status_code == 404
    assert "Padaria" not in client.get("/").content.decode()

    Membership.objects.create(organization=organization, user=ana, role=Role.USER_CREATOR)
    client.force_login(User.objects.create_superuser("root@example.com", "uma-senha-longa-7"))
    assert "Padaria" not in client.get("/").content.decode()
    assert client.post(address).status_code == 403
    assert client.get(address).status_code == 405
    assert client.post("/organizations/999/take-over/").status_code == 404
    assert Membership.objects.count() == 1


@pytest.mark.django_db
def test_who_takes_over_twice_enters_twice(client):
    run()
    organization = Organization.objects.get()
    client.force_login(User.objects.create_superuser("root@example.com", "uma-senha-longa-7"))
    answers = [client.post(f"/organizations/{organization.pk}/take-over/") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert Membership.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("is_superuser", [True, False])
def test_only_the_first_who_is_named_owns_it_though_they_have_yet_to_accept(is_superuser):
    if is_superuser:
        User.objects.create_superuser("bia@example.com", "uma-senha-longa-7")
    printed = run(member=["dona@example.com", "bia@example.com"])

    assert dict(Invitation.objects.values_list("email", "role"))["dona@example.com"] == "user_creator"
    assert ("bia@example.com (user)" if is_superuser else "bia@example.com is invited as user;") in printed
