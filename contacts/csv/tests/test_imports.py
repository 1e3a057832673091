"""Files of contacts as programs really write them, and the way of one into the hub."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conftest import apply_all
from contacts.conftest import sign_in
from contacts.csv import import_queue
from contacts.csv.encodings import ENCODINGS, guess_encoding
from contacts.csv.imports import RowMatcher
from contacts.csv.tables import guess_layout
from contacts.csv.tests.test_files import begin, choose, done, export, faults, name_columns, send
from contacts.models import Contact, ContactImport, Label
from jobs.models import MAX_ATTEMPTS, State
from organizations.models import Organization, Role
from organizations.storage import storage_used

pytestmark = pytest.mark.django_db
FILES = Path(__file__).parent / "files"


def people():
    return list(Contact.objects.order_by("pk").values_list("wa_id", "alias"))


def page_of(contact_import, name="contact_import"):
    return reverse(name, args=[contact_import.organization_id, contact_import.pk])


# ---- Files as programs write them ----


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("csv01_all_quoted_semicolon", [("5561981500588", "Ana")]),
        ("csv02_all_quoted_comma", [("5561981500588", "Ana")]),
        ("csv04_excel_sep_line", [("5561981500588", "Ana")]),
        ("csv05_bidi_marks", [("5561981500588", "Ana"), ("5561981500589", "Bea"), ("5561981500590", "Caio")]),
        ("csv06_trunk_zero", [("5561981500588", "Ana"), ("442079460958", "Bob")]),
        ("csv08_mac_roman", [("5561981500588", "João")]),
        ("csv10_excel_formula_text", [("5561981500588", "Ana")]),
        ("csv11_space_after_separator", [("5561981500588", "Ana, Sá")]),
        ("csv12_google_contacts", [("5561981500588", "Ana Sá")]),
        ("csv13_float_from_pandas", [("5561981500588", "Ana")]),
    ],
)
def test_a_real_file_is_imported(padaria, member, number, name, expected):
    page = send(member, padaria, (FILES / f"{name}.csv").read_bytes())
    assert done(member, page) == (len(expected), 0, 0)
    assert people() == expected


@pytest.mark.parametrize(
    ("headers", "cells", "expected"),
    [
        ("Telefone 1;Nome", "61 98150-0588;Ana", "Ana"),
        ("Fone,Cliente", "61 98150-0588,Ana", "Ana"),
        ("Número;Nome completo", "61 98150-0588;Ana", "Ana"),
        ("Nº telefone;Nombre", "61 98150-0588;Ana", "Ana"),
        ("Celular;Apelido", "61 98150-0588;Ana", "Ana"),
        ("Mobile Phone,First Name,Middle Name,Last Name", "61 98150-0588,Ana,de,Sá", "Ana de Sá"),
        ("Nome;Sobrenome;Celular", "Ana;Sá;61 98150-0588", "Ana Sá"),
        ("Nombre;Apellidos;Teléfono móvil", "Ana;Sá;61 98150-0588", "Ana Sá"),
        ("Nome próprio;Último nome;Telemóvel", "Ana;Sá;61 98150-0588", "Ana Sá"),
        ("Name,Given Name,Family Name,Phone 1 - Type,Phone 1 - Value", "Ana Sá,Ana,Sá,Mobile,61 98150-0588", "Ana Sá"),
        ("Nome,Telefone 1 - Valor,Telefone 2 - Valor", "Ana,,61 98150-0588", "Ana"),
        ("Phone 1 - Value,First Name", "+55 61 98150-0588 ::: +55 61 3321-4400,Ana", "Ana"),
        ("Nome;Telefone;Celular", "Ana;61 3321-4400;61 98150-0588", "Ana"),  # a mobile is likelier to be on WhatsApp
        ("Nome;Telefone residencial;WhatsApp", "Ana;61 3321-4400;61 98150-0588", "Ana"),
        ("Display Name,Home Phone,Business Phone", "Ana,61 98150-0588,61 3321-4400", "Ana"),
        ("61981500588;Ana\n61981500588;", "", "Ana"),  # no line of headers at all
    ],
)
def test_columns_of_other_programs_are_known(padaria, member, number, headers, cells, expected):
    page = send(member, padaria, f"{headers}\n{cells}".split("\n61981500588;")[0] if not cells else f"{headers}\n{cells}\n")
    assert done(member, page) == (1, 0, 0)
    assert people() == [("5561981500588", expected)]


def test_outlook_s_ninety_columns_are_read(padaria, member, number):
    headers = ["Title", "First Name", "Middle Name", "Last Name", *(f"Field {place}" for place in range(85)), "Mobile Phone"]
    cells = ["", "Ana", "", "Sá", *[""] * 85, "61 98150-0588"]
    assert done(member, send(member, padaria, ",".join(headers) + "\n" + ",".join(cells))) == (1, 0, 0)
    assert people() == [("5561981500588", "Ana Sá")]


@pytest.mark.parametrize(
    "phone",
    [
        '"=""61981500588"""',
        '="61981500588"',
        "'61981500588",
        "5561981500588.0",
        '"5561981500588,0"',
        "5.561981500588E+12",
        '"+55 61 98150-0588"',
        " \u200e+55 (061) 98150-0588 ",
        "tel:+55-61-98150-0588",
        "(0xx61) 98150-0588",
    ],
)
def test_a_phone_is_read_however_a_program_left_it(padaria, member, number, phone):
    assert done(member, send(member, padaria, f"nome;telefone\nAna;{phone}\n")) == (1, 0, 0)
    assert people() == [("5561981500588", "Ana")]


