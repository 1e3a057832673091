"""Contacts to CSV files and back."""

import csv
import io
import time
from datetime import UTC, datetime

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts import exporting
from contacts.columns import COLUMNS, guarded, unguarded
from contacts.models import Contact, ContactWord, Label
from contacts.searching import find_contacts
from contacts.sheets import Refused, read_sheet
from contacts.tests.conftest import sign_in
from organizations.live import revisions
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


def send(client, organization, content, **more):
    content = content.encode() if isinstance(content, str) else content
    url = reverse("contacts_import", args=[organization.pk])
    return client.post(url, {"file": SimpleUploadedFile("people.csv", content), **more})


def done(client, response):
    """How many were added, updated, and were so already."""
    assert response.status_code == 302, [(fault.line, fault.words) for fault in response.context["faults"].first]
    page = client.get(response.url)
    assert page.status_code == 200
    return tuple(page.context["done"][name] for name in ("added", "updated", "unchanged"))


def faults(response):
    assert response.status_code == 422
    return [(fault.line, fault.words) for fault in response.context["faults"].in_order()]


def snapshot():
    return list(Contact.objects.order_by("pk").values()), set(Contact.labels.through.objects.values_list("contact", "label"))


# ---- Out ----


def test_an_export_tells_all_there_is(padaria, member, meet):
    contact = meet(wa_id=WITH, name="Zé", alias="José, Encanador", username="ze", bsuid="BR.1", profile="ia", activate_bot=False)
    Contact.objects.update(create_in=NOON, last_message_timestamp=NOON)
    contact.labels.add(*(Label.objects.create(organization=padaria, name=name) for name in ("VIP", "New")))
    content = export(member, padaria)
    assert content.startswith(b"\xef\xbb\xbfphone (international),WhatsApp name,name,username,user id,our number,profile,bot,")
    assert table(content) == [
        {
            "phone (international)": WITH,
            "WhatsApp name": "Zé",
            "name": "José, Encanador",
            "username": "ze",
            "user id": "BR.1",
            "our number": "556133214400",
            "profile": "ai",
            "bot": "no",
            "automatic": "yes",
            "labels": "New, VIP",
            "first seen": "2026-11-18 12:00:00",
            "last message": "2026-11-18 12:00:00",
        }
    ]


@pytest.mark.parametrize(
    ("language", "header"), [("pt-br", "telefone (internacional);nome no WhatsApp;nome;"), ("es", "teléfono (internacional);")]
)
def test_an_export_opens_in_a_spreadsheet_of_the_reader_s_language(padaria, meet, language, header):
    meet()
    client = sign_in(padaria, language=language)
    assert export(client, padaria).decode("utf-8-sig").startswith(header)


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "=cmd|' /C calc'!A0", "'=x", "''+x"])
def test_no_cell_is_a_formula(padaria, member, meet, name):
    meet(name=name, alias=name, username="=x")
    row = table(export(member, padaria))[0]
    assert (row["WhatsApp name"], row["name"], row["username"]) == (f"'{name}", f"'{name}", "'=x")


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("'=+-@\t\r\nab \"")) | st.text())
def test_guarding_can_be_undone_and_leaves_no_formula(text):
    assert unguarded(guarded(text)) == text
    assert guarded(text)[:1] not in set("=+-@\t\r\n")


def test_an_export_follows_the_filters_of_the_page(padaria, member, meet, foreign_number):
    meet(name="Ana", profile="bot")
    meet(1, name="Bia")
    meet(2, name="Eva", at=foreign_number)
    assert [row["WhatsApp name"] for row in table(export(member, padaria))] == ["Ana", "Bia"]
    assert [row["WhatsApp name"] for row in table(export(member, padaria, profile="bot"))] == ["Ana"]
    assert [row["WhatsApp name"] for row in table(export(member, padaria, q="bia"))] == ["Bia"]
    assert table(export(member, padaria, q="eva")) == []


