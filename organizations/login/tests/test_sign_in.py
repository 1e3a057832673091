"""Signing in: with e-mail and password, with two factors, with a new password, and the limits of attempts."""

import re
from importlib import import_module
from io import StringIO

import pytest
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from cryptography.fernet import Fernet
from django.apps import apps
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from organizations.models import User

pytestmark = pytest.mark.django_db
PASSWORD = "uma-senha-longa-7"
SIGN_IN = "/accounts/login/"
LANGUAGES = ["pt-br", "en", "es"]


@pytest.fixture(autouse=True)
def nothing_counted():
    cache.clear()


@pytest.fixture
def ana() -> User:
    return User.objects.create_user("ana@example.com", PASSWORD, name="Ana")


def sign_in(client, email="ana@example.com", password=PASSWORD, **options):
    return client.post(SIGN_IN, {"login": email, "password": password}, **options)


def english(client, address, **options):
    return client.get(address, headers={"Accept-Language": "en"}, **options)


def is_signed_in(client):
    return "_auth_user_id" in client.session


@pytest.mark.parametrize("typed", ["ana@example.com", "ANA@Example.com", " ana@example.com "])
def test_the_right_email_and_password_sign_in(client, ana, typed):
    response = sign_in(client, typed)

    assert response["Location"] == reverse("home")
    assert is_signed_in(client)


def test_a_wrong_password_gets_the_same_error_as_an_unknown_email(client, ana):
    wrong = sign_in(client, password="falsch").content
    unknown = sign_in(client, "bia@example.com").content

    assert not is_signed_in(client)
    first, second = (
        re.findall(rb'role="alert">.*?</form>', page, re.S)[0].split(b"<p>")[1].split(b"</p>")[0] for page in (wrong, unknown)
    )
    assert first == second


def test_the_next_page_is_the_requested_one_but_never_another_site(client, ana):
    assert client.post(f"{SIGN_IN}?next=/profile/", {"login": ana.email, "password": PASSWORD})["Location"] == "/profile/"
    other = Client().post(f"{SIGN_IN}?next=https://evil.example/", {"login": ana.email, "password": PASSWORD})
    assert other["Location"] == "/"


def test_an_inactive_user_learns_that_only_with_the_right_password(client, ana):
    User.objects.update(activate=False)

    response = sign_in(client, follow=True)

    assert not is_signed_in(client)
    assert response.request["PATH_INFO"] == reverse("account_inactive")
    assert sign_in(client, password="falsch").status_code == 200


def test_a_user_who_becomes_inactive_is_signed_out_at_the_next_request(client, ana):
    sign_in(client)
    assert client.get("/profile/").status_code == 200
    User.objects.update(activate=False)

    assert client.get("/profile/")["Location"] == f"{SIGN_IN}?next=/profile/"


@pytest.mark.parametrize("address", ["/accounts/signup/", "/accounts/email/", "/accounts/social/connections/"])
def test_no_user_can_sign_up_or_link_accounts(client, address):
    assert client.get(address).status_code == 404


# How often


def test_after_five_wrong_passwords_the_right_one_must_wait(client, ana):
    for _ in range(5):
        sign_in(client, password="falsch")

    response = sign_in(client, headers={"Accept-Language": "en"})

    assert not is_signed_in(client)
    assert "Too many failed login attempts. Try again later." in response.content.decode()


def test_failures_of_one_account_are_counted_for_all_clients(ana, settings):
    settings.ALLOWED_HOSTS = ["*"]
    for place in range(5):
        elsewhere = Client(REMOTE_ADDR=f"198.51.100.{place}", HTTP_HOST=f"hub.example:{8000 + place}")
        sign_in(elsewhere, ["ana@example.com", "ANA@example.com"][place % 2], password="falsch")

    client = Client(REMOTE_ADDR="203.0.113.9", HTTP_HOST="hub.example")
    sign_in(client)
    assert not is_signed_in(client)


def test_another_account_is_not_delayed(client, ana):
    User.objects.create_user("bia@example.com", PASSWORD)
    for _ in range(6):
        sign_in(client, password="falsch")

    sign_in(client, "bia@example.com")
    assert is_signed_in(client)


def test_one_client_cannot_try_many_accounts_and_another_client_can_sign_in(ana):
    for place in range(10):
        sign_in(Client(REMOTE_ADDR="198.51.100.7"), f"{place}@example.com", password="falsch")

    same, other = Client(REMOTE_ADDR="198.51.100.7"), Client(REMOTE_ADDR="198.51.100.8")
    sign_in(same)
    sign_in(other)
    assert not is_signed_in(same)
    assert is_signed_in(other)


