"""Codes of an authenticator app: each lets in once, and for thirty seconds."""

import pytest
import time_machine
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from organizations.models import User

pytestmark = pytest.mark.django_db
PASSWORD = "uma-senha-longa-7"
SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
WINDOW = 1_795_003_200
"""Unix seconds at which a code begins."""


@pytest.fixture(autouse=True)
def ana() -> User:
    """A user with an app, whose attempts are not counted yet."""
    cache.clear()
    ana = User.objects.create_user("ana@example.com", PASSWORD, name="Ana")
    TOTP.activate(ana, SEED)
    return ana


def lets_in(code: str) -> bool:
    """Signs in with the password and this code, in another browser each time."""
    browser = Client()
    browser.post(reverse("account_login"), {"login": "ana@example.com", "password": PASSWORD})
    browser.post(reverse("mfa_authenticate"), {"code": code})
    return "_auth_user_id" in browser.session


def code_at(second: int) -> str:
    with time_machine.travel(second, tick=False):
        return format_hotp_value(hotp_value(SEED, next(iter(yield_hotp_counters_from_time()))))


@time_machine.travel(WINDOW + 5, tick=False)
def test_a_code_of_the_app_lets_in_once() -> None:
    code = code_at(WINDOW)
    assert lets_in(code)
    assert not lets_in(code)


@pytest.mark.parametrize(("second", "works"), [(-1, False), (0, True), (29, True), (30, False)])
def test_a_code_of_the_app_ends_after_30_seconds(second, works) -> None:
    with time_machine.travel(WINDOW + second, tick=False):
        assert lets_in(code_at(WINDOW)) is works