def test_a_search_that_finds_too_many_is_not_exported_in_part(padaria, member, number):
    client = member
    Contact.objects.bulk_create(
        Contact(create_for_phone_number=number, organization=padaria, wa_id=f"5561{place:08}", phone_key=f"5561{place:08}")
        for place in range(201)
    )
    response = client.get(reverse("contacts_export", args=[padaria.pk]), {"q": "5561"})
    assert response.status_code == 302
    assert "too many" in str(next(iter(get_messages(response.wsgi_request))))


def test_an_export_comes_in_pieces_of_two_queries_each(padaria, member, number, monkeypatch):
    monkeypatch.setattr(exporting, "CHUNK", 10)
    Contact.objects.bulk_create(
        Contact(create_for_phone_number=number, organization=padaria, wa_id=f"5561{place:08}") for place in range(35)
    )
    with CaptureQueriesContext(connection) as queries:
        rows = table(export(member, padaria))
    assert len({row["phone (international)"] for row in rows}) == 35
    assert len(queries) <= 3 + 1 + 2 * 4 + 1


# ---- In: what is good ----


def test_the_template_can_be_imported(padaria, number):
    for language in ("pt-br", "en", "es"):
        Contact.objects.all().delete()
        client = sign_in(padaria, Role.USER, f"{language}@example.com", language)
        template = client.get(reverse("contacts_import_template", args=[padaria.pk])).content
        assert done(client, send(client, padaria, template)) == (1, 0, 0)
        assert (Contact.objects.get().wa_id, Contact.objects.get().alias) == (WITH, "Maria da Silva")


def test_people_are_added_and_those_who_are_there_updated(padaria, admin, meet, number):
    number.default_profile = "bot"
    number.save()
    there = meet(wa_id=WITHOUT, name="Zé", profile="human")
    content = (
        "phone;name;profile;bot;automatic;labels\n61 98150-0586;José  Silva;AI;no;sim;VIP, New\n+1 415 555 2671;;;;;\n\n;;;;;\n"
    )
    assert done(admin, send(admin, padaria, content)) == (1, 1, 0)
    there.refresh_from_db()
    assert (there.wa_id, there.alias, there.name, there.profile) == (WITHOUT, "José Silva", "Zé", "ia")
    assert (there.activate_bot, there.activate_automatic_message) == (False, True)
    assert {label.name for label in there.labels.all()} == {"VIP", "New"}
    new = Contact.objects.get(wa_id="14155552671")
    assert (new.wa_id_at, new.alias, new.profile, new.activate_bot, new.organization) == (None, "", "bot", True, padaria)
    assert (new.phone_key, new.reversed_phone) == ("14155552671", "17625555141")
    assert find_contacts(padaria.pk, "silva") == [there.pk]
    assert find_contacts(padaria.pk, "+1 415") == [new.pk]
    assert revisions([padaria.pk]) == {padaria.pk: 1}
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


def test_cells_in_quotation_marks_hold_anything(padaria, member, number):
    content = 'phone,name\n61981500586,"Silva, ""Zé""\nSão Paulo"\n6181500587,x'
    assert done(member, send(member, padaria, content)) == (2, 0, 0)
    assert Contact.objects.get(wa_id=WITH).alias == 'Silva, "Zé" São Paulo'


def test_columns_that_say_nothing_are_named(padaria, member, number):
    response = send(member, padaria, "phone,shoe size,last message\n61981500586,42,x")
    page = member.get(response.url)
    assert page.context["done"]["ignored"] == ["shoe size"]
    assert "“shoe size”" in page.content.decode()


@pytest.mark.parametrize("language", ["pt-br", "en", "es"])
def test_what_was_exported_and_is_imported_again_changes_nothing(padaria, meet, second_number, language):
    admin = sign_in(padaria, Role.USER_ADMIN, language=language)
    labels = [Label.objects.create(organization=padaria, name=name) for name in ("VIP", "=New", "Ação & Cia")]
    meet(0, name="=Zé", alias="-José", profile="bot", activate_bot=False).labels.add(*labels)
    meet(1, wa_id=None, bsuid="BR.1", username="@ana")
    meet(2, wa_id="14155552671", name="An American", activate_automatic_message=False)
    meet(3, wa_id=WITH, name="with", alias="'=x")
    meet(4, wa_id=WITHOUT, name="without", alias="''=x; y, \"z\"")
    meet(5, wa_id=WITH, at=second_number, profile="ia")
    meet(6, wa_id="weird-id", name="\tTab")
    before = snapshot()
    assert done(admin, send(admin, padaria, export(admin, padaria), number="5243")) == (0, 0, 7)
    assert snapshot() == before