@pytest.mark.parametrize(
    "content",
    [
        'telefone;"nome"\n61981500588;"Ana; Sá"\n',
        '"telefone" ; "nome"\n"61981500588" ; "Ana; Sá"\n',
        'SEP=;\r\n"telefone";"nome"\r\n61981500588;"Ana; Sá"',
        '"sep=;"\ntelefone;nome\n61981500588;"Ana; Sá"',
        '\ufefftelefone;nome\n61981500588;"=""Ana; Sá"""',
        "sep=\t\ntelefone\tnome\n61981500588\tAna; Sá",
        'telefone, nome\n61981500588, "Ana; Sá"',
    ],
)
def test_quotation_marks_and_separators_are_read_however_they_stand(padaria, member, number, content):
    assert done(member, send(member, padaria, content)) == (1, 0, 0)
    assert people() == [("5561981500588", "Ana; Sá")]


def test_lines_are_counted_with_the_line_that_names_the_separator(padaria, member, number):
    assert faults(send(member, padaria, "sep=;\ntelefone;nome\n61981500588;Ana\nwrong;x"))[0][0] == 4


NAMES = ["João", "José", "Márcia", "Conceição", "Sá", "Álvaro", "GONÇALVES", "JOSÉ", "JOÃO", "Muñoz", "Simões", "Inês", "Íris"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", NAMES)
def test_the_encoding_is_recognized_by_a_single_name(encoding, name):
    try:
        content = f"telefone;nome\r\n61981500588;{name}\r\n".encode(encoding)
    except UnicodeEncodeError:
        pytest.skip("has no such letter")
    guessed = guess_encoding(content)
    assert guessed is not None
    assert content.decode(guessed) == content.decode(encoding)


@pytest.mark.parametrize("content", [b"\x81\x8d\x8f", "имя;телефон".encode("cp1251"), "اسم".encode("cp1256")])
def test_other_alphabets_are_not_taken_for_letters_of_ours(content):
    assert guess_encoding(content) is None


def test_another_encoding_can_be_chosen(padaria, member, number):
    content = b"telefone;nome\n61981500588;Zo\x89\n"  # in DOS ë, on a Mac â
    started = choose(member, padaria, content)
    page = member.get(started.url)
    assert dict.fromkeys(name for name, _word, _example in page.context["encodings"]) == dict.fromkeys(ENCODINGS)
    assert "Zoë" in page.content.decode()

    page = member.get(started.url, {"encoding": "cp850"})
    assert page.context["columns"][1]["cells"] == ["Zoë"]
    answer = name_columns(member, f"{started.url}?encoding=cp850")
    import_queue.LANE.run_once()
    assert done(member, member.get(answer.url)) == (1, 0, 0)
    assert people() == [("5561981500588", "Zoë")]


@pytest.mark.parametrize("asked", [{"encoding": "utf-16"}, {"encoding": "rot13"}, {"header": "perhaps"}, {"encoding": "\x00"}])
def test_an_address_that_asks_for_nonsense_shows_the_columns_all_the_same(padaria, member, number, asked):
    started = choose(member, padaria, "telefone;nome\n61981500588;Ana")
    assert member.get(started.url, asked).status_code == 200
    assert name_columns(member, started.url, encoding="utf-16").status_code == 422


# ---- The columns ----


def test_columns_are_shown_with_three_cells_and_can_be_changed(padaria, member, number):
    rows = "\n".join(f"6198150058{place},Ana {place},x{place}" for place in range(5))
    started = choose(member, padaria, f"contato principal,quem,outro\n{rows}")
    page = member.get(started.url)
    shown = [(each["header"], each["cells"], each["key"]) for each in page.context["others"]]
    assert shown[0] == ("contato principal", ["61981500580", "61981500581", "61981500582"], "")
    assert len(shown) == 3
    assert not Contact.objects.exists()

    assert faults(name_columns(member, started.url)) == [(0, "No column has the phone. Say which one has it.")]
    twice = name_columns(member, started.url, column_0="phone", column_1="phone")
    assert faults(twice) == [(0, "Two columns are for the same. Leave one of them out.")]
    both = name_columns(member, started.url, column_0="phone", column_1="wa_id")
    assert both.status_code == 422
    assert name_columns(member, started.url, column_0="nonsense").status_code == 422

    answer = name_columns(member, started.url, column_0="phone", column_1="name")
    import_queue.LANE.run_once()
    page = member.get(answer.url)
    assert (page.context["counts"]["added"], page.context["counts"]["wrong"]) == (5, 0)
    assert not Contact.objects.exists()  # nothing is stored before somebody says so
    assert done(member, page) == (5, 0, 0)
    assert people()[0] == ("5561981500580", "Ana 0")


def test_the_first_line_can_be_a_contact(padaria, member, number):
    started = choose(member, padaria, "telefone;nome\n61981500588;Ana")
    page = member.get(started.url, {"header": "no"})
    assert not page.context["layout"].has_header
    assert guess_layout(b"61981500588;Ana\n61981500589;Bia").columns == ("phone", "name")


def test_a_preview_shows_new_existing_and_invalid_rows_before_anything_is_stored(padaria, member, number, add_contact):
    known = add_contact(wa_id="556181500586", name="Zé")
    page = send(member, padaria, "phone,name\n61 98150-0586,José\n61981500588,Ana\nwrong,x\n3321-4400,y\n61981500588,twice")
    counts = page.context["counts"]
    assert (counts["added"], counts["known"], counts["wrong"]) == (1, 1, 3)
    assert [line for line, _words in faults(page)] == [4, 5, 6]
    body = page.content.decode()
    assert "+55 61 98150-0588" in body
    assert "Import 2 contacts, without the wrong lines" in body
    assert people() == [("556181500586", "")]

    begin(member, page)  # as from an old page, which did not know of the wrong lines
    assert people() == [("556181500586", "")]
    page = begin(member, page, leave_out="yes")
    assert [page.context["counts"][name] for name in ("added", "updated", "unchanged")] == [1, 1, 0]
    known.refresh_from_db()
    assert (known.alias, people()[1]) == ("José", ("5561981500588", "Ana"))


def test_lines_that_were_left_out_are_listed_after_the_import(padaria, member, number):
    page = send(member, padaria, "name,phone\nAna,61981500588\nBia,wrong\nCaio,61981500588\nDina,\n")
    assert "wrong · Bia" in page.content.decode()

    body = " ".join(begin(member, page, leave_out="yes").content.decode().split())

    assert "3 lines were left out" in body
    for words in ("wrong · Bia", "61981500588 · Caio", "The same person as in line 2. Leave one of them.", "Dina", "missing"):
        assert words in body
    assert people() == [("5561981500588", "Ana")]


def test_the_preview_shows_labels_if_the_file_has_some(padaria, admin, number):
    body = " ".join(send(admin, padaria, "phone,labels\n61981500588,VIP|Obra").content.decode().split())
    assert "VIP, Obra" in body
    assert "Labels" not in send(admin, padaria, "phone\n61981500588").content.decode().split("<table", 1)[1]


def test_what_is_shown_is_what_is_stored(padaria, member, number):
    page = send(member, padaria, "telefone;nome\n+55 (061) 98150-0588;Ana\n+44 (0)20 7946 0958;Bob")
    shown = [each["wa_id"] for each in page.context["import"].shown]
    assert shown == ["5561981500588", "442079460958"]
    done(member, page)
    assert [wa_id for wa_id, _alias in people()] == shown


def test_a_problem_that_arises_between_preview_and_import_is_reported(padaria, member, admin, number):
    label = Label.objects.create(organization=padaria, name="VIP")
    page = send(member, padaria, "phone,labels\n61981500588,VIP")
    label.delete()
    page = begin(member, page)
    assert (page.context["import"].step, people()) == ("checked", [])
    assert "There is no label “VIP”" in faults(page)[0][1]


# ---- The file between the steps ----


def test_a_file_belongs_to_its_organization_alone(padaria, member, admin, outsider, number):
    started = choose(member, padaria, "phone\n61981500588")
    own = ContactImport.objects.get()
    colleague = sign_in(padaria, email="colleague@example.com")
    for name in ("contact_import", "contact_import_columns", "contact_import_progress"):
        address = page_of(own, name)
        assert outsider.get(address).status_code == 404
        assert (
            outsider.get(address.replace(f"/o/{padaria.pk}/", f"/o/{outsider.user.memberships.get().organization_id}/")).status_code
            == 404
        )
        assert Client().get(address)["Location"].startswith("/accounts/login/")
        assert colleague.get(address).status_code in (200, 302)
    for name in ("contact_import_begin", "contact_import_again", "contact_import_cancel"):
        assert outsider.post(page_of(own, name)).status_code == 404
        assert member.get(page_of(own, name)).status_code == 405
    assert ContactImport.objects.get() == own
    assert "Go on" in member.get(reverse("contacts_import", args=[padaria.pk])).content.decode()
    assert member.get(started.url).status_code == 200


def test_a_file_counts_in_the_storage_until_it_is_imported_cancelled_or_replaced(padaria, member, number):
    page = send(member, padaria, "phone\n61981500588")
    first = storage_used(padaria)
    assert first == ContactImport.objects.get().size > 0
    begin(member, page)
    assert (storage_used(padaria), bytes(ContactImport.objects.get().content)) == (0, b"")

    choose(member, padaria, "phone\n61981500589")
    choose(member, padaria, "phone\n61981500580")
    assert ContactImport.objects.count() == 1
    assert storage_used(padaria) == ContactImport.objects.get().size
    member.post(page_of(ContactImport.objects.get(), "contact_import_cancel"))
    assert (storage_used(padaria), ContactImport.objects.count()) == (0, 0)


def test_a_file_for_which_there_is_no_room_is_refused_in_words(padaria, member, number):
    Organization.objects.filter(pk=padaria.pk).update(storage_quota=10)
    answer = choose(member, padaria, "phone\n61981500588")
    assert answer.status_code == 422
    assert "storage is full" in answer.content.decode()
    assert not ContactImport.objects.exists()


def test_an_abandoned_file_is_deleted_after_a_day(padaria, member, admin, number):
    choose(member, padaria, "phone\n61981500588")
    choose(admin, padaria, "phone\n61981500588")
    ContactImport.objects.filter(created_by=member.user).update(create_in=timezone.now() - timedelta(hours=25))
    assert import_queue.delete_expired_imports() == 1
    assert ContactImport.objects.get().created_by == admin.user
    assert storage_used(padaria) == ContactImport.objects.get().size


def test_a_button_pressed_twice_imports_once(padaria, member, number):
    page = send(member, padaria, "phone\n61981500588")
    begin(member, page)
    page = begin(member, page)
    assert page.context["import"].step == "done"
    assert page.context["counts"]["added"] == 1


# ---- The worker ----


@pytest.mark.django_db(transaction=True)
def test_an_import_is_the_worker_s_and_the_page_follows_it(padaria, member, number):
    started = choose(member, padaria, "phone\n61981500588")
    address = name_columns(member, started.url).url
    page = member.get(address)
    assert page.context["is_working"]
    assert 'hx-trigger="every 1s"' in page.content.decode()
    apply_all()
    part = member.get(page_of(ContactImport.objects.get(), "contact_import_progress"))
    assert "hx-trigger" not in part.content.decode()
    assert not part.context["is_working"]


def test_a_long_import_is_stored_in_parts_and_goes_on_where_it_was_interrupted(padaria, member, number, monkeypatch):
    monkeypatch.setattr("contacts.csv.imports.CHUNK_SIZE", 10)
    rows = "\n".join(f"619815{place:05},Ana" for place in range(35))
    page = send(member, padaria, f"phone,name\n{rows}")
    own = page.context["import"]
    member.post(page_of(own, "contact_import_begin"))
    lease = import_queue.LANE.rows.lease(limit=1, seconds=60)
    assert lease is not None
    parts = []

    def killed(line, imported, *, held=lease.held):
        parts.append(line)
        if len(parts) == 3:
            raise SystemExit

    with pytest.raises(SystemExit):
        _work_until(lease, own, killed, monkeypatch)
    assert Contact.objects.count() == 20
    own.refresh_from_db()
    assert (own.last_line, own.counts["added"]) == (21, 20)
    ContactImport.objects.filter(pk=own.pk).make_due()  # its lease has ended
    import_queue.LANE.run_once()
    page = member.get(page_of(own))
    assert Contact.objects.count() == 35
    assert [page.context["counts"][name] for name in ("added", "updated", "unchanged")] == [35, 0, 0]


def _work_until(lease, own, killed, monkeypatch):
    """The worker's own work, until `killed` raises in the transaction of a part."""
    store = RowMatcher.store

    def dying(self, rows):
        stored = store(self, rows)
        killed(rows[-1].line, stored)
        return stored

    with monkeypatch.context() as patch:
        patch.setattr(RowMatcher, "store", dying)
        import_queue.run_imports(lease)


def test_an_import_that_is_called_off_under_way_stops(padaria, member, number):
    page = send(member, padaria, "phone\n61981500588")
    own = page.context["import"]
    member.post(page_of(own, "contact_import_begin"))
    lease = import_queue.LANE.rows.lease(limit=1, seconds=60)
    assert lease is not None
    other = ContactImport.objects.get()
    lease.held().update(lease_token=None)  # another worker has it
    import_queue.run_imports(lease)
    assert (people(), other.step) == ([], "store")


def test_what_a_worker_gave_up_can_be_tried_again(padaria, member, number):
    started = choose(member, padaria, "phone\n61981500588")
    name_columns(member, started.url)
    own = ContactImport.objects.get()
    ContactImport.objects.update(state=State.DEAD, reason="OperationalError")
    body = member.get(page_of(own)).content.decode()
    assert page_of(own, "contact_import_again") in body
    assert "OperationalError" not in body
    member.post(page_of(own, "contact_import_again"))
    import_queue.LANE.run_once()
    assert done(member, member.get(page_of(own))) == (1, 0, 0)


def test_problems_are_reported_in_the_user_s_language(padaria, number):
    client = sign_in(padaria, Role.USER, language="es")
    page = send(client, padaria, "phone\nwrong")
    assert ContactImport.objects.get().language == "es"
    assert faults(page)


def test_imports_do_not_wait_for_another_organization_s(padaria, member, number, outsider, foreign_number):
    for client, organization in ((member, padaria), (outsider, foreign_number.organization)):
        name_columns(client, choose(client, organization, "phone\n61981500588").url)
    assert import_queue.LANE.run_once() + import_queue.LANE.run_once() == 2
    assert set(ContactImport.objects.values_list("step", flat=True)) == {"checked"}


def test_an_import_that_always_fails_is_given_up_and_costs_no_other(padaria, member, number, outsider, foreign_number):
    for client, organization in ((member, padaria), (outsider, foreign_number.organization)):
        name_columns(client, choose(client, organization, "phone\n61981500588").url)
    broken = ContactImport.objects.filter(organization=padaria)
    broken.update(separator="")  # no value that the hub writes
    assert import_queue.LANE.run_once() + import_queue.LANE.run_once() == 2
    assert set(ContactImport.objects.values_list("organization", "step", "state", "attempts")) == {
        (padaria.pk, "check", State.DUE, 1),
        (foreign_number.organization_id, "checked", State.WAITING, 0),
    }
    for _ in range(MAX_ATTEMPTS - 1):
        broken.update(due_at=timezone.now() - timedelta(minutes=1))
        assert import_queue.LANE.run_once() == 1
    assert broken.get().state == State.DEAD
    assert broken.get().reason.startswith("TypeError")


# ---- Files that are nearly right ----


@pytest.mark.parametrize(
    "content",
    [
        "telefone|nome\n61981500588|Ana\n",
        "sep=; \ntelefone;nome\n61981500588;Ana\n",  # somebody has typed a space after it
        "sep=,\ntelefone;nome\n61981500588;Ana\n",  # and somebody has saved the file anew, with another separator
        '"telefone" ; "etiquetas" ; "nome" \n"61981500588" ; "" ; "Ana" \n',
        'nome;telefone;etiquetas\n"Ana";"61981500588" ; "" \n',
        'telefone\tetiquetas\tnome\n"61981500588" \t\t"Ana" \n',  # the empty cell is no space
    ],
)
def test_separators_and_empty_cells_are_read_however_they_stand(padaria, member, number, content):
    assert done(member, send(member, padaria, content)) == (1, 0, 0)
    assert people() == [("5561981500588", "Ana")]


def test_quotation_marks_within_a_cell_are_no_empty_cell(padaria, member, number):
    content = 'telefone;nome\n61981500588;"a "" ;b"\n61981500589;"x\n"" ;y"\n61981500590; "" ; \n61981500591; 5" \n'
    page = send(member, padaria, content.replace(' "" ; \n', ' "" \n'))
    assert done(member, page) == (4, 0, 0)
    assert [alias for _wa_id, alias in people()] == ['a " ;b', 'x " ;y', "", '5"']


@pytest.mark.parametrize("sign", ['"', "\r", ""])
def test_what_can_stand_between_no_cells_is_not_taken_for_a_separator(padaria, member, number, sign):
    assert guess_layout(f"sep={sign}\ntelefone;nome\n61981500588;Ana\n".encode()).separator in ";,\t|"


def test_an_encoding_in_which_the_first_line_has_fewer_cells_is_refused_with_a_reason(padaria, member, number):
    started = choose(member, padaria, "\ufeffsep=;\ntelefone;x;y;nome;z\n61981500588;;;Ana;\n")
    answer = name_columns(member, started.url, encoding="cp1252")
    import_queue.LANE.run_once()
    page = member.get(answer.url)
    assert (page.context["import"].step, page.context["import"].state) == ("checked", State.WAITING)
    assert faults(page)


@pytest.mark.parametrize("name", ["A\x07na", "A\x1b[1m", "\x7fx", "a\x1cb"])
def test_a_name_with_control_characters_does_not_make_an_export_unreadable(padaria, admin, add_contact, name):
    contact = add_contact(name=name)
    admin.post(reverse("contact_alias", args=[padaria.pk, contact.pk]), {"alias": name})
    before = people()
    assert before[0][1]
    assert done(admin, send(admin, padaria, export(admin, padaria))) == (0, 0, 1)
    assert people() == before


def test_after_a_refused_import_the_page_shows_what_can_still_be_imported(padaria, member, number):
    label = Label.objects.create(organization=padaria, name="VIP")
    page = send(member, padaria, "phone,labels\n61981500588,VIP\n61981500589,")
    label.delete()
    page = begin(member, page)
    assert [page.context["counts"][name] for name in ("added", "wrong")] == [1, 1]
    page = begin(member, page, leave_out="yes")
    assert people() == [("5561981500589", "")]


def test_a_page_that_follows_an_import_does_not_read_its_file(padaria, member, number):
    started = choose(member, padaria, "phone\n61981500588")
    name_columns(member, started.url)
    with CaptureQueriesContext(connection) as queries:
        member.get(page_of(ContactImport.objects.defer("content").get(), "contact_import_progress"))
    asked = [each["sql"] for each in queries if 'FROM "contact_import"' in each["sql"] or "FROM `contact_import`" in each["sql"]]
    assert len(asked) == 2  # one of them is this test's
    assert not any('."content"' in sql or ".`content`" in sql for sql in asked)


# ---- A second phone ----


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("nome;celular;telefone\nBia;61 98150-0589;\nAna;98150-0588;+55 61 98150-0588\n", 3),
        ("nome;celular;telefone\nAna;n/a;61 98150-0588\n", 2),
        ("nome;wa_id;telefone\nAna;123;61 98150-0588\n", 2),
        ("nome,celular,telefone,telefone 2\nAna,98150-0588,x,61 98150-0588\n", 2),
        ("Phone 1 - Value,First Name\n98150-0588 ::: +55 61 98150-0588,Ana\n", 2),
    ],
)
def test_a_valid_second_phone_replaces_an_invalid_first_one_with_a_note(padaria, member, number, content, line):
    page = send(member, padaria, content)
    told = [each for each, _words in page.context["import"].notes["first"]]
    before = page.content.decode()
    assert done(member, page)[1:] == (0, 0)

    after = member.get(page_of(ContactImport.objects.get())).content.decode()
    assert ("5561981500588", "Ana") in people()
    assert told == [line]
    assert "data-notes" in before
    assert "data-notes" in after


