"""Who is in charge of conversations: chips, the list of those who wait for a person, the filter, the band, lines in the thread,
taking over and handing back."""

import re
import uuid
from datetime import timedelta
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chats.inbox.tests.test_composer import HTMX, add_customer, member_client, send, store_message, url
from chats.models import Message, MessageStatus, Origin
from contacts.lists.contact_list import (
    MAX_ROWS_COUNTED,
    ContactFilters,
    ListTab,
    count_lists,
    count_owners,
    list_contacts,
    waiting_for_person,
)
from contacts.models import Contact, ContactChange, Note
from contacts.owner_changes import OwnerChange, change_owners
from contacts.owners import Owner, OwnerReason
from organizations.live.revisions import current_revisions
from organizations.models import Organization, PhoneNumber, Role, User

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def padaria(db: None) -> Organization:
    return Organization.objects.create(organization_name="Padaria")


@pytest.fixture
def maria(padaria: Organization) -> Contact:
    """A conversation of the bot."""
    contact = add_customer(padaria, "5243", NOW - timedelta(hours=1))
    Contact.objects.update(
        last_message_timestamp=NOW - timedelta(hours=1),
        profile="bot",
        activate_bot=True,
        owner="bot",
        session_id=session_of(contact),
    )
    PhoneNumber.objects.update(answers_since=NOW, default_bot="menu")
    return fresh(contact)


@pytest.fixture
def ana(padaria: Organization) -> Any:
    return member_client(padaria)


def session_of(contact: Contact) -> uuid.UUID:
    return Message.objects.filter(contact=contact).latest("create_in").session_id


def fresh(contact: Contact) -> Contact:
    return Contact.objects.select_related("create_for_phone_number").get(pk=contact.pk)


def change(contact: Contact, owner: Owner, reason: OwnerReason, *, minutes: int = 0, **more: Any) -> None:
    """Changes the owner as the bot or a person does, some minutes ago."""
    one = OwnerChange(contact=contact, owner=owner, reason=reason, **more)
    assert change_owners([one], timezone.now() - timedelta(minutes=minutes)) == [contact]
    contact.save()


def others(contact: Contact, count: int, **columns: Any) -> list[Contact]:
    columns = {"last_message_timestamp": NOW, "organization_id": contact.organization_id} | columns
    number = contact.create_for_phone_number
    Contact.objects.bulk_create(
        Contact(create_for_phone_number=number, wa_id=f"5561{place:08}", **columns) for place in range(count)
    )
    return list(Contact.objects.exclude(pk=contact.pk).order_by("pk"))


def body(response: Any) -> str:
    assert response.status_code == 200
    return " ".join(response.content.decode().split()).replace("&#x27;", "'")


def rows(client: Any, contact: Contact, **query: Any) -> str:
    return body(client.get(reverse("inbox_rows", args=[contact.organization_id]), query, headers=HTMX))


def row(client: Any, contact: Contact) -> str:
    return rows(client, contact).partition(f'id="row-{contact.pk}"')[2].partition("</li>")[0]


def chip(html: str) -> str:
    """Returns the text of the first chip."""
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition('class="owner-chip')[2].partition(">")[2][:1200]).split())[:60]


def band(client: Any, contact: Contact) -> str:
    """Returns the text of the band, as open pages fetch it."""
    page = body(client.get(url("conversation_window", contact), headers=HTMX))
    html = page.partition('id="owner-band"')[2].partition(">")[2]
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def thread(client: Any, contact: Contact) -> str:
    return body(client.get(url("thread", contact), headers=HTMX))


# ---- Chips ----


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        (Owner.BOT, "In charge: Bot"),
        (Owner.META_AGENT, "In charge: Meta's agent"),
        (Owner.WAITING, "Waiting for a person · 5 min ago"),
    ],
)
def test_a_row_and_the_heading_say_who_is_in_charge(maria, ana, owner, words) -> None:
    if owner != Owner.BOT:
        change(maria, owner, OwnerReason.ASKED, minutes=5)
    assert words in chip(row(ana, maria))
    heading = body(ana.get(url("conversation_pane", maria))).partition('id="conversation-heading"')[2]
    assert words.partition(" ·")[0] in chip(heading)


