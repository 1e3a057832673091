"""The admin of messages: found by whole ids, told with all that became of them, never changed."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chats.models import Message, StatusEvent
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber

pytestmark = pytest.mark.django_db
LIST = "admin:chats_message_changelist"
SENT = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)
SESSION = uuid.UUID("6b1c1f0e-6f0a-4c58-9d4e-0d9f6a1b2c3d")


@pytest.fixture
def contact() -> Contact:
    organization = Organization.objects.create(organization_name="Padaria")
    number = PhoneNumber.objects.create(organization=organization, phone_number_id="5243", wa_id="556181412286")
    return Contact.objects.create(create_for_phone_number=number, wa_id="556181500586", bsuid="BR.1", name="Maria")


def write(contact, place=0, **columns):
    return Message.objects.create(
        **(
            {
                "phone_number": contact.create_for_phone_number,
                "contact": contact,
                "wamid": f"wamid.{place:03}Ab",
                "wa_id": contact.address,
                "wa_id_received": "556181412286",
                "is_user_message": True,
                "origin": "live",
                "kind": "text",
                "content": f"Olá {place}",
                "payload": {"type": "text", "text": {"body": "Olá <b>você</b>"}},
                "message_status": "received",
                "session_id": SESSION,
                "create_in": SENT + timedelta(seconds=place),
                "expires_at": SENT + timedelta(days=1),
                "is_active": True,
                "webhook_id": 77,
            }
            | columns
        )
    )


def page(message):
    return reverse("admin:chats_message_change", args=[message.pk])


def english(client, address):
    return client.get(address, headers={"Accept-Language": "en"}).content.decode()


@pytest.mark.parametrize(
    ("term", "places"),
    [
        ("wamid.001Ab", {1}),
        ("WAMID.001AB", set()),
        ("wamid.0", set()),
        (str(SESSION), {1, 2}),
        ("556181500586", {1, 2}),
        ("+556181500586", {1, 2}),
        ("(061) 9 8150-0586", {1, 2}),
        ("\u202a+55 61 98150-0586\u202c", {1, 2}),
        ("olá 2", {2}),
        ("BR.1", {1, 2}),
        ("556199", set()),
    ],
)
def test_the_search_finds_a_message_a_session_or_a_person(admin_client, contact, term, places):
    messages = {place: write(contact, place).pk for place in (1, 2)}
    stranger = Contact.objects.create(create_for_phone_number=contact.create_for_phone_number, wa_id="5511")
    write(stranger, 3, session_id=uuid.uuid4())

    rows = admin_client.get(reverse(LIST), {"q": term}).context["cl"].result_list

    assert {row.pk for row in rows} == {messages[place] for place in places}


@pytest.mark.parametrize("query", [{}, {"q": "556181500586"}, {"q": "wamid.001Ab"}, {"session_id__exact": SESSION}])
def test_a_list_takes_few_queries_and_never_counts_all(admin_client, contact, query, django_assert_max_num_queries):
    for place in range(60):
        write(contact, place)

    with django_assert_max_num_queries(12), CaptureQueriesContext(connection) as queries:
        answer = admin_client.get(reverse(LIST), query)

    assert answer.context["cl"].result_list
    counts = [each["sql"] for each in queries if "COUNT(" in each["sql"] and "chat_session_message" in each["sql"]]
    assert counts
    assert [sql for sql in counts if "LIMIT" not in sql] == []


def test_the_list_reads_no_payloads(admin_client, contact):
    write(contact)
    with CaptureQueriesContext(connection) as queries:
        admin_client.get(reverse(LIST))

    assert [each["sql"] for each in queries if "payload" in each["sql"]] == []


def test_a_message_can_be_read_and_not_changed(admin_client, contact):
    message = write(contact)

    assert admin_client.get(page(message)).status_code == 200
    assert admin_client.post(page(message), {"content": "x"}).status_code == 403
    assert admin_client.get(reverse("admin:chats_message_add")).status_code == 403
    assert admin_client.post(reverse("admin:chats_message_delete", args=[message.pk])).status_code == 403
    assert Message.objects.get().content == "Olá 0"


def test_a_message_s_page_shows_its_payload_indented_and_escaped(admin_client, contact):
    shown = english(admin_client, page(write(contact)))

    expected = json.dumps({"body": "Olá <b>você</b>"}, ensure_ascii=False)[1:-1]
    assert expected.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;") in shown
    assert "<b>você</b>" not in shown


def test_a_message_s_page_leads_to_its_contact_and_its_webhook(admin_client, contact):
    shown = english(admin_client, page(write(contact)))

    assert f'href="{reverse("admin:contacts_contact_change", args=[contact.pk])}"' in shown
    assert f'href="{reverse("admin:webhooks_webhook_change", args=[77])}"' in shown


def test_a_message_s_page_tells_its_status_events_in_the_order_they_happened(admin_client, contact):
    message = write(contact, is_user_message=False, message_status="failed")
    other = write(contact, 1)
    for place, (status, wamid) in enumerate([("failed", message.wamid), ("sent", message.wamid), ("read", other.wamid)]):
        StatusEvent.objects.create(
            phone_number=contact.create_for_phone_number,
            wamid=wamid,
            status=status,
            occurred_at=SENT - timedelta(seconds=place),
            errors=[{"code": 131047}] if status == "failed" else None,
            webhook_id=80 + place,
        )
    shown = english(admin_client, page(message))

    assert 0 < shown.index("hub-sent") < shown.index("131047")
    assert "hub-read" not in shown


def test_times_are_told_to_the_second_in_the_hub_s_time_zone(admin_client, contact, settings):
    settings.TIME_ZONE = "America/Sao_Paulo"

    assert "01/03/2026 09:30:15" in admin_client.get(page(write(contact))).content.decode()


def test_a_reaction_s_page_leads_to_the_message_it_acts_on(admin_client, contact):
    reaction = write(contact, kind="reaction", target_wamid="wamid.999Zz")

    assert f"{reverse(LIST)}?q=wamid.999Zz" in english(admin_client, page(reaction))