def test_without_a_good_phone_the_first_one_is_what_is_wrong_and_a_good_first_one_needs_no_note(padaria, member, number):
    page = send(member, padaria, "nome;celular;telefone\nAna;98150-0588;x\nBia;61 98150-0589;x\n")
    assert [line for line, _words in faults(page)] == [2]
    assert page.context["import"].notes == {"count": 0, "first": []}
    assert "data-notes" not in page.content.decode()


# ---- Whoever began it ----


@pytest.mark.parametrize("lost", ["user", "membership", "organization", "removed", "deleted"])
def test_an_import_ends_with_a_reason_if_its_user_is_no_longer_a_member(padaria, admin, number, lost):
    member = sign_in(padaria, email="left@example.com")
    page = send(member, padaria, "phone\n61981500588")
    member.post(page_of(page.context["import"], "contact_import_begin"))
    take_away(lost, member.user, padaria)

    import_queue.LANE.run_once()
    Organization.objects.update(activate=True)

    own = ContactImport.objects.get()
    assert (people(), own.step, own.state) == ([], "checked", State.WAITING)
    page = admin.get(page_of(own))
    assert [line for line, _words in faults(page)] == [0]
    assert "is no longer a member" in page.content.decode()
    assert page_of(own, "contact_import_begin") not in page.content.decode()

    answer = name_columns(admin, page_of(own, "contact_import_columns"))  # a colleague goes on, as themselves
    import_queue.LANE.run_once()
    assert done(admin, admin.get(answer.url)) == (1, 0, 0)
    assert ContactImport.objects.get().created_by == admin.user


