"""Preferences and changes of identity whose time is missing or in the future: they count from their first arrival, in any order,
however often they come, and after a rebuild."""

import itertools
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chats.models import Message
from conftest import apply_all
from contacts.models import ConsentDecision, Contact, RetiredIdentity
from webhooks.tests.bodies import HOUR, START, body, echo_body, status_body, system_body, text_body, value
from webhooks.tests.order_and_times.test_any_order import forget, rows
from webhooks.tests.order_and_times.test_wrong_clocks import YEAR, Delivery, at, deliver
from webhooks.tests.test_people import B1, B2, W1, W2, said

DAY = 24 * HOUR
NEVER_TRUE = [None, START + YEAR]


def preference(choice: str, timestamp: int | None, **who: str) -> bytes:
    received = {**(who or {"wa_id": W1}), "category": "marketing_messages", "value": choice, "timestamp": timestamp}
    return body(value(user_preferences=[received]), field="user_preferences")


def update(timestamp: int | None, **phone: str) -> bytes:
    received = {"detail": "…", "user_id": {"previous": B1, "current": B2}, "timestamp": timestamp, **phone}
    return body(value(user_id_update=[received]), field="user_id_update")


def everything() -> dict[str, list[Any]]:
    people = {each.pk: (each.wa_id, each.bsuid) for each in Contact.objects.all()}
    choices = ConsentDecision.objects.order_by("decided_at", "key").values_list("contact", "key", "withdrawn", "decided_at")
    retired = RetiredIdentity.objects.order_by("value").values_list("contact", "value", "retired_at")
    return rows() | {
        "choices": [(people[pk], *row) for pk, *row in choices],
        "retired at": [(people[pk], *row) for pk, *row in retired],
    }


def rebuild() -> None:
    call_command("replay", "--rebuild", stdout=StringIO())
    apply_all()


def same_in_any_order(deliveries: list[Delivery]) -> None:
    """Every order, every other one with repetitions, and a rebuild end in the rows that the order of arrival ends in."""
    deliver(*sorted(deliveries, key=lambda delivery: delivery[1]))
    expected = everything()
    rebuild()
    assert everything() == expected
    for index, order in enumerate(itertools.permutations(deliveries)):
        forget()
        deliver(*order, *order[: index % 2 * 2])
        found = everything()
        assert {kind: each for kind, each in found.items() if each != expected[kind]} == {}
    rebuild()
    assert everything() == expected


@pytest.mark.parametrize("timestamp", NEVER_TRUE)
def test_a_choice_without_a_time_was_made_when_it_first_arrived(hub, numbers, timestamp) -> None:
    stop = preference("stop", timestamp)
    same_in_any_order(
        [
            (text_body("wamid.1", START, sender=W1), START),
            (stop, START + HOUR),
            (preference("resume", START + 2 * HOUR), START + 2 * HOUR),
            (stop, START + 3 * DAY),
        ]
    )
    contact = Contact.objects.get()
    assert (contact.marketing_stopped, contact.marketing_at) == (False, at(START + 2 * HOUR))
    assert contact.wa_id_at == at(START + 2 * HOUR)
    assert ConsentDecision.objects.count() == 2


def test_a_contact_with_only_a_choice_was_first_seen_when_it_first_arrived(hub, numbers) -> None:
    stop = preference("stop", None, wa_id=W1, user_id=B1)
    same_in_any_order([(stop, START + HOUR), (stop, START), (stop, START + DAY)])
    contact = Contact.objects.get()
    assert (contact.create_in, contact.wa_id_at, contact.marketing_at) == (at(START), at(START), at(START))


@pytest.mark.parametrize("is_stop_first", [False, True])
def test_of_two_choices_at_one_time_the_person_stopped(hub, numbers, is_stop_first) -> None:
    choices = [(preference("stop", START), START), (preference("resume", START), START)]
    deliver(*(choices if is_stop_first else choices[::-1]))
    assert Contact.objects.get().marketing_stopped


