"""Conversations as webhooks tell them: sessions in the tables, statuses, reactions, edits, deletions, and what arrives late or
twice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from chats.models import Message, StatusEvent
from conftest import run_worker
from contacts.models import Contact
from jobs.models import MAX_ATTEMPTS
from webhooks.models import HeldItem, Webhook
from webhooks.processing.hold_reasons import Reason
from webhooks.tests.bodies import (
    ANA,
    HOUR,
    START,
    body,
    echo_body,
    history_body,
    message,
    status_body,
    system_body,
    text_body,
    value,
)

CARLOS = "556192047731"


@pytest.fixture(autouse=True)
def clock():
    """It is an hour after the first message."""
    with time_machine.travel(at(1), tick=True) as traveller:
        yield traveller


def at(hours: float) -> datetime:
    return datetime.fromtimestamp(START, UTC) + timedelta(hours=hours)


def row(wamid: str) -> Message:
    return Message.objects.get(wamid=wamid)


def customer(wamid: str, hours: float, **options: Any) -> bytes:
    return text_body(wamid, int(START + HOUR * hours), **options)


def business(wamid: str, hours: float, **options: Any) -> bytes:
    return echo_body(wamid, int(START + HOUR * hours), **options)


def sessions() -> list[list[str]]:
    """The wamids of each session, in order of time."""
    found: dict[Any, list[str]] = {}
    for each in Message.objects.order_by("create_in", "wamid"):
        found.setdefault(each.session_id, []).append(each.wamid)
    return list(found.values())


# Sessions (docs/architecture.md "Sessions and the service window")


def test_a_customer_s_message_opens_a_running_session(post_and_apply) -> None:
    post_and_apply(customer("c0", 0))
    assert (row("c0").expires_at, row("c0").is_active) == (at(24), True)
    contact = Contact.objects.get()
    assert (contact.session_id, contact.session_expires_at) == (row("c0").session_id, at(24))
    assert contact.window_expires_at == at(24)


def test_a_customer_s_next_message_moves_the_expiry(post_and_apply) -> None:
    post_and_apply(customer("c0", 0), customer("c1", 0.5))
    assert sessions() == [["c0", "c1"]]
    assert [row(each).expires_at for each in ("c0", "c1")] == [at(24), at(24.5)]
    assert Contact.objects.get().session_expires_at == at(24.5)


def test_a_business_message_joins_and_moves_neither_session_nor_window(post_and_apply) -> None:
    post_and_apply(customer("c0", 0), business("b1", 0.5))
    assert sessions() == [["c0", "b1"]]
    assert row("b1").expires_at == at(24)
    assert Contact.objects.get().window_expires_at == at(24)


def test_a_business_message_alone_opens_a_session_but_no_window(post_and_apply) -> None:
    post_and_apply(business("b0", 0))
    assert (row("b0").expires_at, row("b0").is_active) == (at(24), True)
    assert Contact.objects.get().window_expires_at is None


def test_a_customer_who_answers_in_time_joins_what_the_business_opened(post_and_apply) -> None:
    post_and_apply(business("b0", 0), customer("c1", 0.5), business("b2", 0.6))
    assert sessions() == [["b0", "c1", "b2"]]
    assert Contact.objects.get().session_expires_at == at(24.5)


def test_after_the_expiry_a_new_session_begins_and_the_old_one_is_closed(post_and_apply, clock) -> None:
    post_and_apply(customer("c0", 0), business("b1", 1))
    clock.move_to(at(26))
    post_and_apply(customer("c2", 25))
    assert sessions() == [["c0", "b1"], ["c2"]]
    assert [row(each).is_active for each in ("c0", "b1", "c2")] == [False, False, True]


def test_the_chore_closes_a_session_that_expired_without_another_message(post_and_apply, clock) -> None:
    post_and_apply(customer("c0", 0), customer("c1", 0.5))
    clock.move_to(at(24.4))
    run_worker()
    assert row("c0").is_active
    clock.move_to(at(24.5))
    run_worker()
    assert not Message.objects.filter(is_active=True).exists()
    assert not Contact.objects.get().session_is_active


def test_a_message_that_arrives_long_after_it_was_sent_is_in_a_closed_session(post_and_apply, clock) -> None:
    clock.move_to(at(100))
    post_and_apply(customer("c0", 0))
    assert (row("c0").expires_at, row("c0").is_active) == (at(24), False)
    assert Contact.objects.get().window_expires_at == at(24)


def test_a_late_message_is_assigned_to_the_session_that_covers_its_time(post_and_apply) -> None:
    post_and_apply(customer("c0", 0), customer("c2", 0.9), customer("late", 0.5))
    assert sessions() == [["c0", "late", "c2"]]
    assert Contact.objects.get().session_expires_at == at(24.9)
    assert Contact.objects.get().last_message_timestamp == at(0.9)


def test_a_late_message_of_long_ago_has_a_closed_session_of_its_own(post_and_apply) -> None:
    post_and_apply(customer("c0", 0), customer("late", -100))
    assert sessions() == [["late"], ["c0"]]
    assert (row("late").is_active, row("c0").is_active) == (False, True)
    assert Contact.objects.get().window_expires_at == at(24)


def test_a_late_message_that_bridges_two_sessions_joins_them_under_the_earlier_id(post_and_apply, clock) -> None:
    clock.move_to(at(41))
    post_and_apply(customer("c0", 0), business("b1", 1), customer("c2", 40))
    earlier = row("c0").session_id
    assert sessions() == [["c0", "b1"], ["c2"]]
    post_and_apply(customer("bridge", 20))
    assert sessions() == [["c0", "b1", "bridge", "c2"]]
    assert set(Message.objects.values_list("session_id", "is_active")) == {(earlier, True)}


def test_a_session_that_the_chore_closed_runs_again_for_a_late_message(post_and_apply, clock) -> None:
    post_and_apply(customer("c0", 0))
    clock.move_to(at(25))
    run_worker()
    assert not row("c0").is_active
    post_and_apply(customer("late", 2))
    assert sessions() == [["c0", "late"]]
    assert set(Message.objects.values_list("is_active", flat=True)) == {True}


def test_a_message_in_a_group_opens_no_window_of_the_person_s_own(post_and_apply) -> None:
    post_and_apply(body(value(messages=[message("g0") | {"group_id": "a-group"}])))
    assert Contact.objects.get().window_expires_at is None


def test_a_system_notice_opens_and_moves_nothing(post_and_apply) -> None:
    post_and_apply(customer("c0", 0), system_body("s1", START + HOUR // 2, old=ANA, new="556184112209"))
    assert sessions() == [["c0", "s1"]]
    contact = Contact.objects.get()
    assert (contact.session_expires_at, contact.window_expires_at) == (at(24), at(24))


def test_imported_history_moves_nothing_of_a_running_session(post_and_apply) -> None:
    post_and_apply(customer("c0", 0), history_body("h1", START - 30 * 24 * HOUR), history_body("h2", START + HOUR // 2))
    assert sessions() == [["h1"], ["c0", "h2"]]
    contact = Contact.objects.get()
    assert (contact.session_expires_at, contact.window_expires_at) == (at(24), at(24))
    assert not row("h1").is_active


def test_a_message_from_history_becomes_live_when_it_arrives_live(post_and_apply) -> None:
    post_and_apply(history_body("m", START), customer("m", 0))
    assert Message.objects.count() == 1
    assert (row("m").origin, row("m").expires_at, row("m").is_active) == ("live", at(24), True)
    assert Contact.objects.get().window_expires_at == at(24)
    post_and_apply(history_body("m", START))
    assert row("m").origin == "live"


def history_media(wamid: str, **who: str) -> bytes:
    told = {"id": wamid, "timestamp": str(START - HOUR), "type": "image", "image": {"id": "1", "caption": "foto"}, **who}
    return body(value(messages=[told]), field="history")


def history_placeholder(wamid: str, **who: str) -> bytes:
    told = {
        "id": wamid,
        "timestamp": str(START - HOUR),
        "type": "media_placeholder",
        "history_context": {"status": "PLAYED"},
        **who,
    }
    return body(value(history=[{"threads": [{"id": ANA, "messages": [told]}]}]), field="history")


OURS = {"from": "556133214400"}


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("media", [{"from": ANA}, OURS | {"to": ANA}])
def test_the_media_of_imported_history_fill_their_placeholder_whichever_comes_first(post_and_apply, turn, media) -> None:
    """Meta's own sample of the media names the customer as sender of what the business sent."""
    post_and_apply(*[history_placeholder("m", **OURS), history_media("m", **media)][::turn])
    stored = row("m")
    assert (stored.kind, stored.content, stored.payload["image"]["id"]) == ("image", "foto", "1")
    assert (stored.is_user_message, stored.wa_id, stored.wa_id_received) == (False, "556133214400", ANA)
    assert (stored.message_status, stored.origin) == ("played", "history")


