"""Which automatic message a turn gets, and what customers read."""

from datetime import UTC, date, datetime
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.automatic.due_messages import AutomaticKind, due_automatic, facts_for, fill, hand_over_message, message_of
from bots.automatic.services import hours_of, zone_of
from bots.flows.turns.events import Facts
from bots.models import AutomaticMessages
from contacts.models import Contact
from contacts.owners import Owner
from organizations.models import Organization, Profile

HELLO = {"type": "text", "text": "Olá!"}
MARIA = Facts(
    today=date(2026, 11, 26),
    first_name="Maria",
    name="Maria Silva",
    language="pt-br",
    organization="Padaria Aroeira",
    hours="seg a sex 08:00–18:00",
    next_opening="amanhã às 08:00",
    is_open=True,
)


def everything_on(**changes: Any) -> AutomaticMessages:
    values = {"greeting": HELLO, "greeting_is_on": True, "away": HELLO, "away_is_on": True} | changes
    return AutomaticMessages(number_id=1, **values)


def due(settings: AutomaticMessages | None = None, **changes: Any) -> AutomaticKind | None:
    values: dict[str, Any] = {
        "is_open": True,
        "is_new_session": True,
        "already_sent": set(),
        "owner": Owner.BOT,
        "profile": Profile.BOT,
        "bot_will_greet": False,
        "stops_marketing": False,
    }
    return due_automatic(settings=settings or everything_on(), **values | changes)


def test_a_new_session_gets_the_greeting() -> None:
    assert due() == "greeting"
    assert due(is_new_session=False) is None


def test_a_bot_that_greets_replaces_the_greeting() -> None:
    assert due(bot_will_greet=True) is None


@pytest.mark.parametrize("owner", [Owner.PERSON, Owner.WAITING])
def test_a_person_in_charge_or_waited_for_gets_no_greeting(owner: Owner) -> None:
    assert due(owner=owner) is None


def test_where_the_team_answers_anyway_a_new_session_is_greeted() -> None:
    assert due(owner=Owner.PERSON, profile=Profile.HUMAN) == "greeting"
    assert due(owner=Owner.WAITING, profile=Profile.HUMAN) is None


@pytest.mark.parametrize("owner", [Owner.BOT, Owner.AI, Owner.PERSON, Owner.WAITING])
def test_outside_business_hours_everybody_gets_the_away_message(owner: Owner) -> None:
    assert due(is_open=False, owner=owner) == "away"
    assert due(is_open=False, owner=owner, is_new_session=False) == "away"


def test_the_away_message_wins_over_a_greeting_also_of_a_bot() -> None:
    assert due(is_open=False, bot_will_greet=True) == "away"


@pytest.mark.parametrize("is_new_session", [True, False])
def test_a_session_gets_the_away_message_once_and_no_greeting_after_it(is_new_session: bool) -> None:
    assert due(is_open=False, already_sent={"away"}, is_new_session=is_new_session) is None
    assert due(already_sent={"away"}, is_new_session=is_new_session) is None


def test_a_session_gets_the_greeting_once() -> None:
    assert due(already_sent={"greeting"}) is None
    assert due(already_sent={"greeting"}, is_open=False) == "away"


def test_without_an_away_message_a_closed_shop_greets() -> None:
    assert due(everything_on(away_is_on=False), is_open=False) == "greeting"
    assert due(everything_on(away=None), is_open=False) == "greeting"


def test_metas_agent_is_not_interrupted() -> None:
    assert due(owner=Owner.META_AGENT) is None
    assert due(owner=Owner.META_AGENT, is_open=False) is None


def test_nothing_is_due_before_anything_was_switched_on() -> None:
    fresh = AutomaticMessages(number_id=1)
    turns = product([True, False], [True, False], Owner, Profile, [True, False], [True, False])

    assert {
        due_automatic(
            settings=fresh,
            is_open=is_open,
            is_new_session=new,
            already_sent=(),
            owner=owner,
            profile=profile,
            bot_will_greet=greets,
            stops_marketing=stops,
        )
        for is_open, new, owner, profile, greets, stops in turns
    } == {None}


# ---- Words ----


def body(message: dict[str, Any] | None) -> str:
    assert message
    return str(message["text"]["body"])


def test_placeholders_are_filled() -> None:
    text = "Olá, {{first_name}} ({{ name }})! {{organization}}: {{hours}}. Respondemos {{next_opening}}. {{today}}"

    assert body(fill({"type": "text", "text": text}, MARIA)) == (
        "Olá, Maria (Maria Silva)! Padaria Aroeira: seg a sex 08:00–18:00. Respondemos amanhã às 08:00. 26/11/2026"
    )


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Olá, {{first_name}}! Tudo bem?", "Olá! Tudo bem?"),
        ("Olá {{first_name}}, tudo bem?", "Olá, tudo bem?"),
        ("{{first_name}}, tudo bem?", "tudo bem?"),
        ("Oi!\n{{first_name}} tudo bem?", "Oi!\ntudo bem?"),
        ("Telefone:{{phone}}.", "Telefone:."),
        ("{{unknown}} olá", "olá"),
    ],
)
def test_an_empty_placeholder_goes_with_the_comma_before_it(text: str, filled: str) -> None:
    nobody = Facts(today=date(2026, 11, 26))

    assert body(fill({"type": "text", "text": text}, nobody)) == filled


