"""Automatic messages through the webhook and the worker: the greeting, the away message, and where a bot answers as well."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bots.answering.tests.conftest import MENU, customer, now, sent_texts, text
from bots.automatic.services import save_automatic
from bots.models import AutomaticMessageSent
from chats.models import Message, Origin
from contacts.models import Contact
from organizations.models import PhoneNumber, User

pytestmark = pytest.mark.django_db(transaction=True)

GREETING = {"type": "buttons", "text": "Oi, {{first_name}}! É a Aroeira.", "buttons": [{"id": "precos", "title": "Preços"}]}
AWAY = {"type": "text", "text": "Estamos fechados."}
NEVER_OPEN: list[list[list[str]]] = [[]] * 7
DAY = 24 * 3600


def save(number: PhoneNumber, **columns: Any) -> None:
    since = timezone.now() - timedelta(days=3)
    save_automatic(number=number, columns=columns, number_columns={}, by=User(), now=since)


def everything(number: PhoneNumber, **columns: Any) -> None:
    save(number, **{"greeting": GREETING, "greeting_is_on": True, "away": AWAY, "away_is_on": True} | columns)


def rows() -> list[Message]:
    return list(Message.objects.filter(is_user_message=False).order_by("create_in", "pk"))


def test_who_writes_to_the_team_is_greeted_once_in_a_conversation(number, post_and_apply) -> None:
    everything(number)

    post_and_apply(text("w1", "oi"))
    post_and_apply(text("w2", "tem broa?", now() + 1))

    (greeting,) = rows()
    assert (greeting.origin, greeting.bot_trace) == (Origin.AUTOMATIC, {"because": "greeting"})
    assert greeting.payload["interactive"]["action"]["buttons"][0]["reply"] == {"id": "precos", "title": "Preços"}
    assert AutomaticMessageSent.objects.get().kind == "greeting"


def test_the_next_conversation_is_greeted_again(number, post_and_apply) -> None:
    everything(number)
    PhoneNumber.objects.filter(pk=number.pk).update(late_after_minutes=3 * 24 * 60)

    post_and_apply(text("w1", "oi", now() - 2 * DAY))
    post_and_apply(text("w2", "voltei"))

    # The window of the first conversation has closed by now, so only the second greeting could leave.
    assert [row.bot_trace for row in rows()] == [{"because": "greeting"}]
    assert rows()[0].session_id == customer().session_id


def test_a_closed_shop_says_so_once_also_while_a_person_is_waited_for(publish, number, post_and_apply) -> None:
    publish()
    everything(number, hours=NEVER_OPEN)

    post_and_apply(text("w1", "atendente"))
    post_and_apply(text("w2", "alguém?", now() + 1))

    assert customer().owner == "waiting"
    assert sent_texts().count("Estamos fechados.") == 1
    assert [row.bot_trace["because"] for row in rows() if row.bot_trace] == ["away", "handed_over"]


def test_a_person_in_charge_gets_only_the_away_message(publish, number, post_and_apply) -> None:
    publish()
    everything(number)
    post_and_apply(text("w1", "oi"))
    Contact.objects.update(owner="person", owner_reason="taken_over", owner_since=timezone.now())
    before = sent_texts()

    post_and_apply(text("w2", "oi?", now() + 1))
    assert sent_texts() == before

    save(number, hours=NEVER_OPEN)
    post_and_apply(text("w3", "oi??", now() + 2))
    assert sent_texts() == [*before, "Estamos fechados."]


def test_a_bot_that_greets_takes_the_place_of_the_greeting(publish, number, post_and_apply) -> None:
    publish()
    everything(number)

    post_and_apply(text("w1", "oi"))

    assert [row.origin for row in rows()] == [Origin.BOT]


def test_before_a_bot_that_does_not_greet_comes_the_greeting(publish, number, post_and_apply) -> None:
    publish({**MENU, "settings": {"silence_seconds": 0, "greets": False}})
    everything(number)

    post_and_apply(text("w1", "oi"))

    assert [row.origin for row in rows()] == [Origin.AUTOMATIC, Origin.BOT]


def test_contacts_without_automatic_messages_get_none(number, post_and_apply) -> None:
    everything(number)
    post_and_apply(text("w1", "oi"))
    Contact.objects.update(activate_automatic_message=False)
    Message.objects.filter(is_user_message=False).update(origin=Origin.API)
    AutomaticMessageSent.objects.all().delete()
    save(number, hours=NEVER_OPEN)

    post_and_apply(text("w2", "oi?", now() + 1))

    assert not Message.objects.filter(origin=Origin.AUTOMATIC).exists()


def test_messages_from_before_the_switch_are_not_answered(number, post_and_apply) -> None:
    columns = {"greeting": GREETING, "greeting_is_on": True}
    save_automatic(number=number, columns=columns, number_columns={}, by=User(), now=timezone.now() + timedelta(minutes=1))

    post_and_apply(text("w1", "oi"))

    assert rows() == []
