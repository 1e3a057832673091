"""The admin of contacts: operators decide who answers; everything else is what webhooks told."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contacts.lists.search import index_names
from contacts.models import Contact, RetiredIdentity
from organizations.models import Organization, PhoneNumber

pytestmark = pytest.mark.django_db
LIST = "admin:contacts_contact_changelist"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def number() -> PhoneNumber:
    organization = Organization.objects.create(organization_name="Padaria")
    return PhoneNumber.objects.create(organization=organization, phone_number_id="5243", wa_id="556181412286")


def add_contact(number, index=0, **columns):
    return Contact.objects.create(
        **({"create_for_phone_number": number, "wa_id": f"5561{index:08}", "name": f"Maria {index:02}"} | columns)
    )


def page(contact):
    return reverse("admin:contacts_contact_change", args=[contact.pk])


def found(client, term):
    return {contact.name for contact in client.get(reverse(LIST), {"q": term}).context["cl"].result_list}


@pytest.mark.parametrize(
    ("term", "names"),
    [
        ("556100000001", {"Maria 01"}),
        ("+55 61 8150-0001", {"Ana"}),
        ("(061) 9 8150 0001", {"Ana"}),
        ("61 98150-0001", {"Ana"}),
        ("\u202a+55 (061) 98150\u20110001\u202c", {"Ana"}),
        ("fulana", {"Ana"}),
        ("josé", {"Ana"}),
        ("jose ful", {"Ana"}),
        ("BR.13491208655302741918", {"Joana"}),
        ("maria", {"Maria 01", "Maria 02"}),
        ("@joana.doces", {"Joana"}),
        ("aria", set()),
        ("5561", set()),
    ],
)
def test_the_search_finds_whole_identifiers_and_beginnings_of_names(admin_client, number, term, names):
    add_contact(number, 1)
    add_contact(number, 2)
    add_contact(number, wa_id=None, bsuid="BR.13491208655302741918", username="joana.doces", name="Joana")
    ana = add_contact(number, wa_id="556181500001", name="Ana", alias="Fulana da Zé José")
    index_names([ana])
    ana.save()

    assert found(admin_client, term) == names


@pytest.mark.parametrize("query", [{}, {"q": "Maria"}, {"q": "556100000001"}, {"conflict": "yes"}])
def test_a_list_takes_few_queries_and_never_counts_all(admin_client, number, query, django_assert_max_num_queries):
    first = add_contact(number, 0)
    for index in range(1, 60):
        add_contact(number, index, conflicts_with=first)

    with django_assert_max_num_queries(12), CaptureQueriesContext(connection) as queries:
        answer = admin_client.get(reverse(LIST), query)

    assert answer.context["cl"].result_list
    counts = [each["sql"] for each in queries if "COUNT(" in each["sql"] and "contacts" in each["sql"]]
    assert counts
    assert [sql for sql in counts if "LIMIT" not in sql] == []


def test_the_list_decrypts_no_secret(admin_client, number, settings):
    PhoneNumber.objects.update(app_secret="app-secret")
    add_contact(number)
    settings.FIELD_ENCRYPTION_KEYS = []

    assert admin_client.get(reverse(LIST)).status_code == 200


def test_who_answers_is_changed_in_the_list(admin_client, number):
    contact = add_contact(number)
    row = {"form-0-id": contact.pk, "form-0-profile": "ia"}
    form = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, **row, "_save": "Save"}

    assert admin_client.post(reverse(LIST), form).status_code == 302

    contact.refresh_from_db()
    assert (contact.profile, contact.activate_bot, contact.activate_automatic_message) == ("ia", True, True)


def test_a_save_writes_only_what_the_operator_changed(admin_client, number):
    contact = add_contact(number)
    form = {"retired_identities-TOTAL_FORMS": 0, "retired_identities-INITIAL_FORMS": 0, "profile": "bot"}
    with CaptureQueriesContext(connection) as queries:
        admin_client.post(page(contact), form)

    (update,) = [each["sql"] for each in queries if each["sql"].startswith("UPDATE") and "contacts" in each["sql"]]
    assert "profile" in update
    assert "session" not in update
    assert "activate_bot" in update  # which agrees with it


def test_identifiers_and_names_cannot_be_changed_by_hand(admin_client, number):
    contact = add_contact(number)
    form = {"retired_identities-TOTAL_FORMS": 0, "retired_identities-INITIAL_FORMS": 0, "profile": "bot"}
    admin_client.post(page(contact), form | {"wa_id": "1", "name": "X", "bsuid": "Y"})

    contact.refresh_from_db()
    assert (contact.profile, contact.wa_id, contact.name, contact.bsuid) == ("bot", "556100000000", "Maria 00", None)


@pytest.mark.parametrize(
    ("action", "column", "value"),
    [
        ("team_answers", "profile", "human"),
        ("team_answers", "activate_bot", False),
        ("bot_answers", "profile", "bot"),
        ("ai_answers", "profile", "ia"),
    ],
)
def test_an_action_changes_the_chosen_and_no_others(admin_client, number, action, column, value):
    opposite = (not value) if isinstance(value, bool) else ("bot" if value == "human" else "human")
    contacts = [add_contact(number, index, **{column: opposite}) for index in range(3)]
    chosen = [contact.pk for contact in contacts[:2]]

    answer = admin_client.post(reverse(LIST), {"action": action, "_selected_action": chosen}, follow=True)

    assert set(Contact.objects.filter(**{column: value}).values_list("pk", flat=True)) == set(chosen)
    assert "2" in str(next(iter(answer.context["messages"])))


def test_contacts_are_neither_added_nor_deleted(admin_client, number):
    contact = add_contact(number)

    assert admin_client.get(reverse("admin:contacts_contact_add")).status_code == 403
    assert admin_client.post(reverse("admin:contacts_contact_delete", args=[contact.pk])).status_code == 403
    admin_client.post(reverse(LIST), {"action": "delete_selected", "_selected_action": [contact.pk], "post": "yes"})
    assert Contact.objects.exists()


def test_a_conflict_is_shown_with_the_other_contact_and_can_be_filtered(admin_client, number):
    other = add_contact(number, 1)
    contact = add_contact(number, 2, conflicts_with=other)
    add_contact(number, 3)

    rows = admin_client.get(reverse(LIST), {"conflict": "yes"}).context["cl"].result_list
    assert [row.pk for row in rows] == [contact.pk]
    assert page(other) in admin_client.get(page(contact)).content.decode()


def test_former_identifiers_can_be_read_and_not_changed(admin_client, number):
    contact = add_contact(number)
    RetiredIdentity.objects.create(contact=contact, phone_number_id="5243", kind="wa_id", value="5561999990000", retired_at=NOON)
    shown = admin_client.get(page(contact)).content.decode()

    assert "5561999990000" in shown
    assert 'value="5561999990000"' not in shown


@pytest.mark.parametrize(("hours", "word"), [(1, "open until"), (25, "closed since"), (None, "closed: the customer never wrote")])
def test_a_contact_s_page_shows_whether_the_window_is_open(admin_client, number, time_machine, hours, word):
    wrote = NOON - timedelta(hours=hours) if hours else None
    contact = add_contact(number, last_customer_message_at=wrote)
    time_machine.move_to(NOON, tick=False)
    admin_client.force_login(admin_client.get(reverse("admin:index")).wsgi_request.user)

    shown = admin_client.get(page(contact), headers={"Accept-Language": "en"}).content.decode()

    assert word in shown


def test_the_default_language_of_the_list_is_portuguese(admin_client, number):
    add_contact(number)
    shown = admin_client.get(reverse(LIST)).content.decode()

    assert "Contatos" in shown
    assert "Deixar o bot responder" in shown
    assert "Let the bot answer" not in shown