def test_a_person_who_took_over_from_the_bot_is_named(maria, ana) -> None:
    bia = User.objects.create_user("bia@example.com", name="Bia Lima")
    change(maria, Owner.PERSON, OwnerReason.TAKEN_OVER, by=bia)
    assert "Bia Lima" in chip(row(ana, maria))
    User.objects.filter(pk=bia.pk).update(name="")
    assert "bia@example.com" in chip(row(ana, maria))


def test_where_people_answer_as_usual_nothing_is_shown(maria, ana) -> None:
    Contact.objects.update(profile="human", activate_bot=False, owner="person")
    assert "owner-chip" not in row(ana, maria)
    assert band(ana, maria) == ""
    assert 'id="for-person"' in rows(ana, maria)
    assert "Waiting for a person" not in rows(ana, maria)
    assert 'name="owner"' not in rows(ana, maria)


@pytest.mark.parametrize("columns", [{"answers_since": None}, {"default_bot": ""}])
def test_a_bot_that_does_not_answer_is_said_to_be_off(maria, padaria, ana, columns) -> None:
    PhoneNumber.objects.update(**columns)
    assert "bot off" in chip(row(ana, maria))
    assert band(ana, maria) == "Nobody answers automatically: this number has no bot that is on."
    admin = member_client(padaria, Role.USER_ADMIN, "Ada")
    assert band(admin, maria).endswith("Set up a bot")


def test_a_number_without_an_ai_says_that_the_team_answers(maria, ana) -> None:
    Contact.objects.update(profile="ia", owner="ia")
    assert band(ana, maria) == "Nobody answers automatically: this number has no AI that is on."
    assert "This number has no AI: your team answers." in body(ana.get(url("contact_pane", maria)))
    assert "AI off" in chip(row(ana, maria))


def test_the_ai_of_a_number_is_in_charge_and_is_taken_over_like_a_bot(maria, ana) -> None:
    Contact.objects.update(profile="ia", owner="ia")
    PhoneNumber.objects.update(default_ai="lia")
    assert "The AI is in charge" in band(ana, maria)
    assert "This number has no AI" not in body(ana.get(url("contact_pane", maria)))
    assert "AI" in chip(row(ana, maria))
    maria.refresh_from_db()
    change(maria, Owner.PERSON, OwnerReason.ANSWERED, by=User.objects.get(name="Ana Souza"))
    assert "back to the AI with the next conversation" in band(ana, maria)
    assert "Hand back to the AI" in band(ana, maria)
    assert "Ana Souza" in chip(row(ana, maria))


@pytest.mark.parametrize(
    ("reason", "of_bot", "of_ai"),
    [
        (OwnerReason.NO_ANSWER, "the bot did not answer in time", "the AI did not answer in time"),
        (OwnerReason.UNUSABLE, "the bot's answer could not be used", "the AI's answer could not be used"),
        (OwnerReason.REFUSED, "the AI refused to answer", "the AI refused to answer"),
        (OwnerReason.PAUSED, "the bot failed too often and is paused", "the AI failed too often and is paused"),
        (OwnerReason.LIMIT, "a limit of the AI was reached", "a limit of the AI was reached"),
        (OwnerReason.NO_BOT, "the number has no published bot", "the number has no published AI"),
    ],
)
def test_the_band_says_why_a_bot_or_an_ai_called_a_person(maria, ana, reason, of_bot, of_ai) -> None:
    PhoneNumber.objects.update(default_ai="lia")
    change(maria, Owner.WAITING, reason)
    assert of_bot in unescape(band(ana, maria))
    Contact.objects.update(profile="ia")
    assert of_ai in unescape(band(ana, maria))


def test_the_table_of_contacts_has_the_chip_where_it_differs_from_the_choice(maria, padaria, ana) -> None:
    table = reverse("contacts", args=[padaria.pk])
    assert "owner-chip" not in body(ana.get(table))
    change(maria, Owner.WAITING, OwnerReason.ASKED, minutes=5)
    assert "Waiting for a person" in chip(body(ana.get(table)))
    PhoneNumber.objects.update(default_bot="")
    Contact.objects.update(owner="bot")
    assert "bot off" in chip(body(ana.get(table)))


def test_the_pane_says_who_usually_answers_and_the_band_who_answers_now(maria, ana) -> None:
    change(maria, Owner.PERSON, OwnerReason.ANSWERED, by=User.objects.get(name="Ana Souza"))
    assert "Ana Souza is in charge" in body(ana.get(url("conversation", maria)))
    pane = body(ana.get(url("contact_pane", maria)))
    assert "Usually answers" in pane
    assert re.search(r'value="bot"[^>]*checked', pane)


