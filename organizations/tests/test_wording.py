"""Words and numbers in each language."""

from datetime import UTC, datetime, timedelta

import pytest
from django.template.defaultfilters import filesizeformat
from django.utils import formats, timezone, translation
from django.utils.formats import date_format

from organizations.models import User
from organizations.templatetags.hub import ago
from organizations.tests.people import PASSWORD, browser

AT = datetime(2026, 3, 5, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "long", "short"),
    [
        ("pt-br", "5 de março de 2026, 14:30", "05/03/2026 14:30"),
        ("es", "5 de marzo de 2026, 14:30", "05/03/2026 14:30"),
        ("en", "March 5, 2026, 14:30", "03/05/2026 14:30"),
    ],
)
def test_each_language_has_one_style_of_dates_and_times(language, long, short) -> None:
    with translation.override(language):
        assert date_format(AT, "DATETIME_FORMAT") == long
        assert date_format(AT, "SHORT_DATETIME_FORMAT") == short
        assert date_format(AT, "DATE_FORMAT") == long.removesuffix(", 14:30")
        assert formats.time_format(AT, "TIME_FORMAT") == "14:30"


@pytest.mark.parametrize("language", ["pt-br", "es"])
def test_months_are_in_lower_case(language) -> None:
    with translation.override(language):
        months = [date_format(AT.replace(month=month), "F b") for month in range(1, 13)]
    assert [month for month in months if month != month.lower()] == []


def test_a_size_has_the_reader_s_decimal_comma() -> None:
    with translation.override("pt-br"):
        assert filesizeformat(1_600_000) == "1,5\xa0MB"
    with translation.override("en"):
        assert filesizeformat(1_600_000) == "1.5\xa0MB"


@pytest.mark.parametrize(
    ("passed", "words"), [(timedelta(minutes=5), "5 min ago"), (timedelta(hours=3), "3 h ago"), (timedelta(0), "now")]
)
def test_a_time_that_is_relative_says_so(passed, words) -> None:
    with translation.override("en"):
        assert f">{words}<" in ago(timezone.now() - passed)


@pytest.mark.django_db
def test_a_wrong_old_password_is_said_to_be_wrong() -> None:
    client = browser(User.objects.create_user("ana@example.com", PASSWORD))
    form = {"oldpassword": "nao-e-esta-99", "password1": "outra-senha-longa-8", "password2": "outra-senha-longa-8"}
    page = client.post("/accounts/password/change/", form).content.decode()

    assert "The current password is wrong." in page


@pytest.mark.django_db
def test_what_is_pasted_is_refused_and_not_cut() -> None:
    client = browser(User.objects.create_user("ana@example.com", PASSWORD))
    assert "maxlength" not in client.get("/profile/").content.decode()

    answer = client.post("/profile/", {"name": "x" * 151})
    assert answer.status_code == 422
    assert "150" in answer.content.decode()
