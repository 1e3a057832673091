"""Notes and changes of a contact between the messages of a conversation, as shown and page by page."""

import re
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chats.conversations.timeline import ThreadPosition, in_time_order
from chats.inbox import selectors
from chats.inbox.tests.test_composer import HTMX, add_customer, member_client, store_message, url
from chats.models import Message
from contacts.models import Contact, ContactChange, Label, Note, RetiredIdentity
from organizations.models import Organization, Role

pytestmark = pytest.mark.django_db
NOON = timezone.now().replace(microsecond=0) - timedelta(hours=2)


@pytest.fixture
def padaria(db: None) -> Organization:
    return Organization.objects.create(organization_name="Padaria")


@pytest.fixture
def contact(padaria: Organization) -> Contact:
    return add_customer(padaria, "5243", NOON)


@pytest.fixture
def ana(padaria: Organization) -> Any:
    return member_client(padaria)


def page(client: Any, contact: Contact) -> str:
    return client.get(url("conversation", contact)).content.decode()


def elements(body: str) -> list[str]:
    """The messages and lines of a thread, from top to bottom."""
    return re.findall(r'<div\s+id="((?:m|line-\w+-)\d+)"\s+class="\s*message', body)


# ---- Drawn ----


def test_a_note_stands_in_the_thread_where_it_was_written_and_in_the_pane(contact, ana) -> None:
    ana.post(url("contact_notes", contact), {"text": "Quer sem *glúten* <b>"}, headers=HTMX)
    store_message(contact, "Mais uma coisa", timezone.now() + timedelta(seconds=5))
    body = page(ana, contact)
    note = Note.objects.get()
    first, last = Message.objects.order_by("create_in").values_list("pk", flat=True)
    assert elements(body) == [f"m{first}", f"line-note-{note.pk}", f"m{last}"]
    assert "Quer sem *glúten* &lt;b&gt;" in body
    assert "Ana Souza" in body
    assert "only your team sees this" in body
    assert "Quer sem *glúten*" in ana.get(url("contact_pane", contact)).content.decode()


@pytest.mark.parametrize(
    ("name", "posted", "words"),
    [
        ("contact_switch", {"field": "profile", "value": "bot"}, "Ana Souza changed who answers: bot, before team"),
        ("contact_alias", {"alias": "Dona Maria"}, "Ana Souza gave the name “Dona Maria”"),
        ("conversation_done", {"value": "on"}, "Ana Souza marked as done: no answer is needed"),
        ("conversation_block", {"value": "on"}, "Ana Souza blocked this person"),
    ],
)
def test_what_changed_is_a_small_line_with_who(contact, ana, name, posted, words) -> None:
    Contact.objects.update(waiting_since=NOON)
    ana.post(url(name, contact), posted, headers=HTMX)
    body = page(ana, contact)
    assert words in body
    assert elements(body)[-1] == f"line-change-{ContactChange.objects.get().pk}"
    ana.post(url(name, contact), posted, headers=HTMX)  # as it is already
    assert ContactChange.objects.count() == 1


def test_labels_given_and_taken_are_lines(padaria, contact, ana) -> None:
    vip, new = (Label.objects.create(organization=padaria, name=name) for name in ("VIP", "Novo"))
    ana.post(url("contact_labels", contact), {"label": [vip.pk]}, headers=HTMX)
    ana.post(url("contact_labels", contact), {"had": [vip.pk], "label": [new.pk]}, headers=HTMX)
    bulk = {"contact": [contact.pk], "do": f"label:{vip.pk}"}
    ana.post(reverse("contacts_bulk", args=[padaria.pk]), bulk)
    ana.post(reverse("contacts_bulk", args=[padaria.pk]), bulk)
    ana.post(reverse("contacts_bulk", args=[padaria.pk]), bulk | {"do": f"unlabel:{vip.pk}"})
    body = page(ana, contact)
    said_of_vip = re.findall(r"Ana Souza (put on|took off) the label “(\w+)”", body)
    assert said_of_vip == [
        ("put on", "VIP"), ("took off", "VIP"), ("put on", "Novo"), ("put on", "VIP"), ("took off", "VIP"),
    ]  # fmt: skip


