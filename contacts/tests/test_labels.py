"""The settings page of labels."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contacts.conftest import sign_in
from contacts.models import Label
from contacts.services import MAX_LABELS
from organizations.live.revisions import current_revisions
from organizations.models import Role

pytestmark = pytest.mark.django_db


def make(client, organization, name, colour="red"):
    return client.post(reverse("labels", args=[organization.pk]), {"name": name, "colour": colour})


def change(client, organization, label, name, colour="red"):
    return client.post(reverse("label", args=[organization.pk, label.pk]), {"name": name, "colour": colour})


def text(response):
    return response.content.decode()


def test_a_label_is_made_changed_and_deleted(padaria, admin, add_contact):
    assert make(admin, padaria, "  Good   customer ").status_code == 302
    label = Label.objects.get()
    assert (label.name, label.colour, label.organization) == ("Good customer", "red", padaria)
    add_contact().labels.add(label)
    add_contact(1).labels.add(label)
    body = text(admin.get(reverse("labels", args=[padaria.pk])))
    assert "2 contacts" in body
    assert "2 contacts have it" in body  # what the question before deleting says
    assert change(admin, padaria, label, "good customer", "blue").status_code == 302
    label.refresh_from_db()
    assert (label.name, label.colour, label.contacts.count()) == ("good customer", "blue", 2)
    assert admin.post(reverse("label_delete", args=[padaria.pk, label.pk])).status_code == 302
    assert not Label.objects.exists()
    assert admin.post(reverse("label_delete", args=[padaria.pk, label.pk])).status_code == 404
    assert current_revisions([padaria.pk]) == {padaria.pk: 3}


def test_a_label_of_many_contacts_is_taken_in_steps(padaria, admin, add_contact, monkeypatch):
    monkeypatch.setattr("contacts.services.TAKEN_AT_ONCE", 2)
    label = Label.objects.create(organization=padaria, name="VIP")
    for index in range(5):
        add_contact(index).labels.add(label)
    with CaptureQueriesContext(connection) as queries:
        admin.post(reverse("label_delete", args=[padaria.pk, label.pk]))
    deleted = [each["sql"] for each in queries if each["sql"].startswith("DELETE") and "contact_label_given" in each["sql"]]
    assert (len(deleted), Label.objects.count()) == (3, 0)


@pytest.mark.parametrize("name", ["vip", "VIP", " Vip ", "víp", "VIP\t"])
def test_a_name_is_one_label_whatever_its_case_accents_and_spaces(padaria, admin, name):
    make(admin, padaria, "VIP")
    response = make(admin, padaria, name)
    assert response.status_code == 422
    assert "There is such a label already." in text(response)
    other = Label.objects.create(organization=padaria, name="Other")
    response = change(admin, padaria, other, name)
    assert response.status_code == 422
    assert text(response).count("There is such a label already.") == 1
    assert set(Label.objects.values_list("name", flat=True)) == {"VIP", "Other"}


@pytest.mark.parametrize(
    ("name", "colour"),
    [
        ("", "red"),
        ("  ", "red"),
        ("x" * 41, "red"),
        ("a,b", "red"),
        ("a;b", "red"),
        ("a|b", "red"),
        ("a\x00", "red"),
        ("a", "pink"),
        ("a", ""),
    ],
)
def test_what_cannot_be_a_label_is_refused(padaria, admin, name, colour):
    assert make(admin, padaria, name, colour).status_code == 422
    label = Label.objects.create(organization=padaria, name="VIP")
    assert change(admin, padaria, label, name, colour).status_code == 422
    assert list(Label.objects.values_list("name", flat=True)) == ["VIP"]


def test_organizations_may_use_the_same_name(padaria, admin, foreign_number):
    Label.objects.create(organization=foreign_number.organization, name="VIP")
    assert make(admin, padaria, "VIP").status_code == 302


def test_names_are_shown_as_text(padaria, admin):
    make(admin, padaria, "<b>'\"&")
    assert "<b>'" not in text(admin.get(reverse("labels", args=[padaria.pk])))


def test_there_is_an_end_to_labels(padaria, admin):
    Label.objects.bulk_create(Label(organization=padaria, name=f"label {place}") for place in range(MAX_LABELS))
    assert make(admin, padaria, "one more").status_code == 422
    assert change(admin, padaria, Label.objects.first(), "another name").status_code == 302


def test_the_page_takes_few_queries(padaria, admin, add_contact):
    labels = [Label.objects.create(organization=padaria, name=f"label {place}") for place in range(20)]
    add_contact().labels.add(*labels)
    with CaptureQueriesContext(connection) as queries:
        admin.get(reverse("labels", args=[padaria.pk]))
    assert len(queries) <= 10


def test_only_administrators_manage_labels(padaria, member, outsider):
    label = Label.objects.create(organization=padaria, name="VIP")
    page = reverse("labels", args=[padaria.pk])
    for role in (Role.USER_ADMIN, Role.USER_CREATOR):
        assert sign_in(padaria, role).get(page).status_code == 200
    for client, status in ((member, 403), (outsider, 404)):
        assert client.get(page).status_code == status
        assert make(client, padaria, "x").status_code == status
        assert change(client, padaria, label, "x").status_code == status
        assert client.post(reverse("label_delete", args=[padaria.pk, label.pk])).status_code == status
    assert Client().get(page)["Location"].startswith(reverse("account_login"))
    assert list(Label.objects.values_list("name", flat=True)) == ["VIP"]


def test_another_organization_s_label_is_not_there(padaria, admin, foreign_number):
    theirs = Label.objects.create(organization=foreign_number.organization, name="Secret")
    assert change(admin, padaria, theirs, "x").status_code == 404
    assert admin.post(reverse("label_delete", args=[padaria.pk, theirs.pk])).status_code == 404
    assert "Secret" not in text(admin.get(reverse("labels", args=[padaria.pk])))