def test_an_export_of_two_numbers_with_the_same_digits_comes_back_too(padaria, admin, meet, second_number, number):
    second_number.wa_id = number.wa_id
    second_number.save()
    meet(0)
    meet(0, at=second_number)
    assert done(admin, send(admin, padaria, export(admin, padaria), number="5243")) == (0, 0, 2)


def test_an_export_moves_people_to_another_hub(padaria, admin, meet, outsider, foreign_number):
    meet(0, alias="José", profile="bot").labels.add(Label.objects.create(organization=padaria, name="VIP"))
    meet(1, wa_id="14155552671")
    content = export(admin, padaria).replace(b"556133214400", b"")
    assert done(outsider, send(outsider, foreign_number.organization, content)) == (2, 0, 0)
    moved = Contact.objects.filter(create_for_phone_number=foreign_number)
    assert {each.wa_id for each in moved} == {"556181500000", "14155552671"}
    assert moved.get(alias="José").labels.get().organization == foreign_number.organization


def test_which_number_is_told_by_the_form_or_the_file(padaria, member, number, second_number):
    content = "phone,our number\n61981500586,\n61981500586,+55 61 9844-0077\n6181500587,5243"
    unsaid = send(member, padaria, content)
    assert (unsaid.status_code, list(unsaid.context["form"].errors)) == (422, ["number"])
    assert done(member, send(member, padaria, content, number="5243")) == (3, 0, 0)
    assert set(Contact.objects.values_list("wa_id", "create_for_phone_number")) == {
        (WITH, "5243"),
        (WITH, "5244"),
        ("556181500587", "5243"),
    }


def test_twenty_thousand_rows_take_seconds(padaria, admin, number):
    lines = ["phone,name,profile,bot,labels"]
    lines += [f"61 9{81500000 + place},José da Silva {place},bot,no,label {place % 20}" for place in range(20_000)]
    begun = time.perf_counter()
    assert done(admin, send(admin, padaria, "\n".join(lines))) == (20_000, 0, 0)
    assert done(admin, send(admin, padaria, "\n".join(lines).replace("bot,no", "human,yes"))) == (0, 20_000, 0)
    assert time.perf_counter() - begun < 40  # about 10 s here for both, with tests beside it
    assert ContactWord.objects.count() == 80_000
    assert Contact.objects.filter(profile="human", activate_bot=True, labels__isnull=False).count() == 20_000
    assert len(find_contacts(padaria.pk, "silva 19999")) == 1


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
        ("61981500586,Ana,robot", "profile: Write human, bot or AI."),
        ("61981500586,Ana,,perhaps", "bot: Write yes or no."),
        ("61981500586,Ana,,,2", "automatic: Write yes or no."),
        ("61981500586,Ana,,,," + "x" * 41, "labels: A label's name has at most 40 letters."),
        ("61981500586,Ana,,,,,123", "our number: This is none of your numbers."),
        ("61981500586,Ana,,,,,9999", "our number: This is none of your numbers."),
        ("61981500586,Ana,,,,,5243,more", "There are more cells than columns."),
        ("6181500001,Twice", "The same person as in line 2."),
    ],
)
def test_a_wrong_row_is_told_with_its_line_and_nothing_is_imported(padaria, admin, number, foreign_number, row, words):
    before = snapshot()
    content = f"phone,name,profile,bot,automatic,labels,our number\n61 98150-0001,Good,,,,New label\n\n{row}\n61981500002,Good too"
    found = faults(send(admin, padaria, content))
    assert [line for line, _ in found] == [4]
    assert found[0][1].startswith(words)
    assert snapshot() == before
    assert not Label.objects.exists()


def test_every_wrong_row_is_told_up_to_a_hundred(padaria, admin, number):
    response = send(admin, padaria, "phone,profile\n" + "61,robot\n" * 150)
    assert response.context["faults"].count == 300
    assert len(faults(response)) == 100
    body = response.content.decode()
    assert "there are 300 mistakes in the file" in body
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