def test_media_without_a_person_find_their_message(post_and_apply) -> None:
    post_and_apply(history_placeholder("m", **OURS), history_media("m", **OURS))
    assert (row("m").kind, Contact.objects.get().wa_id) == ("image", ANA)


def test_media_without_a_person_wait_for_their_message(post_and_apply) -> None:
    post_and_apply(history_media("m", **OURS))
    assert (HeldItem.objects.get().state, Contact.objects.count()) == ("due", 0)
    assert HeldItem.objects.get().reason == f"{Reason.MESSAGE_UNKNOWN}: m."
    for _ in range(MAX_ATTEMPTS):  # its thread may arrive days later
        HeldItem.objects.update(due_at=at(0))
        run_worker()
    assert HeldItem.objects.get().state == "due"
    post_and_apply(history_placeholder("m", **OURS))
    HeldItem.objects.update(due_at=at(0))
    run_worker()
    assert row("m").kind == "image"
    assert not HeldItem.objects.exists()


# Statuses (docs/meta-platform.md 4)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (["sent", "delivered", "read"], "read"),
        (["read", "delivered", "sent"], "read"),
        (["delivered"], "delivered"),
        (["played", "read"], "played"),
        (["sent", "failed"], "failed"),
        (["failed", "sent"], "failed"),
        (["delivered", "failed"], "delivered"),
        (["failed", "delivered"], "delivered"),
        (["warning"], "sent"),
        (["delivered", "delivered"], "delivered"),
    ],
)
def test_a_message_only_moves_forward(post_and_apply, told, shown) -> None:
    post_and_apply(business("b", 0), *(status_body("b", each, START + 5) for each in told))
    assert row("b").message_status == shown
    assert StatusEvent.objects.count() == len(set(told))