def test_a_repeated_choice_is_not_applied_to_the_present_owner_of_the_phone(hub, numbers) -> None:
    stop = preference("stop", None)
    ana = text_body("wamid.1", START, sender=W1, bsuid=B1)
    bia = text_body("wamid.2", START + DAY, sender=W1, bsuid=B2)
    for order in ([0, 1, 2, 3], [0, 2, 3, 1]):
        forget()
        deliveries = [(ana, START), (stop, START + HOUR), (bia, START + DAY), (stop, START + 2 * DAY)]
        deliver(*(deliveries[index] for index in order))
        for again in (lambda: None, rebuild):
            again()
            assert dict(Contact.objects.values_list("bsuid", "marketing_stopped")) == {B1: True, B2: False}
            assert Contact.objects.get(bsuid=B2).wa_id_at == at(START + DAY)


def test_a_refusal_of_meta_s_counts_with_the_choices(hub, numbers) -> None:
    refused = status_body("wamid.e", "failed", START + HOUR, errors=[{"code": 131050}])
    stop = preference("stop", None)
    same_in_any_order(
        [
            (echo_body("wamid.e", START, to=W1), START),
            (refused, START + HOUR),
            (preference("resume", START - HOUR), START - HOUR),
            (stop, START + DAY),
        ]
    )
    assert Contact.objects.get().marketing_at == at(START + DAY)


def test_a_refusal_of_graph_stays_after_a_rebuild(hub, numbers) -> None:
    deliver((text_body("wamid.1", START, sender=W1), START))
    contact = Contact.objects.get()
    contact.record_refusal(None, marketing_at=at(START + HOUR))
    contact.save()
    rebuild()
    contact.refresh_from_db()
    assert (contact.marketing_stopped, contact.marketing_at) == (True, at(START + HOUR))


def test_a_merged_contact_has_the_choices_of_both(hub, numbers) -> None:
    stop = preference("stop", None, user_id=B2)
    deliveries: list[Delivery] = [
        (said("old", 0, None, B1), START),
        (said("new", 1, None, B2), START + HOUR),
        (stop, START + 3 * HOUR),
        (preference("resume", START + 2 * HOUR, user_id=B1), START + 2 * HOUR),
        (update(START + HOUR), START + 4 * HOUR),
        (stop, START + DAY),
    ]
    deliver(*deliveries)
    for again in (lambda: None, rebuild, lambda: deliver(*deliveries)):
        again()
        contact = Contact.objects.get()
        assert (contact.marketing_stopped, contact.marketing_at) == (True, at(START + 3 * HOUR))


@pytest.mark.parametrize("timestamp", NEVER_TRUE)
@pytest.mark.parametrize("phone", [{}, {"wa_id": W1}])
def test_a_change_of_user_id_without_a_time_was_when_it_first_arrived(hub, numbers, timestamp, phone) -> None:
    received = update(timestamp, **phone)
    same_in_any_order(
        [
            (text_body("wamid.1", START, sender=W1, bsuid=B1), START),
            (received, START + HOUR),
            (text_body("wamid.2", START + 2 * HOUR, sender=W1, bsuid=B2), START + 2 * HOUR),
            (received, START + 3 * DAY),
        ]
    )
    contact = Contact.objects.get()
    assert (contact.bsuid, contact.wa_id_at) == (B2, at(START + 2 * HOUR))
    assert RetiredIdentity.objects.get().retired_at == at(START + HOUR)


def test_a_change_of_an_unknown_person(hub, numbers) -> None:
    received = update(None, wa_id=W1)
    same_in_any_order([(received, START + HOUR), (received, START), (received, START + DAY)])
    contact = Contact.objects.get()
    assert (contact.create_in, contact.wa_id_at) == (at(START), at(START))


def test_a_change_that_comes_again_takes_no_phone_back(hub, numbers) -> None:
    received = update(None, wa_id=W1)
    deliver(
        (text_body("wamid.1", START, sender=W1, bsuid=B1), START),
        (received, START + HOUR),
        (text_body("wamid.2", START + DAY, sender=W1, bsuid="BR.9"), START + DAY),
        (received, START + 2 * DAY),
    )
    for again in (lambda: None, rebuild):
        again()
        assert dict(Contact.objects.values_list("bsuid", "wa_id")) == {B2: None, "BR.9": W1}