def take_away(lost, user, organization):
    if lost == "removed":
        user.memberships.all().delete()
    elif lost == "deleted":
        user.delete()
    else:
        thing = {"user": user, "membership": user.memberships.get(), "organization": organization}[lost]
        type(thing)._default_manager.filter(pk=thing.pk).update(activate=False)


def test_an_import_stops_between_parts_if_its_user_leaves(padaria, admin, number, monkeypatch):
    monkeypatch.setattr("contacts.csv.imports.CHUNK_SIZE", 10)
    member = sign_in(padaria, email="left@example.com")
    rows = "\n".join(f"619815{place:05},Ana" for place in range(35))
    page = send(member, padaria, f"phone,name\n{rows}")
    member.post(page_of(page.context["import"], "contact_import_begin"))
    lease = import_queue.LANE.rows.lease(limit=1, seconds=60)
    assert lease is not None

    def leaves(line, _stored):
        if line == 31:
            member.user.memberships.all().delete()

    _work_until(lease, page.context["import"], leaves, monkeypatch)

    assert Contact.objects.count() == 20
    own = ContactImport.objects.get()
    assert (own.step, own.counts["added"], own.counts["unchanged"]) == ("checked", 15, 20)
    assert own.faults[0][0] == 0


def test_a_user_who_is_no_longer_an_administrator_adds_no_labels(padaria, admin, number):
    page = send(admin, padaria, "phone,labels\n61981500588,VIP")
    admin.post(page_of(page.context["import"], "contact_import_begin"))
    admin.user.memberships.update(role=Role.USER)

    import_queue.LANE.run_once()

    page = admin.get(page_of(ContactImport.objects.get()))
    assert "is no longer an administrator" in faults(page)[0][1]
    assert (people(), Label.objects.count()) == ([], 0)


def test_a_row_of_a_version_before_has_no_notes_and_is_shown(padaria, member, number):
    page = send(member, padaria, "phone\n61981500588")
    ContactImport.objects.update(notes=None)
    assert done(member, page) == (1, 0, 0)
