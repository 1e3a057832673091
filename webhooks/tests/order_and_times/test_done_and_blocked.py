"""Done, unread and blocked: by Meta's times, so that neither the order of arrival nor a rebuild changes them."""

import itertools
import re
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from chats.models import Message
from conftest import apply_all
from contacts.models import Contact, ContactChange
from organizations.models import Membership, Organization, User
from organizations.tests.people import browser, member, outsider
from webhooks.tests.bodies import HOUR, NUMBER, START, body, echo_body, value
from webhooks.tests.order_and_times.test_unread import new_user_id
from webhooks.tests.test_people import B1, B2, W1, W2, changed, said

Decide = Callable[..., int]


@pytest.fixture
def ana(organization: Organization) -> User:
    return member(organization, name="Ana")[0]


@pytest.fixture
def decide(organization: Organization, ana: User) -> Decide:
    """Posts to an address of the conversation as a member does; returns the status."""
    client = browser(ana)

    def post(name: str, value: str = "on", contact: Contact | None = None) -> int:
        contact = contact or Contact.objects.get()
        return client.post(
            reverse(f"conversation_{name}", args=[organization.pk, contact.pk]), {"value": value}, headers={"HX-Request": "true"}
        ).status_code

    return post


def hour(hours: float) -> datetime:
    return datetime.fromtimestamp(START + HOUR * hours, UTC)


def waiting() -> datetime | None:
    return Contact.objects.get().waiting_since


def rebuild() -> None:
    call_command("replay", "--rebuild", stdout=StringIO())
    apply_all()


def lines() -> list[tuple[str, str | None]]:
    rows = ContactChange.objects.order_by("create_in", "pk").select_related("actor")
    return [(row.kind, row.actor.name if row.actor else None) for row in rows]


# ---- Unanswered ----

ACTIONS: list[dict[str, Any]] = [
    {"type": "reaction", "reaction": {"message_id": "e1", "emoji": "👍"}},
    {"type": "reaction", "reaction": {"message_id": "e1"}},
    {"type": "edit", "edit": {"original_message_id": "m1", "message": {"type": "text", "text": {"body": "Oi!"}}}},
    {"type": "revoke", "revoke": {"original_message_id": "m1"}},
]


def action(wamid: str, hours: float, content: dict[str, Any], **persons: str) -> dict[str, Any]:
    return {**persons, "id": wamid, "timestamp": str(int(START + HOUR * hours)), **content}


@pytest.mark.parametrize("content", ACTIONS)
def test_a_customer_who_changes_a_message_asks_nothing_and_opens_the_window(post_and_apply, content) -> None:
    story = [
        said("m1", 0, W1, None),
        echo_body("e1", START + HOUR),
        body(value(messages=[action("a", 2, content, **{"from": W1})])),
    ]
    for order in itertools.permutations(story):
        post_and_apply(*order)
        assert waiting() is None
        assert Contact.objects.get().window_expires_at == hour(26)
        rebuild()
        assert waiting() is None
        Message.objects.all().delete()
        Contact.objects.all().delete()


@pytest.mark.parametrize("content", ACTIONS)
def test_a_customer_who_changes_a_message_still_waits_since_their_question(post_and_apply, decide, content) -> None:
    post_and_apply(body(value(messages=[action("a", 2, content, **{"from": W1})])))
    assert waiting() is None
    post_and_apply(said("m1", 1, W1, None))
    assert waiting() == hour(1)
    assert decide("done") == 204
    assert (waiting(), Contact.objects.get().is_done) == (None, True)
    assert decide("done", "off") == 204
    assert waiting() == hour(1)
    post_and_apply(said("m2", 3, W1, None))
    assert waiting() == hour(3)


@pytest.mark.parametrize("content", ACTIONS)
def test_a_business_that_changes_a_message_has_not_answered(post_and_apply, content) -> None:
    persons = {"from": "556133214400", "to": W1}
    echo = body(value(message_echoes=[action("a", 1, content, **persons)]), field="smb_message_echoes")
    post_and_apply(said("m1", 0, W1, None), echo)
    assert waiting() == hour(0)
    rebuild()
    assert waiting() == hour(0)


# ---- Done ----


