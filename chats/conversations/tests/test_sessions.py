"""The session rules by name, and the promise that only times decide."""

import uuid
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chats.conversations.sessions import (
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


def aside(at: float) -> SessionMessage:
    return SessionMessage(f"a{at}", hours(at), SessionEffect.ASIDE)


def history(at: float) -> SessionMessage:
    return SessionMessage(f"h{at}", hours(at), SessionEffect.HISTORY)


def file(*entries: SessionMessage, running: Session | None = None) -> dict[str, SessionAssignment]:
    return {filing.entry.key: filing for filing in assign_sessions(entries, scope="1", running=running)}


def test_first_customer_message_opens_a_session_of_24_hours() -> None:
    filed = file(customer(0))["c0"]
    assert filed.expires_at == hours(24)
    assert filed.session_id.version == 4


def test_customer_message_in_a_running_session_joins_it_and_moves_the_expiry() -> None:
    filed = file(customer(0), customer(5))
    assert filed["c5"].session_id == filed["c0"].session_id
    assert (filed["c0"].expires_at, filed["c5"].expires_at) == (hours(24), hours(29))


def test_a_session_has_ended_at_the_very_moment_it_expires() -> None:
    filed = file(customer(0), customer(24))
    assert filed["c24"].session_id != filed["c0"].session_id
    assert filed["c24"].expires_at == hours(48)


def test_business_message_joins_and_does_not_move_the_expiry() -> None:
    filed = file(customer(0), business(3))
    assert filed["b3"].session_id == filed["c0"].session_id
    assert filed["b3"].expires_at == hours(24)


def test_business_message_alone_opens_a_session_that_the_customer_joins() -> None:
    filed = file(business(0), customer(10), business(11))
    assert len({each.session_id for each in filed.values()}) == 1
    assert [filed[key].expires_at for key in ("b0", "c10", "b11")] == [hours(24), hours(34), hours(34)]


def test_late_message_is_filed_in_the_session_that_covers_its_time() -> None:
    filed = file(customer(0), customer(5), customer(3))
    assert len({each.session_id for each in filed.values()}) == 1
    assert filed["c5"].expires_at == hours(29)


def test_late_message_between_two_sessions_joins_them_under_the_earlier_id() -> None:
    apart = file(customer(0), customer(30))
    assert apart["c0"].session_id != apart["c30"].session_id
    joined = file(customer(0), customer(30), customer(20))
    assert {each.session_id for each in joined.values()} == {apart["c0"].session_id}


def test_late_message_long_before_is_in_a_closed_session_of_its_own() -> None:
    filed = file(customer(0), customer(-100))
    assert filed["c-100"].session_id != filed["c0"].session_id
    assert filed["c-100"].expires_at == hours(-76)


def test_system_notice_joins_but_opens_nothing_and_moves_nothing() -> None:
    filed = file(customer(0), aside(2), aside(50))
    assert filed["a2"].session_id == filed["c0"].session_id
    assert filed["a2"].expires_at == hours(24)
    assert filed["a50"].expires_at == hours(50)
    assert filed["a50"].latest is not None
    assert filed["a50"].latest.id == filed["c0"].session_id


def test_imported_history_never_opens_a_running_session() -> None:
    filed = file(history(0), history(2), history(40), customer(41))
    assert filed["h0"].session_id == filed["h2"].session_id != filed["h40"].session_id
    assert [filed[key].expires_at for key in ("h0", "h2", "h40")] == [hours(0), hours(2), hours(40)]
    assert filed["h40"].latest is None
    assert filed["c41"].session_id != filed["h40"].session_id


def test_imported_history_inside_a_live_session_joins_it() -> None:
    filed = file(customer(0), history(1))
    assert filed["h1"].session_id == filed["c0"].session_id
    assert filed["h1"].expires_at == hours(24)


def test_a_running_session_is_continued() -> None:
    running = Session(uuid.uuid4(), hours(1))
    assert file(customer(0), running=running)["c0"].session_id == running.id
    assert file(customer(2), running=running)["c2"].session_id != running.id


def test_session_ids_of_two_numbers_never_meet() -> None:
    assert session_id("1", "wamid.x") != session_id("2", "wamid.x")
    assert session_id("1", "wamid.x") == session_id("1", "wamid.x")


entries = st.lists(
    st.builds(
        lambda at, role, key: SessionMessage(f"{key}-{at}-{role.name}", hours(at), role),
        at=st.integers(0, 24 * 6).map(lambda number: number / 2),
        role=st.sampled_from(SessionEffect),
        key=st.integers(0, 2),
    ),
    unique_by=lambda entry: entry.key,
    max_size=14,
)


@given(entries, st.randoms())
def test_only_times_decide_never_the_order_of_arrival(told: list[SessionMessage], dice) -> None:
    shuffled = list(told)
    dice.shuffle(shuffled)
    assert file(*told) == file(*shuffled)


@given(entries)
def test_what_a_session_has_leaves_no_gap_and_no_overlap(told: list[SessionMessage]) -> None:
    """Checked against the rules said another way: by intervals instead of a fold."""
    live = [
        each for each in assign_sessions(told, scope="1") if each.entry.role in (SessionEffect.CUSTOMER, SessionEffect.BUSINESS)
    ]
    for before, after in pairwise(live):
        assert (after.session_id == before.session_id) == (after.entry.at < before.expires_at)
        if after.session_id == before.session_id:
            assert after.expires_at >= before.expires_at
        moved = after.entry.role is SessionEffect.CUSTOMER or after.session_id != before.session_id
        assert after.expires_at == (max(before.expires_at, after.entry.at + timedelta(hours=24)) if moved else before.expires_at)


@given(entries, st.integers(0, 14))
def test_filing_in_two_steps_is_filing_at_once(told: list[SessionMessage], cut: int) -> None:
    ordered = sorted(
        (each for each in told if each.role in (SessionEffect.CUSTOMER, SessionEffect.BUSINESS)),
        key=lambda each: (each.at, each.key),
    )
    first = list(assign_sessions(ordered[:cut], scope="1"))
    rest = list(assign_sessions(ordered[cut:], scope="1", running=first[-1].latest if first else None))
    assert [(each.entry, each.session_id, each.expires_at) for each in [*first, *rest]] == [
        (each.entry, each.session_id, each.expires_at) for each in assign_sessions(ordered, scope="1")
    ]


@given(entries, st.integers(0, 14))
def test_filing_goes_on_from_what_any_message_left(told: list[SessionMessage], cut: int) -> None:
    """Of imported history and notices too, as far as these say which session ran."""
    ordered = sorted(told, key=lambda each: (each.at, each.key))
    filed = list(assign_sessions(ordered, scope="1"))
    running: Session | None = None
    for each in filed[:cut]:
        running = session_after(each.entry, each.session_id, each.expires_at) or running
    rest = assign_sessions(ordered[cut:], scope="1", running=running)
    assert [(each.entry, each.session_id, each.expires_at) for each in rest] == [
        (each.entry, each.session_id, each.expires_at) for each in filed[cut:]
    ]
