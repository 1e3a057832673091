"""The session rules, and that only times decide."""

import uuid
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chats.conversations.sessions.session_rules import (
    Session,
    SessionAssignment,
    SessionEffect,
    SessionMessage,
    assign_sessions,
    session_after,
    session_id,
)

START = datetime(2026, 11, 18, 12, tzinfo=UTC)


def hours(count: float) -> datetime:
    return START + timedelta(hours=count)


def customer(at: float, key: str = "") -> SessionMessage:
    return SessionMessage(key or f"c{at}", hours(at), SessionEffect.CUSTOMER)


def business(at: float, key: str = "") -> SessionMessage:
    return SessionMessage(key or f"b{at}", hours(at), SessionEffect.BUSINESS)


def notice(at: float) -> SessionMessage:
    return SessionMessage(f"n{at}", hours(at), SessionEffect.NOTICE)


def history(at: float) -> SessionMessage:
    return SessionMessage(f"h{at}", hours(at), SessionEffect.HISTORY)


def assign(*messages: SessionMessage, running: Session | None = None) -> dict[str, SessionAssignment]:
    return {each.message.key: each for each in assign_sessions(messages, scope="1", running=running)}


def test_first_customer_message_opens_a_session_of_24_hours() -> None:
    assigned = assign(customer(0))["c0"]
    assert assigned.expires_at == hours(24)
    assert assigned.session_id.version == 4


def test_customer_message_in_a_running_session_joins_it_and_moves_the_expiry() -> None:
    assigned = assign(customer(0), customer(5))
    assert assigned["c5"].session_id == assigned["c0"].session_id
    assert (assigned["c0"].expires_at, assigned["c5"].expires_at) == (hours(24), hours(29))


def test_a_session_has_ended_at_its_expiry() -> None:
    assigned = assign(customer(0), customer(24))
    assert assigned["c24"].session_id != assigned["c0"].session_id
    assert assigned["c24"].expires_at == hours(48)


def test_business_message_joins_and_does_not_move_the_expiry() -> None:
    assigned = assign(customer(0), business(3))
    assert assigned["b3"].session_id == assigned["c0"].session_id
    assert assigned["b3"].expires_at == hours(24)


def test_business_message_alone_opens_a_session_that_the_customer_joins() -> None:
    assigned = assign(business(0), customer(10), business(11))
    assert len({each.session_id for each in assigned.values()}) == 1
    assert [assigned[key].expires_at for key in ("b0", "c10", "b11")] == [hours(24), hours(34), hours(34)]


def test_late_message_is_assigned_to_the_session_that_covers_its_time() -> None:
    assigned = assign(customer(0), customer(5), customer(3))
    assert len({each.session_id for each in assigned.values()}) == 1
    assert assigned["c5"].expires_at == hours(29)


def test_late_message_between_two_sessions_joins_them_under_the_earlier_id() -> None:
    apart = assign(customer(0), customer(30))
    assert apart["c0"].session_id != apart["c30"].session_id
    joined = assign(customer(0), customer(30), customer(20))
    assert {each.session_id for each in joined.values()} == {apart["c0"].session_id}


def test_late_message_long_before_is_in_a_closed_session_of_its_own() -> None:
    assigned = assign(customer(0), customer(-100))
    assert assigned["c-100"].session_id != assigned["c0"].session_id
    assert assigned["c-100"].expires_at == hours(-76)


def test_system_notice_joins_but_opens_nothing_and_moves_nothing() -> None:
    assigned = assign(customer(0), notice(2), notice(50))
    assert assigned["n2"].session_id == assigned["c0"].session_id
    assert assigned["n2"].expires_at == hours(24)
    assert assigned["n50"].expires_at == hours(50)
    assert assigned["n50"].latest is not None
    assert assigned["n50"].latest.id == assigned["c0"].session_id


