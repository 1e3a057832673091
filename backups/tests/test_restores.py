"""A database is lost after its backup. The restored hub has every webhook, repeats nothing, and brings nobody back."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from backups.tests.conftest import restore
from bots.answering.tests.conftest import MENU
from bots.models import BotConversation
from chats.models import BotTurn, Message, MessageStatus, QueuedMessage, SendQueue
from chats.outbox.tests.steps import write
from conftest import apply_all, run_worker
from contacts.models import Contact
from events.models import EventDelivery
from organizations.models import Event, Mail, Organization, PhoneNumber, Role
from organizations.tests.people import access_of, member
from privacy.erasure.requests import request_erasure
from privacy.models import DeletionStep, OrganizationDeletion
from privacy.organization_end.requests import cancel_deletion, request_deletion
from privacy.tests.search import traces
from webhooks.models import HeldItem, Webhook
from webhooks.tests.bodies import ANA, status_body, text_body

Backup = Callable[..., Path]
Archive = Callable[[], Path]
BRUNO, CLARA = "5511973310777", "5521988776655"


def now() -> int:
    return int(time.time())


def conversations() -> list[Any]:
    rows = Message.objects.order_by("create_in", "wamid")
    return list(rows.values_list("contact__wa_id", "wamid", "content", "session_id"))


@pytest.fixture
def talk(hub, numbers) -> Callable[..., None]:
    def receive(*bodies: bytes) -> None:
        for each in bodies:
            hub.deliver(each)
        apply_all()

    return receive


def test_webhooks_after_the_backup_come_from_the_archive(talk, make_backup: Backup, archive: Archive) -> None:
    talk(text_body("wamid.1", now() - 60))
    archive()
    backup = make_backup()
    talk(text_body("wamid.2", now() - 30, text="depois"), text_body("wamid.3", now() - 20, sender=BRUNO), b"\xff no text")
    stored = {(each.pk, each.date, each.body, each.state) for each in Webhook.objects.all()}
    before = conversations()
    restore(backup, archive())
    assert {(each.pk, each.date, each.body, each.state) for each in Webhook.objects.all()} == stored
    after = conversations()
    assert [row[:3] for row in after] == [row[:3] for row in before]
    assert after[1][3] == before[1][3], "the session of the conversation goes on"


def test_a_message_that_waited_is_uncertain_and_its_status_still_tells(talk, make_backup: Backup, archive: Archive) -> None:
    talk(text_body("wamid.1", now() - 60))
    contact = Contact.objects.get()
    written = write(contact, "já vai")
    archive()
    backup = make_backup()
    assert written.callback_data
    talk(status_body("wamid.OUT", "delivered", now(), biz_opaque_callback_data=written.callback_data))
    other = write(contact, "esta se perdeu")
    output = restore(backup, archive())
    assert "messages that became uncertain: 1" in output
    message = Message.objects.get(pk=written.pk)
    assert (message.wamid, message.message_status) == ("wamid.OUT", MessageStatus.DELIVERED)
    assert not Message.objects.filter(pk=other.pk).exists()
    run_worker()
    assert not QueuedMessage.objects.exists()
    assert set(SendQueue.objects.values_list("state", flat=True)) == {"done"}


def test_without_a_status_it_stays_uncertain(talk, make_backup: Backup) -> None:
    talk(text_body("wamid.1", now() - 60))
    contact = Contact.objects.get()
    first, second = write(contact, "um"), write(contact, "dois")
    QueuedMessage.objects.filter(pk=first.pk).update(attempted_at=timezone.now())
    Message.objects.filter(pk=first.pk).update(message_status=MessageStatus.SENDING)
    restore(make_backup())
    run_worker()
    assert {each.message_status for each in Message.objects.filter(pk__in=[first.pk, second.pk])} == {MessageStatus.UNCERTAIN}


def test_new_messages_are_sent_after_a_restore(talk, make_backup: Backup) -> None:
    talk(text_body("wamid.1", now() - 60))
    write(Contact.objects.get(), "antes")
    restore(make_backup())
    written = write(Contact.objects.get(), "depois")
    assert SendQueue.objects.get().state == "due"
    assert QueuedMessage.objects.get().pk == written.pk


def test_bots_do_not_answer_what_was_written_before(talk, publish, make_backup: Backup, archive: Archive) -> None:
    publish(MENU)
    PhoneNumber.objects.update(burst_seconds=25)
    talk(text_body("wamid.1", now() - 5))
    assert BotTurn.objects.exists(), "it is due in some seconds"
    archive()
    backup = make_backup()
    talk(text_body("wamid.2", now() - 2, sender=BRUNO))
    restore(backup, archive())
    assert not BotTurn.objects.exists()
    run_worker()
    assert Message.objects.filter(is_user_message=True).count() == 2
    assert not Message.objects.filter(is_user_message=False).exists()
    PhoneNumber.objects.update(burst_seconds=0)
    time.sleep(1.1)
    talk(text_body("wamid.3", now(), sender=CLARA))
    assert Message.objects.filter(is_user_message=False).values_list("contact__wa_id", flat=True).get() == CLARA


def test_flows_that_waited_for_a_timer_begin_again(talk, publish, make_backup: Backup) -> None:
    publish(MENU)
    talk(text_body("wamid.1", now() - 5))
    assert BotConversation.objects.get().state == "due"
    restore(make_backup())
    assert BotConversation.objects.get().state == "waiting"
    time.sleep(1.1)
    talk(text_body("wamid.2", now()))
    assert [row.content for row in Message.objects.filter(is_user_message=False)] == ["Olá! Como podemos ajudar?"] * 2
    assert Contact.objects.get().owner == "bot"


def test_events_are_not_reported_again(talk, add, make_backup: Backup, archive: Archive) -> None:
    add("https://crm.example.com/hook")
    talk(text_body("wamid.1", now() - 5))
    assert EventDelivery.objects.filter(outcome="").exists()
    archive()
    backup = make_backup()
    talk(text_body("wamid.2", now() - 2, sender=BRUNO))
    restore(backup, archive())
    assert not Event.objects.exists()
    assert not EventDelivery.objects.filter(outcome="").exists()
    assert Organization.objects.get().event_kinds
    talk(text_body("wamid.3", now(), sender=CLARA))
    assert EventDelivery.objects.filter(outcome="").values_list("kind", flat=True).distinct().count() == 3
    assert not EventDelivery.objects.filter(outcome="", occurred_at__lt=timezone.now() - timedelta(seconds=3)).exists()


def test_erased_persons_stay_erased_and_may_write_again(talk, organization, make_backup: Backup, archive: Archive) -> None:
    talk(text_body("wamid.1", now() - 60, text="quartzo"), text_body("wamid.2", now() - 50, sender=BRUNO))
    by, _ = member(organization, Role.USER_ADMIN, name="Olga")
    archive()
    backup = make_backup()
    talk(text_body("wamid.3", now() - 40, text="bromélia"))
    archive()
    contact = Contact.objects.get(wa_id=ANA)
    request_erasure(organization=organization, contact=contact, by=by, now=timezone.now())
    time.sleep(1.1)
    talk(text_body("wamid.4", now() + 1, text="xilofone"))
    directory = archive()
    output = restore(backup, directory)
    run_worker()
    assert "persons to erase again: 1" in output
    assert traces(["quartzo", "bromélia"]) == []
    assert list(Message.objects.filter(contact__wa_id=ANA).values_list("content", flat=True)) == ["xilofone"]
    assert Message.objects.filter(contact__wa_id=BRUNO).exists()
    assert ANA.encode() not in b"".join(each.read_bytes() for each in directory.glob("state.json"))


def test_a_deleted_organization_is_deleted_again(talk, organization, make_backup: Backup, archive: Archive) -> None:
    talk(text_body("wamid.1", now() - 60))
    user, _ = member(organization, Role.USER_CREATOR, name="Olga")
    archive()
    backup = make_backup()
    deletion = request_deletion(by=access_of(user, organization), now=timezone.now())
    OrganizationDeletion.objects.update(due_at=timezone.now())
    talk(text_body("wamid.2", now()))
    run_worker()
    assert not Organization.objects.exists()
    output = restore(backup, archive())
    assert "organizations to delete again: 1" in output
    run_worker()
    assert not Organization.objects.exists()
    assert not Message.objects.exists()
    assert not Webhook.objects.exists()
    assert OrganizationDeletion.objects.get(pk=deletion.pk).organization_name == "Aroeira"


def test_a_cancelled_deletion_stays_cancelled(talk, organization, make_backup: Backup, archive: Archive) -> None:
    user, _ = member(organization, Role.USER_CREATOR, name="Olga")
    deletion = request_deletion(by=access_of(user, organization), now=timezone.now())
    archive()
    backup = make_backup()
    cancel_deletion(deletion=deletion, by=user, now=timezone.now())
    restore(backup, archive())
    assert Organization.objects.get().activate
    assert OrganizationDeletion.objects.get().step == DeletionStep.CANCELLED


def test_mails_of_the_backup_are_not_sent(talk, make_backup: Backup, sent_mails) -> None:
    expires_at = timezone.now() + timedelta(days=1)
    Mail.objects.create(to="olga@example.com", subject="Convite", text="link", expires_at=expires_at)
    restore(make_backup())
    assert sent_mails() == []
    assert Mail.objects.get().state == "dead"


def test_an_archive_that_began_after_the_backup_is_refused(talk, make_backup: Backup, archive: Archive) -> None:
    backup = make_backup()
    directory = archive()
    call_command("flush", interactive=False, verbosity=0)
    with pytest.raises(CommandError, match="began after"):
        call_command("restore", str(backup), "--archive", str(directory))
    assert not PhoneNumber.objects.exists()
    assert not HeldItem.objects.exists()


def test_a_damaged_archive_is_refused(talk, make_backup: Backup, archive: Archive) -> None:
    directory = archive()
    backup = make_backup()
    (directory / "state.json").write_text('{"began')
    with pytest.raises(CommandError, match=r"state\.json is damaged"):
        restore(backup, directory)
    assert not Organization.objects.exists()
