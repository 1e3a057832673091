"""A page in the depth of a list costs as much as the second one: no list is read from its beginning to find a page."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from chats.conversations.timeline import ThreadPosition
from chats.inbox.selectors import list_messages, messages_of
from chats.models import Message
from contacts.lists.contact_list import ContactFilters, FixedOrderCursor, ListCursor, ListTab, list_contacts, list_in_fixed_order
from contacts.models import Contact
from contacts.owners import Owner
from organizations.audit.selectors import AuditFilters, list_entries
from organizations.models import Organization, PhoneNumber, Profile
from webhooks.log.selectors import list_webhooks
from whatsapp_hub.tests.query_plans.filled_tables import fill_tables

SIZE = 20
INSTRUCTIONS = 100
"""How often SQLite calls back: once in so many instructions of its virtual machine."""
SHARE = 3
"""How much more a page may cost than the second one. Read from the beginning, the last pages would cost 20 times as much."""

ListPage = Callable[[Any], tuple[int, Any]]
"""Reads the page after a position (None: the first one). Returns its length and where the next one begins, None if nowhere."""


class Work:
    """What the database did: rows that it read from tables and indexes, or on SQLite the instructions of its virtual machine."""

    amount = 0

    def count(self) -> int:
        self.amount += 1
        return 0


@contextmanager
def measured() -> Iterator[Work]:
    work = Work()
    if connection.vendor == "sqlite":
        connection.connection.set_progress_handler(work.count, INSTRUCTIONS)
        yield work
        connection.connection.set_progress_handler(None, INSTRUCTIONS)
        return
    before = _rows_read()
    yield work
    work.amount = _rows_read() - before


def _rows_read() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
        return sum(int(value) for name, value in cursor.fetchall() if "rnd_next" not in name)


@pytest.fixture
def large(hub, organization: Organization, numbers: dict[str, PhoneNumber]) -> Organization:
    """An organization with a thousand contacts, of whom each is in all lists."""
    fill_tables(organization, next(iter(numbers.values())))
    now = timezone.now()
    for index, pk in enumerate(Contact.objects.filter(organization=organization).order_by("pk").values_list("pk", flat=True)):
        at = now - timedelta(minutes=index)
        closing = now - timedelta(hours=23, seconds=index % 3000)
        times = dict.fromkeys(("unread_at", "waiting_since", "blocked_at", "owner_since"), at)
        Contact.objects.filter(pk=pk).update(
            **times | {"blocked_at": at if index % 2 else None}, last_customer_message_at=closing, owner=Owner.WAITING
        )
    return organization


def contacts_of(organization: Organization, *, conversations: bool = False, **filters: Any) -> ListPage:
    def read(after: ListCursor | None) -> tuple[int, Any]:
        page = list_contacts(
            organization.pk, ContactFilters(**filters), timezone.now(), after=after, limit=SIZE, conversations=conversations
        )
        return len(page.contacts), page.next

    return read


def contacts_in_fixed_order(organization: Organization) -> ListPage:
    def read(after: FixedOrderCursor | None) -> tuple[int, Any]:
        contacts, end = list_in_fixed_order(organization.pk, ContactFilters(), timezone.now(), after=after, limit=SIZE)
        return len(contacts), end

    return read


def messages_of_one(organization: Organization) -> ListPage:
    contact = Contact.objects.filter(organization=organization).latest("pk")
    Message.objects.filter(contact__organization=organization).update(contact=contact)

    def read(before: ThreadPosition | None) -> tuple[int, Any]:
        found = list_messages(messages_of(contact), before=before, limit=SIZE + 1)
        return len(found), ThreadPosition.of(found[SIZE - 1]) if len(found) > SIZE else None

    return read


def webhooks_of(organization: Organization) -> ListPage:
    def read(before: int | None) -> tuple[int, Any]:
        page = list_webhooks(organization, before=before, limit=SIZE)
        return len(page.lines), page.last if page.has_more else None

    return read


def audit_entries_of(organization: Organization) -> ListPage:
    def read(after: Any) -> tuple[int, Any]:
        page = list_entries(organization, AuditFilters(), after=after)
        return len(page.entries), page.next

    return read


def conversations_in(view: ListTab) -> Callable[[Organization], ListPage]:
    return lambda organization: contacts_of(organization, conversations=True, view=view)


LISTS: dict[str, Callable[[Organization], ListPage]] = {
    "contacts": contacts_of,
    "conversations": lambda organization: contacts_of(organization, conversations=True),
    **{f"conversations {view}": conversations_in(view) for view in ListTab if view != ListTab.ALL},
    "contacts of one number": lambda organization: contacts_of(organization, number=numbers_of(organization)[0]),
    "contacts of a key's number": lambda organization: contacts_of(organization, numbers=(numbers_of(organization)[0],)),
    "contacts by owner": lambda organization: contacts_of(organization, owner=Owner.WAITING.value),
    "contacts by profile": lambda organization: contacts_of(organization, profile=Profile.HUMAN.value),
    "contacts in fixed order": contacts_in_fixed_order,
    "messages": messages_of_one,
    "webhooks": webhooks_of,
    "audit entries": audit_entries_of,
}


def numbers_of(organization: Organization) -> list[str]:
    used = Contact.objects.filter(organization=organization)
    return sorted(set(used.values_list("create_for_phone_number__phone_number_id", flat=True)))


def test_deep_pages_cost_as_much_as_early_ones(large: Organization) -> None:
    costly = {}
    for name, make in LISTS.items():
        costs = list(_costs(make(large)))
        assert len(costs) >= 15, f"{name}: {len(costs)} pages are no depth"
        first, second, *later = costs[:-1]  # the last one may end a long search
        if max(first, *later) > SHARE * second + SIZE:
            costly[name] = costs
    assert costly == {}


def _costs(read: ListPage) -> Iterator[int]:
    position = None
    while True:
        with measured() as work:
            length, position = read(position)
        assert length
        yield work.amount
        if position is None:
            return