def test_a_done_conversation_is_unanswered_again_with_the_next_message(post_and_apply, decide) -> None:
    post_and_apply(said("m1", 0, W1, None))
    assert waiting() == hour(0)
    assert decide("done") == 204
    assert (waiting(), Contact.objects.get().is_done) == (None, True)
    post_and_apply(said("m2", 1, W1, None))
    assert (waiting(), Contact.objects.get().is_done) == (hour(1), False)
    assert lines() == [("done", "Ana")]


def test_a_message_that_came_after_the_page_was_drawn_still_waits_when_the_conversation_is_marked_as_done(
    post_and_apply, organization, ana
) -> None:
    post_and_apply(said("m1", 0, W1, None))
    client, contact = browser(ana), Contact.objects.get()
    page = client.get(reverse("conversation", args=[organization.pk, contact.pk])).content.decode()
    seen = re.findall(r'name="seen" value="(\d+)"', page)[0]
    post_and_apply(said("m2", 1, W1, None))
    client.post(reverse("conversation_done", args=[organization.pk, contact.pk]), {"value": "on", "seen": seen})
    contact.refresh_from_db()
    assert (contact.done_until, contact.waiting_since) == (hour(0), hour(1))


@pytest.mark.parametrize("seen", ["", "x", "9" * 40, "-1"])
def test_without_a_seen_time_all_messages_are_done(post_and_apply, organization, ana, seen) -> None:
    post_and_apply(said("m1", 0, W1, None))
    browser(ana).post(reverse("conversation_done", args=[organization.pk, Contact.objects.get().pk]), {"value": "on", "seen": seen})
    assert Contact.objects.get().done_until == hour(0)


def test_a_late_message_from_before_does_not_bring_a_done_conversation_back(post_and_apply, decide) -> None:
    post_and_apply(said("m2", 2, W1, None))
    decide("done")
    post_and_apply(said("m1", 1, W1, None))
    assert waiting() is None
    assert Contact.objects.get().unread_count == 2  # but nobody has read it


def test_done_is_the_same_after_a_rebuild_and_a_repeated_message(post_and_apply, decide) -> None:
    post_and_apply(said("m1", 0, W1, None))
    decide("done")
    for again in (lambda: post_and_apply(said("m1", 0, W1, None)), rebuild):
        again()
        assert (waiting(), Contact.objects.get().is_done) == (None, True)
    post_and_apply(said("m2", 1, W1, None))
    rebuild()
    assert waiting() == hour(1)
    assert lines() == [("done", "Ana")]


def test_done_is_taken_back_and_only_where_it_was(post_and_apply, decide) -> None:
    post_and_apply(said("m1", 0, W1, None))
    decide("done", "off")
    assert lines() == []
    decide("done")
    decide("done")
    decide("done", "off")
    assert waiting() == hour(0)
    assert lines() == [("done", "Ana"), ("reopened", "Ana")]


def test_an_answered_conversation_is_not_done_it_is_answered(post_and_apply, decide) -> None:
    post_and_apply(said("m1", 0, W1, None), echo_body("e1", START + HOUR, to=W1))
    decide("done")
    assert (Contact.objects.get().is_done, lines()) == (False, [])


# ---- Unread ----


def test_a_conversation_is_marked_as_unread_and_stays_so_after_a_rebuild(post_and_apply, decide, organization, ana) -> None:
    post_and_apply(said("m1", 0, W1, None), said("m2", 1, W1, None))
    contact = Contact.objects.get()
    mark = Message.objects.get(wamid="m2").webhook_id
    browser(ana).post(reverse("conversation_read", args=[organization.pk, contact.pk]), {"up_to": mark})
    contact.refresh_from_db()
    assert contact.unread_count == 0
    assert decide("unread") == 200
    rebuild()
    contact.refresh_from_db()
    assert (contact.unread_count, contact.unread_at) == (1, hour(1))


def test_a_conversation_without_customer_messages_cannot_be_unread(post_and_apply, decide) -> None:
    post_and_apply(echo_body("e1", START, to=W1))
    assert decide("unread") == 422
    assert Contact.objects.get().unread_count == 0


# ---- Blocked ----


