"""People are found by every way of typing what they are known by."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.conftest import found_ids
from contacts.lists.contact_list import ASCENDING_TABS, ContactFilters, ContactPage, ListCursor, ListTab, list_contacts
from contacts.lists.search import MAX_FOUND, RARE_WORD_LIMIT, find_contacts, fold_limited, index_names
from contacts.models import Contact, ContactWord, Label
from contacts.owners import Owner
from contacts.services import rename_contact
from jobs.bulk_writes import update_rows
from organizations.models import User

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
WITHOUT, WITH = "556181500586", "5561981500586"


def found(organization, typed):
    return set(Contact.objects.filter(pk__in=found_ids(organization.pk, typed)).values_list("name", flat=True))


@pytest.mark.parametrize("wa_id", [WITHOUT, WITH])
@pytest.mark.parametrize(
    "typed",
    [
        *("(61) 9 8150-0586", "+55 61 98150-0586", "556181500586", "5561981500586", "61 98150", "0586", "061 98150-0586"),
        *("61981500586", "6181500586", "8150-0586", "98150-0586", "+55 61", "55 61 98", "61 9 8", "00 55 61 98150 0586", "500586"),
    ],
)
def test_a_number_is_found_however_it_is_typed_and_stored(padaria, add_contact, wa_id, typed):
    add_contact(name="Ana", wa_id=wa_id)
    add_contact(1, name="Bia", wa_id="5531971204455")
    assert found(padaria, typed) == {"Ana"}


@pytest.mark.parametrize(
    ("wa_id", "typed"),
    [
        ("5511987654321", "55 11 98765"),
        ("551187654321", "55 11 98765"),
        ("555581500586", "55 98150-0586"),  # the area code 55
        ("14155552671", "+1 415"),
        ("14155552671", "(+1) 415-555-2671"),
        ("14155552671", "14155552671"),
        ("5215512345678", "+52 55 1234"),
        ("525512345678", "+52 1 55 1234 5678"),
        ("5491123456789", "+54 11 2345 6789"),
    ],
)
def test_other_countries_and_area_codes(padaria, add_contact, wa_id, typed):
    add_contact(name="Ana", wa_id=wa_id)
    assert found(padaria, typed) == {"Ana"}


@pytest.mark.parametrize(
    "typed", ["jose", "JOSÉ", "conceicao", "Conceição José", "jose conc", "jo co", "  conceicao   jo ", "São", "d'avila"]
)
def test_accents_case_and_the_order_of_words_make_no_difference(padaria, add_contact, typed):
    add_contact(name="José da Conceição D’Ávila São")
    add_contact(1, name="Maria das Dores")
    assert found(padaria, typed) == {"José da Conceição D’Ávila São"}


def test_all_words_have_to_fit(padaria, add_contact):
    add_contact(name="José da Conceição")
    assert not found_ids(padaria.pk, "jose maria")


@pytest.mark.parametrize(
    "typed", ["@joana.doces", "joana.doces", "@Joana", "doces", "BR.13491208655302741918", "br.13491208655302741918"]
)
def test_usernames_and_user_ids(padaria, add_contact, typed):
    add_contact(name="Jo", username="joana.doces", wa_id=None, bsuid="BR.13491208655302741918")
    assert found(padaria, typed) == {"Jo"}


def test_a_name_that_is_a_number_is_found_by_it(padaria, add_contact):
    add_contact(name="Loja 777")
    assert found(padaria, "777") == {"Loja 777"}


@pytest.mark.parametrize(
    "typed", ["", " ", "%", "_", "%%%", "\\", "'", "@", ".", "+", "()", "😀", "\u0301", "9" * 100, "a" * 100, "x.y" * 30]
)
def test_a_search_without_matches_finds_nothing(padaria, add_contact, typed):
    add_contact(name="Ana")
    assert not found_ids(padaria.pk, typed)


def test_another_organization_s_contacts_are_not_found(padaria, add_contact, foreign_number):
    add_contact(name="Ana Clara", wa_id=WITH, bsuid="BR.1.2")
    for typed in ("ana", "ana clara", WITH, "0586", "BR.1.2"):
        assert not found_ids(foreign_number.organization_id, typed)


def test_the_name_that_staff_gave_is_found_and_the_profile_s_too(padaria, add_contact):
    who: Any = {"by": User.objects.create_user("ana@example.com"), "now": NOON}
    contact = rename_contact(contact=add_contact(name="Zé"), alias="José  Encanador", **who)
    assert (str(contact), found(padaria, "encanador"), found(padaria, "ze")) == ("José Encanador", {"Zé"}, {"Zé"})
    rename_contact(contact=contact, alias="", **who)
    assert not found_ids(padaria.pk, "encanador")
    assert found(padaria, "ze") == {"Zé"}


@pytest.fixture
def many(padaria, number):
    """More people than a rare word finds, the first of them without messages, and one in a hundred called Zuleica."""
    Contact.objects.bulk_create(
        Contact(
            create_for_phone_number=number,
            organization=padaria,
            wa_id=f"5561{place:08}",
            name=f"Mara Maria Marta {'Zuleica' if place % 100 == 0 else ''}",
            last_message_timestamp=NOON - timedelta(minutes=place) if place > 50 else None,
        )
        for place in range(RARE_WORD_LIMIT + 300)
    )
    contacts = list(Contact.objects.filter(organization=padaria).order_by("pk"))  # MySQL tells no ids of a bulk insert
    update_rows(index_names(contacts), ["search_name"])
    return contacts


@pytest.mark.parametrize(("typed", "count"), [("mar", 600), ("mara MÁRTA", 600), ("zul", 6), ("mar zule", 6), ("mar zoo", 0)])
def test_a_search_shows_everybody_once_in_the_order_of_the_list(padaria, many, typed, count):
    shown = pages(padaria, ContactFilters(search=typed), 40)
    wanted = [each.pk for each in pages(padaria, ContactFilters(), 40) if count == 600 or "Zuleica" in each.name]
    assert [each.pk for each in shown] == wanted[:count]


@pytest.mark.parametrize("view", ListTab)
def test_a_search_of_common_words_goes_along_the_narrowed_list(padaria, many, view):
    columns = dict.fromkeys(["waiting_since", "unread_at", "last_customer_message_at", "owner_since"], NOON - timedelta(hours=23))
    Contact.objects.filter(pk__in=[each.pk for each in many[::3]]).update(activate_bot=False, owner="waiting", **columns)
    shown = pages(padaria, ContactFilters(search="mar", view=view), 40)
    assert [each.pk for each in shown] == [each.pk for each in pages(padaria, ContactFilters(view=view), 40)]


def test_a_search_of_common_words_looks_at_so_many_names_and_goes_on_from_there(padaria, many):
    ContactWord.objects.bulk_create(ContactWord(contact=each, organization_id=padaria.pk, word="rara") for each in many)
    filters = ContactFilters(search="rara", profile="human")
    first = list_contacts(padaria.pk, filters, NOON)
    assert (first.contacts, first.back_to) == ([], first.next)
    assert first.next is not None
    assert list_contacts(padaria.pk, filters, NOON, after=first.next) == ContactPage([])


def test_many_with_one_number_are_found_in_part(padaria, many):
    found = find_contacts(padaria.pk, "5561")
    assert found is not None
    assert (len(found.ids), found.is_cut) == (MAX_FOUND, True)
    assert list_contacts(padaria.pk, ContactFilters(search="5561"), NOON).too_many


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("Łukasz Øster", "lukasz oster"),
        ("Işık Straße", "isik strasse"),
        ("İlker ﬁ", "ilker fi"),
        ("محمد علي", "محمد"),
        ("José", "Jose\u0301"),
        ("e" + "\u0301\u0323" * 100 + "va", "eva"),
    ],
)
def test_letters_with_accents_and_ligatures_are_found_as_people_type_them(padaria, add_contact, name, typed):
    contact = add_contact(name=name)
    assert found_ids(padaria.pk, typed) == [contact.pk]


def test_no_search_asks_more_than_a_few_questions(padaria, add_contact):
    add_contact(name="Ana Clara")
    for typed in ("ana clara", "61 98150-0586", "BR.1"):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            find_contacts(padaria.pk, typed)
        assert len(queries) <= 4, typed


def test_search_uses_an_index_for_beginnings(padaria):
    plan = (
        Contact.objects.filter(organization=padaria.pk, phone_key__gte="5561", phone_key__lt="5562").order_by("phone_key").explain()
    )
    assert "contact_phone" in plan


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60),
    part=st.integers(0, 200),
    length=st.integers(1, 40),
)
def test_a_contact_is_found_by_the_beginning_of_a_word(padaria, number, name, part, length):
    contact = Contact.objects.create(create_for_phone_number=number, bsuid="BR.x")
    contact.name = name
    index_names([contact])
    words = fold_limited(name)[:500].split()[:12]
    if words:
        typed = words[part % len(words)][:length]
        assert contact.pk in found_ids(padaria.pk, typed), typed
    ContactWord.objects.all().delete()
    contact.delete()


# ---- Lists ----


def pages(organization, filters, limit):
    after, shown = None, []
    for _ in range(100):
        listed = list_contacts(organization.pk, filters, NOON, after=after, limit=limit)
        shown += listed.contacts
        if listed.next is None:
            return shown
        after = ListCursor.read(str(listed.next))
    raise AssertionError("no end")


times = st.none() | st.integers(0, 6).map(lambda hours: NOON - timedelta(hours=hours * 4, minutes=5))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moments=st.lists(times, max_size=12), limit=st.integers(1, 5), view=st.sampled_from(ListTab))
def test_pages_show_every_contact_once_in_order(padaria, number, moments, limit, view):
    Contact.objects.all().delete()
    for place, moment in enumerate(moments):
        Contact.objects.create(
            create_for_phone_number=number,
            wa_id=f"55610000{place:04}",
            last_message_timestamp=moment,
            last_customer_message_at=moment,
            waiting_since=moment,
            unread_at=moment,
            blocked_at=moment if place % 2 else None,
            owner=Owner.WAITING,
            owner_since=moment,
        )
    filters = ContactFilters(view=view)
    shown = pages(padaria, filters, limit)
    assert len({each.pk for each in shown}) == len(shown)
    wanted = set(filters.matching(padaria.pk, NOON).values_list("pk", flat=True))
    assert {each.pk for each in shown} == wanted
    dates = [getattr(each, filters.column) for each in shown]
    dated = [date for date in dates if date]
    assert dated == sorted(dated, reverse=view not in ASCENDING_TABS)
    assert all(date is None for date in dates[len(dated) :])


@pytest.mark.parametrize(
    "text", ["", "-", "x", "1", "-x", "1-", "-0-", "99999999999999999-1", "1-9999999999999999999", "²-1", "1-1-1", "\x00"]
)
def test_what_is_no_cursor_is_none(text):
    assert ListCursor.read(text) is None


@pytest.mark.parametrize(
    "query",
    [
        {"view": "x", "profile": "x", "label": "x"},
        {"label": "9" * 40},
        {"label": "²"},
        {"label": "0"},
        {"q": "\x00 "},
        {"number": ""},
        {"label": "-1"},
    ],
)
def test_filters_that_make_no_sense_count_as_not_given(query):
    assert not ContactFilters.read(query).narrowed


def test_lists_are_narrowed_by_number_profile_label_and_view(padaria, add_contact, number, second_number, foreign_number):
    label = Label.objects.create(organization=padaria, name="VIP")
    ana = add_contact(name="Ana", profile="bot", blocked_at=NOON)
    ana.labels.add(label)
    add_contact(1, name="Bia", at=second_number)
    add_contact(2, name="Eva", at=foreign_number)

    def names(**query):
        return {each.name for each in list_contacts(padaria.pk, ContactFilters.read(query), NOON).contacts}

    assert names() == {"Ana", "Bia"}
    assert names(number="5244") == {"Bia"}
    assert names(number="9999") == set()
    assert names(profile="bot") == names(label=str(label.pk)) == names(view="blocked") == {"Ana"}
    assert names(q="a", profile="human") == set()
    assert names(q="bia", profile="human") == {"Bia"}


def test_names_that_were_folded_otherwise_are_found_after_an_update(padaria, add_contact):
    contact = add_contact(name="Łukasz Øster")
    Contact.objects.update(search_name="łukasz øster")
    for word in ContactWord.objects.all():
        ContactWord.objects.filter(pk=word.pk).update(word={"lukasz": "łukasz", "oster": "øster"}[word.word])
    assert found_ids(padaria.pk, "Łukasz") == []
    migration = import_module("contacts.migrations.0009_fold_letters_of_their_own")
    migration.fold_letters(apps, None)
    contact.refresh_from_db()
    assert (contact.search_name, found_ids(padaria.pk, "Łukasz oster")) == ("lukasz oster", [contact.pk])