def test_a_notice_of_a_new_number_without_a_time_was_when_it_first_arrived(hub, numbers) -> None:
    received = system_body("wamid.s", START + YEAR, old=W1, new=W2, user_id=B2, previous_user_id=B1)
    same_in_any_order(
        [
            (text_body("wamid.1", START, sender=W1, bsuid=B1), START),
            (received, START + HOUR),
            (received, START + 3 * DAY),
        ]
    )
    contact = Contact.objects.get()
    assert (contact.wa_id, contact.wa_id_at, contact.bsuid) == (W2, at(START + HOUR), B2)
    assert set(RetiredIdentity.objects.values_list("retired_at", flat=True)) == {at(START + HOUR)}
    assert Message.objects.get(kind="system").create_in == at(START + HOUR)


@pytest.mark.parametrize("told_at", [START + HOUR, None])
def test_a_contact_that_got_its_phone_back_has_it_as_current(hub, numbers, told_at) -> None:
    """Two contacts had the phone one after the other, and turn out to be one."""
    deliver(
        (text_body("wamid.1", START, sender=W1, bsuid=B1), START),
        (text_body("wamid.2", START + 2 * HOUR, sender=W1, bsuid=B2), START + 2 * HOUR),
        (update(told_at), START + 3 * HOUR),
    )
    assert list(Contact.objects.values_list("wa_id", "bsuid")) == [(W1, B2)]
    assert list(RetiredIdentity.objects.values_list("value", flat=True)) == [B1]


def statements(count: int) -> int:
    """Of so many choices that come again, later and earlier."""
    forget()
    received = [{"wa_id": f"5561981500{each:03}", "category": "marketing_messages", "value": "stop"} for each in range(count)]
    both = body(value(user_preferences=received), field="user_preferences")
    deliver((both, START))
    with CaptureQueriesContext(connection) as asked:
        deliver((both, START + HOUR), (both, START - HOUR))
    assert list(ConsentDecision.objects.values_list("decided_at", flat=True)) == [at(START - HOUR)] * count
    return len(asked)


def test_many_choices_cost_as_many_statements_as_few(hub, numbers) -> None:
    assert statements(60) <= statements(5) + 4


def entry(timestamp: int | None, **who: str) -> bytes:
    """Returns a webhook with an entry of the WhatsApp Business app's address book."""
    received = {"type": "contact", "action": "add", "contact": {"full_name": "Ana", **who}, "metadata": {"timestamp": timestamp}}
    return body(value(state_sync=[received]), field="smb_app_state_sync")


def phones() -> dict[str | None, str | None]:
    return dict(Contact.objects.values_list("bsuid", "wa_id"))


@pytest.mark.parametrize("timestamp", NEVER_TRUE)
@pytest.mark.parametrize("arrives_at", [5, 15, 25])
def test_an_entry_without_a_time_replaces_no_phone_that_a_message_showed(hub, numbers, timestamp, arrives_at) -> None:
    shown = (said("m1", 10, W2, B1), START + arrives_at * HOUR + DAY)
    same_in_any_order([shown, (entry(timestamp, phone_number=W1, user_id=B1), START + 15 * HOUR + DAY)])
    assert phones() == {B1: W2}


@pytest.mark.parametrize("timestamp", NEVER_TRUE)
def test_an_entry_without_a_time_takes_no_phone_from_a_contact_that_a_message_showed_with_it(hub, numbers, timestamp) -> None:
    listed = (entry(timestamp, phone_number=W1, user_id=B1), START + 15 * HOUR)
    same_in_any_order([(said("m1", 10, W1, B2), START + 10 * HOUR), listed, (said("m2", 20, W1, B2), START + 20 * HOUR)])
    assert phones() == {B1: None, B2: W1}


def test_a_repeated_entry_without_a_time_takes_no_phone_back(hub, numbers) -> None:
    listed = entry(None, phone_number=W1, user_id=B1)
    deliver((listed, START))
    assert phones() == {B1: W1}
    deliver((said("m1", 10, W2, B1), START + 10 * HOUR), (said("m2", 11, W1, B2), START + 11 * HOUR))
    before = everything()
    deliver((listed, START + 20 * HOUR))
    assert (phones(), everything()) == ({B1: W2, B2: W1}, before)


def test_an_entry_with_a_time_counts_with_the_messages(hub, numbers) -> None:
    same_in_any_order(
        [
            (said("m1", 10, W2, B1), START + 10 * HOUR),
            (entry(START + 20 * HOUR, phone_number=W1, user_id=B1), START + 20 * HOUR),
        ]
    )
    assert phones() == {B1: W1}