def test_a_name_taken_away_and_a_first_name_on_whatsapp(contact, ana) -> None:
    ana.post(url("contact_alias", contact), {"alias": "Dona Maria"}, headers=HTMX)
    ana.post(url("contact_alias", contact), {"alias": ""}, headers=HTMX)
    for key, (old, new) in enumerate((("", "Maria"), ("Maria", "Maria A."))):
        ContactChange.objects.create(
            contact=contact, kind="profile_name", values={"from": old, "to": new}, key=str(key), create_in=NOON
        )
    body = page(ana, contact)
    assert "Ana Souza took away the name “Dona Maria”" in body
    assert body.count("Changed the name on WhatsApp") == 1
    assert "“Maria A.”, before “Maria”" in body


def test_a_changed_number_is_a_line_unless_whatsapp_s_notice_says_it(contact, ana) -> None:
    old = "556184112209"
    RetiredIdentity.objects.create(contact=contact, phone_number_id="5243", kind="wa_id", value=old, retired_at=NOON)
    assert "Changed the number: +55 61 8150-5243, before +55 61 8411-2209" in page(ana, contact)
    store_message(contact, "User changed from …", NOON + timedelta(seconds=1), kind="system")
    assert "Changed the number" not in page(ana, contact)


def test_who_did_it_may_have_left(contact, ana) -> None:
    ContactChange.objects.create(contact=contact, kind="done", values={}, create_in=NOON)
    assert "Former member marked as done" in page(ana, contact)


def test_a_new_day_is_announced_once_by_whatever_comes_first_on_it(contact, ana) -> None:
    yesterday = timezone.now() - timedelta(days=1)
    Message.objects.update(create_in=yesterday - timedelta(days=1))
    Note.objects.create(contact=contact, text="ontem", create_in=yesterday)
    store_message(contact, "Oi de novo", timezone.now())
    body = page(ana, contact)
    assert body.count('class="day-line"') == 3
    assert body.count("Yesterday") == body.count("Today") == 1
    assert body.index("Yesterday") < body.index("ontem") < body.index("Today")


def test_a_conversation_of_lines_alone_is_shown(padaria, contact, ana) -> None:
    Message.objects.all().delete()
    note = Note.objects.create(contact=contact, text="Ligar amanhã")
    body = page(ana, contact)
    assert elements(body) == [f"line-note-{note.pk}"]
    assert "No message yet." not in body


def test_another_s_lines_are_nowhere(padaria, contact, ana) -> None:
    other = add_customer(padaria, "5244", NOON)
    Note.objects.create(contact=other, text="segredo")
    ContactChange.objects.create(contact=other, kind="done", values={}, create_in=NOON)
    assert [each for each in elements(page(ana, contact)) if each.startswith("line")] == []


# ---- Paged through ----

moments = st.integers(0, 6).map(lambda minutes: NOON + timedelta(minutes=minutes))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    messages=st.lists(moments, max_size=8),
    notes=st.lists(moments, max_size=8),
    changes=st.lists(moments, max_size=8),
    numbers=st.lists(moments, max_size=3),
    limit=st.integers(1, 6),
)
def test_every_row_is_shown_once_in_order_page_by_page(contact, messages, notes, changes, numbers, limit) -> None:
    for model in (Message, Note, ContactChange, RetiredIdentity):
        model.objects.all().delete()
    expected = {("Message", store_message(contact, "x", at).pk) for at in messages}
    expected |= {("Note", Note.objects.create(contact=contact, text="x", create_in=at).pk) for at in notes}
    for at in changes:
        change = ContactChange.objects.create(contact=contact, kind="done", values={}, create_in=at)
        expected.add(("ContactChange", change.pk))
    for index, at in enumerate(numbers):
        identity = RetiredIdentity.objects.create(contact=contact, kind="wa_id", value=str(index), retired_at=at)
        expected.add(("RetiredIdentity", identity.pk))

    thread = selectors.read_latest(contact, limit=limit)
    parts = [thread]
    while thread.position_before:
        position = ThreadPosition.read(str(thread.first))
        assert position is not None
        thread = selectors.read_older(contact, position, limit=limit)
        parts.append(thread)

    shown = [row for part in reversed(parts) for row in in_time_order(part.messages, part.lines)]
    found = [_name(each) for each in shown]
    assert len(found) == len(set(found))
    assert set(found) == expected
    places = [_place(each) for each in shown]
    assert all(one < other for one, other in pairwise(places))
    for part, newer in zip(parts, [None, *parts], strict=False):  # a part that is fetched again is the same
        if part.first:
            again = selectors.read_range(contact, part.first, newer.first.previous if newer and newer.first else None)
            assert (again.messages, again.lines, again.before) == (part.messages, part.lines, part.before)
            assert bool(again.position_before) == bool(part.position_before)