def test_imported_history_never_opens_a_running_session() -> None:
    assigned = assign(history(0), history(2), history(40), customer(41))
    assert assigned["h0"].session_id == assigned["h2"].session_id != assigned["h40"].session_id
    assert [assigned[key].expires_at for key in ("h0", "h2", "h40")] == [hours(0), hours(2), hours(40)]
    assert assigned["h40"].latest is None
    assert assigned["c41"].session_id != assigned["h40"].session_id


def test_imported_history_inside_a_live_session_joins_it() -> None:
    assigned = assign(customer(0), history(1))
    assert assigned["h1"].session_id == assigned["c0"].session_id
    assert assigned["h1"].expires_at == hours(24)


def test_a_running_session_is_continued() -> None:
    running = Session(uuid.uuid4(), hours(1))
    assert assign(customer(0), running=running)["c0"].session_id == running.id
    assert assign(customer(2), running=running)["c2"].session_id != running.id


def test_two_numbers_have_different_session_ids() -> None:
    assert session_id("1", "wamid.x") != session_id("2", "wamid.x")
    assert session_id("1", "wamid.x") == session_id("1", "wamid.x")


messages = st.lists(
    st.builds(
        lambda at, effect, key: SessionMessage(f"{key}-{at}-{effect.name}", hours(at), effect),
        at=st.integers(0, 24 * 6).map(lambda number: number / 2),
        effect=st.sampled_from(SessionEffect),
        key=st.integers(0, 2),
    ),
    unique_by=lambda message: message.key,
    max_size=14,
)


@given(messages, st.randoms())
def test_sessions_depend_on_times_and_not_on_the_order_of_arrival(sent: list[SessionMessage], dice) -> None:
    shuffled = list(sent)
    dice.shuffle(shuffled)
    assert assign(*sent) == assign(*shuffled)


@given(messages)
def test_sessions_have_no_gap_and_no_overlap(sent: list[SessionMessage]) -> None:
    """Compares with the rules written as intervals."""
    live = [
        each for each in assign_sessions(sent, scope="1") if each.message.effect in (SessionEffect.CUSTOMER, SessionEffect.BUSINESS)
    ]
    for before, after in pairwise(live):
        assert (after.session_id == before.session_id) == (after.message.sent_at < before.expires_at)
        if after.session_id == before.session_id:
            assert after.expires_at >= before.expires_at
        moved = after.message.effect is SessionEffect.CUSTOMER or after.session_id != before.session_id
        assert after.expires_at == (
            max(before.expires_at, after.message.sent_at + timedelta(hours=24)) if moved else before.expires_at
        )


@given(messages, st.integers(0, 14))
def test_two_steps_give_the_same_sessions_as_one(sent: list[SessionMessage], cut: int) -> None:
    ordered = sorted(
        (each for each in sent if each.effect in (SessionEffect.CUSTOMER, SessionEffect.BUSINESS)),
        key=lambda each: (each.sent_at, each.key),
    )
    first = list(assign_sessions(ordered[:cut], scope="1"))
    rest = list(assign_sessions(ordered[cut:], scope="1", running=first[-1].latest if first else None))
    assert [(each.message, each.session_id, each.expires_at) for each in [*first, *rest]] == [
        (each.message, each.session_id, each.expires_at) for each in assign_sessions(ordered, scope="1")
    ]


@given(messages, st.integers(0, 14))
def test_assignment_continues_after_any_message(sent: list[SessionMessage], cut: int) -> None:
    """Imported history and notices count if they determine which session runs."""
    ordered = sorted(sent, key=lambda each: (each.sent_at, each.key))
    assigned = list(assign_sessions(ordered, scope="1"))
    running: Session | None = None
    for each in assigned[:cut]:
        running = session_after(each.message, each.session_id, each.expires_at) or running
    rest = assign_sessions(ordered[cut:], scope="1", running=running)
    assert [(each.message, each.session_id, each.expires_at) for each in rest] == [
        (each.message, each.session_id, each.expires_at) for each in assigned[cut:]
    ]
