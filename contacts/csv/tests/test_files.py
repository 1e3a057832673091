"""Contacts to CSV files and back."""

import csv
import io
import time
from datetime import UTC, datetime

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.conftest import found_ids, sign_in
from contacts.csv import exports, import_queue
from contacts.csv.columns import COLUMNS, guard_cell, unguard_cell
from contacts.csv.tables import FileRefused, read_table
from contacts.models import Contact, ContactWord, Label
from organizations.live.revisions import current_revisions
from organizations.models import Role

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 18, 15, tzinfo=UTC)
WITHOUT, WITH = "556181500586", "5561981500586"


def export(client, organization, **query):
    response = client.get(reverse("contacts_export", args=[organization.pk]), query)
    assert response.status_code == 200
    return b"".join(response.streaming_content)


def table(content, sign=","):
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=sign))


def choose(client, organization, content, **more):
    """Choose a file; the answer."""
    content = content.encode() if isinstance(content, str) else content
    url = reverse("contacts_import", args=[organization.pk])
    return client.post(url, {"file": SimpleUploadedFile("people.csv", content), **more})


def name_columns(client, address, **changes):
    """Say what the columns are, as the page shows them but for changes; the answer."""
    page = client.get(address)
    assert page.status_code == 200
    form = {each["field"].name: each["key"] for each in [*page.context["columns"], *page.context["others"]]}
    layout = page.context["layout"]
    header = {"has_header": "on"} if layout.has_header else {}
    return client.post(page.wsgi_request.path, form | header | {"encoding": layout.encoding} | changes)


def send(client, organization, content, **more):
    """Choose a file and have it checked; the page that tells what would come of it, or the one that refuses it."""
    answer = choose(client, organization, content, **more)
    if answer.status_code == 302:
        answer = name_columns(client, answer.url)
    if answer.status_code != 302:
        return answer
    import_queue.LANE.run_once()
    return client.get(answer.url)


def begin(client, page, **more):
    """Import what was checked; the page that tells what came of it."""
    contact_import = page.context["import"]
    address = reverse("contact_import_begin", args=[contact_import.organization_id, contact_import.pk])
    answer = client.post(address, more)
    import_queue.LANE.run_once()
    return client.get(answer.url)


def done(client, page):
    """How many were added, updated, and were so already."""
    assert page.status_code == 200, faults(page)
    assert page.context["import"].faults == []
    page = begin(client, page)
    assert page.context["import"].step == "done", page.context["import"].faults
    return tuple(page.context["counts"][name] for name in ("added", "updated", "unchanged"))


def faults(page):
    """What is wrong, and so was not imported."""
    if page.status_code == 422:
        if found := page.context.get("faults"):
            return [(fault.line, fault.words) for fault in found.in_order()]
        return [(0, page.context["problem"])]
    return [(line, words) for line, words, _row in page.context["import"].faults]


def snapshot():
    return list(Contact.objects.order_by("pk").values()), set(Contact.labels.through.objects.values_list("contact", "label"))


# ---- Out ----


def test_an_export_has_all_columns(padaria, admin, add_contact):
    contact = add_contact(
        wa_id=WITH, name="Zé", alias="José, Encanador", username="ze", bsuid="BR.1", profile="ia", activate_bot=True
    )
    Contact.objects.update(create_in=NOON, last_message_timestamp=NOON)
    contact.labels.add(*(Label.objects.create(organization=padaria, name=name) for name in ("VIP", "New")))
    content = export(admin, padaria)
    assert content.startswith(
        b"\xef\xbb\xbfphone (international),WhatsApp name,name,username,user id,our number,who answers,labels,"
    )
    assert table(content) == [
        {
            "phone (international)": WITH,
            "WhatsApp name": "Zé",
            "name": "José, Encanador",
            "username": "ze",
            "user id": "BR.1",
            "our number": "556133214400",
            "who answers": "ai",
            "labels": "New, VIP",
            "first seen": "2026-11-18T12:00:00-03:00",
            "last message": "2026-11-18T12:00:00-03:00",
        }
    ]


