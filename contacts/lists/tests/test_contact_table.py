"""The table of contacts: what it shows, how it is narrowed, page by page, and changes to many at a time."""

from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from contacts.conftest import sign_in
from contacts.models import Contact, ContactChange, Label
from organizations.live.revisions import current_revisions
from organizations.models import Role

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def page(client, organization, **query):
    return client.get(reverse("contacts", args=[organization.pk]), query)


def text(response):
    return response.content.decode()


def shown(response):
    return [row["contact"].name for row in response.context["rows"]]


def message_texts(response):
    return [str(message) for message in get_messages(response.wsgi_request)][-1:]


def bulk(client, organization, contacts, do, **more):
    chosen = [each.pk for each in contacts]
    return client.post(reverse("contacts_bulk", args=[organization.pk]), {"contact": chosen, "do": do, **more})


def test_a_row_shows_the_contact_and_links_to_the_conversation(padaria, member, add_contact):
    label = Label.objects.create(organization=padaria, name="VIP <b>", colour="red")
    wrote_at = timezone.now() - timedelta(minutes=5)
    contact = add_contact(wa_id="5561981500586", name="Zé", alias="José & Filhos", last_message_timestamp=wrote_at)
    contact.labels.add(label)
    body = text(page(member, padaria))
    for part in (
        "José &amp; Filhos",
        "+55 61 98150-0586",
        "VIP &lt;b&gt;",
        "tint-red",
        "5 min ago",
        reverse("conversation", args=[padaria.pk, contact.pk]),
    ):
        assert part in body
    assert "VIP <b>" not in body


@pytest.mark.parametrize(("columns", "words"), [({"username": "joana"}, "@joana"), ({}, "BR.77")])
def test_a_person_without_a_phone_is_shown_by_username_or_user_id(padaria, member, add_contact, columns, words):
    add_contact(wa_id=None, bsuid="BR.77", name="", **columns)
    assert words in text(page(member, padaria))


def test_the_number_is_shown_if_there_are_several(padaria, member, add_contact, second_number):
    add_contact(at=second_number)
    assert "Writes to</span>+55 61 9844-0077" in text(page(member, padaria))
    second_number.contacts.all().delete()
    second_number.delete()
    add_contact()
    assert "Writes to" not in text(page(member, padaria))


def test_the_address_carries_search_and_filters(padaria, member, add_contact, number):
    label = Label.objects.create(organization=padaria, name="VIP")
    add_contact(name="José Bot", profile="bot").labels.add(label)
    add_contact(1, name="José")
    query = {"q": "jose", "profile": "bot", "label": label.pk, "view": "all", "number": number.phone_number_id}
    response = page(member, padaria, **query)
    assert shown(response) == ["José Bot"]
    assert 'value="jose"' in text(response)
    assert shown(member.get(reverse("contact_rows", args=[padaria.pk]), {"q": "jose"}, headers={"HX-Request": "true"})) == [
        "José",
        "José Bot",
    ]


def test_further_pages_begin_where_the_last_one_ended(padaria, member, add_contact):
    for place in range(45):
        add_contact(place, last_message_timestamp=NOW - timedelta(minutes=place) if place < 42 else None)
    first = page(member, padaria, q="")
    after = str(first.context["next"])
    assert f"after={after}" in text(first)
    rest = member.get(reverse("contact_rows", args=[padaria.pk]), {"after": after}, headers={"HX-Request": "true"})
    assert shown(first) + shown(rest) == [f"Maria {place:03}" for place in [*range(42), 44, 43, 42]]
    assert rest.context["next"] is None
    assert "contact-head" not in text(rest)
    assert shown(page(member, padaria, after=after)) == shown(rest)  # as a plain link


@pytest.mark.parametrize(("asked", "rows"), [("", 40), ("45", 45), ("1", 40), ("999999", 50), ("nonsense", 40)])
def test_a_list_that_is_fetched_again_has_as_many_rows_as_the_page(padaria, member, add_contact, asked, rows):
    for place in range(50):
        add_contact(wa_id=f"55619{place:08}", name=f"N{place}", last_message_timestamp=NOW - timedelta(minutes=place))

    answer = member.get(reverse("contact_rows", args=[padaria.pk]), {"shown": asked}, headers={"HX-Request": "true"})

    assert len(shown(answer)) == rows
    assert 'id="contacts-live"' in text(answer)


