"""The members page, and who may change members."""

import threading
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conftest import html_of
from organizations.members import memberships
from organizations.models import Invitation, Membership, Organization, Role, User
from organizations.tests.people import access_of, browser, member, outsider

pytestmark = pytest.mark.django_db


@pytest.fixture
def aroeira() -> Organization:
    return Organization.objects.create(organization_name="Aroeira")


@pytest.fixture
def clara(aroeira):
    return member(aroeira, Role.USER_CREATOR, name="Clara")


@pytest.fixture
def adao(aroeira):
    return member(aroeira, Role.USER_ADMIN, name="Adao")


@pytest.fixture
def ulla(aroeira):
    return member(aroeira, Role.USER, name="Ulla")


def page(organization):
    return f"/o/{organization.pk}/settings/members/"


def membership_of(organization, user):
    return Membership.objects.get(organization=organization, user=user)


def do(client, organization, user, what, **form):
    return client.post(f"{page(organization)}{membership_of(organization, user).pk}/{what}/", form)


def test_only_admins_and_creators_see_the_members(aroeira, clara, adao, ulla):
    shown = html_of(adao[1].get(page(aroeira)))
    assert all(name in shown for name in ("Clara", "Adao", "Ulla", "ulla@example.com"))
    assert clara[1].get(page(aroeira)).status_code == 200
    assert ulla[1].get(page(aroeira)).status_code == 403
    assert outsider().get(page(aroeira)).status_code == 404
    assert Client().get(page(aroeira))["Location"].startswith("/accounts/login/")


def test_of_many_members_and_invitations_the_first_are_shown_and_others_found(aroeira, clara):
    users = User.objects.bulk_create(User(email=f"u{index:03}@example.com", name=f"Pessoa {index:03}") for index in range(130))
    Membership.objects.bulk_create(Membership(organization=aroeira, user=each, role=Role.USER) for each in users)
    (issuer, creator), later = clara, timezone.now() + timedelta(days=3)
    Invitation.objects.bulk_create(
        Invitation(
            organization=aroeira, email=f"i{index:03}@example.com", token_digest=str(index), invited_by=issuer, expires_at=later
        )
        for index in range(130)
    )
    with CaptureQueriesContext(connection) as queries:
        first = html_of(creator.get(page(aroeira)))
    assert len(queries) < 20
    assert first.count("data-member=") == 100
    assert ("The first 100 are shown." in first, "i099@example.com" in first, "i100@example.com" in first) == (True, True, False)
    for search, found in (("pessoa 129", "u129@example.com"), ("U128@", "Pessoa 128"), ("i128", "i128@example.com")):
        shown = html_of(creator.get(page(aroeira), {"q": search}))
        assert (found in shown, shown.count("data-member=") <= 1) == (True, True)


def test_a_creator_makes_an_administrator_who_may_manage_at_once(aroeira, clara, ulla):
    answer = do(clara[1], aroeira, ulla[0], "role", role="user_admin")

    assert answer["Location"] == page(aroeira)
    assert ulla[1].get(page(aroeira)).status_code == 200
    do(clara[1], aroeira, ulla[0], "role", role="user")
    assert ulla[1].get(page(aroeira)).status_code == 403


def test_an_administrator_offers_and_gives_the_role_of_a_user_alone(aroeira, adao, ulla):
    shown = html_of(adao[1].get(page(aroeira)))
    assert '<option value="user"' in shown
    assert '<option value="user_admin"' not in shown

    for role in ("user_admin", "user_creator", "owner", ""):
        do(adao[1], aroeira, ulla[0], "role", role=role)
    assert membership_of(aroeira, ulla[0]).role == Role.USER


@pytest.mark.parametrize(("what", "form"), [("role", {"role": "user"}), ("activate", {"activate": "off"}), ("remove", {})])
def test_an_administrator_changes_neither_creators_nor_administrators_nor_themselves(aroeira, clara, adao, what, form):
    other, _ = member(aroeira, Role.USER_ADMIN, name="Abel")
    for user in (clara[0], other, adao[0]):
        assert do(adao[1], aroeira, user, what, **form).status_code == 403
    assert Membership.objects.filter(activate=True, role__in=["user_admin", "user_creator"]).count() == 3


@pytest.mark.parametrize(("what", "form"), [("role", {"role": "user"}), ("activate", {"activate": "off"}), ("remove", {})])
def test_a_creator_cannot_shut_themselves_out(aroeira, clara, what, form):
    assert do(clara[1], aroeira, clara[0], what, **form).status_code == 403