@pytest.mark.parametrize(
    ("language", "header"), [("pt-br", "telefone (internacional);nome no WhatsApp;nome;"), ("es", "teléfono (internacional);")]
)
def test_an_export_opens_in_a_spreadsheet_of_the_reader_s_language(padaria, add_contact, language, header):
    add_contact()
    client = sign_in(padaria, Role.USER_ADMIN, language=language)
    assert export(client, padaria).decode("utf-8-sig").startswith(header)


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "=cmd|' /C calc'!A0", "'=x", "''+x"])
def test_no_cell_is_a_formula(padaria, admin, add_contact, name):
    add_contact(name=name, alias=name, username="=x")
    row = table(export(admin, padaria))[0]
    assert (row["WhatsApp name"], row["name"], row["username"]) == (f"'{name}", f"'{name}", "'=x")


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("'=+-@\t\r\nab \"")) | st.text())
def test_guarding_can_be_undone_and_leaves_no_formula(text):
    assert unguard_cell(guard_cell(text)) == text
    assert guard_cell(text)[:1] not in set("=+-@\t\r\n")


def test_an_export_follows_the_filters_of_the_page(padaria, admin, add_contact, foreign_number):
    add_contact(name="Ana", profile="bot")
    add_contact(1, name="Bia")
    add_contact(2, name="Eva", at=foreign_number)
    assert [row["WhatsApp name"] for row in table(export(admin, padaria))] == ["Ana", "Bia"]
    assert [row["WhatsApp name"] for row in table(export(admin, padaria, profile="bot"))] == ["Ana"]
    assert [row["WhatsApp name"] for row in table(export(admin, padaria, q="bia"))] == ["Bia"]
    assert table(export(admin, padaria, q="eva")) == []


def test_a_search_that_finds_too_many_is_not_exported_in_part(padaria, admin, number):
    client = admin
    Contact.objects.bulk_create(
        Contact(create_for_phone_number=number, organization=padaria, wa_id=f"5561{place:08}", phone_key=f"5561{place:08}")
        for place in range(201)
    )
    response = client.get(reverse("contacts_export", args=[padaria.pk]), {"q": "5561"})
    assert response.status_code == 302
    assert "too many" in str(next(iter(get_messages(response.wsgi_request))))


def test_an_export_comes_in_pieces_of_two_queries_each(padaria, admin, number, monkeypatch):
    monkeypatch.setattr(exports, "CHUNK_SIZE", 10)
    Contact.objects.bulk_create(
        Contact(create_for_phone_number=number, organization=padaria, wa_id=f"5561{place:08}") for place in range(35)
    )
    with CaptureQueriesContext(connection) as queries:
        rows = table(export(admin, padaria))
    assert len({row["phone (international)"] for row in rows}) == 35
    assert len(queries) <= 3 + 1 + 2 * 4 + 1 + 1  # the last one is the entry of the audit log


def test_only_administrators_take_all_contacts_out(padaria, member, admin, outsider, add_contact):
    add_contact()
    address = reverse("contacts_export", args=[padaria.pk])
    contacts = reverse("contacts", args=[padaria.pk])
    assert member.get(address).status_code == 403
    assert outsider.get(address).status_code == 404
    assert Client().get(address)["Location"].startswith("/accounts/login/")
    assert admin.get(address).status_code == 200
    assert address not in member.get(contacts).content.decode()
    assert address in admin.get(contacts).content.decode()


# ---- In: what is good ----


def test_the_template_can_be_imported(padaria, number):
    for language in ("pt-br", "en", "es"):
        Contact.objects.all().delete()
        client = sign_in(padaria, Role.USER, f"{language}@example.com", language)
        template = client.get(reverse("contacts_import_template", args=[padaria.pk])).content
        assert done(client, send(client, padaria, template)) == (1, 0, 0)
        assert (Contact.objects.get().wa_id, Contact.objects.get().alias) == (WITH, "Maria da Silva")


