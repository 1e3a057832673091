"""Two concurrent transactions that change one conversation: neither undoes the other, and a deadlock fails none."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from django.db import connection, connections, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chats.conversations.contact_columns import recompute_contacts
from chats.conversations.statuses import store_statuses
from chats.models import Message
from cloud_api.payloads import Status, parse
from conftest import apply_all
from contacts.models import Contact, Label, Note
from contacts.services import delete_note, rename_contact, save_label
from organizations.credentials.signers import Signature
from organizations.live.revisions import publish_revisions
from organizations.members.memberships import switch_member
from organizations.models import Membership, Organization, PhoneNumber, User
from organizations.numbers.inbound_items import InboundItem, ReceivedWebhook
from organizations.permissions import get_access
from webhooks.processing.pipeline import LANES
from webhooks.tests.bodies import ANA, NUMBER, START, body, echo_body, history_body, message, status_body, value
from webhooks.tests.test_people import B1, B2, W1, W2, changed, said

PATIENCE = 20.0
LOOK = 0.25
"""InnoDB shows a copy of its transactions, which it does not renew while somebody looks more often than every 0.1 s."""
WAITING = (
    "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' AND trx_mysql_thread_id IN "
    "(SELECT id FROM information_schema.processlist WHERE db = DATABASE())"
)


class Other:
    """Work in another thread, on a connection of its own."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except Exception as failure:  # noqa: BLE001  raised again where it is waited for
            self._failure = failure
        finally:
            connections.close_all()

    def wait_until_it_waits(self) -> None:
        """For a lock that this connection has. SQLite has one for all, for which the other waits before it reads anything."""
        until = time.monotonic() + PATIENCE
        while connection.vendor != "sqlite" and time.monotonic() < until:
            with connection.cursor() as cursor:
                cursor.execute(WAITING)
                if cursor.fetchone()[0]:
                    return
            time.sleep(LOOK)
        assert connection.vendor == "sqlite", f"nobody waits for this transaction: {self._failure!r}"

    def join(self) -> None:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        if self._failure:
            raise self._failure


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """A transaction that is under way while the other work begins. What it gives starts that; in the end both are done."""
    others: list[Other] = []

    def start() -> None:
        others.append(Other(work))
        others[0].wait_until_it_waits()

    with transaction.atomic():
        yield start
    others[0].join()


def test_an_alias_survives_a_concurrent_repeated_message(hub, numbers) -> None:
    """The message was history of one contact and comes live under an identifier of another one."""
    for each in (history_body("h", START, sender=W1), said("m", 1, None, B1)):
        hub.deliver(each)
        apply_all()
    contact = Contact.objects.get(wa_id=W1)
    ana = User.objects.create_user("ana@example.com")
    hub.deliver(said("h", 0, None, B1))
    with meanwhile(apply_all) as start:
        rename_contact(contact=contact, alias="Dona Ana", by=ana, now=timezone.now())
        start()
    contact.refresh_from_db()
    assert (contact.alias, contact.search_name) == ("Dona Ana", "dona ana")
    assert Message.objects.get(wamid="h").origin == "live"
    assert contact.session_expires_at == Message.objects.get(wamid="h").expires_at


def test_a_status_survives_a_concurrent_repeated_message(hub, numbers) -> None:
    number = PhoneNumber.objects.get(phone_number_id=NUMBER)
    old = message("e", START, sender=number.wa_id) | {"to": ANA, "history_context": {"status": "SENT"}}
    chunk = {"metadata": {"phase": 0}, "threads": [{"id": ANA, "context": {"wa_id": ANA}, "messages": [old]}]}
    hub.deliver(body(value(history=[chunk]), field="history"))
    apply_all()
    assert Message.objects.get().message_status == "sent"
    hub.deliver(echo_body("e", START))
    received = next(item for item in parse(status_body("e", "read")) if isinstance(item, Status))
    with meanwhile(apply_all) as start:
        sent_at, now = datetime.fromtimestamp(START, UTC), timezone.now()
        webhook = ReceivedWebhook(1, number.organization_id, now, Signature(None))
        store_statuses([InboundItem(received, webhook, sent_at, True, (number,))], now)
        start()
    message_now = Message.objects.get()
    assert (message_now.origin, message_now.message_status) == ("phone_app", "read")


