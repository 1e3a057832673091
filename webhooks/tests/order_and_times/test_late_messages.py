"""Messages that do not come after all that is known: of many people at once, of one second, late by a moment or by months. What is
expected comes from the rules themselves, applied to all that was told of a person at once."""

import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chats.conversations.sessions.session_rules import SessionEffect, SessionMessage, assign_sessions
from chats.models import Message
from conftest import apply_all
from contacts.models import Contact
from organizations.credentials.signers import Signature
from webhooks.intake.storage import SignedBody, store_bodies
from webhooks.tests.bodies import HOUR, NUMBER, START, body, echo_body, history_body, message, value
from webhooks.tests.order_and_times.test_any_order import deliver, forget

EFFECTS = {
    "c": SessionEffect.CUSTOMER,
    "g": SessionEffect.CUSTOMER,
    "b": SessionEffect.BUSINESS,
    "h": SessionEffect.HISTORY,
    "s": SessionEffect.NOTICE,
}
SentMessage = tuple[str, int, int]
"""The letter of an effect, the number of the customer, and the time of the message."""


def phone(person: int) -> str:
    return f"5561{90_000_000 + person}"


def wamid(received: SentMessage, key: int) -> str:
    """The keys break ties of time, and have nothing to do with the order of arrival."""
    return f"{key * 7919 % 997:03}.{'.'.join(map(str, received))}"


def delivery(received: SentMessage, wamid: str) -> bytes:
    letter, person, at = received
    sender = phone(person)
    if letter == "b":
        return echo_body(wamid, at, to=sender)
    if letter == "h":
        return history_body(wamid, at, sender=sender)
    if letter == "s":
        notice = message(wamid, at, sender=sender) | {
            "type": "system",
            "system": {"type": "customer_identity_changed", "body": "…"},
        }
        return body(value(messages=[notice]))
    in_a_group = {"group_id": "group-1"} if letter == "g" else {}
    return body(value(messages=[message(wamid, at, sender=sender) | in_a_group]))


FIRST = START - 200 * 24 * HOUR
"""All of it lies in the past: what is told of the future counts as sent when it arrives."""
clusters = st.sampled_from((FIRST, FIRST + 3 * 24 * HOUR, FIRST + 90 * 24 * HOUR))
times = st.one_of(
    st.builds(lambda start, hours: start + 6 * HOUR * hours, clusters, st.integers(0, 24)),
    st.builds(lambda start, days, slip: start + 24 * HOUR * days + slip, clusters, st.integers(0, 60), st.integers(-1, 1)),
    st.builds(lambda start, second: start + second, clusters, st.integers(0, 3)),
)
stories = st.lists(st.tuples(st.sampled_from("cccgbbhs"), st.sampled_from((0, 0, 1, 2)), times), min_size=4, max_size=40)


