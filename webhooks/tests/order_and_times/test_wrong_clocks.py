"""Times that cannot be true: missing, or in the future. Such a message was sent when it first arrived, whichever of its deliveries
is applied first, however often it comes, and after a rebuild."""

import json
import random
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chats.models import Message, StatusEvent
from conftest import apply_all
from contacts.models import Contact
from organizations.credentials.signers import Signature
from organizations.models import AccountEvent
from webhooks.intake.storage import SignedBody, store_bodies
from webhooks.models import Webhook
from webhooks.tests.bodies import HOUR, START, body, echo_body, message, status_body, text_body, value
from webhooks.tests.order_and_times.test_any_order import forget, rows

MINUTE = 60
YEAR = 365 * 24 * HOUR
Delivery = tuple[bytes, int]
"""A body, and when it arrived, in unix seconds."""


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def deliver(*deliveries: Delivery) -> None:
    """Apply them in this order, each as if it had arrived at its time."""
    for received, arrived_at in deliveries:
        assert store_bodies([SignedBody(received, Signature(None))]) == [None]
        Webhook.objects.filter(pk=Webhook.objects.latest("pk").pk).update(date=at(arrived_at))
        apply_all()


def without_time(wamid: str, **options: Any) -> bytes:
    received = message(wamid, START, **options)
    del received["timestamp"]
    return body(value(messages=[received]))


@pytest.mark.parametrize("ahead", [6 * MINUTE, HOUR, YEAR])
def test_a_time_in_the_future_is_that_of_the_arrival(hub, numbers, ahead) -> None:
    deliver((text_body("wamid.1", START + ahead), START))
    sent, contact = Message.objects.get(), Contact.objects.get()
    assert sent.create_in == contact.last_message_timestamp == contact.last_customer_message_at == at(START)
    assert contact.window_expires_at == sent.expires_at == at(START + 24 * HOUR)


def test_a_time_that_is_ahead_by_five_minutes_is_taken(hub, numbers) -> None:
    deliver((text_body("wamid.1", START + 5 * MINUTE), START))
    assert Message.objects.get().create_in == at(START + 5 * MINUTE)


@pytest.mark.parametrize(
    "received", [text_body("wamid.1", START + YEAR), text_body("wamid.1", START + 10 * MINUTE), without_time("wamid.1")]
)
@pytest.mark.parametrize("later", [1, MINUTE, 8 * MINUTE, 3 * 24 * HOUR])
def test_the_first_arrival_counts_whichever_is_applied_first(hub, numbers, received, later) -> None:
    first, again = (received, START), (received, START + later)
    found = []
    for order in ([first], [first, again], [again, first], [again, again, first, again]):
        forget()
        deliver(*order)
        assert Message.objects.get().create_in == at(START)
        found.append(rows())
    assert all(each == found[0] for each in found)


def test_a_message_that_moves_takes_its_session_with_it(hub, numbers) -> None:
    ahead = text_body("wamid.ahead", START + YEAR)
    deliver((text_body("wamid.1", START), START), (ahead, START + 40 * HOUR))
    assert Message.objects.values("session_id").distinct().count() == 2
    deliver((ahead, START + HOUR))
    assert Message.objects.values("session_id").distinct().count() == 1
    contact = Contact.objects.get()
    assert contact.last_message_timestamp == contact.waiting_since == contact.unread_at == at(START + HOUR)
    assert contact.session_expires_at == contact.window_expires_at == at(START + 25 * HOUR)


def test_a_status_of_the_future_happened_when_it_first_arrived(hub, numbers) -> None:
    received = status_body("wamid.e", "delivered", START + YEAR)
    deliver((echo_body("wamid.e", START), START), (received, START + HOUR), (received, START), (received, START + HOUR))
    assert StatusEvent.objects.get().occurred_at == at(START)


@pytest.mark.parametrize("timestamp", [START + YEAR, None])
def test_an_event_of_a_number_happened_when_it_first_arrived(hub, numbers, timestamp) -> None:
    event = {"event": "FLAGGED", "display_phone_number": "556133214400", "timestamp": timestamp}
    received = body(event, field="phone_number_quality_update")
    deliver((received, START + HOUR), (received, START), (received, START + HOUR))
    assert AccountEvent.objects.get().occurred_at == at(START)


@st.composite
def stories(draw: Any) -> list[Delivery]:
    """What two people write and get, some of it by a clock that is wrong, some of it delivered again and again."""
    found: list[Delivery] = []
    for number in range(draw(st.integers(2, 7))):
        arrived_at = START + HOUR * draw(st.integers(0, 72)) + draw(st.sampled_from((0, 1, 700)))
        told_at = arrived_at + draw(st.sampled_from((-HOUR, -2, 0, 200, 301, 900, HOUR, 30 * HOUR, YEAR)))
        sender = draw(st.sampled_from(("556181500586", "5531971204455")))
        kind = draw(st.sampled_from(("text", "text", "no time", "echo", "reaction")))
        wamid = f"wamid.{kind}.{number}"
        if kind == "echo":
            received = echo_body(wamid, told_at, to=sender)
        else:
            received = _named(message(wamid, told_at, sender=sender), kind, sender, found)
        found += [
            (received, arrived_at + later)
            for later in (0, *draw(st.lists(st.sampled_from((1, 100, 400, HOUR, 30 * HOUR)), max_size=2)))
        ]
    return found


def _named(received: dict[str, Any], kind: str, sender: str, before: list[Delivery]) -> bytes:
    """With the person's name, which is always the same; a reaction is to the first message."""
    if kind == "reaction" and before:
        first = json.loads(before[0][0])["entry"][0]["changes"][0]["value"]
        target = (first.get("messages") or first["message_echoes"])[0]["id"]
        received |= {"type": "reaction", "reaction": {"message_id": target, "emoji": "👍"}}
    if kind == "no time":
        del received["timestamp"]
    return body(value(contacts=[{"wa_id": sender, "profile": {"name": f"Pessoa {sender[-2:]}"}}], messages=[received]))


@pytest.mark.usefixtures("numbers")
@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(stories(), st.randoms(use_true_random=False))
def test_wrong_clocks_end_in_the_same_rows_in_any_order_repeated_and_rebuilt(story: list[Delivery], dice: random.Random) -> None:
    forget()
    deliver(*sorted(story, key=lambda delivery: delivery[1]))
    expected = rows()
    call_command("replay", "--rebuild", stdout=StringIO())
    apply_all()
    assert rows() == expected
    shuffled = [*story, *dice.choices(story, k=len(story) // 2)]
    dice.shuffle(shuffled)
    forget()
    deliver(*shuffled)
    for kind, found in rows().items():
        assert found == expected[kind]


def test_a_window_never_outlasts_a_day_from_now_whatever_a_clock_says(hub, numbers) -> None:
    hub.deliver(text_body("wamid.1", int(timezone.now().timestamp()) + YEAR))
    apply_all()
    expires_at = Contact.objects.get().window_expires_at
    assert expires_at is not None
    assert expires_at <= timezone.now() + timedelta(hours=24)
