"""Passwords that are easy to guess at this hub are refused, wherever a user chooses one."""

import re
import time

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.urls import reverse

from organizations.login.passwords import GuessableWordsValidator
from organizations.models import Membership, Organization, Role, User

pytestmark = pytest.mark.django_db
PASSWORD = "uma-senha-longa-7"


@pytest.fixture
def ana() -> User:
    ana = User.objects.create_user("ana@example.com", PASSWORD, name="Ana")
    organization = Organization.objects.create(organization_name="Padaria São João")
    Membership.objects.create(organization=organization, user=ana, role=Role.USER)
    return ana


@pytest.mark.parametrize(
    "password", ["WhatsApp-Hub-2026", "senha.Senha.senha", "zapzapzapzap", "padaria sao joao 1", "PadariaSãoJoãoZap"]
)
def test_words_of_the_hub_and_of_the_organization_are_refused(ana, password) -> None:
    with pytest.raises(ValidationError) as refusal:
        GuessableWordsValidator().validate(password, ana)
    assert refusal.value.code == "password_guessable"


@pytest.mark.parametrize("password", ["uma-senha-longa-7", "hubert-hub-hub", "7391820465", "padarias-da-serra", "ação"])
def test_a_password_with_another_word_is_accepted(ana, password) -> None:
    GuessableWordsValidator().validate(password, ana)


def test_the_name_of_an_organization_of_others_is_accepted() -> None:
    Organization.objects.create(organization_name="Padaria São João")
    GuessableWordsValidator().validate("padaria-sao-joao", User(email="bia@example.com"))
    validate_password("padaria-sao-joao", User(email="bia@example.com"))


def test_the_form_refuses_it(client, ana) -> None:
    client.force_login(ana)
    new = {"oldpassword": PASSWORD, "password1": "Padaria-Sao-Joao-26", "password2": "Padaria-Sao-Joao-26"}
    page = client.post(reverse("account_change_password"), new, headers={"Accept-Language": "en"})
    assert "easy to guess" in page.content.decode()
    ana.refresh_from_db()
    assert ana.check_password(PASSWORD)


@pytest.mark.parametrize("password", ["curta-7", "password123", "qwertyuiop", "1234567890", "ana@example.com"])
def test_common_and_short_passwords_are_refused(ana, password) -> None:
    with pytest.raises(ValidationError):
        validate_password(password, ana)


def test_a_long_password_counts_to_its_last_character(client, ana) -> None:
    long = "Ação " + "x" * 250 + " 7"
    validate_password(long, ana)
    ana.set_password(long)
    ana.save()
    for typed, signs_in in ((long[:-1], False), (long.lower(), False), (long, True)):
        client.post(reverse("account_login"), {"login": ana.email, "password": typed})
        assert ("_auth_user_id" in client.session) is signs_in


@pytest.mark.parametrize(
    "password", ["a" + "\u0301" * 20_000 + "\u0323" * 20_000, "hub" * 700_000], ids=["accents on one letter", "one word repeated"]
)
def test_a_password_that_takes_long_to_compare_is_not_compared(ana, password) -> None:
    started = time.process_time()
    GuessableWordsValidator().validate(password, ana)
    assert time.process_time() - started < 1.5


def test_fields_for_passwords_hide_them_and_allow_managers(client, ana) -> None:
    page = client.get(reverse("account_login")).content.decode()
    client.force_login(ana)
    change = client.get(reverse("account_change_password")).content.decode()
    assert re.findall(r'<input[^>]*name="password"[^>]*>', page)
    for field in re.findall(r'<input[^>]*name="(?:password|oldpassword|password1|password2)"[^>]*>', page + change):
        assert 'type="password"' in field
        assert re.search(r'autocomplete="(current|new)-password"', field)
        assert "onpaste" not in field