def test_a_text_of_which_nothing_is_left_is_no_message() -> None:
    assert fill({"type": "text", "text": "{{first_name}}"}, Facts(today=date(2026, 11, 26))) is None


def test_buttons_keep_their_ids_and_titles() -> None:
    message = {"type": "buttons", "text": "Oi, {{first_name}}!", "buttons": [{"id": "precos", "title": "Preços"}]}

    built = fill(message, MARIA)

    assert built
    assert built["interactive"]["body"]["text"] == "Oi, Maria!"
    assert built["interactive"]["action"]["buttons"] == [{"type": "reply", "reply": {"id": "precos", "title": "Preços"}}]


@given(st.text(max_size=5000), st.text(max_size=300))
def test_any_text_with_any_name_can_be_sent_or_is_nothing(text: str, name: str) -> None:
    long = "x" * 2000
    facts = Facts(today=date(2026, 11, 26), first_name=name, organization=long, hours=long)
    built = fill({"type": "text", "text": f"{{{{first_name}}}} {{{{organization}}}} {text[:2000]} {{{{hours}}}}"}, facts)

    assert len(body(built)) <= 4096


def test_who_asks_for_a_person_reads_the_numbers_words_or_the_hubs_own() -> None:
    closed = Facts(today=MARIA.today, language="en", next_opening="tomorrow at 08:00", is_open=False)
    never = Facts(today=MARIA.today, language="en", is_open=False)
    own = everything_on(handed_over={"type": "text", "text": "Já vai, {{first_name}}!"})

    assert body(hand_over_message(own, facts=MARIA)) == "Já vai, Maria!"
    assert "tomorrow at 08:00" in body(hand_over_message(own, facts=closed))
    assert body(hand_over_message(own, facts=never)).endswith("as soon as we are back.")
    assert "in a moment" in body(hand_over_message(everything_on(), facts=Facts(today=MARIA.today, language="en", is_open=True)))
    assert hand_over_message(everything_on(handed_over_is_on=False), facts=MARIA) is None


def test_own_words_outside_business_hours_replace_the_hubs() -> None:
    own = everything_on(handed_over_away={"type": "text", "text": "Voltamos {{next_opening}}."})

    assert (
        body(hand_over_message(own, facts=Facts(today=MARIA.today, next_opening="amanhã às 08:00"))) == "Voltamos amanhã às 08:00."
    )


def test_every_kind_has_its_message() -> None:
    settings = everything_on(reminder={"type": "text", "text": "Ainda está aí?"})

    assert body(message_of(AutomaticKind.GREETING, settings, facts=MARIA)) == "Olá!"
    assert body(message_of(AutomaticKind.REMINDER, settings, facts=MARIA)) == "Ainda está aí?"
    assert message_of(AutomaticKind.HANDED_OVER, settings, facts=MARIA)
    assert message_of(AutomaticKind.AWAY, AutomaticMessages(number_id=1), facts=MARIA) is None


# ---- Facts ----


def test_facts_are_those_of_the_contact_the_organization_and_the_time() -> None:
    organization = Organization(organization_name="Padaria Aroeira", country="BR", time_zone="America/Sao_Paulo")
    settings = AutomaticMessages(number_id=1, hours=[[["08:00", "18:00"]]] * 5 + [[], []])
    contact = Contact(name="maria   silva", alias="Maria Silva Souza", wa_id="556181500586", username="maria")

    facts = facts_for(
        contact,
        organization=organization,
        hours=hours_of(settings, organization),
        now=datetime(2026, 11, 27, 1, 0, tzinfo=UTC),  # the evening before in Brasília
        labels=["VIP"],
    )

    assert (facts.first_name, facts.name, facts.username) == ("Maria", "Maria Silva Souza", "maria")
    assert (facts.today, facts.is_open, facts.next_opening) == (date(2026, 11, 26), False, "amanhã às 08:00")
    assert (facts.hours, facts.organization, facts.language) == ("seg a sex 08:00–18:00", "Padaria Aroeira", "pt-br")
    assert facts.phone.startswith("+55 61")
    assert facts.labels == {"VIP"}


def test_a_person_without_a_phone_has_facts_too() -> None:
    organization = Organization(organization_name="Aroeira")

    facts = facts_for(
        Contact(bsuid="BR.1"),
        organization=organization,
        hours=hours_of(AutomaticMessages(number_id=1), organization),
        now=datetime.now(UTC),
    )

    assert (facts.name, facts.phone, facts.is_open) == ("", "", True)


@pytest.mark.parametrize(
    ("name", "key"), [("America/Manaus", "America/Manaus"), ("", "America/Sao_Paulo"), ("Mars/Base", "America/Sao_Paulo")]
)
def test_an_unknown_time_zone_is_replaced_by_the_hubs(name: str, key: str, settings: Any) -> None:
    settings.TIME_ZONE = "America/Sao_Paulo"

    assert str(zone_of(Organization(time_zone=name))) == key
