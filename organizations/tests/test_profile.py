"""Preferences of a user."""

import re
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from organizations.models import Membership, Organization, Role, User
from organizations.tests.people import PASSWORD, browser

pytestmark = pytest.mark.django_db
FORM = {"name": "Ana", "language": "", "time_zone": "", "theme": "", "shortcuts": "on"}


@pytest.fixture
def ana() -> User:
    return User.objects.create_user("ana@example.com", PASSWORD, name="Ana")


def test_profile_requires_sign_in():
    assert Client().get("/profile/")["Location"].startswith("/accounts/login/")


def test_what_is_chosen_is_kept_and_shown_at_once(ana):
    client = browser(ana)
    form = {"name": " Ana Bia ", "language": "es", "time_zone": "Asia/Tokyo", "theme": "dark"}

    page = client.post("/profile/", form, follow=True).content.decode()

    ana.refresh_from_db()
    assert (ana.name, ana.language, ana.time_zone, ana.theme, ana.shortcuts) == ("Ana Bia", "es", "Asia/Tokyo", "dark", False)
    assert '<html lang="es" data-theme="dark"' in page


def test_times_are_shown_in_the_chosen_zone(ana):
    organization = Organization.objects.create(organization_name="Aroeira")
    at = datetime(2026, 3, 1, 22, tzinfo=UTC)
    Membership.objects.create(organization=organization, user=ana, role=Role.USER_ADMIN, create_in=at)
    client = browser(ana)
    client.post("/profile/", FORM | {"language": "en", "time_zone": "Asia/Tokyo"})

    assert "03/02/2026" in client.get(f"/o/{organization.pk}/settings/members/").content.decode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_zone": "Mars/Base"},
        {"time_zone": "../../etc/passwd"},
        {"language": "xx"},
        {"theme": "pink"},
        {"name": "x" * 151},
        {"name": "a\x00b"},
    ],
)
def test_invalid_input_is_shown_and_not_stored(ana, wrong):
    answer = browser(ana).post("/profile/", FORM | wrong)

    assert answer.status_code == 422
    assert "aria-invalid" in answer.content.decode()
    ana.refresh_from_db()
    assert (ana.name, ana.language, ana.time_zone, ana.theme) == ("Ana", "", "", "")


def test_user_cannot_become_superuser_by_form_fields(ana):
    browser(ana).post("/profile/", FORM | {"is_superuser": "on", "email": "boss@example.com", "activate": ""})

    ana.refresh_from_db()
    assert (ana.is_superuser, ana.email, ana.activate) == (False, "ana@example.com", True)


def test_without_a_choice_the_browser_decides(ana):
    client = browser(ana)
    client.post("/profile/", FORM | {"language": "es"})
    client.post("/profile/", FORM)

    assert '<html lang="en"' in client.get("/profile/").content.decode()


def test_a_zone_chosen_before_stays_a_choice(ana):
    User.objects.update(time_zone="Brazil/East")

    client = browser(User.objects.get())
    assert re.search(r'<option value="Brazil/East" selected', client.get("/profile/").content.decode())
    assert client.post("/profile/", FORM | {"time_zone": "Brazil/East"}).status_code == 302


def test_shortcuts_can_be_switched_off(ana):
    organization = Organization.objects.create(organization_name="Aroeira")
    Membership.objects.create(organization=organization, user=ana, role=Role.USER_ADMIN)
    client = browser(ana)
    assert "data-shortcuts" in client.get(f"/o/{organization.pk}/settings/members/").content.decode()

    client.post("/profile/", {key: value for key, value in FORM.items() if key != "shortcuts"})
    assert "data-shortcuts" not in client.get(f"/o/{organization.pk}/settings/members/").content.decode()


def test_saving_a_preference_writes_no_other_column(ana):
    client = browser(ana)
    for path, form in [("/profile/", FORM), ("/profile/alerts/", {"alert_sound": "on"})]:
        with CaptureQueriesContext(connection) as queries:
            client.post(path, form)
        (written,) = [each["sql"] for each in queries if each["sql"].startswith("UPDATE") and "users" in each["sql"]]
        assert not re.search(r"\bemail\b|session_epoch|password|is_superuser", written.partition("WHERE")[0])
    ana.refresh_from_db()
    assert ana.alert_sound