def test_a_forged_forwarded_address_is_ignored(ana):
    for place in range(10):
        spoofed = {"X-Forwarded-For": f"198.51.100.{place}"}
        sign_in(Client(REMOTE_ADDR="203.0.113.5"), f"{place}@example.com", password="falsch", headers=spoofed)

    client = Client(REMOTE_ADDR="203.0.113.5")
    sign_in(client, headers={"X-Forwarded-For": "198.51.100.99"})
    assert not is_signed_in(client)


def test_too_many_requests_get_a_page_of_the_hub(client):
    for _ in range(30):
        client.post(SIGN_IN, {"login": "", "password": ""})
    response = client.post(SIGN_IN, {"login": "", "password": ""}, headers={"Accept-Language": "en"})

    assert response.status_code == 429
    assert "Wait a few minutes" in response.content.decode()


def test_a_new_password_ends_the_waiting_time(client, ana, sent_mails):
    for _ in range(6):
        sign_in(client, password="falsch")
    choose_new_password(client, sent_mails)

    sign_in(client, password="outra-senha-longa-8")
    assert is_signed_in(client)


# Admin's sign-in is the same


def test_the_admin_uses_the_same_sign_in(client):
    User.objects.create_superuser("root@example.com", PASSWORD)

    way = client.get("/admin/", follow=True)
    assert way.request["PATH_INFO"] == SIGN_IN
    assert way.request["QUERY_STRING"].endswith("next=%2Fadmin%2F")
    form = {"login": "root@example.com", "password": PASSWORD, "next": "/admin/"}
    assert client.post(SIGN_IN, form)["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_the_form_of_the_admin_accepts_no_password(client):
    User.objects.create_superuser("root@example.com", PASSWORD)

    for _ in range(6):
        response = client.post("/admin/login/?next=/admin/", {"username": "root@example.com", "password": PASSWORD})
        assert response["Location"].startswith(SIGN_IN)
    assert not is_signed_in(client)


def test_a_superuser_must_wait_after_wrong_passwords_too(client):
    User.objects.create_superuser("root@example.com", PASSWORD)
    for _ in range(5):
        client.post(SIGN_IN, {"login": "root@example.com", "password": "falsch", "next": "/admin/"})

    client.post(SIGN_IN, {"login": "root@example.com", "password": PASSWORD, "next": "/admin/"})
    assert not is_signed_in(client)


def test_other_users_get_a_403_from_the_admin(client, ana):
    client.force_login(ana)

    assert client.get("/admin/", follow=True).status_code == 403


# A forgotten password


def ask_for_link(client, email="ana@example.com"):
    return client.post("/accounts/password/reset/", {"email": email}, follow=True, headers={"Accept-Language": "en"})


def choose_new_password(client, sent_mails):
    ask_for_link(client)
    address = re.findall(r"http://testserver(/accounts/password/reset/key/\S+)", sent_mails()[-1].body)[0]
    form = client.get(address, follow=True)
    passwords = {"password1": "outra-senha-longa-8", "password2": "outra-senha-longa-8"}
    return client.post(form.request["PATH_INFO"], passwords, follow=True), address


def test_a_mailed_link_leads_to_a_new_password_once(client, ana, sent_mails):
    response, address = choose_new_password(client, sent_mails)

    assert response.request["PATH_INFO"] == reverse("account_reset_password_from_key_done")
    sign_in(client, password="outra-senha-longa-8")
    assert is_signed_in(client)
    assert "works no longer" in english(Client(), address).content.decode()


def test_a_new_password_signs_out_whoever_was_signed_in_with_the_old_one(client, ana, sent_mails):
    elsewhere = Client()
    sign_in(elsewhere)
    choose_new_password(client, sent_mails)

    assert elsewhere.get("/profile/").status_code == 302


def test_an_unknown_email_gets_the_same_answer_and_no_mail(client, ana, sent_mails):
    known, unknown = ask_for_link(client), ask_for_link(client, "nobody@example.com")

    assert [mail.to for mail in sent_mails()] == [["ana@example.com"]]
    assert known.request["PATH_INFO"] == unknown.request["PATH_INFO"] == reverse("account_reset_password_done")
    assert "nobody@example.com" not in unknown.content.decode()


def test_a_switched_off_user_gets_no_link(client, ana, sent_mails):
    User.objects.update(activate=False)
    ask_for_link(client)

    assert not sent_mails()


def test_an_address_that_was_changed_opens_nothing_any_more(client, ana, sent_mails):
    ask_for_link(client)
    User.objects.update(email="ana.nova@example.com")
    sent_mails().clear()

    ask_for_link(client)
    sign_in(client)

    assert not sent_mails()
    assert not is_signed_in(client)


def test_changing_the_password_asks_for_the_old_one(client, ana):
    client.force_login(ana)
    new = {"password1": "outra-senha-longa-8", "password2": "outra-senha-longa-8"}

    client.post("/accounts/password/change/", {"oldpassword": "falsch", **new})
    assert User.objects.get().check_password(PASSWORD)
    client.post("/accounts/password/change/", {"oldpassword": PASSWORD, **new})
    assert User.objects.get().check_password("outra-senha-longa-8")


# A user without a password


@pytest.fixture
def bia(client) -> User:
    """A user who is signed in and has no password, as a superuser who took away their own."""
    bia = User.objects.create_user("bia@example.com", name="Bia")
    client.force_login(bia)
    return bia


def test_a_user_without_a_password_chooses_one_where_others_change_theirs(client, bia):
    page = client.get("/accounts/password/change/", follow=True)
    assert page.request["PATH_INFO"] == "/accounts/password/set/"
    assert [each.name for each in page.context["form"]] == ["password1", "password2"]

    response = client.post("/accounts/password/set/", {"password1": "123", "password2": "123"})
    assert b"aria-invalid" in response.content
    new = {"password1": "outra-senha-longa-8", "password2": "outra-senha-longa-8"}
    response = client.post("/accounts/password/set/", new, follow=True)

    assert User.objects.get().check_password("outra-senha-longa-8")
    assert is_signed_in(client)
    assert response.request["PATH_INFO"] == "/accounts/password/change/"


def test_a_first_password_asks_for_the_second_factor_of_whoever_has_one(client, bia):
    Authenticator.objects.create(user=bia, type="totp", data={"secret": "x"})
    new = {"password1": "outra-senha-longa-8", "password2": "outra-senha-longa-8"}

    assert client.post("/accounts/password/set/", new)["Location"].startswith(reverse("mfa_reauthenticate"))
    assert not User.objects.get().has_usable_password()


def account_pages() -> list[str]:
    routes = [str(each.name) for each in get_resolver("organizations.personal_urls").url_patterns if isinstance(each, URLPattern)]
    link = {"uidb36": "1", "key": "a-b"}
    return [
        reverse(name, kwargs=link if name == "account_reset_password_from_key" else {})
        for name in routes
        if name.startswith(("account_", "mfa_"))
    ]


@pytest.mark.parametrize("password", [PASSWORD, None])
@pytest.mark.parametrize("has_two_factor", [False, True])
@pytest.mark.parametrize("is_signed_in", [False, True])
def test_no_page_of_accounts_leads_to_an_address_that_is_not_there(client, password, has_two_factor, is_signed_in):
    carla = User.objects.create_user("carla@example.com", password)
    if has_two_factor:
        Authenticator.objects.create(user=carla, type="totp", data={"secret": get_mfa_adapter().encrypt("A" * 32)})
    for address in account_pages():
        for method in (client.get, client.post):
            cache.clear()
            if is_signed_in:
                client.force_login(carla)
            response = method(address, follow=True)
            assert response.status_code in {200, 403, 404, 405}, address
            assert response.status_code != 404 or not response.redirect_chain, address


# Two factors


def code(secret):
    return format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))