def test_a_status_that_comes_before_its_message_waits_for_it(post_and_apply) -> None:
    post_and_apply(status_body("b", "read", START + 9), status_body("b", "delivered", START + 5))
    assert not Message.objects.exists()
    post_and_apply(business("b", 0))
    assert row("b").message_status == "read"


def test_a_status_keeps_its_time_its_price_and_its_errors(post_and_apply) -> None:
    price = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"}
    error = {"code": 131026, "title": "Message undeliverable", "error_data": {"details": "…"}}
    post_and_apply(status_body("b", "sent", START + 5, pricing=price), status_body("b", "failed", START + 7, errors=[error]))
    sent, failed = StatusEvent.objects.order_by("occurred_at")
    assert (sent.pricing, sent.occurred_at) == (price, at(0) + timedelta(seconds=5))
    assert (failed.errors, failed.occurred_at) == ([error], at(0) + timedelta(seconds=7))


def test_a_customer_s_own_message_has_no_status_to_move(post_and_apply) -> None:
    post_and_apply(customer("c", 0), status_body("c", "read"))
    assert row("c").message_status == "received"


def test_in_a_group_each_participant_has_a_receipt_of_their_own(post_and_apply) -> None:
    receipts = [status_body("b", "read", recipient_type="group", recipient_participant_id=each) for each in (ANA, CARLOS)]
    post_and_apply(*receipts, *receipts)
    assert sorted(StatusEvent.objects.values_list("participant", flat=True)) == [ANA, CARLOS]


# Reactions, edits and deletions


def act(kind: str, wamid: str, target: str, hours: float = 0.1, *, sender: str = ANA, **content: Any) -> bytes:
    named = {"message_id": target} if kind == "reaction" else {"original_message_id": target}
    told = message(wamid, int(START + HOUR * hours), sender=sender) | {"type": kind, kind: named | content}
    return body(value(messages=[told]))