def test_a_message_that_arrives_while_its_contact_is_recomputed_is_kept(hub, numbers) -> None:
    hub.deliver(said("m1", 0, W1, None))
    apply_all()
    hub.deliver(said("m2", 1, W1, None))

    def remember() -> None:
        with transaction.atomic():
            recompute_contacts(Contact.objects.all(), timezone.now())

    with meanwhile(remember) as start:
        LANES[0].run_once()
        start()
    contact = Contact.objects.get()
    assert contact.unread_count == 2
    assert contact.last_message_timestamp == Message.objects.get(wamid="m2").create_in
    assert contact.session_expires_at == Message.objects.get(wamid="m2").expires_at


@pytest.fixture
def member(organization: Organization) -> Client:
    user = User.objects.create_user("ana@example.com", "uma-senha-longa-7", name="Ana")
    Membership.objects.create(organization=organization, user=user, role="user")
    client = Client()
    client.force_login(user)
    return client


def test_a_deadlock_with_a_worker_does_not_fail_the_page_of_a_conversation(hub, numbers, organization, member) -> None:
    received = [message(f"m{place}", START + place) for place in range(100)]
    hub.deliver(body(value(messages=received)))
    apply_all()
    contact = Contact.objects.get()
    read = reverse("conversation_read", args=[organization.pk, contact.pk])
    up_to = Message.objects.earliest("pk").webhook_id

    def mark() -> None:
        assert member.post(read, {"up_to": up_to}).status_code == 204

    with meanwhile(mark) as start:
        Message.objects.update(updated_at=timezone.now())  # so that the server ends the other one, which has done less
        publish_revisions([organization.pk])
        start()
        assert Contact.objects.select_for_update().get(pk=contact.pk).unread_count == 100
    assert Contact.objects.get().unread_count == 0


def test_the_page_of_a_contact_that_is_merged_meanwhile_shows_no_error(hub, numbers, organization, member) -> None:
    for each in (said("m1", 0, W1, B1), said("m2", 2, W2, B2)):
        hub.deliver(each)
        apply_all()
    absorbed = Contact.objects.get(bsuid=B2)
    read = reverse("conversation_read", args=[organization.pk, absorbed.pk])
    hub.deliver(changed(1, (W1, B1), (W2, B2)))

    def mark() -> None:
        assert member.post(read, {"up_to": 10**9}).status_code in (204, 404)  # it is gone, known or not when this begins

    with meanwhile(mark) as start:
        LANES[0].run_once()
        start()
    assert Contact.objects.get().unread_count == 2


def test_a_label_and_a_note_survive_a_deadlock(hub, numbers, organization) -> None:
    hub.deliver(said("m1", 0, W1, None))
    apply_all()
    contact = Contact.objects.get()
    note = Note.objects.create(contact=contact, text="…")
    Label.objects.bulk_create(Label(organization=organization, name=f"label {place}") for place in range(20))
    label = Label(organization=organization, colour="red")
    with meanwhile(lambda: save_label(label=label, name="urgent", colour="red")) as start:
        Label.objects.update(colour="blue")
        publish_revisions([organization.pk])
        start()
        list(Label.objects.select_for_update().filter(organization=organization))
    assert Label.objects.get(name="urgent").pk == label.pk

    with meanwhile(lambda: delete_note(note=note)) as start:
        Label.objects.update(colour="green")
        publish_revisions([organization.pk])
        start()
        assert Note.objects.select_for_update().get().pk
    assert not Note.objects.exists()


def test_switching_a_member_survives_a_deadlock(organization: Organization) -> None:
    creator, other = (User.objects.create_user(f"{name}@example.com", "uma-senha-longa-7") for name in ("clara", "bia"))
    Membership.objects.create(organization=organization, user=creator, role="user_creator")
    switched = Membership.objects.create(organization=organization, user=other, role="user")
    Label.objects.bulk_create(Label(organization=organization, name=f"label {place}") for place in range(20))
    access = get_access(creator, organization.pk)
    assert access
    with meanwhile(lambda: switch_member(member=switched, activate=False, by=access)) as start:
        Label.objects.update(colour="blue")  # so that the server ends the other one, which has done less
        publish_revisions([organization.pk])
        start()
        list(Membership.objects.select_for_update().filter(organization=organization))
    assert not Membership.objects.get(pk=switched.pk).activate
