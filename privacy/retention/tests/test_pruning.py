"""What is deleted after some days, with everything that belongs to it, and what stays."""

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api.models import Media
from bots.models import Bot, BotConversation, BotFile, BotRequest
from chats.models import Attachment, BotTurnMessage, IndexedWord, Message, QueuedMessage, StatusEvent, UnmatchedStatus, WordSpan
from chats.models.files import DownloadProblem
from chats.text_search.index import index_texts
from conftest import apply_all, run_worker
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, StorageUse
from organizations.tests.people import member
from privacy.models import PrivacySettings
from privacy.retention import chores
from privacy.retention.chores import prune_organizations, prune_platform_webhooks
from privacy.retention.tests.test_rebuild_after_pruning import at, make_old, prune, rebuild, rows
from webhooks.models import HeldItem, Webhook
from webhooks.tests.bodies import NUMBER, body, echo_body, message, status_body, text_body, value


def image_body(wamid: str, at: int) -> bytes:
    image = {"id": f"media-{wamid}", "mime_type": "image/jpeg", "sha256": ""}
    return body(value(messages=[message(wamid, at) | {"type": "image", "image": image}]))


def store_file(wamid: str, organization: Organization, size: int = 10, name: str = "") -> str:
    """Gives the message's attachment a stored file and thumbnail, as a download does. Returns the file's name."""
    name = name or default_storage.save(f"files/{organization.pk}/2026/{uuid.uuid4()}", ContentFile(b"0" * size))
    thumbnail = default_storage.save(f"files/{organization.pk}/2026/{uuid.uuid4()}", ContentFile(b"0"))
    columns = {"file": name, "thumbnail": thumbnail, "size": size, "state": "done", "file_name": "boleto.pdf"}
    assert Attachment.objects.filter(message_name=wamid).update(**columns) == 1
    use, _ = StorageUse.objects.get_or_create(organization=organization)
    StorageUse.objects.filter(pk=use.pk).update(used=use.used + size)
    return name


def stored_files(settings: Any) -> list[str]:
    return sorted(each.name for each in Path(settings.MEDIA_ROOT).rglob("*") if each.is_file())


def test_messages_go_with_their_statuses_files_turns_and_words(post_and_apply, organization, settings) -> None:
    post_and_apply(
        image_body("old", at(40)),
        text_body("word", at(40), text="girassol"),
        echo_body("sent", at(39)),
        status_body("sent", "read", at(38.9)),
        text_body("new", at(1), text="margarida"),
    )
    store_file("old", organization)
    BotTurnMessage.objects.create(phone_number_id=NUMBER, wamid="word", contact=Contact.objects.get(), is_answered=True)
    Message.objects.update(updated_at=timezone.now() - timedelta(hours=1))  # they are settled
    index_texts()
    assert IndexedWord.objects.filter(word="girassol").exists()
    prune(organization, message_days=30)
    assert Message.objects.get().wamid == "new"
    assert not StatusEvent.objects.exists()
    assert not Attachment.objects.exists()
    assert not BotTurnMessage.objects.filter(wamid="word").exists()
    assert stored_files(settings) == []
    assert StorageUse.objects.get().used == 0
    assert not IndexedWord.objects.filter(word="girassol").exists()
    assert IndexedWord.objects.filter(word="margarida").exists()
    assert WordSpan.objects.count() == IndexedWord.objects.count()


def test_files_go_and_their_messages_say_so(post_and_apply, organization, settings) -> None:
    post_and_apply(image_body("old", at(40)), image_body("due", at(39)), image_body("new", at(1)))
    store_file("old", organization, size=10)
    kept = store_file("new", organization, size=5)
    prune(organization, file_days=30)
    assert Message.objects.count() == 3
    for name in ("old", "due"):
        file = Attachment.objects.get(message_name=name)
        assert (file.state, file.problem, str(file.file), str(file.thumbnail)) == ("dead", DownloadProblem.PRUNED, "", "")
        assert (file.file_name, file.media_id, file.size) == ("", "", None)
    assert default_storage.exists(kept)
    assert len(stored_files(settings)) == 2
    assert StorageUse.objects.get().used == 5
    page = member(organization)[1].get(f"/o/{organization.pk}/inbox/{Contact.objects.get().pk}/").content.decode()
    assert "keeps files only for a certain time" in page


def test_a_file_that_something_else_has_too_stays_in_the_storage(post_and_apply, organization) -> None:
    post_and_apply(*(image_body(name, at(40)) for name in ("old", "of-bot", "of-api")), image_body("new", at(1)))
    shared = store_file("old", organization)
    store_file("new", organization, name=shared)
    of_bot = store_file("of-bot", organization)
    BotFile.objects.create(organization=organization, key="k" * 20, kind="image", size=10, file=of_bot)
    of_api = store_file("of-api", organization)
    Media.objects.create(organization=organization, kind="image", size=10, file=of_api, expires_at=timezone.now())
    prune(organization, file_days=30)
    assert default_storage.exists(shared)
    assert default_storage.exists(of_bot)
    assert default_storage.exists(of_api)
    prune(organization, message_days=30)
    assert default_storage.exists(shared)