def test_a_conversation_in_which_nobody_wrote_has_no_band(maria, ana) -> None:
    assert "The bot is in charge" in body(ana.get(url("conversation", maria)))
    Contact.objects.update(last_message_timestamp=None)
    assert "The bot is in charge" not in body(ana.get(url("conversation", maria)))


def test_chips_take_one_query_for_all_rows(maria, ana) -> None:
    me = User.objects.get(name="Ana Souza")
    contacts = [maria, *others(maria, 12, profile="bot", activate_bot=True, owner="bot")]

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            rows(ana, maria)
        return len(queries)

    count()
    without = count()
    for each in contacts:
        change(each, Owner.PERSON, OwnerReason.ANSWERED, by=me)
    assert count() == without + 1
    assert rows(ana, maria).count("owner-chip") == 13


# ---- Who waits for a person ----


def test_those_who_wait_for_a_person_come_first_and_the_longest_waiting_first_of_all(maria, ana) -> None:
    for minutes, contact in zip((7, 40, 20), others(maria, 3), strict=True):
        change(contact, Owner.WAITING, OwnerReason.ASKED, minutes=minutes)
    page = rows(ana, maria)
    tab = page.partition('id="for-person"')[2].partition("</div>")[0]
    assert "Waiting for a person" in tab
    assert "40 min ago" in tab
    assert re.search(r'for-person-count">3<', tab)
    listed = list_contacts(maria.organization_id, ContactFilters(view=ListTab.FOR_PERSON), NOW)
    assert [(timezone.now() - each.owner_since).seconds // 60 for each in listed.contacts if each.owner_since] == [40, 20, 7]
    assert re.findall(r'data-row="(\d+)"', rows(ana, maria, view="for_person")) == [str(each.pk) for each in listed.contacts]


def test_a_blocked_person_waits_for_nobody(maria, ana) -> None:
    change(maria, Owner.WAITING, OwnerReason.ASKED, minutes=5)
    ana.post(url("conversation_block", maria), {"value": "on"}, headers=HTMX)
    assert "for-person-face" not in rows(ana, maria)
    assert waiting_for_person(maria.organization_id, NOW)[0].count == 0


def test_the_list_stays_selected_when_nobody_waits_any_more(maria, ana) -> None:
    page = rows(ana, maria, view="for_person")
    assert re.search(r'value="for_person"[^>]*checked', page)
    assert "Nobody is waiting for a person" in page


def test_pages_of_those_who_wait_go_on_where_the_last_one_ended(maria) -> None:
    since = NOW - timedelta(minutes=9)
    everybody = others(maria, 7, owner=Owner.WAITING, owner_since=since)  # at the same time: ids decide
    filters, seen, after = ContactFilters(view=ListTab.FOR_PERSON), [], None
    for _ in range(4):
        page = list_contacts(maria.organization_id, filters, NOW, after=after, limit=2, conversations=True)
        seen += page.contacts
        after = page.next
    assert (seen, after) == (everybody, None)


def test_how_many_wait_is_in_the_navigation_of_every_page(maria, padaria, ana) -> None:
    assert "data-waiting-for-person" not in body(ana.get(reverse("contacts", args=[padaria.pk])))
    change(maria, Owner.WAITING, OwnerReason.ASKED)
    for page in (ana.get(reverse("contacts", args=[padaria.pk])), ana.get(reverse("unread", args=[padaria.pk]))):
        assert "conversation waits for a person" in body(page).partition("data-waiting-for-person")[2]


@pytest.mark.parametrize(
    ("filters", "index"),
    [(ContactFilters(view=ListTab.FOR_PERSON), "contact_owner_since"), (ContactFilters(owner="bot"), "contact_latest_by_owner")],
)
def test_lists_by_owner_are_read_along_an_index(maria, filters, index) -> None:
    people = others(maria, 300)
    Contact.objects.filter(pk__in=[each.pk for each in people[:60]]).update(owner="waiting", owner_since=NOW)
    Contact.objects.filter(pk__in=[each.pk for each in people[60:120]]).update(owner="bot")
    first = list_contacts(maria.organization_id, filters, NOW, limit=20)
    for after in (None, first.next):
        with CaptureQueriesContext(connection) as queries:
            list_contacts(maria.organization_id, filters, NOW, after=after, limit=20, conversations=True)
        plan = explain(queries[-1]["sql"])
        assert index in plan
        assert "TEMP B-TREE" not in plan  # SQLite sorts nothing
        assert "filesort" not in plan


def explain(statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {'QUERY PLAN ' if connection.vendor == 'sqlite' else ''}{statement.replace('%', '%%')}")
        return str(cursor.fetchall())


# ---- The filter by owner ----


def test_the_list_is_narrowed_by_owner(maria, ana) -> None:
    contacts = others(maria, 3)
    change(contacts[0], Owner.META_AGENT, OwnerReason.STANDBY)
    page = rows(ana, maria)
    assert re.findall(r'<option value="(\w+)" > ([^<]+) </option>', page.partition('id="owner-filter"')[2]) == [
        ("bot", "Bot (1)"), ("person", "Team (2)"), ("meta_agent", "Meta's agent (1)"),
    ]  # fmt: skip
    for owner, found in (("bot", [maria]), ("meta_agent", contacts[:1]), ("waiting", [])):
        listed = rows(ana, maria, owner=owner)
        assert re.findall(r'data-row="(\d+)"', listed) == [str(each.pk) for each in found]
        assert f'<option value="{owner}" selected' in listed
    assert len(re.findall("data-row=", rows(ana, maria, owner="nobody"))) == 4


def test_the_list_of_those_who_wait_has_no_other_owner(maria) -> None:
    change(maria, Owner.WAITING, OwnerReason.ASKED)
    filters = ContactFilters.read({"view": "for_person", "owner": "bot"})
    assert list_contacts(maria.organization_id, filters, NOW).contacts == [maria]


def test_counts_of_owners_and_lists_follow_the_other_filters(maria, padaria) -> None:
    second = PhoneNumber.objects.create(organization=padaria, phone_number_id="5244", wa_id="556198440077")
    contacts = others(maria, 3, owner="bot", waiting_since=NOW)
    Contact.objects.filter(pk=contacts[0].pk).update(create_for_phone_number=second)
    counts = count_owners(padaria.pk, ContactFilters(number="5244", owner="person"), NOW)
    assert {owner: str(count) for owner, count in counts.items() if count.count} == {Owner.BOT: "1"}
    assert str(count_owners(padaria.pk, ContactFilters(), NOW)[Owner.BOT]) == "4"
    assert str(count_lists(padaria.pk, ContactFilters(owner="bot"), NOW)[ListTab.WAITING]) == "3"
    assert str(count_lists(padaria.pk, ContactFilters(owner="person"), NOW)[ListTab.WAITING]) == "0"


def test_counts_of_owners_look_at_a_limited_number_of_rows(maria, padaria) -> None:
    others(maria, MAX_ROWS_COUNTED, owner="bot")
    for filters in (ContactFilters(), ContactFilters(number="5243")):
        with CaptureQueriesContext(connection) as queries:
            counts = count_owners(padaria.pk, filters, NOW)
        assert len(queries) == 1
        assert str(counts[Owner.BOT]) == "99+"
    assert queries[0]["sql"].endswith(f"LIMIT {MAX_ROWS_COUNTED}")


# ---- The band ----


def test_the_band_of_the_bot_says_that_an_answer_takes_over(maria, ana) -> None:
    assert band(ana, maria) == "The bot is in charge If you answer, you take over. Take over"
    change(maria, Owner.PERSON, OwnerReason.TAKEN_OVER)
    change(maria, Owner.BOT, OwnerReason.NEXT_SESSION, minutes=3)
    assert band(ana, maria).startswith("The bot is in charge · 3 min ago · a new conversation began")


@pytest.mark.parametrize(
    ("returns", "words"),
    [
        ("next_session", "back to the bot with the next conversation"),
        ("minutes", "back to the bot some time after your last answer"),
        ("never", "until somebody hands it back"),
    ],
)
def test_the_band_says_until_when_a_person_is_in_charge(maria, ana, returns, words) -> None:
    PhoneNumber.objects.update(bot_returns=returns)
    change(maria, Owner.PERSON, OwnerReason.ANSWERED, minutes=5, by=User.objects.get(name="Ana Souza"))
    assert band(ana, maria) == f"Ana Souza is in charge · 5 min ago · a person of the team answered · {words} Hand back to the bot"


def test_a_time_of_return_is_in_the_zone_of_the_user(maria, ana) -> None:
    User.objects.update(time_zone="America/Sao_Paulo")
    PhoneNumber.objects.update(bot_returns="minutes")
    change(maria, Owner.PERSON, OwnerReason.PHONE_APP, until=NOW + timedelta(hours=1))
    local = timezone.localtime(NOW + timedelta(hours=1), ZoneInfo("America/Sao_Paulo"))
    words = band(ana, maria)
    assert words.startswith("Your team is in charge")
    assert re.search(rf"back to the bot (at|on) [^·]*\b({local:%H}|{local:%-I}):{local:%M}", words)
    Contact.objects.update(owner_until=NOW + timedelta(days=3))
    assert "back to the bot on" in band(ana, maria)
    Contact.objects.update(owner_until=NOW - timedelta(minutes=3))
    assert "back to the bot with the customer's next message" in band(ana, maria)
    PhoneNumber.objects.update(bot_returns="next_session")  # changed since
    assert "back to the bot with the next conversation" in band(ana, maria)


def test_the_band_of_a_customer_who_waits_has_the_note_of_the_bot(maria, ana) -> None:
    change(maria, Owner.WAITING, OwnerReason.FLOW, minutes=5, note="Quer <b>3</b> bolos")
    words = band(ana, maria)
    assert words.startswith("Waiting for a person · 5 min ago · the bot handed over Quer &lt;b&gt;3&lt;/b&gt; bolos")
    assert words.endswith("Take over Hand back to the bot")


def test_meta_s_agent_cannot_be_taken_over_from_here(maria, ana) -> None:
    change(maria, Owner.META_AGENT, OwnerReason.STANDBY, minutes=5)
    assert band(ana, maria) == "Meta's agent is in charge · 5 min ago · Meta's agent answers"


def test_the_band_takes_one_query(maria, ana) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            ana.get(url("conversation_window", maria), headers=HTMX)
        return len(queries)

    usual = count()
    change(maria, Owner.WAITING, OwnerReason.ASKED, note="x")
    assert count() == usual + 1


# ---- Taking over and handing back ----


def test_taking_over_and_handing_back_are_lines_and_published(maria, ana) -> None:
    response = ana.post(url("take_over", maria), headers=HTMX)
    assert (response.status_code, response["HX-Trigger"]) == (204, "hub:changed")
    assert (fresh(maria).owner, fresh(maria).owner_reason) == ("person", "taken_over")
    assert "Ana Souza took over the conversation" in thread(ana, maria)
    assert current_revisions([maria.organization_id])[maria.organization_id] == 1
    assert ana.post(url("hand_back", maria), headers=HTMX).status_code == 204
    assert fresh(maria).owner == "bot"
    assert "Ana Souza handed the conversation back to the bot" in thread(ana, maria)


def test_without_javascript_the_forms_lead_back_to_the_conversation(maria, ana) -> None:
    for name in ("take_over", "hand_back"):
        assert ana.post(url(name, maria)).url == url("conversation", maria)


def test_whoever_is_second_reads_who_was_faster(maria, padaria, ana) -> None:
    bia = member_client(padaria, Role.USER_ADMIN, "Bia Lima")
    ana.post(url("take_over", maria), headers=HTMX)
    response = bia.post(url("take_over", maria), headers=HTMX)
    assert response.status_code == 422
    assert "Ana Souza is in charge. Nothing was changed." in response["HX-Trigger"]
    plain = bia.post(url("take_over", maria))
    assert [str(each) for each in get_messages(plain.wsgi_request)] == ["Ana Souza is in charge. Nothing was changed."]
    assert ContactChange.objects.filter(kind="owner").count() == 1


def test_what_the_bot_has_already_is_not_handed_back(maria, ana) -> None:
    assert "The bot is in charge. Nothing was changed." in ana.post(url("hand_back", maria), headers=HTMX)["HX-Trigger"]
    Contact.objects.update(profile="human", activate_bot=False, owner="person")
    assert "Your team is in charge. Nothing was changed." in ana.post(url("hand_back", maria), headers=HTMX)["HX-Trigger"]
    assert not ContactChange.objects.exists()


def test_an_answer_takes_over(maria, ana) -> None:
    assert send(ana, maria, text="Oi, sou a Ana").status_code == 204
    assert band(ana, maria).startswith("Ana Souza is in charge")
    assert "Ana Souza answered and is in charge now" in thread(ana, maria)


# ---- The note that hands back ----


@pytest.mark.parametrize("text", ["#bot", "  #BOT \n"])
def test_a_note_of_the_hand_back_word_hands_back_and_is_no_note(maria, ana, text) -> None:
    change(maria, Owner.PERSON, OwnerReason.ANSWERED)
    response = ana.post(url("contact_notes", maria), {"text": text}, headers=HTMX)
    assert "The conversation was handed back." in response["HX-Trigger"]
    assert "hub:changed" in response["HX-Trigger"]
    assert 'id="contact-notes"' in response.content.decode()
    assert fresh(maria).owner == "bot"
    assert not Note.objects.exists()
    assert "Ana Souza handed the conversation back to the bot" in thread(ana, maria)


def test_a_plain_form_says_it_on_the_next_page(maria, ana) -> None:
    change(maria, Owner.PERSON, OwnerReason.ANSWERED)
    response = ana.post(url("contact_notes", maria), {"text": "#bot"})
    assert response.status_code == 302
    assert [str(each) for each in get_messages(response.wsgi_request)] == ["The conversation was handed back."]


@pytest.mark.parametrize(("word", "text"), [("#bot", "#bot, volte"), ("", "#bot"), ("#robo", "#bot")])
def test_other_notes_are_notes(maria, ana, word, text) -> None:
    change(maria, Owner.PERSON, OwnerReason.ANSWERED)
    PhoneNumber.objects.update(hand_back_word=word)
    assert "HX-Trigger" not in ana.post(url("contact_notes", maria), {"text": text}, headers=HTMX)
    assert Note.objects.get().text == text
    assert fresh(maria).owner == "person"


def test_the_word_says_it_where_there_is_nothing_to_hand_back(maria, ana) -> None:
    response = ana.post(url("contact_notes", maria), {"text": "#bot"}, headers=HTMX)
    assert "The bot is in charge. Nothing was changed." in response["HX-Trigger"]
    assert not Note.objects.exists()


# ---- Lines ----


@pytest.mark.parametrize(
    ("before", "owner", "reason", "words"),
    [
        ("bot", "waiting", "asked", "The bot handed over to a person: the customer asked for one"),
        ("ia", "waiting", "flow", "The AI handed over to a person"),
        ("bot", "waiting", "no_step", "The bot handed over to a person: it did not know how to go on"),
        ("bot", "waiting", "loop", "there were too many answers in a short time"),
        ("bot", "waiting", "failed", "The bot handed over to a person: it failed"),
        ("bot", "waiting", "call_failed", "The bot handed over to a person: a web call failed"),
        ("bot", "waiting", "retries", "answers were not understood"),
        ("bot", "waiting", "marketing", "the customer has stopped those"),
        ("bot", "waiting", "late", "Waiting for a person: the message arrived too late for an automatic answer"),
        ("bot", "waiting", "no_bot", "Waiting for a person: the number has no published bot"),
        ("person", "waiting", "asked", "The customer asked for a person"),
        ("person", "waiting", "failed", "Waiting for a person"),
        ("bot", "person", "answered", "Ana Souza answered and is in charge now"),
        ("bot", "person", "phone_app", "Somebody answered in the phone app"),
        ("waiting", "person", "taken_over", "Ana Souza took over the conversation"),
        ("waiting", "person", "done", "Ana Souza marked as done"),
        ("meta_agent", "person", "standby_ended", "no longer answers: your team is in charge now"),
        ("person", "bot", "handed_back", "Ana Souza handed the conversation back to the bot"),
        ("person", "ia", "handed_back", "Ana Souza handed the conversation back to the AI"),
        ("person", "bot", "next_session", "A new conversation began: the bot is in charge again"),
        ("person", "ia", "next_session", "A new conversation began: the AI is in charge again"),
        ("person", "bot", "time_is_up", "The time for your team was over: the bot is in charge again"),
        ("person", "ia", "time_is_up", "The time for your team was over: the AI is in charge again"),
        ("waiting", "bot", "done", "Ana Souza marked as done: the bot is in charge again"),
        ("waiting", "ia", "done", "Ana Souza marked as done: the AI is in charge again"),
        ("meta_agent", "bot", "standby_ended", "no longer answers: the bot is in charge again"),
        ("meta_agent", "ia", "standby_ended", "no longer answers: the AI is in charge again"),
        ("bot", "meta_agent", "standby", "s agent answers now"),
        ("waiting", "bot", "no such reason", "The bot is in charge now"),
    ],
)
def test_each_change_is_a_sentence(maria, ana, before, owner, reason, words) -> None:
    values = {"from": before, "to": owner, "reason": reason}
    me = User.objects.get(name="Ana Souza")
    line = ContactChange.objects.create(contact=maria, kind="owner", values=values, actor=me, create_in=NOW)
    shown = thread(ana, maria).partition(f'id="line-change-{line.pk}"')[2]
    assert words in shown
    assert "%(" not in shown


@pytest.mark.parametrize("owner", Owner)
def test_every_reason_has_words_for_the_owner_that_it_leads_to(maria, ana, owner: Owner) -> None:
    for number, reason in enumerate(OwnerReason):
        values = {"from": "person", "to": owner, "reason": reason}
        ContactChange.objects.create(contact=maria, kind="owner", values=values, create_in=NOW + timedelta(seconds=number))
    assert thread(ana, maria).count("line-change-") >= len(OwnerReason)


def test_a_change_to_an_unknown_owner_is_no_line(maria, ana) -> None:
    ContactChange.objects.create(contact=maria, kind="owner", values={"to": "somebody"}, create_in=NOW)
    assert "line-change" not in thread(ana, maria)


def test_the_note_of_a_hand_over_is_readable_in_the_thread(maria, ana) -> None:
    change(maria, Owner.WAITING, OwnerReason.FLOW, note="Quer 3 bolos\n<script>")
    shown = thread(ana, maria)
    assert "For the person who continues" in shown
    assert "Quer 3 bolos" in shown
    assert "<script>" not in shown


# ---- Messages of bots ----


def sent_by_bot(contact: Contact, words: str, **columns: Any) -> Message:
    columns = {"is_user_message": False, "origin": Origin.BOT, "message_status": MessageStatus.SENT} | columns
    return store_message(contact, words, NOW, **columns)


@pytest.mark.parametrize(
    ("trace", "words"),
    [
        (
            {"step": 3, "title": "Menu", "because": "choice", "detail": "Preços"},
            ["Step 3: “Menu”", "Because the customer chose “Preços”"],
        ),
        ({"step": 3, "title": "", "because": "started", "detail": ""}, ["Step 3", "Because the conversation with the bot began"]),
        ({"because": "away"}, ["Because it was outside the business hours"]),
        ({"because": "hand_over", "detail": "step"}, ["Because the bot handed over to a person"]),
        ({"because": "hours", "detail": "open"}, ["Because it was within the business hours"]),
        ({"because": "date", "detail": "2026-12-24"}, ["Because the answer is the date 12/24/2026"]),
        ({"because": "kind", "detail": "image"}, ["Because of the kind of the answer: Photo"]),
        ({"because": "field", "detail": "phone"}, ["Because of the contact's data: phone"]),
        ({"step": 1, "because": "magic", "detail": "100 %"}, ["Step 1"]),
        ({"because": "split", "detail": "100 %"}, ["Because this path was drawn: 100 %"]),
        ({"because": "webhook"}, ["Because your own program answered so"]),
    ],
)
def test_a_message_of_the_bot_says_on_demand_why_it_was_sent(maria, ana, trace, words) -> None:
    message = sent_by_bot(maria, "Olá", bot_trace=trace)
    bubble = thread(ana, maria).partition(f'id="m{message.pk}"')[2]
    assert "Bot" in bubble
    details = bubble.partition("<details")[2].partition("</details>")[0]
    assert re.findall(r'<p dir="auto">([^<]*)</p>', details)[: len(words)] == words


def test_a_message_of_an_ai_names_the_ai(maria, ana) -> None:
    message = sent_by_bot(maria, "Olá", bot_trace={"because": "ai"})
    bubble = thread(ana, maria).partition(f'id="m{message.pk}"')[2]
    assert re.search(r"</svg> AI\b", bubble)
    assert "Why did the bot send this?" not in bubble.partition("</article>")[0]


def test_a_quote_names_the_bot_that_wrote_it(maria, ana) -> None:
    for wamid, trace in (("wamid.bot", None), ("wamid.ai", {"because": "ai"})):
        sent_by_bot(maria, "Qual setor?", wamid=wamid, bot_trace=trace)
        store_message(maria, "Montagem", NOW, quoted_wamid=wamid)
    quotes = re.findall(r'class="quote".*?<span class="font-semibold"><bdi>([^<]*)</bdi></span>', thread(ana, maria), re.DOTALL)
    assert quotes == ["Bot", "AI"]


def test_an_automatic_reminder_has_a_reason_of_its_own(maria, ana) -> None:
    sent_by_bot(maria, "Ainda aí?", bot_trace={"because": "reminder"}, origin=Origin.AUTOMATIC)
    assert "Because the window was about to close" in thread(ana, maria)


@pytest.mark.parametrize("trace", [None, [], {}, {"because": "magic"}])
def test_without_a_reason_there_is_nothing_to_open(maria, ana, trace) -> None:
    sent_by_bot(maria, "Olá", bot_trace=trace, origin=Origin.AUTOMATIC)
    shown = thread(ana, maria)
    assert re.search(r"</svg> Automatic\b", shown)
    assert "bot-trace" not in shown


def test_a_withdrawn_message_is_shown_as_one_and_counts_for_nothing(maria, ana) -> None:
    message = sent_by_bot(
        maria, "O preço é R$ 5", message_status=MessageStatus.WITHDRAWN, wamid=None, callback_data=str(uuid.uuid4())
    )
    bubble = thread(ana, maria).partition(f'id="m{message.pk}"')[2]
    assert "not sent: a person answered first" in bubble
    for part in ("withdrawn</span>", "message_again", "Try again", 'data-reply="'):
        assert part not in bubble.partition("<details")[0]
    assert "R$ 5" not in row(ana, maria)
    assert "Vocês abrem hoje?" in row(ana, maria)
    assert "O preço" not in rows(ana, maria, q="preço")
    assert ana.post(url("message_again", maria, message.pk), headers=HTMX).status_code == 422


# ---- The contact pane ----


def test_the_pane_shows_what_the_bot_asked(maria, ana) -> None:
    state = {"variables": {"nome": "Maria <b>", "vazio": "", "pedido": "3 bolos"}}
    sent_by_bot(maria, "Obrigado", flow_state=state, session_id=maria.session_id)
    store_message(maria, "Oi?", NOW + timedelta(seconds=5), session_id=maria.session_id)  # the state is not on each row
    pane = body(ana.get(url("contact_pane", maria)))
    shown = re.findall(r"<dt[^>]*><bdi>([^<]*)</bdi></dt> <dd[^>]*>([^<]*)</dd>", pane.partition("What the bot asked")[2])
    assert shown == [("nome", "Maria &lt;b&gt;"), ("pedido", "3 bolos")]


@pytest.mark.parametrize("state", [None, [], {}, {"variables": []}, {"variables": {"a": ""}}])
def test_without_variables_the_pane_says_nothing_of_them(maria, ana, state) -> None:
    sent_by_bot(maria, "Obrigado", flow_state=state, session_id=maria.session_id)
    assert "What the bot asked" not in body(ana.get(url("contact_pane", maria)))


def test_variables_of_an_earlier_session_are_not_shown(maria, ana) -> None:
    sent_by_bot(maria, "Obrigado", flow_state={"variables": {"a": "1"}}, session_id=uuid.uuid4())
    assert "What the bot asked" not in body(ana.get(url("contact_pane", maria)))


def test_who_answers_is_said_without_contradictions(maria, padaria, ana) -> None:
    nobody = "This number answers nobody automatically: whatever you choose, your team answers."
    assert nobody not in body(ana.get(url("contact_pane", maria)))
    assert "No number answers automatically" not in body(ana.get(reverse("contacts", args=[padaria.pk])))
    PhoneNumber.objects.update(default_bot="")
    assert "This number has no bot: your team answers." in body(ana.get(url("contact_pane", maria)))
    PhoneNumber.objects.update(answers_since=None)
    assert nobody in body(ana.get(url("contact_pane", maria)))
    assert "No number answers automatically" in body(ana.get(reverse("contacts", args=[padaria.pk])))


def test_possible_duplicates_are_in_the_pane(maria, ana) -> None:
    twin = Contact.objects.create(create_for_phone_number=maria.create_for_phone_number, bsuid="BR.1", name="Maria A.")
    Contact.objects.filter(pk=maria.pk).update(conflicts_with=twin)
    assert "Maria A." in body(ana.get(url("contact_pane", maria)))
