"""Changes of the e-mail with which a user signs in."""

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from organizations.models import EmailChange, Mail, User
from organizations.tests.people import PASSWORD, browser

pytestmark = pytest.mark.django_db

NEW = "ana.nova@example.com"


@pytest.fixture
def ana() -> User:
    return User.objects.create_user("ana@example.com", PASSWORD, name="Ana")


@pytest.fixture
def client(ana) -> Client:
    """Ana's browser, in which she has just typed her password."""
    client = Client(headers={"Accept-Language": "en"})
    client.post("/accounts/login/", {"login": "ana@example.com", "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def request_change(client: Client, email: str = NEW):
    return client.post("/profile/email/", {"email": email}, follow=True)


def link_in(mails) -> str:
    text = next(mail.body for mail in mails if mail.to == [NEW])
    return re.findall(r"http://[^/\s]+(/profile/email/\S+)", text)[0]


def test_the_link_in_the_mail_changes_the_address(ana, client, sent_mails) -> None:
    page = request_change(client, f" {NEW.upper()} ").content.decode()
    assert NEW in page
    link = link_in(sent_mails())
    assert client.get(link).status_code == 200
    ana.refresh_from_db()
    assert ana.email == "ana@example.com"

    assert f"You sign in with {NEW} from now on." in client.post(link, follow=True).content.decode()
    ana.refresh_from_db()
    assert ana.email == NEW
    fresh = Client()
    assert fresh.post("/accounts/login/", {"login": "ana@example.com", "password": PASSWORD}).status_code == 200
    assert fresh.post("/accounts/login/", {"login": NEW, "password": PASSWORD}).status_code == 302
    assert client.post(link).status_code == 404


def test_old_address_gets_a_mail_for_the_request_and_for_the_change(client, sent_mails) -> None:
    request_change(client)
    mails = list(sent_mails())
    assert sorted(mail.to[0] for mail in mails) == [NEW, "ana@example.com"]
    assert NEW in next(mail.body for mail in mails if mail.to == ["ana@example.com"])

    client.post(link_in(mails))
    assert [mail.to for mail in sent_mails()[2:]] == [["ana@example.com"]]


def test_address_of_another_user_gets_the_same_page_and_no_mail(client, sent_mails) -> None:
    User.objects.create_user("bia@example.com", PASSWORD)
    free = request_change(client, "zoe@example.com").content.decode().replace("zoe@", "…@")
    sent_mails()
    taken = request_change(client, "bia@example.com").content.decode().replace("bia@", "…@")

    def same(page: str) -> str:
        page = re.sub(r'csrf\S+ (value|content)="[^"]+"|value="\w{64}"|content="\w{64}"', "", page)
        return re.sub(r'datetime="[^"]+"', "", page)  # the second request may be a second later

    assert same(taken) == same(free)
    assert Mail.objects.count() == 2
    assert [mail.to for mail in sent_mails() if "bia@example.com" in mail.to] == []


def test_who_was_faster_keeps_the_address(ana, client, sent_mails) -> None:
    request_change(client)
    link = link_in(sent_mails())
    User.objects.create_user(NEW, PASSWORD)

    assert client.post(link).status_code == 404
    ana.refresh_from_db()
    assert ana.email == "ana@example.com"


def test_link_is_valid_only_for_the_user_who_requested_it(ana, client, sent_mails) -> None:
    request_change(client)
    link = link_in(sent_mails())
    bia = browser(User.objects.create_user("bia@example.com", PASSWORD))

    assert bia.get(link).status_code == bia.post(link).status_code == 404
    assert Client().post(link)["Location"].startswith("/accounts/login/?next=/profile/email/")
    assert client.get("/profile/email/nonsense/").status_code == 404
    assert set(User.objects.values_list("email", flat=True)) == {"ana@example.com", "bia@example.com"}


def test_a_link_ends_after_a_day_by_a_newer_one_and_when_it_is_withdrawn(client, sent_mails) -> None:
    request_change(client)
    first = link_in(sent_mails())
    sent_mails().clear()
    request_change(client)
    second = link_in(sent_mails())
    assert client.get(first).status_code == 404
    assert client.get(second).status_code == 200
    EmailChange.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.post(second).status_code == 404

    request_change(client)
    client.post("/profile/email/withdraw/")
    assert not EmailChange.objects.exists()


@pytest.mark.parametrize("wrong", ["", "ana", "ana@example.com", "ANA@example.com", f"{'x' * 250}@example.com", "a@b\x00.com"])
def test_what_is_no_other_address_is_refused(client, wrong) -> None:
    assert client.post("/profile/email/", {"email": wrong}).status_code == 422
    assert not Mail.objects.exists()


def test_mails_are_limited(client) -> None:
    answers = [client.post("/profile/email/", {"email": f"x{number}@example.com"}).status_code for number in range(7)]
    assert answers == [302] * 5 + [422] * 2
    assert Mail.objects.count() == 10


def test_the_password_is_asked_for_once_more(ana) -> None:
    stale = browser(ana)
    assert stale.get("/profile/email/")["Location"].startswith("/accounts/reauthenticate/")
    assert stale.post("/profile/email/", {"email": NEW})["Location"].startswith("/accounts/reauthenticate/")
    assert not EmailChange.objects.exists()
    went_on = stale.post("/accounts/reauthenticate/?next=/profile/email/", {"password": PASSWORD, "next": "/profile/email/"})
    assert went_on["Location"] == "/profile/email/"
    assert EmailChange.objects.get().email == NEW
    assert Client().get("/profile/email/")["Location"].startswith("/accounts/login/")


def test_without_a_mail_server_the_page_says_where_the_link_is(client, settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert "This hub has no mail server" in request_change(client).content.decode()


def test_addresses_that_allauth_stored_are_deleted_with_a_change(ana, client, sent_mails) -> None:
    EmailAddress.objects.create(user=ana, email="ana@example.com")  # as resetting a password once made it
    request_change(client)
    client.post(link_in(sent_mails()))

    known = {"login": "ana@example.com", "password": PASSWORD}
    assert Client().post("/accounts/login/", known).status_code == 200
    sent_mails().clear()
    Client().post("/accounts/password/reset/", {"email": "ana@example.com"})
    assert [mail.to for mail in sent_mails() if mail.to == ["ana@example.com"]] == []


def test_the_same_holds_where_a_superuser_changes_the_address(ana) -> None:
    EmailAddress.objects.create(user=ana, email="ana@example.com")
    root = browser(User.objects.create_superuser("root@example.com", PASSWORD))
    page = root.get(f"/admin/organizations/user/{ana.pk}/change/")
    prefix = page.context["inline_admin_formsets"][0].formset.prefix
    inline = {f"{prefix}-{key}": 0 for key in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")}
    saved = root.post(f"/admin/organizations/user/{ana.pk}/change/", {"email": NEW, "name": "Ana", "activate": "on"} | inline)
    assert saved.status_code == 302

    known = {"login": "ana@example.com", "password": PASSWORD}
    assert Client().post("/accounts/login/", known).status_code == 200
