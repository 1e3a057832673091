"""Stored files in messages of bots and automatic messages: uploaded to Graph over HTTP, and shown in the thread."""

from datetime import timedelta
from typing import Any

import pytest
import requests
import time_machine
from django.urls import reverse
from django.utils import timezone

from bots.answering.tests.conftest import customer, now, publish  # noqa: F401  a fixture
from bots.automatic.reminders import send_reminders
from bots.automatic.services import save_automatic
from bots.files.tests.conftest import PDF, Store, photo
from bots.models import BotFile
from chats.conftest import JOELMA
from chats.models import Attachment, Message, MessageStatus
from conftest import html_of
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, User
from organizations.storage import storage_used
from organizations.tests.people import member
from webhooks.tests.bodies import NUMBER, text_body

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def number(numbers: dict[str, PhoneNumber]) -> PhoneNumber:
    return numbers[NUMBER]


def flow(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"format": 1, "name": "Oi", "start": steps[0]["id"], "settings": {"silence_seconds": 0}, "steps": list(steps)}


def media(file: BotFile, kind: str = "", **more: Any) -> dict[str, Any]:
    return {"type": "media", "kind": kind or file.kind, "file": file.key, **more}


def written(words: str = "oi", wamid: str = "w1") -> bytes:
    return text_body(wamid, now(), text=words, sender=JOELMA)


def downloaded(meta: Any, media_id: str) -> bytes:
    """Returns a file that Graph has."""
    headers = {"Authorization": f"Bearer token-of-{NUMBER}"}
    found = requests.get(f"{meta.url}/v25.0/{media_id}", headers=headers, timeout=10).json()
    return requests.get(found["url"], headers=headers, timeout=10).content


def test_a_bot_sends_a_file_which_is_uploaded_and_shown(meta, publish, post_and_apply, store: Store, organization) -> None:  # noqa: F811
    pdf, image = store(organization), store(organization, "fachada.jpg", photo())
    publish(flow(
        {"id": "a", "type": "send", "message": media(pdf, caption="Oi, {{first_name}}!"), "next": "b"},
        {"id": "b", "type": "hand_over", "note": "", "message": media(image)},
    ))  # fmt: skip

    post_and_apply(written())

    first, second = [sent["request"] for sent in meta.sent()]
    assert {key: value for key, value in first["document"].items() if key != "id"} == {
        "filename": "cardápio.pdf",
        "caption": "Oi!",
    }
    assert downloaded(meta, first["document"]["id"]) == PDF
    assert downloaded(meta, second["image"]["id"]) == photo()
    assert set(Message.objects.filter(is_user_message=False).values_list("message_status", flat=True)) == {MessageStatus.SENT}
    assert storage_used(organization) == pdf.size + image.size  # shared, not copied

    page = html_of(member(organization)[1].get(reverse("conversation", args=[organization.pk, customer().pk])))
    assert "cardápio.pdf" in page
    assert "/thumbnail/" in page


def test_a_picture_can_be_sent_as_a_document_with_a_name_of_its_own(meta, publish, post_and_apply, store, organization) -> None:  # noqa: F811
    image = store(organization, "fachada.jpg", photo())
    publish(flow({"id": "a", "type": "send", "message": media(image, "document", filename="loja.jpg"), "next": None}))

    post_and_apply(written())

    assert meta.sent()[0]["request"]["document"]["filename"] == "loja.jpg"
    assert Attachment.objects.get().kind == "document"


@pytest.mark.parametrize("missing", ["deleted", "of another organization", "of another kind"])
def test_a_message_without_its_file_is_left_out_and_the_turn_goes_on(
    meta,
    publish,  # noqa: F811
    post_and_apply,
    store: Store,
    organization: Organization,
    missing: str,
) -> None:
    owner = Organization.objects.create(organization_name="Outra") if missing == "of another organization" else organization
    pdf = store(owner)
    publish(flow(
        {"id": "a", "type": "send", "message": media(pdf, "image" if missing == "of another kind" else ""), "next": "b"},
        {"id": "b", "type": "send", "message": {"type": "text", "text": "Até logo!"}, "next": None},
    ))  # fmt: skip
    if missing == "deleted":
        BotFile.objects.all().delete()

    post_and_apply(written())

    assert [sent["request"]["type"] for sent in meta.sent()] == ["text"]
    assert customer().owner == "bot"


def test_each_customer_gets_the_file_with_an_upload_of_its_own(meta, publish, post_and_apply, store, organization) -> None:  # noqa: F811
    pdf = store(organization)
    publish(flow(
        {"id": "a", "type": "send", "message": media(pdf), "next": "w"},
        {"id": "w", "type": "wait", "next": "a"},
    ))  # fmt: skip

    post_and_apply(written(), written("de novo", "w2"))

    ids = [sent["request"]["document"]["id"] for sent in meta.sent()]
    assert len(set(ids)) == 2
    assert len(set(Attachment.objects.values_list("file", flat=True))) == 1


@pytest.mark.parametrize("name", ["greeting", "handed_over"])
def test_automatic_messages_have_files(meta, publish, post_and_apply, number, store, organization, name: str) -> None:  # noqa: F811
    message = media(store(organization), caption="Cardápio de hoje")
    columns = {name: message, f"{name}_is_on": True}
    if name == "handed_over":
        publish(flow({"id": "a", "type": "hand_over", "note": ""}))
    save_automatic(number=number, columns=columns, number_columns={}, by=User(), now=timezone.now() - timedelta(days=1))

    post_and_apply(written())

    (sent,) = meta.sent()
    assert sent["request"]["document"]["caption"] == "Cardápio de hoje"
    assert downloaded(meta, sent["request"]["document"]["id"]) == PDF


@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_reminder_has_a_file(meta, post_and_apply, number, store, organization, *, is_deleted: bool) -> None:
    columns = {"reminder": media(store(organization)), "reminder_is_on": True, "reminder_minutes": 60}
    save_automatic(number=number, columns=columns, number_columns={}, by=User(), now=timezone.now())
    post_and_apply(written())
    Contact.objects.update(last_business_message_at=timezone.now() + timedelta(seconds=1))
    if is_deleted:
        BotFile.objects.all().delete()
    window_expires_at = customer().window_expires_at
    assert window_expires_at

    with time_machine.travel(window_expires_at - timedelta(minutes=30), tick=False):
        assert send_reminders() == (0 if is_deleted else 1)

    assert Attachment.objects.count() == (0 if is_deleted else 1)