def test_messages_of_a_blocked_contact_are_stored_and_not_unread(post_and_apply, decide, organization, ana) -> None:
    post_and_apply(said("m1", 0, W1, None))
    assert decide("block") == 204
    post_and_apply(said("m2", 1, W1, None))
    contact = Contact.objects.get()
    assert Message.objects.count() == 2
    assert (contact.unread_count, contact.unread_at, contact.waiting_since) == (0, None, None)
    assert decide("unread") == 422
    Contact.objects.update(blocked_at=hour(0.5))
    page = browser(ana).get(reverse("conversation", args=[organization.pk, contact.pk])).content.decode()
    assert page.count("came while blocked") == 1
    assert "This person is blocked" in page
    rebuild()
    contact.refresh_from_db()
    assert (contact.unread_count, contact.waiting_since, contact.blocked_at) == (0, None, hour(0.5))


def test_unread_messages_count_again_when_the_contact_is_unblocked(post_and_apply, decide) -> None:
    post_and_apply(said("m1", 0, W1, None))
    decide("block")
    decide("block")
    post_and_apply(said("m2", 1, W1, None))
    decide("block", "off")
    contact = Contact.objects.get()
    assert (contact.unread_count, contact.unread_at, contact.waiting_since) == (2, hour(1), hour(1))
    assert lines() == [("blocked", "Ana"), ("unblocked", "Ana")]


def test_a_blocked_contact_stays_blocked_with_other_identifiers(post_and_apply, decide) -> None:
    post_and_apply(said("old", 0, None, B1), said("new", 1, None, B2))
    decide("block", contact=Contact.objects.get(bsuid=B2))
    decide("done", contact=Contact.objects.get(bsuid=B1))
    post_and_apply(new_user_id(START + HOUR, old=B1, new=B2))
    contact = Contact.objects.get()
    assert contact.blocked_at
    assert (contact.unread_count, contact.waiting_since, contact.done_until) == (0, None, hour(0))
    assert lines() == [("blocked", "Ana"), ("done", "Ana")]


def test_a_contact_blocked_before_its_first_message_stays_blocked_with_other_identifiers(post_and_apply, decide, numbers) -> None:
    post_and_apply(said("old", 0, None, B1))
    listed = Contact.objects.create(create_for_phone_number=numbers[NUMBER], bsuid=B2, create_in=hour(1))
    decide("block", contact=listed)
    post_and_apply(new_user_id(START + HOUR, old=B1, new=B2))
    contact = Contact.objects.get()
    assert contact.blocked_at
    assert (contact.unread_count, contact.unread_at, contact.waiting_since) == (0, None, None)


# ---- Two who become one


def joined(post_and_apply, decide, *, done: str, first: str) -> None:
    """Two people write, `first` before the other; staff marks one as done; both turn out to be one person."""
    hours = (0, 2) if first == B1 else (2, 0)
    post_and_apply(said("old", hours[0], None, B1), said("new", hours[1], None, B2))
    decide("done", contact=Contact.objects.get(bsuid=done))
    post_and_apply(new_user_id(START + HOUR, old=B1, new=B2))


@pytest.mark.parametrize("first", [B1, B2])
@pytest.mark.parametrize("done", [B1, B2])
def test_done_messages_of_one_contact_do_not_cover_unanswered_ones_of_the_other(post_and_apply, decide, done, first) -> None:
    joined(post_and_apply, decide, done=done, first=first)
    for again in (lambda: None, rebuild, lambda: post_and_apply(new_user_id(START + HOUR, old=B1, new=B2))):
        again()
        contact = Contact.objects.get()
        assert (contact.waiting_since, contact.is_done, contact.unread_count) == (hour(2), False, 2)


def test_a_message_of_the_same_second_stays_unanswered(post_and_apply, decide) -> None:
    post_and_apply(said("old", 0, None, B1), said("new", 0, None, B2))
    decide("done", contact=Contact.objects.get(bsuid=B1))
    post_and_apply(new_user_id(START + HOUR, old=B1, new=B2))
    assert waiting() == hour(0)


def test_messages_done_in_both_contacts_stay_done(post_and_apply, decide) -> None:
    post_and_apply(said("old", 0, None, B1), said("new", 2, None, B2))
    for contact in Contact.objects.all():
        decide("done", contact=contact)
    post_and_apply(new_user_id(START + HOUR, old=B1, new=B2))
    for again in (lambda: None, rebuild):
        again()
        assert (waiting(), Contact.objects.get().is_done) == (None, True)


