"""The effect of a reaction, an edit or a deletion is removed when Meta refuses it."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chats.inbox.bubbles.thread_bubbles import build_bubbles
from chats.inbox.selectors import read_latest
from chats.models import Message, MessageStatus, Origin
from chats.outbox.message_queue import queue_message
from chats.outbox.tests.steps import make_due, statuses_of
from cloud_api import messages
from conftest import apply_all
from contacts.models import Contact
from organizations.live.revisions import current_revisions
from webhooks.tests.bodies import body, text_body, value

pytestmark = pytest.mark.usefixtures("hub")
WAMID = "wamid.asked"


@pytest.fixture
def asked(meta: Any, joelma: Contact, post_and_apply: Any) -> Message:
    """A message of the customer's to react to."""
    post_and_apply(text_body(WAMID, int(timezone.now().timestamp()), sender=joelma.wa_id))
    return Message.objects.get(wamid=WAMID)


def react(message: Message, emoji: str) -> Message:
    options: dict[str, Any] = {"token": uuid.uuid4(), "origin": Origin.STAFF, "now": timezone.now()}
    contact = Contact.objects.get(pk=message.contact_id)
    return queue_message(contact=contact, message=messages.reaction(message.wamid or "", emoji), **options)


def shown(message: Message) -> list[str]:
    message.refresh_from_db()
    return list((message.reactions or {}).values())


def test_our_reaction_is_no_answer(asked) -> None:
    react(asked, "👍")
    assert Contact.objects.get(pk=asked.contact_id).waiting_since is not None


def test_our_only_reaction_is_no_longer_shown_after_graph_refused_it(meta, asked) -> None:
    reaction = react(asked, "👍")
    assert shown(asked) == ["👍"]
    before, seen = current_revisions([asked.contact.organization_id]), asked.updated_at
    meta.fault("error:131026")
    apply_all()
    assert statuses_of(reaction) == [MessageStatus.FAILED]
    assert shown(asked) == []
    assert asked.updated_at > seen
    assert current_revisions([asked.contact.organization_id]) != before  # so that open pages fetch it
    (bubble,) = [each for each in build_bubbles(read_latest(asked.contact)) if each.message.pk == asked.pk]
    assert bubble.reaction_failure.endswith("(131026)")


def test_our_only_reaction_is_no_longer_shown_after_a_status_refused_it(meta, asked, post_and_apply) -> None:
    react(asked, "👍")
    apply_all()
    (sent,) = meta.sent()
    assert shown(asked) == ["👍"]
    post_and_apply(meta.status_body(sent, "failed"))
    assert shown(asked) == []


def test_a_refused_change_of_reaction_shows_the_one_before(meta, asked) -> None:
    react(asked, "👍")
    apply_all()
    react(asked, "❤️")
    assert shown(asked) == ["❤️"]
    meta.fault("error:131026")
    apply_all()
    assert shown(asked) == ["👍"]


def test_a_refused_removal_shows_the_reaction_again(meta, asked) -> None:
    react(asked, "👍")
    apply_all()
    react(asked, "")
    assert shown(asked) == []
    meta.fault("error:131026")
    apply_all()
    assert shown(asked) == ["👍"]


def test_a_refusal_does_not_touch_the_customers_own_reaction(meta, asked, joelma, post_and_apply) -> None:
    react(asked, "👍")
    theirs = {"from": joelma.wa_id, "id": "wamid.own", "timestamp": str(int(timezone.now().timestamp()) + 1), "type": "reaction"}
    post_and_apply(body(value(messages=[theirs | {"reaction": {"message_id": WAMID, "emoji": "😂"}}])))
    meta.fault("error:131026")
    react(asked, "❤️")
    apply_all()
    assert sorted(shown(asked)) == ["👍", "😂"]


def test_a_reaction_that_waits_for_another_try_stays_shown(meta, asked) -> None:
    react(asked, "👍")
    meta.fault("error:131016")
    apply_all()
    assert shown(asked) == ["👍"]
    make_due()
    apply_all()
    assert shown(asked) == ["👍"]


def test_an_uncertain_reaction_stays_shown_as_uncertain(meta, asked) -> None:
    react(asked, "👍")
    meta.fault("half_closed")
    apply_all()
    assert shown(asked) == ["👍"]
    (bubble,) = [each for each in build_bubbles(read_latest(asked.contact)) if each.message.pk == asked.pk]
    assert (bubble.reaction_failure, bubble.is_reaction_uncertain) == ("", True)


@pytest.mark.parametrize("kind", ["edit", "revoke"])
def test_a_refused_edit_or_deletion_of_ours_is_taken_back(meta, joelma, number, post_and_apply, kind: str) -> None:
    """From the phone app; a status tells later that it failed."""
    at = timezone.now() - timedelta(minutes=1)
    columns = {
        "phone_number": number, "contact": joelma, "wa_id": number.wa_id, "wa_id_received": joelma.wa_id, "is_user_message": False,
        "origin": Origin.PHONE_APP, "message_status": MessageStatus.SENT, "session_id": uuid.uuid4(), "expires_at": at,
        "is_active": False, "payload": {},
    }  # fmt: skip
    ours = Message.objects.create(wamid="wamid.ours", kind="text", content="antes", create_in=at, **columns)
    Message.objects.create(
        wamid="wamid.act", kind=kind, content="depois", target_wamid="wamid.ours", create_in=at + timedelta(seconds=5), **columns
    )
    Message.objects.filter(pk=ours.pk).update(edited_content="depois", edited_at=at, revoked_at=at if kind == "revoke" else None)
    status = {"id": "wamid.act", "status": "failed", "timestamp": str(int(at.timestamp())), "recipient_id": joelma.wa_id}
    post_and_apply(body(value(statuses=[status | {"errors": [{"code": 131026}]}])))
    ours.refresh_from_db()
    assert (ours.edited_content, ours.edited_at, ours.revoked_at) == (None, None, None)
