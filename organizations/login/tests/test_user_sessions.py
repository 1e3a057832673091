"""Where a user is signed in, and signing out elsewhere."""

import re
from datetime import timedelta

import pytest
import requests
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from organizations.login.user_sessions import delete_expired_sessions, record_session
from organizations.models import Membership, Organization, Role, User, UserSession
from organizations.tests.people import PASSWORD

pytestmark = pytest.mark.django_db

PHONE = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36"
LAPTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
AGENTS = {
    PHONE: "Chrome on Android",
    LAPTOP: "Firefox on Linux",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile/15E148 Safari/604": "Safari on iPhone",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140 Safari/537.36 Edg/140": "Edge on Windows",
    "curl/8.5": "Unknown device",
    "": "Unknown device",
    "<script>alert(1)</script>" * 40: "Unknown device",
}


@pytest.fixture
def ana() -> User:
    return User.objects.create_user("ana@example.com", PASSWORD, name="Ana")


def signed_in(agent: str, email: str = "ana@example.com") -> Client:
    client = Client(headers={"Accept-Language": "en", "User-Agent": agent})
    response = client.post("/accounts/login/", {"login": email, "password": PASSWORD})
    assert response.status_code == 302
    return client


def listed(client: Client) -> str:
    return client.get("/profile/").content.decode()


def mark_of_the_other(client: Client) -> str:
    (mark,) = re.findall(r'name="session" value="(\w+)"', listed(client))
    return mark


@pytest.mark.parametrize(("agent", "words"), AGENTS.items())
def test_a_session_is_shown_by_its_device(ana, agent, words) -> None:
    page = listed(signed_in(agent))
    assert f"{words}</span>" in page
    assert page.count("this one") == 1
    assert "<script>alert" not in page


def test_the_sessions_of_others_and_the_keys_themselves_are_not_shown(ana) -> None:
    User.objects.create_user("bia@example.com", PASSWORD)
    other, own = signed_in(PHONE, "bia@example.com"), signed_in(LAPTOP)

    page = listed(own)
    assert "Android" not in page
    assert not [row.pk for row in UserSession.objects.all() if row.pk in page]
    second = signed_in(PHONE)
    theirs = {"session": mark_of_the_other(own)}
    assert other.post("/profile/sessions/end/", theirs).status_code == 302
    assert second.get("/profile/").status_code == 200


def test_signing_out_a_device_ends_only_its_session(ana) -> None:
    phone, laptop = signed_in(PHONE), signed_in(LAPTOP)
    laptop.post("/profile/sessions/end/", {"session": mark_of_the_other(laptop)})

    assert phone.get("/profile/")["Location"].startswith("/accounts/login/")
    assert "Android" not in listed(laptop)
    assert UserSession.objects.count() == 1


def test_signing_out_everywhere_else_ends_unrecorded_sessions_too(ana) -> None:
    phone, unnoted, laptop = signed_in(PHONE), signed_in(PHONE), signed_in(LAPTOP)
    UserSession.objects.filter(pk=unnoted.session.session_key).delete()
    response = laptop.post("/profile/sessions/end-others/", follow=True)

    assert "You are signed out everywhere else." in response.content.decode()
    for gone in (phone, unnoted):
        assert gone.get("/profile/")["Location"].startswith("/accounts/login/")
    page = listed(laptop)
    assert page.count("this one") == 1
    assert 'name="session"' not in page
    assert signed_in(PHONE).get("/profile/").status_code == 200


def test_a_session_that_ended_or_has_an_old_password_is_not_shown(ana) -> None:
    signed_in(PHONE).post("/accounts/logout/")
    old = signed_in(PHONE)
    expired = signed_in(PHONE)
    Session.objects.filter(pk=expired.session.session_key).update(expire_date=timezone.now() - timedelta(1))
    ana.set_password("uma-outra-senha-8")
    ana.save()
    assert old.get("/profile/").status_code == 302

    client = Client(headers={"User-Agent": LAPTOP, "Accept-Language": "en"})
    client.post("/accounts/login/", {"login": "ana@example.com", "password": "uma-outra-senha-8"})
    assert "Android" not in listed(client)


def test_signing_out_elsewhere_requires_a_post_and_a_session(ana) -> None:
    client = signed_in(LAPTOP)
    for address in ("/profile/sessions/end/", "/profile/sessions/end-others/"):
        assert client.get(address).status_code == 405
        assert Client().post(address)["Location"].startswith("/accounts/login/")
    assert client.post("/profile/sessions/end/", {"session": "nonsense"}).status_code == 302
    assert client.get("/profile/").status_code == 200


def test_recording_a_session_twice_changes_nothing_else(ana) -> None:
    signed_in(LAPTOP)
    before = UserSession.objects.get()
    record_session(before.session_id, user_id=ana.pk, user_agent=PHONE, now=timezone.now() + timedelta(hours=1))

    after = UserSession.objects.get()
    assert (after.user_agent, after.signed_in_at) == (PHONE, before.signed_in_at)
    assert after.seen_at > before.seen_at


@pytest.mark.django_db(transaction=True)
def test_an_open_page_records_its_session_and_its_stream_ends_with_it(hub, ana) -> None:
    organization = Organization.objects.create(organization_name="Aroeira")
    Membership.objects.create(organization=organization, user=ana, role=Role.USER)
    phone, laptop = signed_in(PHONE), signed_in(LAPTOP)
    UserSession.objects.filter(pk=phone.session.session_key).delete()
    cookies = {"sessionid": phone.cookies["sessionid"].value}
    address = f"{hub.address}/o/{organization.pk}/events/"
    with requests.get(address, cookies=cookies, headers={"User-Agent": PHONE}, stream=True, timeout=15) as stream:
        assert stream.status_code == 200
        lines = stream.iter_lines()
        next(lines)
        assert UserSession.objects.filter(user_agent=PHONE).count() == 1
        laptop.post("/profile/sessions/end-others/")
        assert list(lines)[-1:] in ([], [b""])  # it ends within seconds; otherwise the time-out raises
    assert requests.get(address, cookies=cookies, timeout=5).status_code == 404


def test_expired_sessions_are_deleted_with_their_records(ana) -> None:
    old, current = signed_in(LAPTOP), signed_in(PHONE)
    Session.objects.filter(pk=old.session.session_key).update(expire_date=timezone.now() - timedelta(seconds=1))

    assert delete_expired_sessions() == 1
    assert [each.session_id for each in UserSession.objects.all()] == [current.session.session_key]
    assert Session.objects.count() == 1
    assert delete_expired_sessions() == 0


def test_many_expired_sessions_are_deleted_a_bounded_number_at_a_time(monkeypatch) -> None:
    monkeypatch.setattr("organizations.login.user_sessions.BATCH", 2)
    monkeypatch.setattr("organizations.login.user_sessions.MAX_BATCHES", 3)
    at = timezone.now() - timedelta(days=1)
    Session.objects.bulk_create(Session(pk=f"s{place}", session_data="", expire_date=at) for place in range(9))

    assert [delete_expired_sessions() for _ in range(3)] == [6, 3, 0]