@pytest.mark.parametrize(("what", "form"), [("role", {"role": "user"}), ("activate", {"activate": "off"}), ("remove", {})])
def test_users_outsiders_and_anonymous_clients_cannot_change_members(aroeira, adao, ulla, what, form):
    address = f"{page(aroeira)}{membership_of(aroeira, adao[0]).pk}/{what}/"

    assert ulla[1].post(address, form).status_code == 403
    assert outsider().post(address, form).status_code == 404
    assert Client().post(address, form)["Location"].startswith("/accounts/login/")
    assert membership_of(aroeira, adao[0]).activate


def test_a_member_of_another_organization_cannot_be_reached(aroeira, clara, ulla):
    outsider()
    olga = Membership.objects.get(user__name="Olga")

    assert clara[1].post(f"{page(aroeira)}{olga.pk}/remove/").status_code == 404
    assert clara[1].post(f"{page(aroeira)}999999/remove/").status_code == 404


def test_inactive_member_gets_a_404_until_activated_again(aroeira, adao, ulla):
    assert ulla[1].get("/").status_code == 302
    do(adao[1], aroeira, ulla[0], "activate", activate="off")
    assert ulla[1].get(f"/o/{aroeira.pk}/settings/members/").status_code == 404

    do(adao[1], aroeira, ulla[0], "activate", activate="on")
    assert ulla[1].get(f"/o/{aroeira.pk}/settings/members/").status_code == 403


def test_removed_member_gets_a_404_and_so_does_a_second_removal(aroeira, adao, ulla):
    address = f"{page(aroeira)}{membership_of(aroeira, ulla[0]).pk}/remove/"
    adao[1].post(address)

    assert ulla[1].get(page(aroeira)).status_code == 404
    assert adao[1].post(address).status_code == 404


def test_an_organization_that_is_switched_off_is_a_404_for_all(aroeira, clara):
    Organization.objects.update(activate=False)

    assert clara[1].get(page(aroeira)).status_code == 404


def test_a_user_who_is_switched_off_is_sent_to_the_sign_in(aroeira, clara):
    User.objects.update(activate=False)

    assert clara[1].get(page(aroeira))["Location"].startswith("/accounts/login/")


def test_reading_changes_nothing(aroeira, clara, ulla):
    for what in ("role", "activate", "remove"):
        assert clara[1].get(f"{page(aroeira)}{membership_of(aroeira, ulla[0]).pk}/{what}/").status_code == 405


# Somebody always owns the organization


def test_of_two_creators_who_remove_each_other_one_stays(aroeira, clara):
    carl, _ = member(aroeira, Role.USER_CREATOR, name="Carl")
    hers, his = access_of(clara[0], aroeira), access_of(carl, aroeira)
    her_place, his_place = membership_of(aroeira, clara[0]), membership_of(aroeira, carl)

    memberships.remove_member(member=his_place, by=hers)
    with pytest.raises(memberships.LastCreator):
        memberships.remove_member(member=her_place, by=his)
    with pytest.raises(memberships.LastCreator):
        memberships.change_role(member=her_place, role=Role.USER, by=his)
    with pytest.raises(memberships.LastCreator):
        memberships.switch_member(member=her_place, activate=False, by=his)
    assert list(aroeira.memberships.values_list("role", flat=True)) == ["user_creator"]


def test_a_creator_whose_user_is_switched_off_does_not_count(aroeira, clara):
    carl, _ = member(aroeira, Role.USER_CREATOR, name="Carl")
    his = access_of(carl, aroeira)
    User.objects.filter(pk=carl.pk).update(activate=False)

    with pytest.raises(memberships.LastCreator):
        memberships.remove_member(member=membership_of(aroeira, clara[0]), by=his)


def test_administrator_cannot_change_a_member_who_just_got_the_same_role(aroeira, clara, adao, ulla):
    seen = membership_of(aroeira, ulla[0])
    do(clara[1], aroeira, ulla[0], "role", role="user_admin")

    with pytest.raises(PermissionDenied):
        memberships.remove_member(member=seen, by=access_of(adao[0], aroeira))


@pytest.mark.django_db(transaction=True)
def test_two_creators_who_remove_each_other_concurrently():
    """On SQLite one waits for the other's transaction, elsewhere for the other's rows."""
    aroeira = Organization.objects.create(organization_name="Aroeira")
    people = [member(aroeira, Role.USER_CREATOR, name=name)[0] for name in ("Clara", "Carl")]
    start, answers = threading.Barrier(2), []

    def remove(by, whom):
        try:
            client, address = browser(by), f"{page(aroeira)}{membership_of(aroeira, whom).pk}/remove/"
            start.wait()
            answers.append(client.post(address).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=remove, args=pair) for pair in (people, people[::-1])]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert aroeira.memberships.count() == 1
    assert sorted(answers)[0] == 302
