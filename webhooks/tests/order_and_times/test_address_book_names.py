"""Names of the phone app's address book: the latest entry counts until the person has a profile name, whatever the order of
arrival, however often the entries come, and after a rebuild."""

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contacts.models import Contact
from webhooks.tests.bodies import HOUR, START, body, value
from webhooks.tests.order_and_times.test_any_order import forget
from webhooks.tests.order_and_times.test_undated_people import everything, rebuild, same_in_any_order, update
from webhooks.tests.order_and_times.test_wrong_clocks import YEAR, Delivery, deliver
from webhooks.tests.test_people import B1, W1, said


def entry(name: str, timestamp: int | None, **who: str) -> bytes:
    contact = {"full_name": name, **(who or {"phone_number": W1})}
    received = {"type": "contact", "action": "add", "contact": contact, "metadata": {"timestamp": timestamp}}
    return body(value(state_sync=[received]), field="smb_app_state_sync")


@st.composite
def stories(draw: Any) -> list[Delivery]:
    """Entries of one person, with times, without them and with times of the future, and messages with and without a name."""
    found: list[Delivery] = []
    for number in range(draw(st.integers(2, 5))):
        hour = draw(st.integers(0, 20))
        if draw(st.integers(0, 3)) == 0:
            name = draw(st.sampled_from(("", "", "Profile A", "Profile B")))
            found.append((said(f"m{number}", hour, W1, B1, name=name), START + hour * HOUR))
        else:
            timestamp = draw(st.sampled_from((None, START + hour * HOUR, START + hour * HOUR, START + YEAR)))
            who = draw(st.sampled_from(({"phone_number": W1}, {"phone_number": W1, "user_id": B1})))
            arrived_at = START + HOUR * (hour + draw(st.sampled_from((0, 0, 1, 30))))
            found.append((entry(draw(st.sampled_from(("Ana", "Ana Maria", "Zoe"))), timestamp, **who), arrived_at))
    return found


@pytest.mark.usefixtures("numbers")
@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(stories(), st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_end_in_the_same_rows(story: list[Delivery], dice: random.Random) -> None:
    forget()
    deliver(*sorted(story, key=lambda delivery: delivery[1]))
    expected = everything()
    for _ in range(2):
        forget()
        order = [*story, *dice.choices(story, k=2)]
        dice.shuffle(order)
        deliver(*order)
        assert everything() == expected
    rebuild()
    assert everything() == expected


def test_the_latest_entry_counts(hub, numbers) -> None:
    same_in_any_order(
        [
            (entry("Zoe", None), START),
            (entry("Ana Maria", START + 3 * HOUR), START + 3 * HOUR),
            (entry("Beatriz", START + 2 * HOUR), START + 5 * HOUR),
        ]
    )
    contact = Contact.objects.get()
    assert (contact.name, contact.search_name) == ("Ana Maria", "ana maria")


def test_a_profile_name_replaces_the_name_of_a_later_entry(hub, numbers) -> None:
    named = (said("m1", 1, W1, B1, name="Aninha"), START + HOUR)
    same_in_any_order([(entry("Ana", START), START), named, (entry("Ana Maria", START + 3 * HOUR), START + 3 * HOUR)])
    assert Contact.objects.get().name == "Aninha"


def test_contacts_that_turn_out_to_be_one_have_the_name_of_the_latest_entry(hub, numbers) -> None:
    deliveries = [
        (entry("Ana", START, user_id=B1), START),
        (entry("Ana Maria", START + HOUR, user_id="BR.1002"), START + HOUR),
        (entry("Aninha", START + 2 * HOUR, user_id=B1), START + 2 * HOUR),
        (update(START + 3 * HOUR), START + 3 * HOUR),
    ]
    for order in (deliveries, [deliveries[2], deliveries[1], deliveries[0], deliveries[3]]):
        forget()
        deliver(*order)
        assert Contact.objects.get().name == "Aninha"
