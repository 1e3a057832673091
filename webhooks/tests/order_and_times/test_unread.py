"""What counts as unread: when messages arrive, when a conversation is opened, and when two contacts are merged."""

import re
from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chats.models import Message
from conftest import apply_all
from contacts.models import Contact
from organizations.models import Membership, Organization, User
from webhooks.models import Webhook
from webhooks.tests.bodies import HOUR, START, body, history_body, message, status_body, value
from webhooks.tests.test_people import B1, B2, W1, W2, changed, said


@pytest.fixture
def opened(organization: Organization) -> Callable[[Contact], str]:
    """Opens the contact's conversation as a member does: the page, and the mark that its script sets. Returns the page."""
    client = Client()
    user = User.objects.create_user("ana@example.com", "uma-senha-longa-7", name="Ana")
    Membership.objects.create(organization=organization, user=user, role="user")
    client.force_login(user)

    def open_conversation(contact: Contact) -> str:
        page = client.get(reverse("conversation", args=[organization.pk, contact.pk])).content.decode()
        up_to = re.search(r'data-up-to="(\d+)"', page)
        assert up_to
        answer = client.post(reverse("conversation_read", args=[organization.pk, contact.pk]), {"up_to": up_to[1]})
        assert answer.status_code == 204
        return page

    return open_conversation


def notice(wamid: str, at: int) -> bytes:
    system = {"type": "customer_identity_changed", "body": "A new identity"}
    return body(value(messages=[message(wamid, at, sender=W1) | {"type": "system", "system": system}]))


def new_user_id(at: int, *, old: str, new: str) -> bytes:
    received = {"detail": "…", "user_id": {"previous": old, "current": new}, "timestamp": str(at)}
    return body(value(user_id_update=[received]), field="user_id_update")


def reaction(wamid: str, at: int, target: str) -> bytes:
    received = message(wamid, at, sender=W1) | {"type": "reaction", "reaction": {"message_id": target, "emoji": "👍"}}
    return body(value(messages=[received]))


def badge() -> tuple[int, int | None]:
    """The count of the only contact, and the hour of the latest unread message."""
    contact = Contact.objects.get()
    hour = (int(contact.unread_at.timestamp()) - START) // HOUR if contact.unread_at else None
    return contact.unread_count, hour


def test_notices_and_reactions_raise_no_badge(post_and_apply) -> None:
    post_and_apply(said("m1", 0, W1, None), notice("n1", START + HOUR), reaction("r1", START + 2 * HOUR, "m1"))
    post_and_apply(changed(3, (W1, None), (W2, None)))
    assert badge() == (1, 0)


def test_the_line_above_what_is_unread_stands_above_a_message_not_above_a_notice(post_and_apply, opened) -> None:
    post_and_apply(said("m1", 0, W1, None))
    opened(Contact.objects.get())
    post_and_apply(notice("n1", START + HOUR), said("m2", 2, W1, None))
    page = opened(Contact.objects.get())
    before_line = page.partition('id="unread-line"')[0]
    assert re.findall(r'id="m(\d+)"', before_line)[-1] == str(Message.objects.get(wamid="m2").pk)


def test_opening_clears_the_badge_of_merged_contacts(post_and_apply, opened) -> None:
    post_and_apply(said("old", 0, None, B1), said("new", 1, None, B2), said("old again", 2, None, B1))
    opened(Contact.objects.get(bsuid=B1))
    post_and_apply(new_user_id(START + HOUR, old=B1, new=B2))
    assert badge()[0] >= 1  # nobody has read "new"
    page = opened(Contact.objects.get())
    assert 'id="unread-line"' in page
    assert badge() == (0, None)


def test_messages_read_in_both_contacts_stay_read_after_a_merge(post_and_apply, opened) -> None:
    post_and_apply(said("old", 0, None, B1), said("new", 1, None, B2))
    for contact in Contact.objects.all():
        opened(contact)
    post_and_apply(new_user_id(START + HOUR, old=B1, new=B2))
    assert badge() == (0, None)


def test_a_badge_that_counts_too_much_is_put_right_when_the_conversation_is_opened(post_and_apply, opened) -> None:
    post_and_apply(said("m1", 0, W1, None))
    opened(Contact.objects.get())
    Contact.objects.update(unread_count=3)
    opened(Contact.objects.get())
    assert badge() == (0, None)


def test_the_badge_is_the_same_in_any_order_and_after_a_rebuild(post_and_apply) -> None:
    received = [
        history_body("h1", START, sender=W1),
        said("h1", 0, W1, B1),
        said("m1", 1, W1, B1),
        notice("n1", START + 2 * HOUR),
        reaction("r1", START + 3 * HOUR, "m1"),
        said("m2", 4, None, B2),
        new_user_id(START + 4 * HOUR, old=B1, new=B2),
    ]
    post_and_apply(*received)
    assert badge() == (3, 4)
    call_command("replay", "--rebuild", stdout=StringIO())
    apply_all()
    assert badge() == (3, 4)
    call_command("replay", "--all", stdout=StringIO())
    apply_all()
    assert badge() == (3, 4)


def test_a_live_message_known_from_history_is_unread_whichever_came_first(post_and_apply) -> None:
    post_and_apply(history_body("a", START, sender=W1), said("a", 0, W1, None))
    post_and_apply(said("b", 1, W2, None), history_body("b", START + HOUR, sender=W2))
    assert [contact.unread_count for contact in Contact.objects.order_by("pk")] == [1, 1]
    received = list(Webhook.objects.order_by("pk").values_list("pk", flat=True))
    assert list(Message.objects.order_by("pk").values_list("webhook_id", flat=True)) == [received[1], received[2]]


def test_a_status_of_ours_changes_no_badge(post_and_apply) -> None:
    post_and_apply(said("m1", 0, W1, None), status_body("unknown", "read"))
    assert badge() == (1, 0)


def test_a_message_whose_webhook_is_applied_late_is_unread(hub, numbers, opened) -> None:
    """Its webhook has a smaller id than that of the message that was read: its first attempt failed, or another node of a cluster
    has numbered it. The line above what is unread stands above both."""
    hub.deliver(said("late", 0, W1, None))
    late = Webhook.objects.all()
    late.update(due_at=timezone.now() + timedelta(hours=1))
    hub.deliver(said("read", 1, W1, None))
    apply_all()
    opened(Contact.objects.get())
    assert badge() == (0, None)
    late.update(due_at=timezone.now())
    apply_all()
    assert badge() == (2, 1)
    opened(Contact.objects.get())
    assert badge() == (0, None)
    call_command("replay", "--rebuild", stdout=StringIO())
    assert badge() == (0, None)