def in_an_order(received: list[tuple[str, SentMessage]], dice: random.Random) -> list[tuple[str, SentMessage]]:
    """As they were sent but for some that come late, or anyhow; some come twice."""
    ordered = sorted(received, key=lambda each: each[1][2])
    late = dice.sample(ordered, k=dice.choice((1, 1, 2, 4, len(ordered) // 2, len(ordered))) % (len(ordered) + 1))
    return [each for each in ordered if each not in late] + late + dice.choices(received, k=dice.choice((0, len(received) // 4)))


def expected(received: Iterable[tuple[str, SentMessage]]) -> dict[str, tuple[Any, ...]]:
    """By wamid, the session and its expiry; by phone, the contact's latest session."""
    entries: dict[int, list[SessionMessage]] = defaultdict(list)
    for name, (letter, person, at) in received:
        entries[person].append(SessionMessage(name, datetime.fromtimestamp(at, UTC), EFFECTS[letter]))
    found: dict[str, tuple[Any, ...]] = {}
    for person, own in entries.items():
        assigned = list(assign_sessions(own, scope=NUMBER))
        found |= {each.message.key: (each.session_id, each.expires_at) for each in assigned}
        latest = assigned[-1].latest
        found[phone(person)] = (latest.id, latest.expires_at) if latest else (None, None)
    return found


def stored_sessions() -> dict[str, tuple[Any, ...]]:
    rows = {row.wamid or "": (row.session_id, row.expires_at) for row in Message.objects.only("wamid", "session_id", "expires_at")}
    return rows | {each.wa_id or "": (each.session_id, each.session_expires_at) for each in Contact.objects.all()}


@pytest.mark.usefixtures("numbers")
@settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(stories, st.integers(0, 2**32).map(random.Random))
def test_late_messages_of_many_contacts_are_assigned_as_if_all_had_arrived_at_once(
    story: list[SentMessage], dice: random.Random
) -> None:
    forget()
    received = [(wamid(each, key), each) for key, each in enumerate(story)]
    deliver((delivery(each, name) for name, each in in_an_order(received, dice)), at_once=dice.choice((1, 3, 10, 100)))
    found = stored_sessions()
    for key, values in expected(received).items():
        assert found[key] == values
    for contact in Contact.objects.all():
        running = Message.objects.filter(contact=contact, is_active=True)
        assert set(running.values_list("session_id", flat=True)) <= ({contact.session_id} if contact.session_is_active else set())


def check(received: list[tuple[str, SentMessage]]) -> None:
    found = stored_sessions()
    assert {key: found[key] for key in expected(received)} == expected(received)


def test_a_message_before_a_session_of_months_gives_its_id_to_all_of_it(hub, numbers) -> None:
    days = [(f"c{day:03}", ("c", 0, FIRST + 23 * HOUR * day)) for day in range(1, 150)]
    deliver([delivery(each, name) for name, each in days], at_once=200)
    before = set(Message.objects.values_list("session_id", flat=True))
    first = ("c000", ("c", 0, FIRST))
    deliver([delivery(first[1], first[0])], at_once=1)
    check([first, *days])
    assert before.isdisjoint(Message.objects.values_list("session_id", flat=True))


def test_a_late_message_that_only_history_follows_is_the_contact_s_last_session(hub, numbers) -> None:
    later = [(f"h{hour}", ("h", 0, FIRST + (72 + hour) * HOUR)) for hour in range(3)]
    live = ("c", ("c", 0, FIRST))
    deliver([delivery(each, name) for name, each in [*later, live]], at_once=1)
    check([*later, live])


def test_one_late_message_among_many_reads_no_more_than_the_days_around_it(hub, numbers) -> None:
    """A person who writes every ten minutes: what comes a month later cannot change, and is not read."""
    days = [(f"c{place:04}", ("c", 0, FIRST + 600 * place)) for place in range(4000)]
    deliver([delivery(each, name) for name, each in days], at_once=1000)
    late = ("late", ("b", 0, FIRST + 601))
    with CaptureQueriesContext(connection) as captured:
        deliver([delivery(late[1], late[0])], at_once=1)
    check([*days, late])
    conditions = [query["sql"].partition(" WHERE ")[2].partition(" ORDER BY ")[0] for query in captured]
    of_times = [condition for condition in conditions if "create_in >" in condition]
    assert len(of_times) == 2
    assert all("create_in <=" in condition for condition in of_times)


def group_of(people: int, at: int, letter: str = "c") -> bytes:
    received = [message(f"{letter}{at}.{person}", at, sender=phone(person)) for person in range(people)]
    return body(value(messages=received))


def statements_for(delivered: bytes) -> int:
    assert store_bodies([SignedBody(delivered, Signature(None))]) == [None]
    with CaptureQueriesContext(connection) as captured:
        apply_all()
    return len(captured)


@pytest.mark.parametrize("late_by", [0, 60, 40 * HOUR])
def test_three_hundred_late_people_cost_few_statements_more_than_one(hub, numbers, late_by) -> None:
    last = START + 100 * HOUR
    deliver([group_of(300, START), group_of(300, last, "z")], at_once=2)
    one = statements_for(group_of(1, last - late_by, "a"))
    many = statements_for(group_of(300, last - late_by, "b"))
    assert many <= one + 10


def statements_of_each(few: bytes, many: bytes) -> tuple[int, int]:
    return statements_for(few), statements_for(many)


def test_an_address_book_of_hundreds_costs_few_statements(hub, numbers) -> None:
    deliver([group_of(300, START)], at_once=1)

    def book(people: range) -> bytes:
        received = [
            {"type": "contact", "contact": {"full_name": f"Pessoa {each}", "phone_number": phone(each)}, "action": "add"}
            | {"metadata": {"timestamp": str(START)}}
            for each in people
        ]
        return body(value(state_sync=received), field="smb_app_state_sync")

    one, many = statements_of_each(book(range(1)), book(range(1, 300)))
    assert Contact.objects.filter(name__startswith="Pessoa").count() == 300
    assert many <= one + 10


def test_hundreds_of_refusals_cost_few_statements(hub, numbers) -> None:
    deliver([echo_body(f"e{person}", START, to=phone(person)) for person in range(300)], at_once=300)

    def refusals(people: range) -> bytes:
        why = [{"code": 131047, "title": "Re-engagement message"}]
        received = [
            {"id": f"e{each}", "status": "failed", "timestamp": str(START), "recipient_id": "x", "errors": why} for each in people
        ]
        return body(value(statuses=received))

    one, many = statements_of_each(refusals(range(1)), refusals(range(1, 300)))
    assert Contact.objects.exclude(window_refused_at=None).count() == 300
    assert many <= one + 10


def test_messages_of_imported_history_that_come_live_too_cost_few_statements(hub, numbers) -> None:
    deliver([history_body(f"h{person}", START, sender=phone(person)) for person in range(300)], at_once=300)

    def live(people: range) -> bytes:
        return body(value(messages=[message(f"h{each}", START, sender=phone(each)) for each in people]))

    one, many = statements_of_each(live(range(1)), live(range(1, 300)))
    assert Message.objects.filter(origin="live").count() == 300
    assert Contact.objects.filter(unread_count=1).count() == 300
    assert many <= one + 10


def test_people_who_show_their_user_id_cost_few_statements(hub, numbers) -> None:
    deliver([group_of(300, START)], at_once=1)

    def shown(people: range) -> bytes:
        received = [message(f"u{each}", START + HOUR, sender=phone(each), bsuid=f"BR.{each}") for each in people]
        return body(value(messages=received))

    one, many = statements_of_each(shown(range(1)), shown(range(1, 300)))
    assert Contact.objects.exclude(bsuid=None).count() == 300
    assert many <= one + 10