def _name(row: Any) -> tuple[str, int]:
    row = getattr(row, "row", row)
    return type(row).__name__, row.pk


def _place(row: Any) -> ThreadPosition:
    return row.position if hasattr(row, "position") else ThreadPosition.of(row)


def test_a_page_whose_rows_are_gone_is_brought_up_to_date_all_the_same(padaria, contact, ana) -> None:
    """As while a rebuild has not come as far as what an open page shows."""
    Note.objects.create(contact=contact, text="antes", create_in=NOON - timedelta(days=2))
    gone = ThreadPosition(NOON + timedelta(hours=1), 1)
    for query in ({"from": str(gone)}, {"from": str(gone), "to": str(gone)}):
        assert ana.get(url("thread", contact), query).status_code == 200
    part = selectors.read_range(contact, gone, None)
    assert (part.messages, part.lines, part.before) == ([], [], Message.objects.get())


def test_around_a_message_are_lines_too(contact) -> None:
    wanted = Message.objects.get()
    for minutes in (-3, -2, 2, 3):
        Note.objects.create(contact=contact, text=str(minutes), create_in=NOON + timedelta(minutes=minutes))
    thread = selectors.read_around(contact, wanted, limit=2)
    assert [str(getattr(line.row, "text", line.row)) for line in thread.lines] == ["-2", "2"]
    assert (thread.messages, thread.has_newer, bool(thread.position_before)) == ([wanted], True, True)


@pytest.mark.parametrize("text", ["", "-", "1-", "x-1", "1-1-x", "1-1-9", "1-1-1-1", "9" * 30 + "-1"])
def test_a_text_that_is_not_a_position_is_none(text) -> None:
    assert ThreadPosition.read(text) is None


def test_a_part_takes_as_many_queries_however_many_lines_it_has(padaria, contact, ana) -> None:
    ada = member_client(padaria, Role.USER_ADMIN, "Ada").session["_auth_user_id"]

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert ana.get(url("thread", contact)).status_code == 200
        return len(queries)

    count()
    ContactChange.objects.create(contact=contact, kind="done", values={}, create_in=NOON, actor_id=ada)
    Note.objects.create(contact=contact, text="x", author_id=ada)
    few = count()
    for _ in range(30):
        ContactChange.objects.create(contact=contact, kind="done", values={}, create_in=NOON, actor_id=ada)
        Note.objects.create(contact=contact, text="x", author_id=ada)
    assert count() == few <= 16


def parts_of(body: str) -> list[tuple[str, bool, list[str]]]:
    """The query, whether it is the latest, and the elements of each part."""
    found = re.split(r'<div\s+class="thread-part"', body)[1:]
    queries = [re.findall(r'hx-get="[^"]*/thread/\?([^"]*)"', part)[0].replace("&amp;", "&") for part in found]
    return [(query, "data-latest" in part, elements(part)) for query, part in zip(queries, found, strict=True)]


def thread_parts(client: Any, contact: Contact, query: str) -> list[tuple[str, bool, list[str]]]:
    return parts_of(client.get(f"{url('thread', contact)}?{query}").content.decode())


