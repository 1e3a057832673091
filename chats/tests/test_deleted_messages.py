"""The text of a message that its sender deleted is found and shown nowhere, whatever the order; of an edited one the latest text
alone is found. The rows keep what was told."""

import itertools
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from chats.inbox.bubbles.message_texts import written_text
from chats.models import IndexedWord, Message
from chats.outbox.message_queue import can_resend
from chats.text_search.results import LATEST_SCANNED
from chats.text_search.tests.test_text_search import edit, found_by, settle
from conftest import apply_all
from contacts.models import Contact
from organizations.models import Organization, User
from organizations.tests.people import member
from webhooks.tests.bodies import START, body, echo_body, message, text_body, value

HTMX = {"HX-Request": "true"}


@pytest.fixture
def later():
    """It is long after the messages of the bodies."""
    with time_machine.travel(datetime.fromtimestamp(START, UTC) + timedelta(days=2), tick=True) as clock:
        yield clock


def talk_on() -> None:
    """So many messages come that those before are found by the index alone."""
    received = Message.objects.latest("create_in")
    for place in range(LATEST_SCANNED):
        received.pk, received.wamid, received.callback_data, received.content = None, f"wamid.on.{place}", None, "e mais"
        received.create_in += timedelta(seconds=1)
        received.edited_content = received.revoked_at = received.target_wamid = None
        received.save(force_insert=True)


@pytest.fixture
def client(organization: Organization) -> Client:
    return member(organization, name="Ana")[1]


def revoke(wamid: str, target: str, at: int) -> bytes:
    received = message(wamid, at) | {"type": "revoke", "revoke": {"original_message_id": target}}
    return body(value(messages=[received]))


SECRET = text_body("wamid.A", START, text="senha jabuticaba")
EDITED = edit("wamid.B", "wamid.A", "senha pitanga", START + 60)
DELETED = revoke("wamid.C", "wamid.A", START + 120)
REPLY = body(value(messages=[message("wamid.D", START + 180, text="desculpe") | {"context": {"id": "wamid.A"}}]))
BODIES = (SECRET, EDITED, DELETED)
SAID = ("jabuticaba", "pitanga")


def rebuild() -> None:
    call_command("replay", "--rebuild", stdout=StringIO())
    apply_all()


def pages(client: Client, organization: Organization) -> str:
    """All that staff sees of the conversation, and a search for each word."""
    contact = Contact.objects.get()
    conversation = reverse("conversation", args=[organization.pk, contact.pk])
    messages = Message.objects.values_list("pk", flat=True)
    addresses = [
        conversation,
        reverse("inbox", args=[organization.pk]),
        f"{reverse('notifications', args=[organization.pk])}?contact={contact.pk}",
        *(f"{conversation}?reply={pk}" for pk in messages),
        *(f"{conversation}?edit={pk}" for pk in messages),
        *(f"{reverse('inbox', args=[organization.pk])}?q={word}" for word in SAID),
        *(reverse("message_raw", args=[organization.pk, contact.pk, pk]) for pk in messages),
    ]
    shown = "".join(client.get(address).content.decode() for address in addresses)
    for word in SAID:
        shown = shown.replace(f'value="{word}"', "").replace(f"q={word}", "")  # what was searched for
    return shown


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_a_deleted_text_is_found_and_shown_nowhere_in_any_order(
    post_and_apply, numbers, later, client, organization, order
) -> None:
    post_and_apply(*(BODIES[index] for index in order), REPLY)
    settle(later)
    for again in (lambda: None, lambda: post_and_apply(*BODIES), rebuild):
        again()
        assert [found_by(numbers, word) for word in SAID] == [[], []]
        shown = pages(client, organization)
        assert [word for word in SAID if word in shown] == []
    received = Message.objects.get(wamid="wamid.A")
    assert (received.content, received.edited_content) == ("senha jabuticaba", "senha pitanga"), "the row keeps it"


