"""E-mails: queued by pages, sent by the worker, against a real mail server on a socket."""

import socketserver
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone

from jobs.models import State
from jobs.workers.worker import SideLane
from organizations import mail
from organizations.mail import queue_mail
from organizations.models import Mail, Organization, Role, User
from organizations.tests.people import member

pytestmark = pytest.mark.django_db(transaction=True)
RESET = "/accounts/password/reset/"


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    cache.clear()


class Conversation(socketserver.StreamRequestHandler):
    """The part of SMTP that a client needs."""

    def handle(self) -> None:
        server = self.server
        assert isinstance(server, MailServer)
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            word = line.upper()
            if word.startswith("RCPT"):
                time.sleep(server.seconds)
                self._say(next((response for name, response in server.responses.items() if name in line), "250 ok"))
            elif word == "DATA":
                self._say("354 go on")
                text = b""
                while not text.endswith(b"\r\n.\r\n"):
                    text += self.rfile.readline()
                server.mails.append(text.decode())
                self._say("250 taken")
            elif word == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.seconds = 0.0
        self.responses: dict[str, str] = {}
        self.mails: list[str] = []


@pytest.fixture
def server(settings) -> Iterator[MailServer]:
    with MailServer() as running:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = running.server_address[:2]
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def ana() -> User:
    return User.objects.create_user("ana@example.com", "uma-senha-longa-7")


def queue(to: str = "ana@example.com", *, subject: str = "Olá", hours: float = 1) -> None:
    queue_mail(to=to, subject=subject, text="https://hub.example.com/secret", expires_at=timezone.now() + timedelta(hours=hours))


def work() -> None:
    mail.LANE.drain(lambda: False)


def due_now() -> None:
    Mail.objects.filter(state=State.DUE).update(due_at=timezone.now() - timedelta(seconds=1))


def seconds_to_ask(email: str) -> float:
    began = time.monotonic()
    assert Client().post(RESET, {"email": email}).status_code == 302
    return time.monotonic() - began


def test_a_slow_mail_server_does_not_reveal_users(server, ana):
    server.seconds = 3.0

    assert seconds_to_ask(ana.email) < 1.5
    assert seconds_to_ask("nobody@example.com") < 1.5
    assert Mail.objects.count() == 2


def test_a_user_gets_the_mail_and_an_unknown_address_none(server, ana):
    seconds_to_ask(ana.email)
    seconds_to_ask("nobody@example.com")
    work()

    (text,) = server.mails
    assert "To: ana@example.com" in text
    assert "/accounts/password/reset/key/" in text
    assert not Mail.objects.exists()


def test_a_slow_mail_server_does_not_delay_an_invitation(server):
    server.seconds = 3.0
    organization = Organization.objects.create(organization_name="Aroeira")
    _, browser = member(organization, Role.USER_ADMIN)
    began = time.monotonic()
    response = browser.post(f"/o/{organization.pk}/settings/members/invite/", {"email": "nova@example.com", "role": "user"})

    assert response.status_code == 200
    assert time.monotonic() - began < 1.5
    assert Mail.objects.get().to == "nova@example.com"


def test_a_queued_mail_does_not_show_its_link(ana):
    queue()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM mail")
        assert "secret" not in str(cursor.fetchall())


def test_a_mail_is_retried_if_the_mail_server_does_not_answer(server, settings, ana):
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 9
    queue()
    work()
    waiting = Mail.objects.get()
    assert (waiting.state, waiting.attempts) == (State.DUE, 1)
    assert "cannot be used" in waiting.reason

    settings.EMAIL_PORT = port
    due_now()
    work()
    assert len(server.mails) == 1
    assert not Mail.objects.exists()


def lane(**changes: Any) -> SideLane[Any, Any]:
    """The lane of mails, with changes."""
    steps: dict[str, Any] = {"model": Mail, "take": mail.lease_due, "do": mail.send, "store": mail.store, "fail": mail.fail}
    steps |= {"give_back": mail.return_unsent, "reject": mail.reject, "renew": mail.renew, "width": 4}
    return SideLane("test", **(steps | changes))


def test_a_mail_that_takes_longer_than_its_lease_is_sent_once(server, monkeypatch):
    monkeypatch.setattr(mail, "LEASE_SECONDS", 0.9)
    server.seconds = 3.0
    queue()
    lane(lease=0.9).drain(lambda: False)

    assert len(server.mails) == 1
    assert not Mail.objects.exists()


def test_unsent_mails_of_a_stopped_worker_are_due_at_once():
    queue()
    mails = mail.lease_due(4)
    mail.return_unsent(mails)

    assert [each.mail_id for each in mail.lease_due(4)] == [each.mail_id for each in mails]


def test_a_mail_whose_outcome_cannot_be_stored_is_dead_and_the_others_are_sent(server):
    queue("first@example.com", subject="um")
    queue("second@example.com", subject="dois")

    def store(outcomes):
        if any(leased.subject == "um" for leased, _ in outcomes):
            raise ValueError
        mail.store(outcomes)

    lane(store=store).drain(lambda: False)
    assert len(server.mails) == 2
    assert [(each.to, each.state) for each in Mail.objects.all()] == [("first@example.com", State.DEAD)]


def test_a_mail_to_a_refused_address_is_dead_and_the_others_are_sent(server):
    server.responses = {"nobody@": "550 no such user", "later@": "450 busy"}
    queue("nobody@example.com")
    queue("later@example.com")
    queue("ana@example.com")
    work()

    assert len(server.mails) == 1
    assert {each.to: each.state for each in Mail.objects.all()} == {
        "nobody@example.com": State.DEAD,
        "later@example.com": State.DUE,
    }
    assert "550" in Mail.objects.dead().get().reason


def test_a_link_that_has_expired_is_not_sent(server):
    queue(hours=-1)
    work()

    assert not server.mails
    assert Mail.objects.get().reason == mail.EXPIRED


def test_a_mail_that_no_key_decrypts_is_dead_and_the_others_are_sent(server, settings):
    queue("first@example.com")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE mail SET text = 'nonsense'")
    queue("second@example.com")
    work()

    assert "To: second@example.com" in server.mails[0]
    assert Mail.objects.defer("text").get().reason == mail.UNREADABLE


@pytest.mark.parametrize("host", ["testserver:6666", "testserver:443", "testserver"])
def test_a_mailed_link_has_no_port_that_the_client_chose(server, ana, settings, host):
    settings.PORT = 8000
    Client().post(RESET, {"email": ana.email}, headers={"host": host})
    work()

    expected = "http://testserver/accounts/" if host == "testserver" else "http://testserver:8000/accounts/"
    assert expected in server.mails[0].replace("=\r\n", "")


@pytest.mark.parametrize("host", ["hub.example.com", "hub.example.com:6666", "other.example.com:6666"])
def test_behind_a_proxy_a_mailed_link_has_the_public_address(server, ana, settings, host):
    settings.ALLOWED_HOSTS = ["hub.example.com", "other.example.com"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://*.example.org", "https://hub.example.com"]
    Client().post(RESET, {"email": ana.email}, headers={"host": host})
    work()

    assert "https://hub.example.com/accounts/" in server.mails[0].replace("=\r\n", "")


def test_a_hub_without_mail_server_shows_that_it_sends_no_mail(settings):
    settings.EMAIL_BACKEND = mail.CONSOLE_BACKEND
    response = Client().post(RESET, {"email": "ana@example.com"}, follow=True, headers={"accept-language": "en"})

    assert "sends no e-mail" in response.content.decode()