def test_labels_that_a_database_cannot_tell_apart_are_no_error_of_ours(padaria, admin, number):
    response = send(admin, padaria, "phone,labels\n61981500586,😀|😎")
    assert response.status_code in (302, 422)  # MariaDB's older collations hold all such signs for one
    assert Contact.objects.exists() == (response.status_code == 302)


WIDE = ",".join(f"column {place}" for place in range(100))


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
        (b"name,profile\nAna,bot", "No column is called phone"),
        (b"<html><body>Sign in</body></html>", "No column is called phone"),
        (b"61981500586,Ana\n61981500587,Bia", "No column is called phone"),
        (f"phone,{WIDE}\n61981500586".encode(), "There are 101 columns; 50 are the most."),
        (b"," * 100_000, "The file is empty.|There are 100001 columns; 50 are the most.|No column is called phone"),
        (b"phone,name,nome\n61981500586,a,b", "Two columns are for the same as “name”."),
        (b"phone,phone (international)\n61981500586,", "There are two columns for the phone."),
        (b"x" * 1_000_000, "This line cannot be read"),
        (b"phone\n" + b"9" * 1_000_000, "This line cannot be read"),
        (b'phone,name\n61981500586,"open', "This line cannot be read"),
        (b'phone,name\n61981500586,"a"b', "This line cannot be read"),
        (b'"' * 999, "This line cannot be read"),
        (b"phone\n" + b"61981500586\n" * 21_000, "There are more than 20,000 rows."),
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
        rows = list(read_sheet(content).rows)
    except Refused as refusal:
        rows, faults = [], refusal.faults.count
    assert faults <= 1
    assert all(cells for _, cells in rows)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), min_size=len(COLUMNS), max_size=len(COLUMNS)))
def test_whatever_cells_there_are_the_answer_is_no_error(padaria, admin, number, cells):
    text = io.StringIO()
    csv.writer(text).writerows([[column.headers[1] for column in COLUMNS], cells])
    assert send(admin, padaria, text.getvalue()).status_code in (302, 422)


def test_names_that_are_shown_in_errors_are_text(padaria, member, number):
    body = send(member, padaria, "phone,labels,<i>x\n61981500586,<script>alert(1)</script>").content.decode()
    assert "<script>alert" not in body
    assert "&lt;script&gt;" in body


def test_without_a_file_the_form_says_so(padaria, member, number):
    response = member.post(reverse("contacts_import", args=[padaria.pk]), {"file": "text"})
    assert response.status_code == 422
    assert "Choose a file." in response.content.decode()


def test_without_a_number_there_is_nothing_to_import_to(padaria, member):
    assert "No number is connected yet" in member.get(reverse("contacts_import", args=[padaria.pk])).content.decode()
    assert "No number is connected yet" in send(member, padaria, "phone\n61981500586").content.decode()


def test_an_import_touches_nobody_of_another_organization(padaria, admin, number, meet, outsider, foreign_number):
    foreign = meet(0, at=foreign_number, wa_id=WITH, name="Theirs", bsuid="BR.9")
    content = "phone,name,user id,labels\n61981500586,Ours,BR.9,VIP"
    assert done(admin, send(admin, padaria, content)) == (1, 0, 0)
    foreign.refresh_from_db()
    assert (foreign.alias, foreign.labels.count()) == ("", 0)
    assert send(outsider, padaria, content).status_code == 404
    assert send(admin, padaria, content, number=foreign_number.phone_number_id).status_code in (302, 422)
    assert Contact.objects.filter(organization=foreign_number.organization).count() == 1


@pytest.mark.parametrize(
    "query",
    ["added=1", "added=x&updated=1&unchanged=1", "added=1&updated=1&unchanged=999999999999", "added=²&updated=1&unchanged=1"],
)
def test_made_up_counts_in_the_address_are_left_out(padaria, member, number, query):
    page = member.get(reverse("contacts_import", args=[padaria.pk]) + f"?{query}")
    assert (page.status_code, page.context["done"]) == (200, None)