@pytest.mark.parametrize("answered", [W1, W2])
def test_answered_messages_of_one_contact_stay_answered(post_and_apply, decide, answered) -> None:
    """SentMessage by phones, since the phone app's answers name no user ID here."""
    other = W2 if answered == W1 else W1
    post_and_apply(said("a", 0, answered, None), echo_body("e", START + HOUR // 2, to=answered), said("b", 2, other, None))
    decide("done", contact=Contact.objects.get(wa_id=other))
    post_and_apply(changed(1, (W1, None), (W2, None)))
    for again in (lambda: None, rebuild):
        again()
        assert (waiting(), Contact.objects.get().is_done) == (None, True)


def test_unanswered_messages_of_a_blocked_contact_count_when_it_is_unblocked(post_and_apply, decide) -> None:
    post_and_apply(said("old", 0, None, B1), said("new", 2, None, B2))
    decide("block", contact=Contact.objects.get(bsuid=B1))
    decide("done", contact=Contact.objects.get(bsuid=B2))
    post_and_apply(new_user_id(START + HOUR, old=B1, new=B2))
    assert waiting() is None
    decide("block", "off")
    assert waiting() == hour(2)


# ---- Names on WhatsApp ----


def names() -> list[tuple[str, str, datetime]]:
    rows = ContactChange.objects.filter(kind="profile_name").order_by("create_in")
    return [(row.values["from"], row.values["to"], row.create_in) for row in rows]


NAMES = [
    said("m1", 0, W1, None, name="Ana"),
    said("m2", 1, W1, None, name="Ana Souza"),
    said("m3", 2, W1, None, name="Ana"),
    said("m4", 3, W1, None, name="Ana S."),
]
TOLD_NAMES = [("", "Ana", hour(0)), ("Ana", "Ana Souza", hour(1)), ("Ana Souza", "Ana S.", hour(3))]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_names_on_whatsapp_are_the_same_lines_in_any_order(post_and_apply, order) -> None:
    post_and_apply(*(NAMES[index] for index in order))
    assert names() == TOLD_NAMES
    contact = Contact.objects.get()
    assert (contact.name, contact.name_since) == ("Ana S.", hour(3))


def test_names_on_whatsapp_survive_a_rebuild_and_a_repetition(post_and_apply) -> None:
    post_and_apply(*NAMES)
    before = list(ContactChange.objects.values_list("values", "key", "create_in"))
    post_and_apply(*NAMES[::-1])
    assert list(ContactChange.objects.values_list("values", "key", "create_in")) == before
    rebuild()
    assert names() == TOLD_NAMES


def test_one_name_needs_no_row(post_and_apply) -> None:
    post_and_apply(said("m1", 1, W1, None, name="Ana"), said("m0", 0, W1, None, name="Ana"), said("m2", 2, W1, None, name="Ana"))
    assert names() == []
    assert Contact.objects.get().name_since == hour(0)


def test_a_merged_contact_has_the_names_of_both(post_and_apply) -> None:
    post_and_apply(
        said("old", 0, None, B1, name="Ana"), said("new", 1, None, B2, name="Ana Nova"), said("again", 2, None, B2, name="Ana N.")
    )
    post_and_apply(new_user_id(START + HOUR, old=B1, new=B2))
    expected = [("", "Ana", hour(0)), ("Ana", "Ana Nova", hour(1)), ("Ana Nova", "Ana N.", hour(2))]
    assert names() == expected
    rebuild()
    assert names() == expected


# ---- Who may ----


@pytest.mark.parametrize("name", ["conversation_done", "conversation_unread", "conversation_block"])
def test_only_members_decide(post_and_apply, organization, ana, name) -> None:
    post_and_apply(said("m1", 0, W1, None))
    address = reverse(name, args=[organization.pk, Contact.objects.get().pk])
    before = Contact.objects.values().get()
    assert outsider().post(address, {"value": "on"}).status_code == 404
    assert "/accounts/login/" in Client().post(address, {"value": "on"})["Location"]
    assert browser(ana).get(address).status_code == 405
    assert Contact.objects.values().get() == before
    assert browser(ana).post(address, {"value": "on"}).status_code == 302


def test_a_word_that_is_no_switch_is_refused(post_and_apply, decide) -> None:
    post_and_apply(said("m1", 0, W1, None))
    assert [decide("block", "perhaps"), decide("done", "")] == [400, 400]
    assert Membership.objects.exists()
    assert lines() == []
