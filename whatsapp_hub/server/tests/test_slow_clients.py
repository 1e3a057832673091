"""Fifty slow or hostile clients of each kind, against gunicorn as in production: other clients are served as before."""

import contextlib
import os
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.files.base import ContentFile
from django.urls import reverse
from django.utils import timezone

from chats.models import Attachment, Message
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber
from organizations.tests.people import member
from whatsapp_hub.server.tests.clients import TINY, Client, WebProcess, closing, head, seconds_of_others, until

CLIENTS = 50
OTHERS = ("/accounts/login/", "/admin/login/", "/healthz", "/readyz", "/static/hub/hub.js")
LARGE = "/static/large.bin"
LOGIN = "/accounts/login/"
TYPE = "Content-Type: application/x-www-form-urlencoded"
TOKEN = "Cookie: csrftoken=" + "a" * 32
CONTENT = b"%PDF" + os.urandom(20 * 2**20)


@pytest.fixture(scope="module")
def web(django_db_setup: None, django_db_blocker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    with django_db_blocker.unblock():
        process = WebProcess(tmp_path_factory.mktemp("var"))
    yield process
    process.stop()


def assert_others_are_served(web: WebProcess) -> None:
    for path in OTHERS:
        assert seconds_of_others(web.address, path) < 1, path


def assert_no_thread_is_stuck(web: WebProcess) -> None:
    """More requests at once than there are threads for pages."""
    until(lambda: seconds_of_others(web.address, LOGIN, at_once=20) < 1, 10)


def many(web: WebProcess, *sent: bytes, count: int = CLIENTS) -> list[Client]:
    return [Client(web.port, receive_buffer=TINY).send(*sent) for _ in range(count)]


def served_once(clients: list[Client]) -> list[Client]:
    """Waits until each has received the first byte of a response, or was disconnected."""
    for client in clients:
        with contextlib.suppress(ConnectionError):
            client.socket.recv(1)
    return clients


def form(size: int, content: bytes = b"") -> bytes:
    """Returns the head of a form with `size` bytes that Django parses, and `content`."""
    return head(LOGIN, TYPE, TOKEN, f"Content-Length: {size}", method="POST") + content


def half_sent_form(web: WebProcess) -> list[Client]:
    return many(web, form(100_000, b"login=ana"))


def chunked_form_without_end(web: WebProcess) -> list[Client]:
    return many(web, head(LOGIN, TYPE, TOKEN, "Transfer-Encoding: chunked", method="POST"), b"5\r\nlogin\r\n")


def head_without_end(web: WebProcess) -> list[Client]:
    return many(web, head(LOGIN, "X-Long: " + "a" * 5000)[:-2])


def readers_of_nothing(web: WebProcess) -> list[Client]:
    return many(web, head(LARGE))


def readers_of_no_page(web: WebProcess) -> list[Client]:
    return served_once(many(web, head(LOGIN) * 40))


def pipelined_files(web: WebProcess) -> list[Client]:
    return many(web, head(LARGE) * 20)


def pipelined_pages_without_end(web: WebProcess) -> list[Client]:
    return served_once(many(web, head(LOGIN) * 5000))


def pages_before_a_half_sent_form(web: WebProcess) -> list[Client]:
    return many(web, head(LOGIN), form(100_000, b"login=ana"))


def form_before_pages(web: WebProcess) -> list[Client]:
    """Its body is read while the next request is there already."""
    return many(web, form(9, b"login=ana"), head(LARGE), form(9, b"login=ana"), head(LARGE))


ATTACKS = [
    half_sent_form,
    chunked_form_without_end,
    head_without_end,
    readers_of_nothing,
    readers_of_no_page,
    pipelined_files,
    pipelined_pages_without_end,
    pages_before_a_half_sent_form,
    form_before_pages,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_others_are_served_beside_such_clients_and_after_them(transactional_db, web, attack: Callable[..., Any]) -> None:
    with closing(attack(web)):
        assert_others_are_served(web)
    assert_no_thread_is_stuck(web)
    until(lambda: web.open_files("large.bin") == 0, 5)


def test_static_files_are_served_as_caches_and_players_expect_them(transactional_db, web) -> None:
    page = requests.get(web.address + LOGIN, timeout=5).text
    hashed = re.findall(r"/static/hub/hub\.[0-9a-f]{12}\.js", page)[0]
    whole = requests.get(web.address + hashed, headers={"Accept-Encoding": "gzip"}, timeout=5)
    assert (whole.headers["Content-Encoding"], whole.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert whole.headers["Cache-Control"] == "max-age=315360000, public, immutable"
    assert whole.headers["X-Content-Type-Options"] == "nosniff"

    known = requests.get(web.address + hashed, headers={"If-None-Match": whole.headers["ETag"]}, timeout=5)
    part = requests.get(web.address + LARGE, headers={"Range": "bytes=100000-299999"}, timeout=5)
    only_head = requests.head(web.address + LARGE, timeout=5)
    posted = requests.post(web.address + LARGE, data=b"x", timeout=5)
    assert [response.status_code for response in (known, part, only_head, posted)] == [304, 206, 200, 405]
    assert part.content == (web.var_dir / "static" / "large.bin").read_bytes()[100_000:300_000]
    assert only_head.headers["Content-Length"] == str(20 * 2**20)
    assert requests.get(web.address + "/static/none.js", timeout=5).status_code == 404


@pytest.fixture
def attachment(transactional_db: None, web: WebProcess, settings) -> Attachment:
    """A file of 20 MB in a conversation."""
    settings.MEDIA_ROOT = web.var_dir / "media"
    organization = Organization.objects.create(organization_name="Aroeira")
    number = PhoneNumber.objects.create(organization=organization, phone_number_id="7", wa_id="7")
    contact = Contact.objects.create(create_for_phone_number=number, wa_id="556191")
    message = Message.objects.create(
        phone_number=number, contact=contact, wamid="wamid.1", wa_id="1", wa_id_received="2", is_user_message=True,
        origin="live", kind="document", content="", payload={}, message_status="received", session_id=uuid.uuid4(),
        expires_at=timezone.now(), is_active=False, create_in=timezone.now(),
    )  # fmt: skip
    attachment = Attachment(phone_number=number, message_name=message.name, kind="document", state="done", size=len(CONTENT))
    attachment.file.save("large.pdf", ContentFile(CONTENT), save=False)
    attachment.save()
    return attachment


def test_others_are_served_beside_readers_of_a_file_of_a_message(web, attachment) -> None:
    message = Message.objects.get()
    _, browser = member(Organization.objects.get())
    cookie = f"sessionid={browser.cookies['sessionid'].value}"
    path = reverse("message_file", args=[Organization.objects.get().pk, message.contact_id, message.pk])
    whole = requests.get(web.address + path, headers={"Cookie": cookie}, timeout=10)
    part = requests.get(web.address + path, headers={"Cookie": cookie, "Range": "bytes=200000-299999"}, timeout=10)
    assert (whole.status_code, whole.content == CONTENT) == (200, True)
    assert (part.status_code, part.content == CONTENT[200_000:300_000]) == (206, True)

    name = Path(attachment.file.name).name
    with closing(many(web, head(path, f"Cookie: {cookie}"))):
        until(lambda: web.open_files(name) == CLIENTS)
        assert_others_are_served(web)
    assert_no_thread_is_stuck(web)
    until(lambda: web.open_files(name) == 0, 5)
