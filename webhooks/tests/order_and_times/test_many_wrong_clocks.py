"""Messages without a time that come again, many at once, and with names that change."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chats.models import Message
from conftest import apply_all
from contacts.models import Contact, ContactChange
from organizations.credentials.signers import Signature
from webhooks.intake.storage import SignedBody, store_bodies
from webhooks.models import Webhook
from webhooks.tests.bodies import HOUR, START, body, message, value
from webhooks.tests.order_and_times.test_any_order import forget
from webhooks.tests.order_and_times.test_wrong_clocks import Delivery, at, deliver


def named(wamid: str, name: str, told_at: int | None) -> bytes:
    received = message(wamid, told_at or START)
    if told_at is None:
        del received["timestamp"]
    profile = {"name": name, "username": "anabia"}
    return body(value(contacts=[{"wa_id": "556181500586", "profile": profile}], messages=[received]))


def without_times(count: int) -> bytes:
    received = [message(f"wamid.{each}", sender=f"5561981500{each:03}") for each in range(count)]
    for each in received:
        del each["timestamp"]
    return body(value(messages=received))


def statements_of_repetition(count: int, first: int, again: int) -> int:
    forget()
    deliver((without_times(count), first))
    assert store_bodies([SignedBody(without_times(count), Signature(None))]) == [None]
    Webhook.objects.filter(pk=Webhook.objects.latest("pk").pk).update(date=at(again))
    with CaptureQueriesContext(connection) as asked:
        apply_all()
    assert Message.objects.count() == count
    return len(asked)


@pytest.mark.parametrize(("first", "again"), [(START, START + HOUR), (START + HOUR, START)])
def test_many_repetitions_without_a_time_cost_as_many_statements_as_few(hub, numbers, first, again) -> None:
    assert statements_of_repetition(60, first, again) <= statements_of_repetition(5, first, again) + 10


@pytest.mark.parametrize("told_again", [False, True])
def test_a_name_of_a_repetition_that_comes_first_gives_way_to_a_later_one(hub, numbers, told_again) -> None:
    ana, bia = named("wamid.1", "Ana", None), named("wamid.2", "Bia", START + HOUR)
    found: list[Any] = []
    deliveries: list[Delivery] = [(ana, START), (bia, START + HOUR), (ana, START + 2 * HOUR)]
    orders = [
        deliveries,
        [deliveries[2], deliveries[1], deliveries[0]],
        [deliveries[1], deliveries[2], deliveries[0]],
        [deliveries[2], deliveries[0], deliveries[1]],
    ]
    for order in orders:
        forget()
        deliver(*order, *(order if told_again else ()))
        changes = list(ContactChange.objects.order_by("create_in").values_list("values", "create_in"))
        contact = Contact.objects.get()
        found.append((contact.name, contact.username, contact.name_at, contact.name_since, changes))
    assert found[0][:3] == ("Bia", "anabia", at(START + HOUR))
    assert all(each == found[0] for each in found)


@pytest.mark.parametrize("at_once", [False, True])
def test_a_repetition_without_a_time_takes_no_phone_back_from_whom_it_belongs_to_now(hub, numbers, at_once) -> None:
    received = message("wamid.1", bsuid="BR.1001")
    del received["timestamp"]
    ana, bia = body(value(messages=[received])), body(value(messages=[message("wamid.2", START + HOUR, bsuid="BR.2002")]))
    deliver((ana, START), (bia, START + HOUR))
    expected = list(Contact.objects.order_by("bsuid").values_list("bsuid", "wa_id", "wa_id_at"))
    assert expected == [("BR.1001", None, expected[0][2]), ("BR.2002", "556181500586", at(START + HOUR))]
    if at_once:
        both = body(value(messages=[received, received]))
        deliver((both, START + 2 * HOUR))
    deliver((ana, START + 3 * HOUR))
    assert list(Contact.objects.order_by("bsuid").values_list("bsuid", "wa_id", "wa_id_at")) == expected


def test_a_form_with_what_no_database_stores_costs_no_neighbour(hub, numbers) -> None:
    answers = '{"nome": "Ana\\ud83d\\u0000", "foto": [{"id": "7", "mime_type": "image/png", "file_name": "\\udc00.png"}]}'
    form = message("wamid.1") | {"type": "interactive", "interactive": {"nfm_reply": {"response_json": answers}}}
    deliver((body(value(messages=[form, message("wamid.2")])), START))
    assert list(Message.objects.order_by("wamid").values_list("wamid", flat=True)) == ["wamid.1", "wamid.2"]
    assert "\0" not in Message.objects.get(wamid="wamid.1").content