def test_an_end_that_has_become_long_is_divided_and_its_parts_meet(contact, ana) -> None:
    ((query, _, _),) = parts_of(page(ana, contact))
    rows = [store_message(contact, f"n{index}", NOON + timedelta(minutes=1, seconds=index)) for index in range(99)]
    assert len(thread_parts(ana, contact, query)) == 1
    note = Note.objects.create(contact=contact, text="Sem glúten", create_in=rows[49].create_in + timedelta(milliseconds=500))
    rows.append(store_message(contact, "n99", NOON + timedelta(minutes=3)))

    (earlier, is_latest, above), (latest, is_last, below) = thread_parts(ana, contact, query)

    first = Message.objects.order_by("create_in")[0]
    assert (is_latest, is_last) == (False, True)
    assert above == [f"m{first.pk}", *(f"m{row.pk}" for row in rows[:50]), f"line-note-{note.pk}"]
    assert below == [f"m{row.pk}" for row in rows[50:]]
    assert thread_parts(ana, contact, earlier) == [(earlier, False, above)]
    assert thread_parts(ana, contact, latest) == [(latest, True, below)]

    late = store_message(contact, "late", rows[50].create_in - timedelta(milliseconds=100))
    (_, _, above_then), (_, _, below_then) = [*thread_parts(ana, contact, earlier), *thread_parts(ana, contact, latest)]
    assert above_then == [*above, f"m{late.pk}"]
    assert below_then == below


def test_what_is_too_much_for_a_part_comes_with_older_messages(contact, ana) -> None:
    ((query, _, _),) = parts_of(page(ana, contact))
    rows = [store_message(contact, f"n{index}", NOON + timedelta(minutes=1, seconds=index)) for index in range(510)]
    body = ana.get(f"{url('thread', contact)}?{query}").content.decode()
    (_, _, above), (_, _, below) = parts_of(body)
    assert above + below == [f"m{row.pk}" for row in rows[10:]]

    older = re.findall(r'hx-get="[^"]*/thread/\?(before=[^"]*)"', body)[0]
    ((_, _, rest),) = thread_parts(ana, contact, older)

    assert rest == [f"m{Message.objects.order_by('create_in')[0].pk}", *(f"m{row.pk}" for row in rows[:10])]


def test_a_message_that_comes_late_between_two_parts_is_in_one_of_them(contact, ana) -> None:
    rows = [store_message(contact, f"n{index}", NOON + timedelta(seconds=index + 1)) for index in range(60)]
    ((latest, _, below),) = parts_of(page(ana, contact))
    start = latest.removeprefix("from=")
    ((earlier, _, above),) = thread_parts(ana, contact, f"before={start}")
    assert below[0] == f"m{rows[10].pk}"

    late = store_message(contact, "late", rows[10].create_in - timedelta(milliseconds=100))

    assert thread_parts(ana, contact, earlier)[0][2] == [*above, f"m{late.pk}"]
    assert thread_parts(ana, contact, latest)[0][2] == below


def test_a_part_whose_messages_are_gone_stays_where_it_is(contact, ana) -> None:
    rows = [store_message(contact, f"n{index}", NOON + timedelta(seconds=index + 1)) for index in range(60)]
    ((latest, _, _),) = parts_of(page(ana, contact))
    ((earlier, _, above),) = thread_parts(ana, contact, f"before={latest.removeprefix('from=')}")
    Message.objects.filter(create_in__lt=rows[10].create_in).delete()

    assert thread_parts(ana, contact, earlier) == [(earlier, False, [])]
    late = store_message(contact, "late", rows[0].create_in)
    assert thread_parts(ana, contact, earlier) == [(earlier, False, [f"m{late.pk}"])]
    assert len(above) == 11


def test_a_part_that_shows_the_same_is_not_sent_again(contact, ana) -> None:
    first = ana.get(url("thread", contact))
    assert first["Cache-Control"] == "no-store"  # what a browser kept would have the token of an earlier session
    again = ana.get(url("thread", contact), headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")

    store_message(contact, "Tem bolo?", timezone.now())
    changed = ana.get(url("thread", contact), headers={"If-None-Match": first["ETag"]})
    assert changed.status_code == 200
    assert "Tem bolo?" in changed.content.decode()
    Contact.objects.update(waiting_since=NOON)  # shown beside the messages
    assert ana.get(url("thread", contact), headers={"If-None-Match": changed["ETag"]}).status_code == 200
