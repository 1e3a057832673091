"""Invitations: a link by e-mail, for one person, once."""

import re
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from conftest import html_of
from organizations.models import Invitation, Mail, Membership, Organization, Role, User
from organizations.tests.people import PASSWORD, browser, member, outsider

pytestmark = pytest.mark.django_db
JOIN = {"name": "Nova", "password": "uma-senha-bem-longa-9"}


@pytest.fixture
def aroeira() -> Organization:
    return Organization.objects.create(organization_name="Aroeira")


@pytest.fixture
def clara(aroeira):
    return member(aroeira, Role.USER_CREATOR, name="Clara")[1]


@pytest.fixture
def adao(aroeira):
    return member(aroeira, Role.USER_ADMIN, name="Adao")[1]


def members(organization):
    return f"/o/{organization.pk}/settings/members/"


def invite(client, organization, email="nova@example.com", role="user"):
    return client.post(f"{members(organization)}invite/", {"email": email, "role": role})


def link_on(answer):
    return re.findall(r'data-copy="http://testserver(/invitations/[^"]+)"', answer.content.decode())[0]


def nobody():
    return Client(headers={"Accept-Language": "en"})


# Inviting


def test_an_invitation_goes_out_by_mail_and_its_link_is_shown_once(aroeira, adao, sent_mails):
    answer = invite(adao, aroeira, " Nova@Example.com ")

    link = link_on(answer)
    (mail,) = sent_mails()
    assert mail.to == ["nova@example.com"]
    assert f"http://testserver{link}" in mail.body
    assert "Aroeira" in mail.subject
    assert "Adao" in mail.body
    again = adao.get(members(aroeira)).content.decode()
    assert "nova@example.com" in again
    assert link not in again


def test_the_link_is_not_in_the_database(aroeira, adao):
    token = link_on(invite(adao, aroeira)).split("/")[-2]

    assert len(token) >= 43
    assert token not in str(Invitation.objects.values().get())


def test_mail_is_in_the_language_of_the_inviting_user(aroeira, adao, sent_mails):
    invite(adao, aroeira)
    assert sent_mails()[0].subject == "Invitation to Aroeira"
    assert "invites you to Aroeira" in sent_mails()[0].body


@pytest.mark.parametrize("role", ["user_admin", "user_creator", "owner", ""])
def test_an_administrator_invites_users_alone(aroeira, adao, role, sent_mails):
    assert invite(adao, aroeira, role=role).status_code == 422
    assert not sent_mails()


def test_a_creator_invites_creators_too(aroeira, clara):
    assert invite(clara, aroeira, role="user_creator").status_code == 200


@pytest.mark.parametrize(
    "email", ["", "nonsense", "a\x00b@example.com", "x" * 300 + "@example.com", "a@example.com\nBcc: b@example.com"]
)
def test_no_mail_goes_to_what_is_no_address(aroeira, adao, email, sent_mails):
    assert invite(adao, aroeira, email).status_code == 422
    assert not sent_mails()


def test_a_name_of_many_lines_does_not_hurt_the_mail(aroeira, adao, sent_mails):
    Organization.objects.update(organization_name="Aroeira\nBcc: b@example.com")

    assert invite(adao, aroeira).status_code == 200
    assert sent_mails()[0].to == ["nova@example.com"]
    assert not sent_mails()[0].bcc


def test_a_member_cannot_be_invited_again(aroeira, adao):
    member(aroeira, name="Nova")

    answer = invite(adao, aroeira)
    assert answer.status_code == 422
    assert "is already a member" in answer.content.decode()


def test_a_mail_server_that_is_away_leaves_the_invitation_and_its_link(aroeira, adao, settings):
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = "django.core.mail.backends.smtp.EmailBackend", "127.0.0.1", 9

    answer = invite(adao, aroeira)

    assert "being sent by e-mail" in answer.content.decode()
    assert nobody().get(link_on(answer)).status_code == 200


