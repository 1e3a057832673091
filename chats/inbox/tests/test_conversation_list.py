"""The list of conversations: what a row says, the tabs with their counts, and the label that narrows it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chats.inbox.tests.test_composer import HTMX, add_customer, member_client, store_message
from chats.models import Origin
from contacts.lists.contact_list import MAX_COUNT, MAX_ROWS_COUNTED, ContactFilters, ListTab, count_lists
from contacts.models import Contact, Label
from organizations.models import Organization, PhoneNumber, Role, User

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def padaria(db: None) -> Organization:
    return Organization.objects.create(organization_name="Padaria")


@pytest.fixture
def maria(padaria: Organization) -> Contact:
    return person(padaria, "5243")


@pytest.fixture
def ana(padaria: Organization) -> Any:
    return member_client(padaria)


def person(organization: Organization, number: str, **columns: Any) -> Contact:
    wrote_at = NOW - timedelta(hours=1)
    contact = add_customer(organization, number, wrote_at)
    columns = {"last_message_timestamp": wrote_at, "waiting_since": wrote_at} | columns
    Contact.objects.filter(pk=contact.pk).update(**columns)
    contact.refresh_from_db()
    return contact


def rows(client: Any, organization: Organization, **query: Any) -> str:
    return client.get(reverse("inbox_rows", args=[organization.pk]), query, headers=HTMX).content.decode()


def row(body: str, contact: Contact) -> str:
    return body.partition(f'id="row-{contact.pk}"')[2].partition("</li>")[0]


def names(body: str) -> set[str]:
    return set(re.findall(r'data-name="([^"]+)"', body))


def test_a_row_shows_who_wrote_last(padaria, maria, ana) -> None:
    bia = User.objects.create_user("bia@example.com", name="Bia Lima")
    me = User.objects.get(name="Ana Souza")
    for author, word in ((None, "Phone app:"), (me, "You:"), (bia, "Bia:")):
        at = timezone.now() + timedelta(seconds=1)
        origin = Origin.STAFF if author else Origin.PHONE_APP
        store_message(maria, "Temos sim", at, is_user_message=False, origin=origin, written_by=author, message_status="sent")
        assert word in row(rows(ana, padaria), maria)
    store_message(maria, "Ótimo!", timezone.now() + timedelta(seconds=9))
    assert "Bia:" not in row(rows(ana, padaria), maria)


def test_a_row_has_a_dot_of_each_label(padaria, maria, ana) -> None:
    maria.labels.add(*(Label.objects.create(organization=padaria, name=name, colour="red") for name in ("VIP", "Novo")))
    drawn = row(rows(ana, padaria), maria)
    assert drawn.count('class="label-dot tint-red"') == 2
    assert "Labels: Novo, VIP" in re.sub(r"\s+", " ", drawn)


def test_with_several_numbers_a_row_has_the_number_s_name(padaria, maria, ana) -> None:
    assert "Writes to" not in row(rows(ana, padaria), maria)
    second = PhoneNumber.objects.create(organization=padaria, phone_number_id="5244", wa_id="556198440077")
    drawn = row(rows(ana, padaria), maria)
    assert "+55 61 5243" in drawn or "5243" in drawn
    PhoneNumber.objects.exclude(pk=second.pk).update(name="Oficina")
    assert re.search(r"Writes to</span>\s*<span[^>]*>Oficina", row(rows(ana, padaria), maria))


def test_a_blocked_person_has_their_sign_their_list_and_no_countdown(padaria, maria, ana) -> None:
    assert "window-chip" in row(rows(ana, padaria), maria)
    Contact.objects.update(blocked_at=NOW, waiting_since=None)
    drawn = row(rows(ana, padaria), maria)
    assert "row-blocked" in drawn
    assert "Blocked" in drawn
    assert "window-chip" not in drawn
    assert names(rows(ana, padaria, view="blocked")) == {"Maria Alves"}
    assert names(rows(ana, padaria, view="closing")) == names(rows(ana, padaria, view="waiting")) == set()


def test_the_list_is_narrowed_by_a_label_of_the_organization(padaria, maria, ana) -> None:
    label = Label.objects.create(organization=padaria, name="VIP")
    other = Label.objects.create(organization=Organization.objects.create(organization_name="X"), name="Alheia")
    page = ana.get(reverse("inbox", args=[padaria.pk])).content.decode()
    assert f'<option value="{label.pk}"' in page
    assert "Alheia" not in page
    assert names(rows(ana, padaria, label=label.pk)) == set()
    maria.labels.add(label)
    assert names(rows(ana, padaria, label=label.pk)) == {"Maria Alves"}
    assert names(rows(ana, padaria, label=other.pk)) == set()


def test_the_inbox_offers_a_new_conversation_where_there_is_a_number(padaria, ana) -> None:
    offered = reverse("new_contact", args=[padaria.pk])
    assert offered not in ana.get(reverse("inbox", args=[padaria.pk])).content.decode()
    person(padaria, "5243")
    assert offered in ana.get(reverse("inbox", args=[padaria.pk])).content.decode()


# ---- Tabs ----


def counted(body: str) -> dict[str, str]:
    return dict(re.findall(r'id="tally-(\w+)"[^>]*>([^<]*)<', body))


def test_tabs_have_counts_and_are_refreshed_with_the_list(padaria, maria, ana) -> None:
    Contact.objects.update(unread_at=NOW, unread_count=2)
    page = ana.get(reverse("inbox", args=[padaria.pk])).content.decode()
    assert counted(page) == {"unread": "1", "waiting": "1", "closing": "", "all": ""}
    part = rows(ana, padaria)
    assert counted(part) == {"unread": "1", "waiting": "1", "closing": ""}
    assert part.count("hx-swap-oob") == 7  # and stopped numbers, the badge, who waits for a person, the filter by owner
    Contact.objects.update(unread_at=None, waiting_since=None, last_customer_message_at=NOW - timedelta(hours=21, minutes=30))
    assert counted(rows(ana, padaria)) == {"unread": "", "waiting": "", "closing": "1"}


@pytest.mark.parametrize(
    ("view", "words"),
    [
        ("for_person", "Nobody is waiting for a person"),
        ("unread", "Everything is read"),
        ("waiting", "Nobody is waiting for an answer"),
        ("closing", "No 24-hour window closes in the next hours"),
        ("blocked", "Nobody is blocked"),
    ],
)
def test_an_empty_tab_says_what_it_would_list(padaria, maria, ana, view, words) -> None:
    Contact.objects.update(waiting_since=None)
    assert words in rows(ana, padaria, view=view)
    assert words not in rows(ana, padaria, view=view, number="5243")
    assert "No conversation fits" in rows(ana, padaria, view=view, number="5243")


def many(number: PhoneNumber, count: int, start: int = 0) -> None:
    Contact.objects.bulk_create(
        Contact(
            create_for_phone_number=number,
            organization_id=number.organization_id,
            wa_id=f"5561{start + place:08}",
            waiting_since=NOW,
        )
        for place in range(count)
    )


def test_counts_stop_at_ninety_nine_and_look_at_no_more(padaria, maria) -> None:
    number = maria.create_for_phone_number
    many(number, MAX_COUNT - 1)
    assert str(count_lists(padaria.pk, ContactFilters(), NOW)[ListTab.WAITING]) == "99"
    many(number, 1, start=5000)
    with CaptureQueriesContext(connection) as queries:
        assert str(count_lists(padaria.pk, ContactFilters(), NOW)[ListTab.WAITING]) == "99+"
    assert len(queries) == 1
    assert queries[0]["sql"].count("LIMIT 100") == 4


def test_counts_are_of_what_the_filters_leave(padaria, maria) -> None:
    second = PhoneNumber.objects.create(organization=padaria, phone_number_id="5244", wa_id="556198440077")
    label = Label.objects.create(organization=padaria, name="VIP")
    maria.labels.add(label)
    many(second, 3)
    for filters, count in (
        (ContactFilters(number="5244"), "3"),
        (ContactFilters(number="5243"), "1"),
        (ContactFilters(label=label.pk), "1"),
        (ContactFilters(number="5244", label=label.pk), "0"),
    ):
        assert str(count_lists(padaria.pk, filters, NOW)[ListTab.WAITING]) == count
    many(second, MAX_ROWS_COUNTED, start=5000)
    assert str(count_lists(padaria.pk, ContactFilters(number="5243"), NOW)[ListTab.WAITING]).endswith("+")  # not all were looked at


def test_the_list_takes_few_queries_however_many_rows_it_has(padaria, maria, ana) -> None:
    label = Label.objects.create(organization=padaria, name="VIP")
    ada = User.objects.get(pk=member_client(padaria, Role.USER_ADMIN, "Ada").session["_auth_user_id"])

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            rows(ana, padaria)
        return len(queries)

    count()
    few = count()
    for place in range(12):
        contact = Contact.objects.create(
            create_for_phone_number=maria.create_for_phone_number, wa_id=f"55619{place}", last_message_timestamp=NOW
        )
        contact.labels.add(label)
        store_message(contact, "x", NOW, is_user_message=False, origin=Origin.STAFF, written_by=ada, message_status="sent")
    assert count() == few <= 14