def test_a_late_file_is_not_fetched(post_and_apply, organization) -> None:
    prune(organization, file_days=30)
    post_and_apply(image_body("late", at(31)))
    assert Attachment.objects.get().problem == DownloadProblem.PRUNED
    assert not Attachment.objects.due().exists()
    rebuild()
    assert Attachment.objects.get().problem == DownloadProblem.PRUNED


def test_messages_that_are_still_to_be_sent_stay(post_and_apply, organization) -> None:
    post_and_apply(text_body("a", at(40)), echo_body("b", at(39)))
    queued = Message.objects.get(wamid="b")
    Message.objects.filter(pk=queued.pk).update(message_status="queued")
    QueuedMessage.objects.create(message=queued, contact=queued.contact)
    prune(organization, message_days=30)
    assert Message.objects.get().pk == queued.pk


def test_unread_messages_that_are_deleted_are_not_counted(post_and_apply, organization) -> None:
    post_and_apply(text_body("a", at(40)), text_body("b", at(1)))
    assert Contact.objects.get().unread_count == 2
    prune(organization, message_days=30)
    assert Contact.objects.get().unread_count == 1


def test_a_conversation_in_which_only_the_customer_wrote_keeps_its_session(post_and_apply, organization) -> None:
    post_and_apply(text_body("a", at(40)))
    columns = ("session_id", "session_expires_at", "session_is_active", "waiting_since", "last_customer_message_at")
    run_worker()
    before = Contact.objects.values(*columns).get()
    prune(organization, message_days=30)
    rebuild()
    assert Contact.objects.values(*columns).get() == before
    before_new = rows()
    rebuild()
    assert rows() == before_new


def test_the_log_of_requests_to_bots_goes_with_the_messages(post_and_apply, organization) -> None:
    bot = Bot.objects.create(organization=organization, kind="webhook", key="p", name="P", draft={"kind": "webhook"})
    for days, state in ((40, "done"), (40, "due"), (1, "done")):
        BotRequest.objects.create(
            key=uuid.uuid4(), bot=bot, state=state, create_in=timezone.now() - timedelta(days=days), outcome="answered"
        )
    prune(organization, message_days=30)
    assert set(BotRequest.objects.values_list("state", flat=True)) == {"due", "done"}
    assert BotRequest.objects.count() == 2


def test_answers_in_flows_that_have_ended_or_were_left_go_too(publish, post_and_apply, organization) -> None:
    publish()
    post_and_apply(text_body("old", at(0), text="meu CPF"), text_body("new", at(0), sender="556199990001"))
    old = BotConversation.objects.get(contact=Message.objects.get(wamid="old").contact)
    assert old.flow_state["last"]["text"] == "meu CPF"
    days_ago = timezone.now() - timedelta(days=40)
    Message.objects.filter(contact=old.contact).update(create_in=days_ago, message_status="sent")
    BotConversation.objects.filter(pk=old.pk).update(state="waiting", due_at=days_ago)
    prune(organization, message_days=30)
    assert BotConversation.objects.get().pk != old.pk


def test_other_organizations_keep_theirs(post_and_apply, organization) -> None:
    post_and_apply(text_body("a", at(400)))
    other = Organization.objects.create(organization_name="Outra")
    prune(other, message_days=30, file_days=7, webhook_days=2)
    assert Message.objects.count() == 1


def test_nothing_is_deleted_while_webhooks_wait(hub, numbers, organization) -> None:
    hub.deliver(text_body("a", at(40)))
    apply_all()
    hub.deliver(text_body("b", at(1)))
    Webhook.objects.filter(state="due").update(due_at=timezone.now() - timedelta(minutes=1))
    prune(organization, message_days=30)
    assert Message.objects.count() == 1
    apply_all()
    prune(organization, message_days=30)
    assert Message.objects.get().wamid == "b"


def test_a_run_that_ends_early_goes_on_later(post_and_apply, organization, monkeypatch) -> None:
    post_and_apply(*(text_body(f"m{index}", at(40)) for index in range(4)))
    make_old(Webhook.objects.values_list("pk", flat=True))
    monkeypatch.setattr("privacy.retention.webhooks.STEP", 2)
    columns = {"webhook_days": 30, "prune_at": timezone.now() - timedelta(seconds=1)}
    PrivacySettings.objects.create(organization=organization, **columns)
    monkeypatch.setattr(chores, "MAX_SECONDS", 0.0)
    counts = []
    while count := prune_organizations():
        counts.append(count)
    assert counts == [2, 2]
    assert PrivacySettings.objects.get().pruned_at is not None


