"""Made-up data hold together as if webhooks had told them."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from random import Random
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from chats.conversations.reactions_and_edits import apply_to_targets
from chats.conversations.sessions.session_assignment import effect_of_kind
from chats.conversations.sessions.session_rules import SessionAssignment, SessionMessage, assign_sessions
from chats.models import Message, MessageStatus, StatusEvent
from cloud_api.payloads.texts import content_of
from contacts.conftest import found_ids
from contacts.lists.search import index_names, search_name
from contacts.models import Contact, ContactWord, Label, Note, phone_key, reversed_phone
from demo_data.management.commands.generate_data import Command
from demo_data.schedule import split_messages
from organizations.live.revisions import current_revisions
from organizations.models import Organization

CONTACTS, MESSAGES = 300, 4000


def generate(**options: Any) -> str:
    told = StringIO()
    call_command("generate_data", stdout=told, **options)
    return told.getvalue()


@pytest.fixture
def filled(transactional_db: None) -> Organization:
    generate(organization="Feira", contacts=CONTACTS, messages=MESSAGES, numbers=3)
    return Organization.objects.get(organization_name="Feira")


def conversations() -> Iterator[tuple[Contact, list[Message]]]:
    """Each contact with its messages in order of time."""
    rows: dict[int, list[Message]] = defaultdict(list)
    for row in Message.objects.order_by("create_in", "wamid"):
        rows[row.contact_id].append(row)
    for contact in Contact.objects.select_related("create_for_phone_number"):
        yield contact, rows[contact.pk]


def filed(contact: Contact, rows: list[Message]) -> list[SessionAssignment]:
    entries = [
        SessionMessage(row.wamid or "", row.create_in, effect_of_kind(row.origin, row.is_user_message, row.kind)) for row in rows
    ]
    return list(assign_sessions(entries, scope=contact.create_for_phone_number_id))


def test_there_are_as_many_as_were_asked_for(filled: Organization) -> None:
    assert Contact.objects.filter(organization=filled).count() == CONTACTS
    assert Message.objects.count() == MESSAGES
    assert filled.numbers.count() == 3
    assert set(Contact.objects.values_list("create_for_phone_number__organization", flat=True)) == {filled.pk}
    assert Contact.objects.values("create_for_phone_number").distinct().count() == 3


def test_sessions_are_what_the_rules_say(filled: Organization) -> None:
    now = timezone.now()
    for contact, rows in conversations():
        filings = filed(contact, rows)
        latest = filings[-1].latest if filings else None
        assert [(row.session_id, row.expires_at) for row in rows] == [(each.session_id, each.expires_at) for each in filings]
        running = latest is not None and latest.runs_at(now)
        assert [row.is_active for row in rows] == [running and latest is not None and row.session_id == latest.id for row in rows]
        known = (contact.session_id, contact.session_expires_at, contact.session_is_active)
        assert known == ((latest.id, latest.expires_at, running) if latest else (None, None, False))
    assert Message.objects.filter(is_active=True).exists()


def test_contacts_know_what_their_messages_say(filled: Organization) -> None:
    for contact, rows in conversations():
        noted = Contact()
        for row in rows:
            noted.record_message(row.create_in, from_customer=row.is_user_message)
        for column in ("last_customer_message_at", "last_business_message_at", "waiting_since"):
            assert getattr(contact, column) == getattr(noted, column), column
        if rows:
            assert contact.last_message_timestamp == rows[-1].create_in
            assert contact.create_in == rows[0].create_in


def test_unread_counts_are_the_messages_that_came_after_the_last_read(filled: Organization) -> None:
    for contact, rows in conversations():
        told = [row for row in rows if row.is_user_message and row.kind != "reaction"]
        unread = [row for row in told if row.webhook_id is not None and row.webhook_id > contact.read_webhook_id]
        assert contact.unread_count == len(unread)
        assert contact.unread_at == (unread[-1].create_in if unread else None)
    unread_contacts = Contact.objects.filter(unread_count__gt=0).count()
    assert 0 < unread_contacts < CONTACTS * 0.1


def test_what_a_real_webhook_tells_later_is_unread(filled: Organization) -> None:
    assert not Message.objects.filter(webhook_id__gte=0).exists()
    assert Message.objects.exclude(webhook_id=None).exists()
    contact = Contact.objects.filter(unread_count=0).first()
    assert contact
    contact.record_unread(timezone.now(), 1)
    assert contact.unread_count == 1


def test_people_are_found_by_name_and_number(filled: Organization) -> None:
    contact = Contact.objects.exclude(wa_id=None).filter(wa_id__startswith="55").first()
    assert contact
    assert contact.wa_id
    assert found_ids(filled.pk, f"+{contact.wa_id}") == [contact.pk]
    assert contact.pk in found_ids(filled.pk, contact.name)
    for each in Contact.objects.all():
        assert (each.phone_key, each.reversed_phone) == (phone_key(each), reversed_phone(each))
        assert each.search_name == search_name(alias=each.alias, name=each.name, username=each.username)


def test_words_are_those_that_a_renamed_contact_would_have(filled: Organization) -> None:
    kept = set(ContactWord.objects.values_list("contact", "organization_id", "word"))
    ContactWord.objects.all().delete()
    contacts = list(Contact.objects.all())
    for contact in contacts:
        contact.search_name = ""
    with transaction.atomic():
        index_names(contacts)
    assert kept == set(ContactWord.objects.values_list("contact", "organization_id", "word"))


def test_what_is_read_is_what_the_api_objects_say(filled: Organization) -> None:
    for row in Message.objects.all():
        assert row.content == content_of(row.kind, row.payload), row.kind
        assert row.payload["type"] == row.kind
        if row.webhook_id and row.message_status == MessageStatus.RECEIVED:
            assert row.payload["id"] == row.wamid
            assert row.payload.get("from", row.payload.get("from_user_id")) == row.wa_id
            assert int(row.payload["timestamp"]) == row.create_in.timestamp()
        json.dumps(row.payload)


def test_sides_are_the_contact_and_its_number(filled: Organization) -> None:
    for contact, rows in conversations():
        number = contact.create_for_phone_number
        for row in rows:
            sides = (contact.address, number.wa_id)
            assert (row.wa_id, row.wa_id_received) == (sides if row.is_user_message else sides[::-1])
            assert row.phone_number_id == number.phone_number_id


def test_reactions_and_quotes_are_about_messages_of_the_conversation(filled: Organization) -> None:
    wamids = dict(Message.objects.values_list("wamid", "contact"))
    assert len(wamids) == MESSAGES
    shown = dict(Message.objects.exclude(reactions=None).values_list("wamid", "reactions"))
    reactions = Message.objects.filter(kind="reaction")
    quoting = Message.objects.exclude(quoted_wamid="")
    assert reactions.exists()
    assert quoting.exists()
    assert all(wamids[row.target_wamid] == row.contact_id for row in reactions)
    assert all(wamids[row.quoted_wamid] == row.contact_id for row in quoting)
    Message.objects.update(reactions=None)
    with transaction.atomic():
        apply_to_targets(list(reactions), timezone.now())
    assert dict(Message.objects.exclude(reactions=None).values_list("wamid", "reactions")) == shown


def test_each_failure_has_its_reason(filled: Organization) -> None:
    failed = Message.objects.filter(message_status=MessageStatus.FAILED)
    events = StatusEvent.objects.all()
    assert {row.key for row in failed} == {event.key for event in events}
    assert failed
    assert {event.errors[0]["code"] for event in events if event.errors} <= {131026, 131047}


def test_messages_are_stored_in_order_of_time(filled: Organization) -> None:
    times = list(Message.objects.order_by("pk").values_list("create_in", flat=True))
    assert times == sorted(times)
    assert times[-1] <= timezone.now()
    middle = times[-1] - (times[-1] - times[0]) / 2
    assert sum(at > middle for at in times) > MESSAGES * 0.55
    assert timezone.now() - times[0] < timedelta(days=600)


def test_the_mixture_is_that_of_a_busy_hub(filled: Organization) -> None:
    kinds = Counter(Message.objects.values_list("kind", flat=True))
    assert {"text", "image", "audio", "document", "location", "contacts", "interactive", "order", "template"} <= set(kinds)
    assert kinds["text"] > MESSAGES * 0.7
    assert MESSAGES * 0.38 < Message.objects.filter(is_user_message=False).count() < MESSAGES * 0.52
    outgoing = Message.objects.filter(is_user_message=False)
    assert set(outgoing.values_list("origin", flat=True)) == {"phone_app", "staff", "bot", "automatic"}
    assert set(outgoing.values_list("message_status", flat=True)) == {"sent", "delivered", "read", "failed"}
    assert set(Message.objects.filter(is_user_message=True).values_list("origin", "message_status")) == {("live", "received")}


def test_some_people_have_labels_notes_and_other_ways_of_being_known(filled: Organization) -> None:
    assert Label.objects.filter(organization=filled, contacts__isnull=False).exists()
    assert set(Note.objects.values_list("contact__organization", flat=True)) <= {filled.pk}
    known = Contact.objects.values_list("wa_id", "bsuid", "username")
    ways = Counter((bool(wa_id), bool(bsuid)) for wa_id, bsuid, _ in known)
    assert set(ways) == {(True, False), (True, True), (False, True)}
    assert ways[True, False] > CONTACTS * 0.9
    assert all(bsuid for _, bsuid, username in known if username)
    assert set(Contact.objects.values_list("profile", flat=True)) == {"human", "bot", "ia"}
    assert set(Contact.objects.values_list("profile", "activate_bot")) == {("human", False), ("bot", True), ("ia", True)}


def test_open_pages_are_told(filled: Organization) -> None:
    assert current_revisions([filled.pk]) == {filled.pk: 1}


def test_an_organization_with_contacts_is_left_alone(filled: Organization) -> None:
    with pytest.raises(CommandError, match="“Feira” already has contacts; name another with --organization"):
        generate(organization="Feira", contacts=5, messages=10)
    assert Contact.objects.count() == CONTACTS


def test_two_organizations_with_one_seed_have_numbers_of_their_own(filled: Organization) -> None:
    told = generate(organization="Mercado", contacts=20, messages=50)
    assert "“Mercado” has 20 contacts and 50 messages now" in told
    other = Organization.objects.get(organization_name="Mercado")
    assert Message.objects.filter(contact__organization=other).count() == 50
    assert Message.objects.filter(contact__organization=filled).count() == MESSAGES
    assert Message.objects.filter(contact__organization=other, phone_number__organization=other).count() == 50


def test_numbers_that_an_organization_has_are_used(transactional_db: None) -> None:
    organization = Organization.objects.create(organization_name="Feira")
    organization.numbers.create(phone_number_id="448190735512098", wa_id="556133214400")
    generate(organization="Feira", contacts=5, messages=10, numbers=1)
    assert {row.phone_number_id for row in Message.objects.all()} == {"448190735512098"}


@pytest.mark.parametrize(("contacts", "messages"), [(1, 0), (10, 3), (1, 500), (3, 10)])
def test_any_amounts_will_do(transactional_db: None, contacts: int, messages: int) -> None:
    generate(contacts=contacts, messages=messages, numbers=1)
    assert (Contact.objects.count(), Message.objects.count()) == (contacts, messages)
    assert Contact.objects.filter(last_message_timestamp=None).count() == max(0, contacts - messages)
    for contact, rows in conversations():
        assert [row.session_id for row in rows] == [each.session_id for each in filed(contact, rows)]


@pytest.mark.parametrize(("contacts", "messages"), [(1000, 10_000), (7, 3), (100, 100), (1, 10), (50, 49_999)])
def test_shares_come_to_the_whole(contacts: int, messages: int) -> None:
    shares = list(split_messages(Random(1), messages, contacts))  # noqa: S311
    assert len(shares) == contacts
    assert sum(shares) == messages
    assert min(shares) >= (1 if messages >= contacts else 0)


def test_few_people_write_most() -> None:
    shares = sorted(split_messages(Random(1), 1_000_000, 100_000))  # noqa: S311
    assert shares[50_000] <= 4
    assert sum(share > 100 for share in shares) > 100
    assert 2 <= sum(share >= 2500 for share in shares) < 10


@pytest.mark.parametrize("wrong", [["--contacts", "0"], ["--messages", "-1"], ["--numbers", "two"]])
def test_amounts_that_make_no_sense_are_refused(wrong: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("generate_data", *wrong)


def test_help_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        Command().create_parser("manage.py", "generate_data").parse_args(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "made-up contacts and conversations" in said
    assert all(option in said for option in ("--organization NAME", "--contacts N", "--messages N", "--numbers N", "--seed N"))


def test_one_seed_makes_the_same_people(transactional_db: None) -> None:
    generate(organization="Feira", contacts=10, messages=30, seed=7)
    first = list(Contact.objects.order_by("pk").values_list("name", "wa_id"))
    for model in (Message, StatusEvent, Note, Contact):
        model.objects.all().delete()
    generate(organization="Feira", contacts=10, messages=30, seed=7)
    assert list(Contact.objects.order_by("pk").values_list("name", "wa_id")) == first