def edited(text: str) -> dict[str, Any]:
    return {"message": {"type": "text", "text": {"body": text}}}


def test_a_reaction_shows_on_the_message_it_is_about(post_and_apply) -> None:
    post_and_apply(business("b", 0), act("reaction", "r", "b", emoji="👍"))
    assert row("b").reactions == {ANA: "👍"}


def test_a_reaction_of_meta_s_agent_shows_on_the_message_it_is_about(post_and_apply) -> None:
    request = {"messaging_product": "whatsapp", "to": ANA, "type": "reaction", "reaction": {"message_id": "c", "emoji": "👍"}}
    echo = {"id": "r", "timestamp": str(START + 5), "message": request}
    post_and_apply(customer("c", 0), body(value(standby={"message_echoes": [echo]}), field="standby"))
    assert row("c").reactions == {"556133214400": "👍"}


def test_the_newest_reaction_counts_whatever_the_order(post_and_apply) -> None:
    post_and_apply(business("b", 0), act("reaction", "r2", "b", 0.3, emoji="🙏"), act("reaction", "r1", "b", 0.2, emoji="👍"))
    assert row("b").reactions == {ANA: "🙏"}


@pytest.mark.parametrize("removal", [{}, {"emoji": ""}])
def test_a_reaction_taken_back_is_gone(post_and_apply, removal) -> None:
    post_and_apply(business("b", 0), act("reaction", "r1", "b", 0.2, emoji="👍"), act("reaction", "r2", "b", 0.3, **removal))
    assert row("b").reactions is None


def test_an_edit_shows_and_keeps_the_original(post_and_apply) -> None:
    post_and_apply(customer("c", 0, text="first"), act("edit", "e", "c", **edited("second")))
    assert (row("c").content, row("c").edited_content, row("c").edited_at) == ("first", "second", at(0.1))
    assert row("c").payload["text"]["body"] == "first"


def test_a_deletion_marks_the_message_and_keeps_it(post_and_apply) -> None:
    post_and_apply(customer("c", 0, text="first"), act("revoke", "d", "c"))
    assert (row("c").content, row("c").revoked_at) == ("first", at(0.1))


@pytest.mark.parametrize("kind", ["reaction", "edit", "revoke"])
def test_a_change_of_a_message_may_arrive_before_it(post_and_apply, kind) -> None:
    post_and_apply(act(kind, "a", "c", emoji="👍", **edited("second")), customer("c", 0, text="first"))
    shown = {"reaction": row("c").reactions, "edit": row("c").edited_content, "revoke": row("c").revoked_at}[kind]
    assert shown == {"reaction": {ANA: "👍"}, "edit": "second", "revoke": at(0.1)}[kind]


@pytest.mark.parametrize("kind", ["edit", "revoke"])
def test_only_the_sender_edits_or_deletes_a_message(post_and_apply, kind) -> None:
    post_and_apply(
        customer("c", 0), business("b", 0), act(kind, "a1", "b", **edited("x")), act(kind, "a2", "c", sender=CARLOS, **edited("x"))
    )
    assert not Message.objects.exclude(edited_content=None, revoked_at=None).exists()


def test_a_stranger_s_reaction_is_not_shown(post_and_apply) -> None:
    post_and_apply(customer("c", 0), act("reaction", "r", "c", sender=CARLOS, emoji="👍"))
    assert row("c").reactions is None


# Repetition


def test_the_same_body_twice_and_its_message_in_another_batch_is_one_message(post_and_apply) -> None:
    one = customer("c", 0)
    post_and_apply(one, one, body(value(messages=[message("other", START + 1), message("c", START)])))
    assert Webhook.objects.count() == 3
    assert list(Message.objects.order_by("wamid").values_list("wamid", flat=True)) == ["c", "other"]


def test_ids_that_differ_only_in_case_are_two_messages(post_and_apply) -> None:
    post_and_apply(customer("wamid.abc", 0), customer("wamid.ABC", 0))
    assert Message.objects.count() == 2
