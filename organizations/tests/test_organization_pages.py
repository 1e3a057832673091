"""Where a user comes in, and how organizations begin, are renamed and end."""

import pytest
from django.test import Client

from organizations import joining
from organizations.models import Membership, Organization, Role, User
from organizations.permissions import access_to
from organizations.tests.people import PASSWORD, browser, member, outsider

pytestmark = pytest.mark.django_db
NEW = "/organizations/new/"


@pytest.fixture
def aroeira() -> Organization:
    return Organization.objects.create(organization_name="Aroeira")


@pytest.fixture
def clara(aroeira):
    return member(aroeira, Role.USER_CREATOR, name="Clara")


def page(organization):
    return f"/o/{organization.pk}/settings/organization/"


# Coming in


def test_nobody_signed_in_is_sent_to_the_sign_in():
    assert Client().get("/")["Location"].startswith("/accounts/login/")
    assert Client().get(NEW)["Location"].startswith("/accounts/login/")


def test_the_first_sign_in_of_a_fresh_hub_ends_at_the_guided_set_up():
    client = browser(User.objects.create_superuser("root@example.com", PASSWORD))

    assert client.get("/")["Location"] == NEW
    answer = client.post(NEW, {"name": "  Aroeira   Flores "})

    organization = Organization.objects.get()
    assert answer["Location"] == f"/o/{organization.pk}/settings/numbers/new/"
    assert (organization.organization_name, organization.create_by.email) == ("Aroeira Flores", "root@example.com")
    assert Membership.objects.get().role == Role.USER_CREATOR
    assert client.get("/")["Location"] == f"/o/{organization.pk}/inbox/"


def test_a_member_comes_in_where_they_were_last(aroeira, clara):
    second = Organization.objects.create(organization_name="Zinnia")
    Membership.objects.create(organization=second, user=clara[0])

    assert clara[1].get("/")["Location"] == f"/o/{aroeira.pk}/inbox/"
    clara[1].get(f"/o/{second.pk}/inbox/")
    assert clara[1].get("/")["Location"] == f"/o/{second.pk}/inbox/"
    Membership.objects.filter(organization=second).update(activate=False)
    assert clara[1].get("/")["Location"] == f"/o/{aroeira.pk}/inbox/"


def test_whoever_belongs_nowhere_is_told_whom_to_ask(aroeira):
    client = browser(User.objects.create_user("ana@example.com", PASSWORD))

    shown = client.get("/").content.decode()
    assert "ana@example.com" in shown
    assert "/accounts/logout/" in shown
    assert client.get(NEW).status_code == 403
    assert client.post(NEW, {"name": "Mine"}).status_code == 403


@pytest.mark.parametrize("name", ["", "   ", "x" * 151, "Aroeira", " aroeira ", "a\x00b"])
def test_a_name_that_is_taken_or_none_makes_no_organization(aroeira, name):
    client = browser(User.objects.create_superuser("root@example.com", PASSWORD))

    answer = client.post(NEW, {"name": name})
    assert answer.status_code == 422
    assert "aria-invalid" in answer.content.decode()
    assert Organization.objects.count() == 1


# The page of the organization


def test_creators_alone_see_and_change_the_organization(aroeira, clara):
    _, adao = member(aroeira, Role.USER_ADMIN, name="Adao")
    _, ulla = member(aroeira, name="Ulla")
    stranger = outsider()

    assert clara[1].get(page(aroeira)).status_code == 200
    for address in (page(aroeira), f"{page(aroeira)}deactivate/"):
        assert adao.post(address, {"name": "Aroeira"}).status_code == 403
        assert ulla.post(address, {"name": "Aroeira"}).status_code == 403
        assert stranger.post(address, {"name": "Aroeira"}).status_code == 404
        assert Client().post(address)["Location"].startswith("/accounts/login/")
    aroeira.refresh_from_db()
    assert aroeira.activate


def test_it_can_be_renamed_also_in_case_alone(aroeira, clara):
    clara[1].post(page(aroeira), {"name": " AROEIRA "})

    aroeira.refresh_from_db()
    assert aroeira.organization_name == "AROEIRA"


def test_another_organizations_name_is_taken(aroeira, clara):
    Organization.objects.create(organization_name="Zinnia")

    answer = clara[1].post(page(aroeira), {"name": "zinnia"})
    assert answer.status_code == 422
    assert "Another organization has this name" in answer.content.decode()
    with pytest.raises(joining.NameTaken):
        joining.rename_organization(name="Zinnia", by=access_to(clara[0], aroeira.pk))


def test_switching_it_off_asks_for_its_name_and_shuts_everybody_out(aroeira, clara):
    off = f"{page(aroeira)}deactivate/"
    assert clara[1].post(off, {"name": "Something"}).status_code == 422
    assert clara[1].post(off).status_code == 422
    assert clara[1].get(off).status_code == 405
    assert clara[1].get(page(aroeira)).status_code == 200

    answer = clara[1].post(off, {"name": "Aroeira"}, follow=True)

    aroeira.refresh_from_db()
    assert not aroeira.activate
    assert "You belong to no organization yet" in answer.content.decode()
    assert clara[1].get(page(aroeira)).status_code == 404
