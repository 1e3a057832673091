"""The limits of an AI, what it has used, and amounts of money in the reader's format."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone, translation

from bots.ai_pages.forms.fields import MoneyField
from bots.ai_pages.forms.limit_forms import LimitForm
from bots.ai_pages.money import money_text
from bots.ai_pages.tests.conftest import Sign, address, shown
from bots.answering.ai_limits import today_of
from bots.models import AiConnection, AiUsage, Bot
from organizations.models import Organization, Role

pytestmark = pytest.mark.django_db(transaction=True)

LIMITS = {
    "messages_per_answer": "2",
    "answers_per_session": "10",
    "answers_per_contact_day": "20",
    "tokens_per_day": "100000",
    "micros_per_day": "12,50",
    "input_micros": "0,825",
    "output_micros": "3,3",
    "currency": "BRL",
}


def test_limits_apply_at_once_and_read_a_decimal_comma(admin: Client, ai: Bot) -> None:
    assert admin.post(address("ai_limits", ai), LIMITS).status_code == 302
    connection = AiConnection.objects.get()
    assert (connection.messages_per_answer, connection.tokens_per_day) == (2, 100_000)
    assert (connection.micros_per_day, connection.input_micros, connection.output_micros) == (12_500_000, 825_000, 3_300_000)
    page = shown(admin.get(address("ai_limits", ai)))
    assert 'value="12,50"' in page
    assert 'value="0,825"' in page


@pytest.mark.parametrize(
    ("language", "typed", "micros"),
    [
        ("pt-br", "1.234,5", 1_234_500_000),
        ("pt-br", "1.234", 1_234_000_000),
        ("pt-br", "0.150", 150_000),
        ("pt-br", "1.5", 1_500_000),
        ("pt-br", "", 0),
        ("en", "1,234.5", 1_234_500_000),
        ("en", "0.15", 150_000),
        ("es", "1.234,5", 1_234_500_000),
        ("pt-br", "0,000001", 1),
    ],
)
def test_money_is_read_as_the_reader_writes_it(language: str, typed: str, micros: int) -> None:
    with translation.override(language):
        assert MoneyField(required=False).clean(typed) == micros


@pytest.mark.parametrize("typed", ["-1", "NaN", "Infinity", "1e9", "1,2,3", "R$ 5", "9" * 400, "0,0000001", "1\x00"])
def test_what_is_no_amount_is_refused(typed: str) -> None:
    with translation.override("pt-br"), pytest.raises(ValidationError):
        MoneyField(required=False).clean(typed)


@pytest.mark.parametrize("micros", [0, 1, 10_000, 825_000, 12_500_000, 1_234_500_000, 1_000_000_000_000])
@pytest.mark.parametrize("language", ["pt-br", "en", "es"])
def test_an_amount_that_is_shown_is_read_as_the_same(language: str, micros: int) -> None:
    field = MoneyField(required=False)
    with translation.override(language):
        assert field.clean(field.prepare_value(micros)) == micros


def test_amounts_are_shown_in_the_language_of_the_page() -> None:
    with translation.override("pt-br"):
        assert money_text(1_234_500_000, "BRL") == "R$ 1.234,50"
        assert money_text(4_300, "USD") == "US$ 0,0043"
    with translation.override("en"):
        assert money_text(1_234_500_000, "EUR") == "€ 1,234.50"
    assert Decimal(money_text(0, "MXN").split()[1].replace(",", ".")) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"messages_per_answer": "0"},
        {"tokens_per_day": "9" * 30},
        {"micros_per_day": "-1"},
        {"currency": "XXX"},
        {"input_micros": "0", "output_micros": ""},
        {"answers_per_session": ""},
    ],
)
def test_wrong_limits_change_nothing(admin: Client, ai: Bot, changes: dict[str, Any]) -> None:
    before = LimitForm.initial_of(AiConnection.objects.get())
    assert admin.post(address("ai_limits", ai), LIMITS | changes).status_code == 422
    assert LimitForm.initial_of(AiConnection.objects.get()) == before


def test_the_page_shows_what_is_used_and_reserved_today_and_the_last_days(
    admin: Client, ai: Bot, organization: Organization
) -> None:
    admin.post(address("ai_limits", ai), LIMITS)
    today = today_of(organization, timezone.now())
    AiUsage.objects.create(
        bot=ai, day=today, answers=7, input_tokens=40_000, output_tokens=10_000, micros=6_250_000, reserved_tokens=25_000
    )
    AiUsage.objects.create(bot=ai, day=today - timedelta(days=29), answers=1, input_tokens=5)
    AiUsage.objects.create(bot=ai, day=today - timedelta(days=30), answers=1_000, input_tokens=5)

    response = admin.get(address("ai_limits", ai))
    used = response.context["today"]
    assert (used.answers, used.tokens.percent, used.money.percent) == (7, 75, 50)
    assert [chart.total for chart in response.context["charts"]] == [8, 50_005]
    assert "R$ 6,25" in shown(response)
    assert "50.000" in shown(response)


def test_a_limit_that_is_used_up_is_said_in_words(admin: Client, ai: Bot, organization: Organization) -> None:
    AiUsage.objects.create(bot=ai, day=today_of(organization, timezone.now()), input_tokens=500_000)
    assert admin.get(address("ai_limits", ai)).context["today"].tokens.is_used_up
    assert "progress-error" in shown(admin.get(address("ai_limits", ai)))


def test_members_read_the_limits_and_change_nothing(sign_in: Sign, ai: Bot) -> None:
    member = sign_in(Role.USER)
    assert "500.000" in shown(member.get(address("ai_limits", ai)))
    assert member.post(address("ai_limits", ai), LIMITS).status_code == 405
    assert AiConnection.objects.get().messages_per_answer == 3
