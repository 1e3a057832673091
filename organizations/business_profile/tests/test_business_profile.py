"""The page of the business profile: read from Meta and written to it, and who may use it."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from threading import Event, Thread
from typing import Any, ClassVar

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from organizations.models import Membership, PhoneNumber, Role
from organizations.tests.people import member, outsider
from simulator.standin import RunningStandIn, running_standin

NUMBER = "448190735512098"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)
PROFILE = {
    "about": "Flores 🌸",
    "description": "Arranjos\ne cestas",
    "vertical": "RETAIL",
    "address": "SQS 308",
    "email": "oi@example.com",
    "website_1": "www.example.com",
    "website_2": "https://example.org/",
}


@pytest.fixture
def meta(settings: Any) -> Iterator[RunningStandIn]:
    with running_standin() as standin:
        settings.META_GRAPH_URL = standin.url
        standin.connect(NUMBER, wa_id="556133214400", app_secret="a" * 32)
        yield standin


@pytest.fixture
def number(numbers: dict[str, PhoneNumber]) -> PhoneNumber:
    number = numbers[NUMBER]
    number.meta_token = f"token-of-{NUMBER}"
    number.app_secret = "a" * 32
    number.save()
    return number


@pytest.fixture
def admin(number: PhoneNumber) -> Client:
    return member(number.organization, Role.USER_ADMIN)[1]


def at(number: PhoneNumber, path: str = "") -> str:
    return f"/o/{number.organization_id}/settings/numbers/{number.pk}/profile/{path}"


def test_what_is_typed_is_what_meta_has_then(meta, number, admin) -> None:
    saved = admin.post(at(number), PROFILE, follow=True)
    assert "Saved." in saved.content.decode()
    assert meta.number(NUMBER)["profile"] == {
        "about": "Flores 🌸",
        "description": "Arranjos\ne cestas",
        "vertical": "RETAIL",
        "address": "SQS 308",
        "email": "oi@example.com",
        "websites": ["https://www.example.com", "https://example.org/"],
    }
    page = admin.get(at(number)).content.decode()
    assert 'value="Flores 🌸"' in page
    assert '<option value="RETAIL" selected>' in page


def test_only_changed_fields_are_sent_to_meta(meta, number, admin) -> None:
    admin.post(at(number), PROFILE)
    before = meta.calls(NUMBER)["POST whatsapp_business_profile"]
    unchanged = PROFILE | {"website_1": "https://www.example.com"}
    assert "Nothing has changed." in admin.post(at(number), unchanged, follow=True).content.decode()
    assert meta.calls(NUMBER)["POST whatsapp_business_profile"] == before
    admin.post(at(number), unchanged | {"description": "", "website_2": ""})
    profile = meta.number(NUMBER)["profile"]
    assert "description" not in profile
    assert profile["websites"] == ["https://www.example.com"]


def test_a_picture_goes_to_meta_and_is_shown_through_the_hub(meta, number, admin) -> None:
    assert admin.get(at(number, "picture/")).status_code == 204
    admin.post(at(number), {"about": "Flores", "picture": SimpleUploadedFile("logo.png", PNG, "image/png")})
    assert at(number, "picture/") in admin.get(at(number)).content.decode()
    shown = admin.get(at(number, "picture/"))
    assert (shown.content, shown["Content-Type"], shown["Cache-Control"]) == (PNG, "image/png", "private, no-store")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"about": "x" * 140}, "about"),
        ({"about": ""}, "about"),
        ({"email": "nobody"}, "email"),
        ({"vertical": "FLOWERS"}, "vertical"),
        ({"website_1": "ftp://example.com"}, "website_1"),
        ({"picture": SimpleUploadedFile("logo.png", b"<svg/>", "image/png")}, "picture"),
        ({"picture": SimpleUploadedFile("logo.gif", b"GIF89a" + bytes(9), "image/gif")}, "picture"),
    ],
)
def test_what_meta_would_refuse_is_said_at_its_field_and_not_sent(meta, number, admin, changes, field) -> None:
    admin.post(at(number), PROFILE)
    before = meta.calls(NUMBER)["POST whatsapp_business_profile"]
    answer = admin.post(at(number), PROFILE | changes)
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {field}
    assert meta.calls(NUMBER)["POST whatsapp_business_profile"] == before


def test_what_meta_refuses_is_said_in_its_words_and_what_was_typed_stays(meta, number, admin) -> None:
    meta.fault(NUMBER, "error:131009", times=1, on="POST whatsapp_business_profile")
    answer = admin.post(at(number), PROFILE)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "WhatsApp refused it: Parameter value is not valid" in page
    assert 'value="Flores 🌸"' in page


def test_a_dead_token_is_said_and_marks_the_number(meta, number, admin) -> None:
    PhoneNumber.objects.filter(pk=number.pk).update(meta_token="dead")
    page = admin.get(at(number)).content.decode()
    assert "has to renew the access token" in page
    assert "#secrets-heading" in page
    number.refresh_from_db()
    assert number.sending_stopped_code == 190


@pytest.mark.parametrize(
    ("columns", "words"), [({"meta_token": ""}, "no access token yet"), ({"is_simulated": True}, "did not answer")]
)
def test_where_meta_cannot_be_asked_the_page_says_so(settings, number, admin, columns, words) -> None:
    settings.META_GRAPH_URL, settings.SIMULATOR_URL = "http://127.0.0.1:9", "gopher://nowhere"
    PhoneNumber.objects.filter(pk=number.pk).update(**columns)
    assert words in admin.get(at(number)).content.decode()


@pytest.mark.parametrize("path", ["", "picture/"])
def test_the_profile_is_for_administrators_of_the_organization(meta, number, path) -> None:
    assert member(number.organization, Role.USER)[1].get(at(number, path)).status_code == 403
    assert outsider().get(at(number, path)).status_code == 404
    assert Client().get(at(number, path)).status_code == 302


def test_colleagues_and_outsiders_change_nothing(meta, number) -> None:
    for client, status in ((member(number.organization, Role.USER)[1], 403), (outsider(), 404), (Client(), 302)):
        assert client.post(at(number), PROFILE).status_code == status
    assert meta.number(NUMBER)["profile"] == {}


class PictureRefused(BaseHTTPRequestHandler):
    """Meta, which gives the profile, and whose host of pictures says 401."""

    def do_GET(self) -> None:
        is_profile = "whatsapp_business_profile" in self.path
        url = f"http://{self.headers['Host']}/picture"
        answer = {"data": [{"about": "Flores", "profile_picture_url": url}]} if is_profile else {}
        body = json.dumps(answer).encode()
        self.send_response(200 if is_profile else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_a_picture_that_is_not_given_says_nothing_of_the_token(settings, number, admin) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), PictureRefused) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        settings.META_GRAPH_URL = f"http://127.0.0.1:{server.server_address[1]}"
        assert admin.get(at(number, "picture/")).status_code == 204
        server.shutdown()
    number.refresh_from_db()
    assert number.sending_stopped_at is None


class SlowMeta(BaseHTTPRequestHandler):
    """Meta, which answers once `may_answer` is set."""

    may_answer = Event()
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        assert self.may_answer.wait(15)
        body = json.dumps({"data": [{"about": "Flores"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_requests_that_wait_for_meta_leave_the_pages_of_others_free(hub, settings, number, admin) -> None:
    theirs = outsider()
    other = Membership.objects.get(user=theirs.session["_auth_user_id"]).organization_id
    profile, session, others = at(number), admin.cookies["sessionid"].value, theirs.cookies["sessionid"].value
    with ThreadingHTTPServer(("127.0.0.1", 0), SlowMeta) as server, ThreadPoolExecutor(12) as threads:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        settings.META_GRAPH_URL = f"http://127.0.0.1:{server.server_address[1]}"
        reads = [threads.submit(hub.get, profile, cookies={"sessionid": session}) for _ in range(12)]
        page = hub.get(f"/o/{other}/inbox/", cookies={"sessionid": others})
        refused = [each.result().text for each in islice(as_completed(reads), 10)]
        waiting = [each for each in reads if not each.done()]
        SlowMeta.may_answer.set()
        answered = [each.result().text for each in waiting]
        server.shutdown()

    assert page.status_code == 200
    assert all("did not answer" in each or "não respondeu" in each for each in refused)
    assert ["Flores" in each for each in answered] == [True, True]
    assert len(SlowMeta.asked) == 2
