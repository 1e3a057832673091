"""The settings of automatic messages: read, saved, and since when a number answers automatically."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bots.automatic.services import load_automatic, save_automatic
from bots.automatic.switching import update_answers_since
from bots.models import AutomaticMessages, Bot, BotVersion
from organizations.live.revisions import current_revisions
from organizations.models import BotReturn, Organization, PhoneNumber, User

pytestmark = pytest.mark.django_db

HELLO = {"type": "text", "text": "Olá!"}
MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)
TUESDAY = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def number(db: None) -> PhoneNumber:
    organization = Organization.objects.create(organization_name="Padaria")
    return PhoneNumber.objects.create(organization=organization, phone_number_id="5243", wa_id="556133214400")


def save(number: PhoneNumber, *, now: datetime = MONDAY, number_columns: Any = None, **columns: Any) -> None:
    save_automatic(number=number, columns=columns, number_columns=number_columns or {}, by=User(), now=now)
    number.refresh_from_db()


def test_a_number_without_settings_has_the_defaults_with_everything_off(
    number: PhoneNumber, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        found = load_automatic([number.pk, 999])

    settings = found[number.pk]
    assert (settings.greeting_is_on, settings.away_is_on, settings.reminder_is_on) == (False, False, False)
    assert set(found) == {number.pk, 999}
    assert not AutomaticMessages.objects.exists()
    assert number.answers_since is None


def test_settings_are_saved_with_those_of_the_number_and_shown_to_open_pages(number: PhoneNumber) -> None:
    organization = number.organization_id
    before = current_revisions([organization])[organization]

    save(number, greeting=HELLO, number_columns={"bot_returns": BotReturn.MINUTES, "hand_back_word": "#robo"})
    save(number, hours=[[]] * 7)

    stored = AutomaticMessages.objects.get()
    assert (stored.greeting, stored.hours) == (HELLO, [[]] * 7)
    assert (number.bot_returns, number.hand_back_word) == ("minutes", "#robo")
    assert current_revisions([organization])[organization] == before + 2
    assert load_automatic([number.pk])[number.pk] == stored


@pytest.mark.parametrize("switch", ["greeting_is_on", "away_is_on", "reminder_is_on"])
def test_a_number_answers_from_the_time_at_which_a_message_is_switched_on(number: PhoneNumber, switch: str) -> None:
    save(number, greeting=HELLO)
    assert number.answers_since is None

    on: dict[str, Any] = {switch: True}
    save(number, **on)
    save(number, greeting=None, now=TUESDAY)
    assert number.answers_since == MONDAY

    save(number, **on | {switch: False, "now": TUESDAY})
    assert number.answers_since is None


def test_the_words_for_who_is_handed_over_switch_nothing_on(number: PhoneNumber) -> None:
    save(number, handed_over=HELLO, handed_over_is_on=True)

    assert number.answers_since is None


def test_a_published_default_bot_answers_also_without_automatic_messages(number: PhoneNumber) -> None:
    bot = Bot.objects.create(organization=number.organization, key="menu", name="Menu")
    number.default_bot = "menu"
    number.save()
    update_answers_since(number=number, now=MONDAY)
    assert number.answers_since is None  # it is not published

    bot.published = BotVersion.objects.create(bot=bot, number=1, document={})
    bot.save()
    update_answers_since(number=number, now=MONDAY)
    save(number, greeting=HELLO, greeting_is_on=True, now=TUESDAY)
    save(number, greeting_is_on=False, now=TUESDAY)
    assert number.answers_since == MONDAY


def test_a_bot_of_another_organization_with_the_same_key_answers_nobody(number: PhoneNumber) -> None:
    other = Bot.objects.create(organization=Organization.objects.create(organization_name="Outra"), key="menu", name="Menu")
    other.published = BotVersion.objects.create(bot=other, number=1, document={})
    other.save()
    number.default_bot = "menu"
    number.save()

    update_answers_since(number=number, now=MONDAY)

    assert number.answers_since is None