def test_new_contacts_are_added_and_existing_ones_updated(padaria, admin, add_contact, number):
    number.default_profile = "bot"
    number.save()
    there = add_contact(wa_id=WITHOUT, name="Zé", profile="human")
    content = (
        "phone;name;profile;bot;automatic;labels\n61 98150-0586;José  Silva;AI;no;sim;VIP, New\n+1 415 555 2671;;;;;\n\n;;;;;\n"
    )
    assert done(admin, send(admin, padaria, content)) == (1, 1, 0)
    there.refresh_from_db()
    assert (there.wa_id, there.alias, there.name, there.profile) == (WITHOUT, "José Silva", "Zé", "ia")
    assert (there.activate_bot, there.activate_automatic_message) == (True, True)  # who answers decides
    assert there.owner == "ia"
    assert {label.name for label in there.labels.all()} == {"VIP", "New"}
    new = Contact.objects.get(wa_id="14155552671")
    assert (new.wa_id_at, new.alias, new.profile, new.activate_bot, new.organization) == (None, "", "bot", True, padaria)
    assert new.owner == "bot"
    assert (new.phone_key, new.reversed_phone) == ("14155552671", "17625555141")
    assert found_ids(padaria.pk, "silva") == [there.pk]
    assert found_ids(padaria.pk, "+1 415") == [new.pk]
    assert current_revisions([padaria.pk]) == {padaria.pk: 1}
    assert done(admin, send(admin, padaria, content)) == (0, 0, 2)


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "headers", [("telefone", "nome"), ("phone", "name"), ("teléfono", "nombre"), (" TELEFONE ", "Apelido"), ("Celular", "ALIAS")]
)
def test_files_as_spreadsheets_make_them(padaria, member, number, sign, encoding, end, headers):
    content = end.join([sign.join(headers), sign.join(["61 98150-0586", "José Conceição"])]).encode(encoding)
    assert done(member, send(member, padaria, content)) == (1, 0, 0)
    assert Contact.objects.get().alias == "José Conceição"


def test_cells_in_quotation_marks_may_contain_anything(padaria, member, number):
    content = 'phone,name\n61981500586,"Silva, ""Zé""\nSão Paulo"\n6181500587,x'
    assert done(member, send(member, padaria, content)) == (2, 0, 0)
    assert Contact.objects.get(wa_id=WITH).alias == 'Silva, "Zé" São Paulo'


def test_unknown_columns_are_listed(padaria, member, number):
    page = send(member, padaria, "phone,shoe size,last message\n61981500586,42,x")
    assert page.context["import"].ignored == ["shoe size"]
    assert "“<bdi>shoe size</bdi>”" in page.content.decode()


@pytest.mark.parametrize("language", ["pt-br", "en", "es"])
def test_what_was_exported_and_is_imported_again_changes_nothing(padaria, add_contact, second_number, language):
    admin = sign_in(padaria, Role.USER_ADMIN, language=language)
    labels = [Label.objects.create(organization=padaria, name=name) for name in ("VIP", "=New", "Ação & Cia")]
    add_contact(0, name="=Zé", alias="-José", profile="bot", activate_bot=True).labels.add(*labels)
    add_contact(1, wa_id=None, bsuid="BR.1", username="@ana")
    add_contact(2, wa_id="14155552671", name="An American", activate_automatic_message=False)
    add_contact(3, wa_id=WITH, name="with", alias="'=x")
    add_contact(4, wa_id=WITHOUT, name="without", alias="''=x; y, \"z\"")
    add_contact(5, wa_id=WITH, at=second_number, profile="ia", activate_bot=True)
    add_contact(6, wa_id="weird-id", name="\tTab")
    before = snapshot()
    assert done(admin, send(admin, padaria, export(admin, padaria), number="5243")) == (0, 0, 7)
    assert snapshot() == before


def test_an_export_of_two_numbers_with_the_same_digits_comes_back_too(padaria, admin, add_contact, second_number, number):
    second_number.wa_id = number.wa_id
    second_number.save()
    add_contact(0)
    add_contact(0, at=second_number)
    assert done(admin, send(admin, padaria, export(admin, padaria), number="5243")) == (0, 0, 2)


def test_an_export_moves_people_to_another_hub(padaria, admin, add_contact, outsider, foreign_number):
    add_contact(0, alias="José", profile="bot").labels.add(Label.objects.create(organization=padaria, name="VIP"))
    add_contact(1, wa_id="14155552671")
    content = export(admin, padaria).replace(b"556133214400", b"")
    assert done(outsider, send(outsider, foreign_number.organization, content)) == (2, 0, 0)
    moved = Contact.objects.filter(create_for_phone_number=foreign_number)
    assert {each.wa_id for each in moved} == {"556181500000", "14155552671"}
    assert moved.get(alias="José").labels.get().organization == foreign_number.organization