def test_webhooks_of_no_organization_are_deleted_by_the_operators_setting(hub, numbers, organization, settings) -> None:
    cache.clear()  # it has where an earlier test ended
    hub.deliver(text_body("a"))
    apply_all()
    hub.deliver(text_body("b", number="999000999000999"))
    apply_all()
    Webhook.objects.update(organization_id=None)
    make_old(Webhook.objects.values_list("pk", flat=True))
    assert prune_platform_webhooks() == 0  # off by default
    settings.WEBHOOK_RETENTION_DAYS = 30
    before = rows()
    assert prune_platform_webhooks() == 1  # the other one has an item that waits
    assert Webhook.objects.count() == 1
    rebuild()
    assert rows() == before


def test_webhooks_that_stay_do_not_keep_the_rest_of_the_log(hub, numbers, organization, settings, monkeypatch) -> None:
    cache.clear()  # it has where an earlier test ended
    for wamid in ("a", "b"):
        hub.deliver(text_body(wamid, number="999000999000999"))
    hub.deliver(text_body("c"))
    apply_all()
    Webhook.objects.update(organization_id=None)
    make_old(Webhook.objects.values_list("pk", flat=True))
    settings.WEBHOOK_RETENTION_DAYS = 30
    monkeypatch.setattr("privacy.retention.webhooks.STEP", 1)
    monkeypatch.setattr(chores, "MAX_SECONDS", 0.0)
    assert [prune_platform_webhooks() for _ in range(4)] == [0, 0, 1, 0]
    assert Webhook.objects.count() == HeldItem.objects.count() == 2


def fill_tables() -> None:
    """Adds some thousand recent rows of another organization, so that the server has a reason to use indexes."""
    other = Organization.objects.create(organization_name="Outra")
    number = PhoneNumber.objects.create(organization=other, phone_number_id="77", wa_id="55613377")
    contacts = Contact.objects.bulk_create(
        Contact(create_for_phone_number=number, organization=other, wa_id=f"5561{index}") for index in range(3000)
    )
    contact = Contact.objects.filter(create_for_phone_number=number).earliest("pk")
    assert len(contacts) == 3000
    now = timezone.now()
    common = {"phone_number": number, "contact": contact, "wa_id": "1", "wa_id_received": "2", "is_user_message": True}
    common |= {"origin": "live", "kind": "text", "content": "oi", "payload": {}, "message_status": "received", "is_active": False}
    Message.objects.bulk_create(
        Message(**common, wamid=f"x{index}", session_id=uuid.uuid4(), create_in=now, expires_at=now) for index in range(3000)
    )
    of_message = {"phone_number": number, "webhook_id": 1}
    StatusEvent.objects.bulk_create(
        StatusEvent(**of_message, wamid=f"x{index}", status="read", occurred_at=now) for index in range(3000)
    )
    UnmatchedStatus.objects.bulk_create(
        UnmatchedStatus(**of_message, wamid=f"x{index}", organization_id=other.pk) for index in range(3000)
    )
    file = {"phone_number": number, "kind": "image", "state": "done"}
    Attachment.objects.bulk_create(Attachment(**file, message_name=f"x{index}", file=f"f{index}") for index in range(3000))
    done = {"json": "{}", "size": 2, "organization_id": other.pk, "queue_id": other.pk, "state": "done", "date": now, "due_at": now}
    Webhook.objects.bulk_create(Webhook(**done) for _ in range(3000))


LARGE = ("webhook", "chat_session_message", "chat_status_event", "chat_attachment", "contacts", "chat_unmatched_status")


@pytest.mark.skipif(connection.vendor != "mysql", reason="the plans of a server")
def test_no_statement_reads_a_whole_table(post_and_apply, organization) -> None:
    post_and_apply(*(text_body(f"m{index}", at(40 + index)) for index in range(30)), image_body("file", at(35)))
    make_old(list(Webhook.objects.values_list("pk", flat=True)[:20]))
    fill_tables()
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE TABLE {', '.join(LARGE)}")
    with CaptureQueriesContext(connection) as captured:
        prune(organization, message_days=30, file_days=7, webhook_days=2)
    table_format = "" if getattr(connection, "mysql_is_mariadb", False) else "FORMAT=TRADITIONAL "
    scans = []
    for query in {each["sql"] for each in captured.captured_queries if each["sql"].startswith(("SELECT", "DELETE", "UPDATE"))}:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {table_format}{query}")
            names = [column[0] for column in cursor.description]
            plans = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        scans += [(plan["table"], query) for plan in plans if plan["table"] in LARGE and plan["type"] == "ALL"]
    assert not scans
