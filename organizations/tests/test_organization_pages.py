"""The start page, and creating, changing and deactivating organizations."""

from datetime import UTC, datetime

import phonenumbers
import pytest
from django.test import Client
from django.utils import timezone, translation

from organizations.countries import country_choices
from organizations.members.organizations import NameTaken, change_organization
from organizations.models import Invitation, Membership, Organization, Role, User
from organizations.tests.people import PASSWORD, access_of, browser, member, outsider

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


def test_anonymous_client_is_redirected_to_the_sign_in():
    assert Client().get("/")["Location"].startswith("/accounts/login/")
    assert Client().get(NEW)["Location"].startswith("/accounts/login/")


def test_the_first_sign_in_of_a_fresh_hub_ends_at_the_guided_set_up():
    client = browser(User.objects.create_superuser("root@example.com", PASSWORD))

    assert client.get("/")["Location"] == NEW
    answer = client.post(NEW, {"name": "  Aroeira   Flores "})

    organization = Organization.objects.get()
    assert answer["Location"] == f"/o/{organization.pk}/settings/numbers/new/"
    assert organization.create_by is not None
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


def test_user_without_organization_sees_whom_to_ask(aroeira):
    client = browser(User.objects.create_user("ana@example.com", PASSWORD))

    shown = client.get("/").content.decode()
    assert "ana@example.com" in shown
    assert "/accounts/logout/" in shown
    assert client.get(NEW).status_code == 403
    assert client.post(NEW, {"name": "Mine"}).status_code == 403


@pytest.mark.parametrize("name", ["", "   ", "x" * 151, "Aroeira", " aroeira ", "a\x00b"])
def test_taken_or_empty_name_creates_no_organization(aroeira, name):
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


def test_it_is_in_brazil_unless_its_owner_says_otherwise(aroeira, clara):
    assert (aroeira.country, aroeira.time_zone) == ("BR", "America/Sao_Paulo")
    shown = clara[1].get(page(aroeira)).content.decode()
    assert '<option value="BR" selected>Brazil (+55)</option>' in shown
    assert '<option value="America/Sao_Paulo" selected>' in shown

    clara[1].post(page(aroeira), {"name": "Aroeira", "country": "PT", "time_zone": "Europe/Lisbon"})
    aroeira.refresh_from_db()
    assert (aroeira.country, aroeira.time_zone) == ("PT", "Europe/Lisbon")
    clara[1].post(page(aroeira), {"name": "Aroeira Flores"})
    aroeira.refresh_from_db()
    assert (aroeira.organization_name, aroeira.country, aroeira.time_zone) == ("Aroeira Flores", "PT", "Europe/Lisbon")


@pytest.mark.parametrize("wrong", [{"country": "ZZ"}, {"country": "br"}, {"time_zone": "Mars/Base"}, {"time_zone": "../../etc"}])
def test_a_country_or_zone_that_is_none_is_refused(aroeira, clara, wrong):
    assert clara[1].post(page(aroeira), {"name": "Aroeira"} | wrong).status_code == 422
    aroeira.refresh_from_db()
    assert (aroeira.country, aroeira.time_zone) == ("BR", "America/Sao_Paulo")


def test_a_new_organization_says_where_it_is(aroeira):
    client = browser(User.objects.create_superuser("root@example.com", PASSWORD))
    client.post(NEW, {"name": "Flores", "country": "AR", "time_zone": "America/Argentina/Cordoba"})
    made = Organization.objects.get(organization_name="Flores")
    assert (made.country, made.time_zone) == ("AR", "America/Argentina/Cordoba")


def test_countries_are_named_in_the_reader_s_language():
    for language, name in (("pt-br", "Alemanha"), ("en", "Germany"), ("es", "Alemania")):
        with translation.override(language):
            choices = dict(country_choices())
            assert choices["DE"] == f"{name} (+49)"
            assert set(choices) == set(phonenumbers.SUPPORTED_REGIONS)


def test_times_are_in_the_organization_s_zone_without_a_preference(aroeira, clara):
    Organization.objects.filter(pk=aroeira.pk).update(time_zone="Asia/Tokyo")
    invitation = {"organization": aroeira, "email": "x@example.com", "token_digest": "x"}
    Invitation.objects.create(**invitation, expires_at=datetime(2036, 1, 1, 23, tzinfo=UTC))
    members = f"/o/{aroeira.pk}/settings/members/"

    assert "01/02/2036 08:00" in clara[1].get(members).content.decode()
    assert timezone.get_current_timezone_name() == "America/Sao_Paulo"  # no request leaves its zone behind

    User.objects.filter(pk=clara[0].pk).update(time_zone="Europe/Lisbon")
    assert "01/01/2036 23:00" in clara[1].get(members).content.decode()


def test_name_of_another_organization_is_refused(aroeira, clara):
    Organization.objects.create(organization_name="Zinnia")

    answer = clara[1].post(page(aroeira), {"name": "zinnia"})
    assert answer.status_code == 422
    assert "Another organization has this name" in answer.content.decode()
    with pytest.raises(NameTaken):
        change_organization(name="Zinnia", country="BR", time_zone="", by=access_of(clara[0], aroeira))


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