def test_the_number_comes_from_the_form_or_the_file(padaria, member, number, second_number):
    content = "phone,our number\n61981500586,\n61981500586,+55 61 9844-0077\n6181500587,5243"
    unsaid = send(member, padaria, content)
    assert (unsaid.status_code, list(unsaid.context["form"].errors)) == (422, ["number"])
    assert done(member, send(member, padaria, content, number="5243")) == (3, 0, 0)
    assert set(Contact.objects.values_list("wa_id", "create_for_phone_number__phone_number_id")) == {
        (WITH, "5243"),
        (WITH, "5244"),
        ("556181500587", "5243"),
    }


@pytest.mark.django_db(transaction=True)  # the worker renews its lease from another connection
def test_twenty_thousand_rows_take_seconds(padaria, admin, number):
    lines = ["phone,name,profile,bot,labels"]
    lines += [f"61 9{81500000 + place},José da Silva {place},bot,no,label {place % 20}" for place in range(20_000)]
    begun = time.process_time()
    assert done(admin, send(admin, padaria, "\n".join(lines))) == (20_000, 0, 0)
    assert done(admin, send(admin, padaria, "\n".join(lines).replace("bot,no", "human,yes"))) == (0, 20_000, 0)
    assert time.process_time() - begun < 60  # about 20 s here for both, each checked and then imported
    assert ContactWord.objects.count() == 80_000
    assert Contact.objects.filter(profile="human", activate_bot=False, labels__isnull=False).count() == 20_000
    assert len(found_ids(padaria.pk, "silva 19999")) == 1


# ---- In: what is wrong ----


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (",Ana", "The phone is missing."),
        ("8150-0586,Ana", "This is no complete phone number."),
        ("abc,Ana", "A phone number has digits only"),
        ("5.5E+12,Ana", "The spreadsheet has rounded the number."),
        ('"5,56182E+11",Ana', "The spreadsheet has rounded the number."),
        ("61981500586," + "x" * 151, "name: A name has at most 150 letters."),
        ("61981500586,Ana,robot", "profile: Write team, bot or AI."),
        ("61981500586,Ana,,perhaps", "bot: Write yes or no."),
        ("61981500586,Ana,,,2", "automatic: Write yes or no."),
        ("61981500586,Ana,,,," + "x" * 41, "labels: A label's name has at most 40 letters."),
        ("61981500586,Ana,,,,,123", "our number: This is none of your numbers."),
        ("61981500586,Ana,,,,,9999", "our number: This is none of your numbers."),
        ("61981500586,Ana,,,,,5243,more", "There are more cells than columns."),
        ("6181500001,Twice", "The same person as in line 2."),
    ],
)
def test_an_invalid_row_is_reported_with_its_line_and_nothing_is_imported(padaria, admin, number, foreign_number, row, words):
    before = snapshot()
    content = f"phone,name,profile,bot,automatic,labels,our number\n61 98150-0001,Good,,,,New label\n\n{row}\n61981500002,Good too"
    found = faults(send(admin, padaria, content))
    assert [line for line, _ in found] == [4]
    assert found[0][1].startswith(words)
    assert snapshot() == before
    assert not Label.objects.exists()


def test_up_to_a_hundred_invalid_rows_are_reported(padaria, admin, number):
    response = send(admin, padaria, "phone,profile\n" + "61,robot\n" * 150)
    assert response.context["import"].counts["mistakes"] == 300
    assert len(faults(response)) == 100
    body = response.content.decode()
    assert "There are 300 mistakes in the file" in body
    assert "The first 100 are shown." in body


def test_lines_are_counted_as_an_editor_counts_them(padaria, admin, number):
    content = 'phone,name\n61981500586,"two\nlines"\n\n\nwrong,x\n61981500587,"again\ntwo"\nwrong'
    assert [line for line, _ in faults(send(admin, padaria, content))] == [6, 9]