@pytest.fixture
def secret(client, ana) -> str:
    """Ana has set up an app, and is signed out."""
    sign_in(client)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    assert "data:image/svg+xml;base64," in page
    secret = re.findall(r'data-copy="([A-Z2-7]+)"', page)[0]
    client.post("/accounts/2fa/totp/activate/", {"code": code(secret)})
    client.post("/accounts/logout/")
    cache.clear()
    return secret


def test_setting_up_asks_for_the_password_once_more(client, ana):
    client.force_login(ana)

    response = client.get("/accounts/2fa/totp/activate/")
    assert response["Location"].startswith(reverse("account_reauthenticate"))


def test_with_two_factors_the_password_alone_lets_nobody_in(client, secret):
    assert sign_in(client)["Location"] == reverse("mfa_authenticate")
    assert not is_signed_in(client)

    client.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert not is_signed_in(client)
    client.post(reverse("mfa_authenticate"), {"code": code(secret)})
    assert is_signed_in(client)


def test_codes_cannot_be_guessed_at_without_end(client, secret):
    sign_in(client)
    for _ in range(10):
        client.post(reverse("mfa_authenticate"), {"code": "000000"})

    client.post(reverse("mfa_authenticate"), {"code": code(secret)})
    assert not is_signed_in(client)