def test_a_page_takes_few_queries_however_many_rows_it_has(padaria, member, add_contact, second_number):
    label = Label.objects.create(organization=padaria, name="VIP")
    for place in range(45):
        add_contact(place, at=second_number, last_message_timestamp=NOW).labels.add(label)
    for query in ({}, {"q": "maria 0"}, {"q": "61 8150"}, {"label": label.pk, "view": "closing"}):
        with CaptureQueriesContext(connection) as queries:
            page(member, padaria, **query)
        assert len(queries) <= 14, query


def test_empty_states_show_what_to_do_next(padaria, member, number, add_contact):
    body = text(page(member, padaria))
    assert "No contacts yet" in body
    assert reverse("new_contact", args=[padaria.pk]) in body
    add_contact()
    assert "No contact fits" in text(page(member, padaria, q="nobody"))


@pytest.mark.parametrize(
    "query",
    ["view=%00", "label=9999999999999999", "after=x", "q=%00", "q=%ff%fe", "number=%00", "after=9999999999999999-1", "after=-1"],
)
def test_senseless_addresses_are_no_error(padaria, member, add_contact, query):
    add_contact()
    assert member.get(reverse("contacts", args=[padaria.pk]) + f"?{query}").status_code == 200


# ---- Many at a time ----


@pytest.mark.parametrize(
    ("do", "column", "value"),
    [("profile:ia", "profile", "ia"), ("profile:bot", "profile", "bot"), ("profile:bot", "activate_bot", True)],
)
def test_bulk_changes_affect_selected_contacts_only(padaria, member, add_contact, do, column, value):
    chosen, other = [add_contact(), add_contact(1)], add_contact(2)
    before = getattr(other, column)
    response = bulk(member, padaria, chosen, do)
    assert response.status_code == 302
    assert message_texts(response) == ["2 contacts changed."]
    assert [getattr(Contact.objects.get(pk=each.pk), column) for each in [*chosen, other]] == [value, value, before]
    assert current_revisions([padaria.pk])[padaria.pk] == 1
    assert message_texts(bulk(member, padaria, chosen, do)) == ["2 contacts changed."]  # as they are already


def test_a_switch_is_one_statement_of_two_columns_that_agree(padaria, member, add_contact):
    chosen = [add_contact(place) for place in range(5)]
    with CaptureQueriesContext(connection) as queries:
        bulk(member, padaria, chosen, "profile:bot")
    updates = [each["sql"] for each in queries if each["sql"].startswith("UPDATE") and "contacts" in each["sql"]]
    assert len(updates) == 1
    assert updates[0].partition("WHERE")[0].count("=") == 2


def test_automatic_messages_are_switched_for_the_chosen(padaria, member, add_contact):
    chosen, other = [add_contact(), add_contact(1)], add_contact(2)
    assert message_texts(bulk(member, padaria, chosen, "automatic:off")) == ["2 contacts changed."]
    assert list(Contact.objects.filter(activate_automatic_message=True)) == [other]
    assert ContactChange.objects.filter(kind="automatic").count() == 2
    bulk(member, padaria, chosen, "automatic:on")
    assert Contact.objects.filter(activate_automatic_message=True).count() == 3


def test_a_label_is_given_to_the_chosen_and_taken_again(padaria, member, add_contact):
    label = Label.objects.create(organization=padaria, name="VIP")
    chosen, other = [add_contact(), add_contact(1)], add_contact(2)
    chosen[0].labels.add(label)
    bulk(member, padaria, chosen, f"label:{label.pk}")
    assert set(label.contacts.all()) == set(chosen)
    other.labels.add(label)
    bulk(member, padaria, chosen, f"unlabel:{label.pk}")
    assert set(label.contacts.all()) == {other}


@pytest.mark.parametrize(
    ("do", "words"),
    [
        ("", "Choose what to do."),
        ("x", "There is no such switch."),
        ("profile:robot", "There is no such switch."),
        ("name:x", "There is no such switch."),
        ("organization_id:1", "There is no such switch."),
        ("activate_bot:off", "There is no such switch."),
        ("automatic:", "There is no such switch."),
        ("automatic:x", "There is no such switch."),
        ("label:", "There is no such label any more. Reload the page."),
        ("label:999999999999999999999", "There is no such label any more. Reload the page."),
        ("unlabel:²", "There is no such label any more. Reload the page."),
    ],
)
def test_invalid_bulk_changes_are_refused_with_a_reason(padaria, member, add_contact, do, words):
    assert message_texts(bulk(member, padaria, [add_contact()], do)) == [words]