def test_labels_are_made_for_administrators_only(padaria, member, admin, number):
    Label.objects.create(organization=padaria, name="Açaí")
    content = "phone,labels\n61981500586,acai | ACAÍ; Néw\n61981500587,new"
    assert faults(send(member, padaria, content)) == [
        (2, "There is no label “Néw”. Ask an administrator to make it, or leave it out."),
        (3, "There is no label “new”. Ask an administrator to make it, or leave it out."),
    ]
    assert Label.objects.count() == 1
    assert done(admin, send(admin, padaria, content)) == (2, 0, 0)
    assert set(Label.objects.values_list("name", flat=True)) == {"Açaí", "Néw"}
    assert done(member, send(member, padaria, content)) == (0, 0, 2)


def test_a_file_does_not_make_endless_labels(padaria, admin, number):
    content = "phone,labels\n61981500586," + "|".join(f"label {place}" for place in range(101))
    assert "at most 100 labels" in faults(send(admin, padaria, content))[0][1]
    assert not Contact.objects.exists()


def test_labels_that_the_database_finds_equal_are_refused_with_a_reason(padaria, admin, number):
    page = begin(admin, send(admin, padaria, "phone,labels\n61981500586,😀|😎"))
    is_done = page.context["import"].step == "done"  # MariaDB's older collations hold all such signs for one
    assert is_done or "tell the names of some labels" in faults(page)[0][1]
    assert Contact.objects.exists() == is_done


WIDE = ",".join(f"column {place}" for place in range(250))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty."),
        (b"\xef\xbb\xbf", "The file is empty."),
        (b" \r\n\n ", "The file is empty."),
        (b"phone,name\n", "There is no contact below the first line."),
        (b"phone", "There is no contact below the first line."),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "This is no text file."),
        (bytes(range(256)), "This is no text file."),
        (b"phone\n61981500586\x00", "This is no text file."),
        (b"phone,name\n61981500586,\x1b[2J", "This is no text file."),
        (b"PK\x03\x04xlsx", "This is not a CSV file in UTF-8."),
        ("phone\n61981500586".encode("utf-16"), "This is not a CSV file in UTF-8."),
        (b"\x81\x8d\x8f", "This is no text file."),
        (b"name,profile\nAna,bot", "No column has the phone."),
        (b"<html><body>Sign in</body></html>", "No column has the phone."),
        (f"phone,{WIDE}\n61981500586".encode(), "There are 251 columns; 200 are the most."),
        (b"," * 100_000, "The file is empty.|There are 100001 columns; 200 are the most.|No column has the phone"),
        (b"x" * 1_000_000, "This line cannot be read"),
        (b"phone\n" + b"9" * 1_000_000, "This line cannot be read"),
        (b'phone,name\n61981500586,"open', "This line cannot be read"),
        (b'phone,name\n61981500586,"a"b', "This line cannot be read"),
        (b'"' * 999, "This line cannot be read"),
        (b"phone\n" + b"61981500586\n" * 51_000, "There are more than 50,000 rows."),
        (b"phone,labels\n" + (b"61981500586," + b"a|" * 60 + b"\n") * 1_001, "The rows give more than 60,000 labels."),
        (b"phone\n" + b"x" * (5 * 2**20), "The file is larger than 5 MB."),
    ],
    ids=str,
)
def test_hostile_files_are_refused_in_words(padaria, admin, number, content, words):
    found = faults(send(admin, padaria, content))
    assert len(found) == 1
    assert any(found[0][1].startswith(each) for each in words.split("|")), found
    assert not Contact.objects.exists()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: f"phone,name\n{text}".encode("utf-8", "ignore")))
def test_whatever_bytes_there_are_they_are_read_or_refused(content):
    """With one fault; a header alone is for the rows' reader to refuse."""
    faults = 0
    try:
        rows = list(read_table(content).rows)
    except FileRefused as refusal:
        rows, faults = [], refusal.problems.count
    assert faults <= 1
    assert all(cells for _, cells in rows)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), min_size=len(COLUMNS), max_size=len(COLUMNS)))
def test_whatever_cells_there_are_the_answer_is_no_error(padaria, admin, number, cells):
    text = io.StringIO()
    csv.writer(text).writerows([[column.headers[1] for column in COLUMNS], cells])
    page = send(admin, padaria, text.getvalue())
    assert page.status_code in (200, 422)
    assert page.status_code == 422 or page.context["import"].state == "waiting"  # and no worker failed