def test_a_recovery_code_lets_in_once(client, secret):
    sign_in(client)
    client.post(reverse("mfa_authenticate"), {"code": code(secret)})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    recovery = re.findall(r"<li>(\d{8})</li>", client.get("/accounts/2fa/recovery-codes/").content.decode())[0]

    for is_first in (True, False):
        elsewhere = Client()
        sign_in(elsewhere)
        elsewhere.post(reverse("mfa_authenticate"), {"code": recovery})
        assert is_signed_in(elsewhere) is is_first


def test_it_can_be_switched_off(client, secret):
    sign_in(client)
    client.post(reverse("mfa_authenticate"), {"code": code(secret)})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.post("/accounts/2fa/totp/deactivate/", {})

    elsewhere = Client()
    sign_in(elsewhere)
    assert is_signed_in(elsewhere)


# Seeds at rest


def clear_seeds() -> str:
    """Returns the content of the table of authenticators, not decrypted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT data FROM mfa_authenticator ORDER BY id")
        return " ".join(str(row[0]) for row in cursor.fetchall())


@pytest.fixture
def recovery(client, secret) -> str:
    """The first recovery code."""
    sign_in(client)
    client.post(reverse("mfa_authenticate"), {"code": code(secret)})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    shown = re.findall(r"<li>(\d{8})</li>", client.get("/accounts/2fa/recovery-codes/").content.decode())[0]
    client.post("/accounts/logout/")
    cache.clear()
    return shown


def lets_in(given: str) -> bool:
    elsewhere = Client()
    cache.clear()
    sign_in(elsewhere)
    elsewhere.post(reverse("mfa_authenticate"), {"code": given})
    return is_signed_in(elsewhere)


def test_the_table_of_authenticators_has_no_unencrypted_seed(client, secret, recovery):
    stored = clear_seeds()

    assert secret not in stored
    assert not re.search(r"[0-9a-f]{40}", stored)
    assert stored.count("gAAAA") == 2


MIGRATION = import_module("organizations.migrations.0007_encrypt_two_factor")


def test_unencrypted_seeds_are_encrypted_and_still_work(client, secret, recovery):
    MIGRATION.decrypt_seeds(apps, None)
    assert secret in clear_seeds()
    MIGRATION.decrypt_seeds(apps, None)  # also what is in clear already
    assert lets_in(code(secret))  # a process of the version before may store one so while the hub is updated

    MIGRATION.encrypt_seeds(apps, None)
    once = clear_seeds()
    MIGRATION.encrypt_seeds(apps, None)

    assert (secret in once, clear_seeds()) == (False, once)
    assert lets_in(code(secret))
    assert lets_in(recovery)
    assert not lets_in(recovery)


def test_migrated_codes_are_encrypted_too(ana):
    codes = Authenticator.objects.create(user=ana, type="recovery_codes", data={"migrated_codes": ["11112222", "33334444"]})
    MIGRATION.encrypt_seeds(apps, None)

    assert "1111" not in clear_seeds()
    codes.refresh_from_db()
    assert codes.wrap().get_unused_codes() == ["11112222", "33334444"]


def test_after_a_rotation_the_new_key_alone_decrypts_the_seeds(client, settings, secret, recovery):
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.FIELD_ENCRYPTION_KEYS]
    call_command("rotate_keys", stdout=StringIO())
    settings.FIELD_ENCRYPTION_KEYS = settings.FIELD_ENCRYPTION_KEYS[:1]

    assert lets_in(code(secret))
    assert lets_in(recovery)


# How it looks


PAGES = ["login", "logout", "inactive", "reset_password", "reset_password_done", "reset_password_from_key_done", "change_password"]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_has_the_layout_of_the_hub_and_no_dead_links(client, ana, name, language):
    if name in ("logout", "change_password"):
        client.force_login(ana)
    response = client.get(reverse(f"account_{name}"), headers={"Accept-Language": language})

    page = response.content.decode()
    assert response.status_code == 200
    assert page.count("<h1") == 1
    assert f'<html lang="{language}"' in page
    for address in re.findall(r'(?:href|action)="(/[^"]*)"', page):
        if not address.startswith("/static/"):
            assert client.get(address).status_code != 404, address


def test_the_language_can_be_chosen_before_signing_in(client):
    client.post("/language/", {"language": "es", "next": SIGN_IN})

    assert '<html lang="es"' in client.get(SIGN_IN).content.decode()
