"""People are found by every way of typing what they are known by."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.listing import PAGE, Cursor, Filters, View, list_contacts
from contacts.models import Contact, ContactWord, Label
from contacts.searching import MOST_FOUND, find_contacts, index_names, normalized
from contacts.services import rename_contact

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
WITHOUT, WITH = "556181500586", "5561981500586"


def found(organization, typed):
    return set(Contact.objects.filter(pk__in=find_contacts(organization.pk, typed)).values_list("name", flat=True))


@pytest.mark.parametrize("wa_id", [WITHOUT, WITH])
@pytest.mark.parametrize(
    "typed",
    [
        *("(61) 9 8150-0586", "+55 61 98150-0586", "556181500586", "5561981500586", "61 98150", "0586", "061 98150-0586"),
        *("61981500586", "6181500586", "8150-0586", "98150-0586", "+55 61", "55 61 98", "61 9 8", "00 55 61 98150 0586", "500586"),
    ],
)
def test_a_number_is_found_however_it_is_typed_and_stored(padaria, meet, wa_id, typed):
    meet(name="Ana", wa_id=wa_id)
    meet(1, name="Bia", wa_id="5531971204455")
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
def test_other_countries_and_area_codes(padaria, meet, wa_id, typed):
    meet(name="Ana", wa_id=wa_id)
    assert found(padaria, typed) == {"Ana"}


@pytest.mark.parametrize(
    "typed", ["jose", "JOSÉ", "conceicao", "Conceição José", "jose conc", "jo co", "  conceicao   jo ", "São", "d'avila"]
)
def test_accents_case_and_the_order_of_words_make_no_difference(padaria, meet, typed):
    meet(name="José da Conceição D’Ávila São")
    meet(1, name="Maria das Dores")
    assert found(padaria, typed) == {"José da Conceição D’Ávila São"}


def test_all_words_have_to_fit(padaria, meet):
    meet(name="José da Conceição")
    assert not find_contacts(padaria.pk, "jose maria")


@pytest.mark.parametrize(
    "typed", ["@joana.doces", "joana.doces", "@Joana", "doces", "BR.13491208655302741918", "br.13491208655302741918"]
)
def test_usernames_and_user_ids(padaria, meet, typed):
    meet(name="Jo", username="joana.doces", wa_id=None, bsuid="BR.13491208655302741918")
    assert found(padaria, typed) == {"Jo"}


def test_a_name_that_is_a_number_is_found_by_it(padaria, meet):
    meet(name="Loja 777")
    assert found(padaria, "777") == {"Loja 777"}


@pytest.mark.parametrize(
    "typed", ["", " ", "%", "_", "%%%", "\\", "'", "@", ".", "+", "()", "😀", "\u0301", "9" * 100, "a" * 100, "x.y" * 30]
)
def test_what_means_nobody_finds_nobody(padaria, meet, typed):
    meet(name="Ana")
    assert not find_contacts(padaria.pk, typed)


def test_another_organization_s_people_are_not_found(padaria, meet, foreign_number):
    meet(name="Ana Clara", wa_id=WITH, bsuid="BR.1.2")
    for typed in ("ana", "ana clara", WITH, "0586", "BR.1.2"):
        assert not find_contacts(foreign_number.organization_id, typed)


def test_the_name_that_staff_gave_is_found_and_the_profile_s_too(padaria, meet):
    contact = rename_contact(contact=meet(name="Zé"), alias="José  Encanador")
    assert (str(contact), found(padaria, "encanador"), found(padaria, "ze")) == ("José Encanador", {"Zé"}, {"Zé"})
    rename_contact(contact=contact, alias="")
    assert not find_contacts(padaria.pk, "encanador")
    assert found(padaria, "ze") == {"Zé"}


def test_many_with_several_words_that_begin_alike_are_counted_once_each(padaria, number):
    people = Contact.objects.bulk_create(
        Contact(create_for_phone_number=number, organization=padaria, wa_id=f"5561{place:08}", name="Mara Maria Marta")
        for place in range(MOST_FOUND + 5)
    )
    index_names(Contact.objects.filter(organization=padaria))
    assert len(set(find_contacts(padaria.pk, "mar"))) == MOST_FOUND < len(people)
    listed = list_contacts(padaria.pk, Filters(search="mar"), NOON)
    assert (len(listed.contacts), listed.too_many) == (PAGE, True)
    assert not list_contacts(padaria.pk, Filters(search="mara zzz"), NOON).too_many


def test_no_search_asks_more_than_a_few_questions(padaria, meet):
    meet(name="Ana Clara")
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
def test_whoever_has_a_word_is_found_by_its_beginning(padaria, number, name, part, length):
    contact = Contact.objects.create(create_for_phone_number=number, bsuid="BR.x")
    contact.name = name
    index_names([contact])
    words = normalized(name)[:500].split()[:12]
    if words:
        typed = words[part % len(words)][:length]
        assert contact.pk in find_contacts(padaria.pk, typed), typed
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
        after = Cursor.read(str(listed.next))
    raise AssertionError("no end")


times = st.none() | st.integers(0, 6).map(lambda hours: NOON - timedelta(hours=hours * 4, minutes=5))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moments=st.lists(times, max_size=12), limit=st.integers(1, 5), view=st.sampled_from(View))
def test_pages_show_everybody_once_in_order(padaria, number, moments, limit, view):
    Contact.objects.all().delete()
    for place, moment in enumerate(moments):
        Contact.objects.create(
            create_for_phone_number=number,
            wa_id=f"55610000{place:04}",
            last_message_timestamp=moment,
            last_customer_message_at=moment,
            waiting_since=moment,
            unread_at=moment,
            activate_bot=place % 2 == 0,
        )
    filters = Filters(view=view)
    shown = pages(padaria, filters, limit)
    assert len({each.pk for each in shown}) == len(shown)
    wanted = set(filters.matching(padaria.pk, NOON).values_list("pk", flat=True))
    assert {each.pk for each in shown} == wanted
    dates = [getattr(each, filters.column) for each in shown]
    dated = [date for date in dates if date]
    assert dated == sorted(dated, reverse=view is not View.CLOSING)
    assert all(date is None for date in dates[len(dated) :])


@pytest.mark.parametrize(
    "text", ["", "-", "x", "1", "-x", "1-", "-0-", "99999999999999999-1", "1-9999999999999999999", "²-1", "1-1-1", "\x00"]
)
def test_what_is_no_cursor_is_none(text):
    assert Cursor.read(text) is None


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
    assert not Filters.read(query).narrowed


def test_lists_are_narrowed_by_number_profile_label_and_view(padaria, meet, number, second_number, foreign_number):
    label = Label.objects.create(organization=padaria, name="VIP")
    ana = meet(name="Ana", profile="bot", activate_bot=False)
    ana.labels.add(label)
    meet(1, name="Bia", at=second_number)
    meet(2, name="Eva", at=foreign_number)

    def names(**query):
        return {each.name for each in list_contacts(padaria.pk, Filters.read(query), NOON).contacts}

    assert names() == {"Ana", "Bia"}
    assert names(number="5244") == {"Bia"}
    assert names(number="9999") == set()
    assert names(profile="bot") == names(label=str(label.pk)) == names(view="bot_off") == {"Ana"}
    assert names(q="a", profile="human") == set()
    assert names(q="bia", profile="human") == {"Bia"}