def test_no_or_too_many_selected_contacts_are_refused(padaria, member, add_contact):
    url = reverse("contacts_bulk", args=[padaria.pk])
    assert message_texts(member.post(url, {"do": "profile:bot"})) == ["Choose contacts first."]
    assert message_texts(member.post(url, {"do": "profile:bot", "contact": ["x", "", "²", "9" * 30]})) == ["Choose contacts first."]
    assert message_texts(member.post(url, {"do": "profile:bot", "contact": list(range(1, 502))})) == [
        "Choose at most 500 contacts at a time."
    ]


def test_another_organization_s_contacts_and_labels_stay_as_they_are(padaria, member, add_contact, foreign_number):
    foreign = add_contact(1, at=foreign_number)
    theirs = Label.objects.create(organization=foreign_number.organization, name="VIP")
    own = Label.objects.create(organization=padaria, name="VIP")
    assert message_texts(bulk(member, padaria, [add_contact(), foreign], "profile:bot")) == ["1 contact changed."]
    bulk(member, padaria, [foreign], f"label:{own.pk}")
    bulk(member, padaria, [Contact.objects.first()], f"label:{theirs.pk}")
    foreign.refresh_from_db()
    assert (foreign.profile, own.contacts.count(), theirs.contacts.count()) == ("human", 0, 0)
    assert current_revisions([foreign_number.organization_id]) == {foreign_number.organization_id: 0}


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example/", "/o/1/../../admin/", "javascript:alert(1)", "/admin/", "\\\\evil"]
)
def test_the_way_back_leads_nowhere_else(padaria, member, add_contact, back):
    assert bulk(member, padaria, [add_contact()], "profile:bot", back=back).url == reverse("contacts", args=[padaria.pk])
    own = reverse("contacts", args=[padaria.pk]) + "?q=maria"
    assert bulk(member, padaria, [add_contact(1)], "profile:bot", back=own).url == own


# ---- Who may ----

EVERYBODY_S = ["contacts", "contact_rows", "new_contact", "contacts_import", "contacts_import_template"]
OF_A_CONTACT = ["contact_switch", "contact_automatic", "contact_alias", "contact_labels", "contact_notes"]


@pytest.mark.parametrize("name", EVERYBODY_S)
def test_pages_are_for_members_of_any_role_only(padaria, number, outsider, name):
    url = reverse(name, args=[padaria.pk])
    for role in Role:
        assert sign_in(padaria, role).get(url).status_code == 200
    assert outsider.get(url).status_code == 404
    assert Client().get(url)["Location"].startswith(reverse("account_login"))


def test_nothing_changes_by_looking(padaria, member, add_contact):
    contact = add_contact()
    assert member.get(reverse("contacts_bulk", args=[padaria.pk])).status_code == 405
    assert member.get(reverse("contact_switch", args=[padaria.pk, contact.pk])).status_code == 405
    assert current_revisions([padaria.pk]) == {padaria.pk: 0}


@pytest.mark.parametrize("name", OF_A_CONTACT)
def test_another_organization_s_contact_is_not_there(padaria, member, outsider, add_contact, foreign_number, name):
    own, foreign = add_contact(), add_contact(1, at=foreign_number)
    posted = {"field": "profile", "value": "bot", "alias": "x", "text": "x", "label": "1"}
    for client, organization, contact in (
        (outsider, padaria, own),
        (member, padaria, foreign),
        (outsider, foreign_number.organization, own),
    ):
        url = reverse(name, args=[organization.pk, contact.pk])
        assert client.post(url, posted).status_code == 404
        assert client.get(url).status_code in (404, 405)
    for contact in (own, foreign):
        contact.refresh_from_db()
        assert (contact.profile, contact.alias, contact.notes.count(), contact.labels.count()) == ("human", "", 0, 0)


@pytest.mark.parametrize("name", ["contacts_bulk", "contact_switch", "new_contact"])
def test_posts_need_the_csrf_token(padaria, member, add_contact, name):
    args = [padaria.pk, add_contact().pk] if name == "contact_switch" else [padaria.pk]
    client = Client(enforce_csrf_checks=True)
    client.force_login(member.user)
    assert client.post(reverse(name, args=args), {"field": "profile", "value": "bot"}).status_code == 403