def test_a_hub_without_mail_server_says_so_and_offers_the_link(aroeira, adao, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

    answer = invite(adao, aroeira)

    assert "no mail server" in answer.content.decode()
    assert nobody().get(link_on(answer)).status_code == 200
    assert not Mail.objects.exists()


def test_inviting_again_replaces_the_link_and_the_role(aroeira, clara):
    first = link_on(invite(clara, aroeira))
    second = link_on(invite(clara, aroeira, role="user_admin"))

    assert nobody().get(first).status_code == 404
    assert nobody().get(second).status_code == 200
    assert Invitation.objects.get().role == Role.USER_ADMIN


def test_an_administrator_does_not_replace_renew_or_withdraw_what_a_creator_has_given(aroeira, clara, adao):
    link = link_on(invite(clara, aroeira, role="user_admin"))
    own = f"{members(aroeira)}invitations/{Invitation.objects.get().pk}"

    assert invite(adao, aroeira).status_code == 403
    assert adao.post(f"{own}/renew/").status_code == 403
    assert adao.post(f"{own}/withdraw/").status_code == 403
    assert nobody().get(link).status_code == 200


def test_an_administrator_does_not_bring_a_creator_back_as_a_user(aroeira, clara, adao):
    member(aroeira, Role.USER_CREATOR, name="Nova", activate=False)

    assert invite(adao, aroeira).status_code == 403
    assert invite(clara, aroeira).status_code == 200


def test_new_link_is_valid_for_seven_days_and_the_old_one_is_not(aroeira, adao):
    old = link_on(invite(adao, aroeira))
    Invitation.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    answer = adao.post(f"{members(aroeira)}invitations/{Invitation.objects.get().pk}/renew/")

    assert nobody().get(old).status_code == 404
    assert nobody().get(link_on(answer)).status_code == 200
    assert Invitation.objects.get().expires_at > timezone.now() + timedelta(days=6, hours=23)


def test_who_may_invite_renew_and_withdraw(aroeira, adao):
    invite(adao, aroeira)
    _, ulla = member(aroeira, name="Ulla")
    stranger = outsider()
    own = f"{members(aroeira)}invitations/{Invitation.objects.get().pk}"

    for address in (f"{members(aroeira)}invite/", f"{own}/renew/", f"{own}/withdraw/"):
        assert ulla.post(address).status_code == 403
        assert stranger.post(address).status_code == 404
        assert nobody().post(address)["Location"].startswith("/accounts/login/")
        assert adao.get(address).status_code == 405
    other = Organization.objects.get(organization_name="Outra")
    elsewhere = f"{members(other)}invitations/{Invitation.objects.get().pk}/withdraw/"
    assert stranger.post(elsewhere).status_code == 404


# Accepting


@pytest.fixture
def link(aroeira, adao) -> str:
    return link_on(invite(adao, aroeira))


def test_new_user_chooses_name_and_password_and_is_signed_in(aroeira, link):
    client = nobody()
    shown = client.get(link).content.decode()
    assert "nova@example.com" in shown
    assert "readonly" in shown

    answer = client.post(link, JOIN)

    assert answer["Location"] == f"/o/{aroeira.pk}/inbox/"
    user = User.objects.get(email="nova@example.com")
    assert (user.name, user.language, user.check_password(JOIN["password"])) == ("Nova", "en", True)
    assert Membership.objects.get(user=user).role == Role.USER
    assert client.session["_auth_user_id"] == str(user.pk)


def test_the_email_cannot_be_changed_on_the_way(link):
    nobody().post(link, JOIN | {"email": "boss@example.com"})

    assert User.objects.filter(email="nova@example.com").exists()
    assert not User.objects.filter(email="boss@example.com").exists()


@pytest.mark.parametrize(
    "wrong", [{"password": "kurz"}, {"password": ""}, {"password": "nova@example.com"}, {"name": " "}, {"name": "x" * 151}]
)
def test_invalid_name_or_password_is_shown_and_the_link_stays_valid(link, wrong):
    answer = nobody().post(link, JOIN | wrong)

    assert answer.status_code == 422
    assert not User.objects.filter(email="nova@example.com").exists()
    assert nobody().post(link, JOIN).status_code == 302


def test_looking_does_not_use_the_link_up(link):
    for _ in range(3):
        assert nobody().get(link).status_code == 200
    assert Invitation.objects.get().accepted_at is None


def test_a_used_link_is_gone(link):
    nobody().post(link, JOIN)

    for answer in (nobody().get(link), nobody().post(link, JOIN)):
        assert answer.status_code == 410
        assert "accepted already" in answer.content.decode()


def test_an_expired_a_withdrawn_and_an_unknown_link(aroeira, adao, link):
    Invitation.objects.update(expires_at=timezone.now())
    assert nobody().get(link).status_code == 410
    assert nobody().post(link, JOIN).status_code == 410

    adao.post(f"{members(aroeira)}invitations/{Invitation.objects.get().pk}/withdraw/")
    assert nobody().get(link).status_code == 404
    assert nobody().get("/invitations/nonsense/").status_code == 404
    assert nobody().get(f"/invitations/{'x' * 5000}/").status_code == 404
    assert not User.objects.filter(email="nova@example.com").exists()


def test_inactive_organization_cannot_be_joined(link):
    Organization.objects.update(activate=False)

    assert nobody().post(link, JOIN).status_code == 410
    assert not User.objects.filter(email="nova@example.com").exists()


def _demote(bad: User) -> None:
    Membership.objects.filter(user=bad).update(role=Role.USER)


def _switch_off(bad: User) -> None:
    Membership.objects.filter(user=bad).update(activate=False)


def _remove(bad: User) -> None:
    Membership.objects.filter(user=bad).delete()


def _switch_user_off(bad: User) -> None:
    User.objects.filter(pk=bad.pk).update(activate=False)


@pytest.mark.parametrize("lose_rights", [_demote, _switch_off, _remove, _switch_user_off])
@pytest.mark.parametrize("is_known", [True, False])
def test_an_invitation_ends_with_the_rights_of_who_issued_it(aroeira, clara, lose_rights, is_known):
    bad, browser_of_bad = member(aroeira, Role.USER_CREATOR, name="Bad")
    link = link_on(invite(browser_of_bad, aroeira, role="user_creator"))
    client = browser(User.objects.create_user("nova@example.com", PASSWORD)) if is_known else nobody()
    lose_rights(bad)

    for answer in (client.get(link), client.post(link, JOIN)):
        assert answer.status_code == 410
        assert "no longer good" in html_of(answer)
    assert not Membership.objects.filter(user__email="nova@example.com").exists()
    listed = clara.get(members(aroeira), headers={"Accept-Language": "en"})
    assert "no longer good; renew it" in html_of(listed)

    renewed = link_on(clara.post(f"{members(aroeira)}invitations/{Invitation.objects.get().pk}/renew/"))
    client.post(renewed, JOIN)
    assert Membership.objects.get(user__email="nova@example.com").role == Role.USER_CREATOR


def test_an_invitation_goes_with_the_user_who_issued_it(aroeira):
    bad, browser_of_bad = member(aroeira, Role.USER_CREATOR, name="Bad")
    link = link_on(invite(browser_of_bad, aroeira))
    bad.delete()
    assert nobody().post(link, JOIN).status_code == 404


def test_existing_user_signs_in_before_joining(aroeira, link):
    user = User.objects.create_user("nova@example.com", PASSWORD)
    client = nobody()
    assert f'/accounts/login/?next={link}"' in client.get(link).content.decode()
    client.post(link, JOIN)
    assert not Membership.objects.filter(user=user).exists()

    back = client.post(f"/accounts/login/?next={link}", {"login": user.email, "password": PASSWORD})
    assert back["Location"] == link
    assert client.post(link)["Location"] == f"/o/{aroeira.pk}/inbox/"
    assert Membership.objects.get(user=user).role == Role.USER
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_link_is_not_valid_for_another_user(aroeira, link):
    other = User.objects.create_user("other@example.com", PASSWORD)
    client = browser(other)

    assert "you are signed in as other@example.com" in client.get(link).content.decode()
    client.post(link, JOIN)
    assert not Membership.objects.filter(user=other).exists()
    out = client.post("/accounts/logout/", {"next": link})
    assert out["Location"] == link


def test_a_user_who_is_switched_off_joins_nothing(link):
    user = User.objects.create_user("nova@example.com", PASSWORD)
    client = browser(user)
    User.objects.filter(pk=user.pk).update(activate=False)

    client.post(link)
    assert not Membership.objects.filter(user=user).exists()


@pytest.mark.parametrize("is_left", [True, False])
def test_a_former_member_comes_back_with_the_invitations_role(aroeira, clara, is_left):
    user, client = member(aroeira, Role.USER_ADMIN, name="Nova", activate=False)
    if not is_left:
        Membership.objects.filter(user=user).delete()

    client.post(link_on(invite(clara, aroeira)))

    place = Membership.objects.get(user=user)
    assert (place.role, place.activate) == (Role.USER, True)


@pytest.mark.django_db(transaction=True)
def test_concurrent_acceptances_create_one_membership():
    aroeira = Organization.objects.create(organization_name="Aroeira")
    link = link_on(invite(member(aroeira, Role.USER_ADMIN, name="Adao")[1], aroeira))
    start, answers = threading.Barrier(2), []

    def join():
        try:
            start.wait()
            answers.append(nobody().post(link, JOIN).headers.get("Location"))
        finally:
            connection.close()

    threads = [threading.Thread(target=join) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    answers.remove(f"/o/{aroeira.pk}/inbox/")
    assert answers in ([link], [None])  # back to the link, which is gone; or too late for that even
    assert User.objects.filter(email="nova@example.com").count() == 1