def test_names_that_are_shown_in_errors_are_text(padaria, member, number):
    body = send(member, padaria, "phone,labels,<i>x\n61981500586,<script>alert(1)</script>").content.decode()
    assert "<script>alert" not in body
    assert "&lt;script&gt;" in body


def test_without_a_file_the_form_shows_an_error(padaria, member, number):
    response = member.post(reverse("contacts_import", args=[padaria.pk]), {"file": "text"})
    assert response.status_code == 422
    assert "Choose a file." in response.content.decode()


def test_without_a_number_there_is_nothing_to_import_to(padaria, member):
    assert "No number is connected yet" in member.get(reverse("contacts_import", args=[padaria.pk])).content.decode()
    assert "No number is connected yet" in send(member, padaria, "phone\n61981500586").content.decode()


def test_an_import_changes_no_contact_of_another_organization(padaria, admin, number, add_contact, outsider, foreign_number):
    foreign = add_contact(0, at=foreign_number, wa_id=WITH, name="Theirs", bsuid="BR.9")
    content = "phone,name,user id,labels\n61981500586,Ours,BR.9,VIP"
    assert done(admin, send(admin, padaria, content)) == (1, 0, 0)
    foreign.refresh_from_db()
    assert (foreign.alias, foreign.labels.count()) == ("", 0)
    assert send(outsider, padaria, content).status_code == 404
    assert send(admin, padaria, content, number=foreign_number.phone_number_id).status_code in (200, 422)
    assert Contact.objects.filter(organization=foreign_number.organization).count() == 1


# Files that would cost much more than they weigh


ACCENTS = "a" + "\u0301\u0327" * 60_000
LABELS = "|".join(f"l{each}" for each in range(60))
HEAVY = {
    "4.9 MB of columns": ";".join(f"ﷺ{each}" for each in range(490_000)),
    "100,000 columns": "phone," + "," * 100_000,
    "a long header": f"phone,{'ﷺ' * 130_000}\n61981500586,",
    "a header of accents": f"phone,{ACCENTS}\n61981500586,",
    "a cell of megabytes": f"phone,name\n61981500586,{'x' * 4_900_000}",
    "a cell of accents": f"phone,profile\n61981500586,{ACCENTS}",
    "a phone of digits": f"phone\n{'1' * 130_000}",
    "a quoted cell of lines": 'phone,name\n61981500586,"' + "x\n" * 2_000_000,
    "quotes": "phone\n" + '"' * 4_900_000,
    "a million rows": "phone\n" + "1\n" * 1_000_000,
    "a million blank rows": "phone;name\n" + ";\n" * 1_000_000,
    "a million labels": "phone,labels\n61981500586," + '"' + "a;" * 60_000 + '"',
    "a million labels in many rows": "phone,labels\n" + "".join(f"61981{each:06},{LABELS}\n" for each in range(15_000)),
    "names of long letters": "phone,name\n" + "".join(f"6198{each:07},{'ﷺ' * 145}\n" for each in range(5_000)),
    "many rows of long cells": "phone,bot\n" + "".join(f"6198150{each:04},{ACCENTS[:4_000]}\n" for each in range(600)),
}


@pytest.mark.parametrize("name", HEAVY)
def test_a_file_is_bounded_before_it_is_read(member, padaria, number, name):
    content = HEAVY[name].encode()
    started = time.process_time()

    response = send(member, padaria, content[: 5 * 2**20])

    assert time.process_time() - started < 10  # 3 at most on a machine that does nothing else
    assert response.status_code in (200, 422)
    assert response.status_code == 200 or faults(response)


def test_a_row_may_be_as_long_as_spreadsheets_make_them(member, padaria, number):
    response = send(member, padaria, "phone,notes\n" + f'61981500586,"{"long note " * 12_000}"\n' * 1)
    assert done(member, response) == (1, 0, 0)


def test_columns_beyond_the_bound_are_counted_and_not_looked_at(member, padaria, number):
    found = faults(send(member, padaria, "phone," + ",".join(f"c{each}" for each in range(220))))
    assert found == [(1, "There are 221 columns; 200 are the most.")]