def test_an_edit_of_a_deleted_message_that_never_came_is_not_shown(post_and_apply, numbers, later, client, organization) -> None:
    for order in ((EDITED, DELETED), (DELETED, EDITED)):
        Message.objects.all().delete()
        post_and_apply(*order)
        assert "pitanga" not in pages(client, organization)
        assert Message.objects.get(wamid="wamid.B").revoked_at == datetime.fromtimestamp(START + 120, UTC)


def test_the_admin_shows_no_deleted_text(post_and_apply, numbers, later, admin_client) -> None:
    post_and_apply(*BODIES, REPLY)
    deleted = Message.objects.exclude(revoked_at=None).values_list("pk", flat=True)
    addresses = [reverse("admin:chats_message_changelist"), *(reverse("admin:chats_message_change", args=[pk]) for pk in deleted)]
    assert len(addresses) == 3
    shown = [admin_client.get(address).content.decode() for address in addresses]
    assert [word for word in SAID for page in shown if word in page] == []
    reply = reverse("admin:chats_message_change", args=[Message.objects.get(wamid="wamid.D").pk])
    assert admin_client.get(reply).content.decode().count("desculpe") == 2, "others are shown, with their payload"


def test_a_deletion_by_another_sender_deletes_no_edit(post_and_apply, numbers) -> None:
    other = message("wamid.C", START + 120, sender="556192047731") | {
        "type": "revoke",
        "revoke": {"original_message_id": "wamid.A"},
    }
    post_and_apply(SECRET, EDITED, body(value(messages=[other])))
    assert not Message.objects.exclude(revoked_at=None).exists()


@pytest.mark.parametrize("is_long_ago", [False, True])
def test_of_an_edited_message_the_latest_text_alone_is_found(post_and_apply, numbers, later, is_long_ago) -> None:
    post_and_apply(SECRET)
    settle(later)
    post_and_apply(EDITED)
    if is_long_ago:
        talk_on()
    settle(later)
    assert [found_by(numbers, word) for word in SAID] == [[], ["senha pitanga"]]


def test_a_deletion_that_is_taken_back_lets_the_text_be_found_again(post_and_apply, numbers, later) -> None:
    ours = body(
        value(message_echoes=[{**_echo("wamid.C", START + 60), "type": "revoke", "revoke": {"original_message_id": "wamid.A"}}]),
        field="smb_message_echoes",
    )
    post_and_apply(ours, echo_body("wamid.A", START, text="jabuticaba"))
    talk_on()
    settle(later)
    assert (found_by(numbers, "jabuticaba"), IndexedWord.objects.filter(word="jabuticaba").exists()) == ([], False)
    failed = {"id": "wamid.C", "status": "failed", "timestamp": str(START + 70), "errors": [{"code": 131047}]}
    post_and_apply(body(value(statuses=[failed])))
    settle(later)
    assert found_by(numbers, "jabuticaba") == ["jabuticaba"]


def _echo(wamid: str, at: int) -> dict[str, str]:
    return {"from": "556133214400", "to": "556181500586", "id": wamid, "timestamp": str(at)}


def test_a_deleted_message_of_ours_is_neither_written_nor_sent_once_more(post_and_apply) -> None:
    post_and_apply(echo_body("wamid.A", START, text="jabuticaba"))
    sent = Message.objects.get()
    sent.message_status, sent.callback_data = "uncertain", "x"
    assert (written_text(sent), can_resend(sent, ())) == ("jabuticaba", True)
    sent.revoked_at = sent.create_in
    assert (written_text(sent), can_resend(sent, ())) == ("", False)


def test_superusers_do_not_find_a_deleted_text_either(post_and_apply, numbers) -> None:
    post_and_apply(*BODIES)
    root = User.objects.create_superuser("root@example.com", "uma-senha-longa-7")
    admin = Client()
    admin.force_login(root)
    address = reverse("admin:chats_message_changelist")
    for word in SAID:
        assert Message.objects.get(wamid="wamid.A").content not in admin.get(address, {"q": word}).content.decode()
    listed = admin.get(address).content.decode()
    assert [word for word in SAID if word in listed] == []
