"""Responses with files: who gets them, with which headers, whole and as ranges, and how a conversation shows them."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import time_machine
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chats.inbox.bubbles.thread_bubbles import build_bubbles
from chats.inbox.selectors import read_latest
from chats.media.tests.media_at_meta import open_picture, picture
from chats.models import Attachment, Message
from conftest import Hub, html_of, payload
from contacts.models import Contact
from jobs.models import State
from jobs.workers.worker import Worker
from organizations.models import Organization, PhoneNumber
from organizations.tests.people import member, outsider
from webhooks.tests.bodies import ANA, START, body, value
from whatsapp_hub.lanes import LANES

PDF = b"%PDF-1.4\n" + bytes(range(256)) * 40
MP3 = b"ID3\x04" + bytes(range(256)) * 40
SAFE = {
    "a.jpg": (picture(), "image/jpeg"),
    "a.png": (picture(kind="PNG"), "image/png"),
    "a.webp": (picture(kind="WEBP"), "image/webp"),
    "a.gif": (picture(kind="GIF"), "image/gif"),
    "a.mp4": (b"\0\0\0\x18ftypmp42" + b"\0" * 40, "video/mp4"),
    "a.3gp": (b"\0\0\0\x18ftyp3gp4" + b"\0" * 40, "video/3gpp"),
    "a.m4a": (b"\0\0\0\x18ftypM4A " + b"\0" * 40, "audio/mp4"),
    "a.ogg": (b"OggS" + b"\0" * 40, "audio/ogg"),
    "a.mp3": (b"\xff\xfb\x90\x64" + b"\0" * 40, "audio/mpeg"),
    "a.aac": (b"\xff\xf1\x50\x80" + b"\0" * 40, "audio/aac"),
    "a.amr": (b"#!AMR\n" + b"\0" * 40, "audio/amr"),
}
UNSAFE = {
    "a.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "a.html": b"<!doctype html><script>alert(1)</script>",
    "a.xml": b"<?xml version='1.0'?><x/>",
    "a.jpg": b"<html>not a picture</html>",
    "a.js": b"alert(1)",
    "a.zip": b"PK\x03\x04....",
    "a.txt": "\ufeffbom".encode("utf-16"),
    "empty.bin": b"",
}


@pytest.fixture(autouse=True)
def clock(settings: Any, tmp_path: Path):
    settings.MEDIA_ROOT = tmp_path / "files"
    with time_machine.travel(datetime.fromtimestamp(START + 60, UTC), tick=True) as traveller:
        yield traveller


@pytest.fixture
def sent(hub: Hub, numbers: dict[str, PhoneNumber]) -> Callable[..., Attachment]:
    """A customer's message with a file that has been fetched, unless there is no content."""

    def send(content: bytes | None = PDF, *, kind: str = "document", thumbnail: bytes = b"", **columns: Any) -> Attachment:
        message = {
            "from": ANA,
            "id": "wamid.F=",
            "timestamp": str(START),
            "type": kind,
            kind: {"id": "71", "caption": "veja *isto*"},
        }
        hub.deliver(body(value(messages=[message])))
        Worker([lane for lane in LANES if lane.name != "files"], []).run_due()
        file = Attachment.objects.get()
        for name, each in columns.items():
            setattr(file, name, each)
        if content is not None:
            file.state, file.size = State.DONE, len(content)
            file.file.save("x", ContentFile(content), save=False)
        if thumbnail:
            file.thumbnail.save("x", ContentFile(thumbnail), save=False)
        file.save()
        return file

    return send


@pytest.fixture
def get(hub: Hub, organization: Any) -> Callable[..., requests.Response]:
    """Requests the file of the only message, as a member unless another client is passed."""
    ours = member(organization)[1]

    def ask(page: str = "file", *, method: str = "GET", client: Client = ours, **headers: str) -> requests.Response:
        cookies = {name: each.value for name, each in client.cookies.items()}
        asked = {"Accept-Encoding": "gzip", "Accept-Language": "en"} | {
            name.replace("_", "-"): each for name, each in headers.items()
        }
        address = f"{hub.address}{of_message(organization)}/{page}/"
        return requests.request(method, address, cookies=cookies, headers=asked, timeout=30, allow_redirects=False)

    return ask


def of_message(organization: Any) -> str:
    message = Message.objects.get()
    return f"/o/{organization.pk}/inbox/{message.contact_id}/messages/{message.pk}"


def page_of(organization: Any) -> str:
    client = member(organization, name="Rita")[1]
    return html_of(client.get(f"/o/{organization.pk}/inbox/{Message.objects.get().contact_id}/conversation/"))


def test_a_member_gets_a_file_as_it_was_sent(sent, get) -> None:
    sent(file_name="Orçamento.pdf", sha256="ab" * 32)
    answer = get()
    assert answer.status_code == 200
    assert answer.content == PDF
    assert answer.headers["Content-Length"] == str(len(PDF))
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == "attachment; filename*=utf-8''Or%C3%A7amento.pdf"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Cache-Control"] == "private, max-age=604800, immutable"


def test_others_do_not_get_the_file(sent, get, organization) -> None:
    sent(thumbnail=picture(kind="WEBP"))
    stranger = outsider()
    for page in ("file", "thumbnail"):
        assert get(page, client=stranger).status_code == 404
        assert get(page, client=Client()).status_code == 302
        assert get(page, method="POST").status_code in (403, 405)
    message = Message.objects.get()
    other = Organization.objects.get(organization_name="Outra")
    path = f"/o/{other.pk}/inbox/{message.contact_id}/messages/{message.pk}/file/"
    assert stranger.get(path).status_code == 404


def test_a_message_of_another_conversation_is_not_found_in_this_one(sent, get, organization, numbers) -> None:
    sent()
    message = Message.objects.get()
    someone = Contact.objects.create(create_for_phone_number=message.phone_number, organization=organization, wa_id="5561999990000")
    client = member(organization, name="Rita")[1]
    mine, other = (f"/o/{organization.pk}/inbox/{pk}/messages/{message.pk}/file/" for pk in (message.contact_id, someone.pk))
    assert client.head(mine).status_code == 200
    assert client.head(other).status_code == 404


@pytest.mark.parametrize("name", SAFE)
def test_a_file_without_scripts_is_shown_by_its_own_bytes(sent, get, name) -> None:
    content, mime_type = SAFE[name]
    sent(content, file_name="page.html", mime_type="text/html")
    answer = get()
    assert answer.headers["Content-Type"] == mime_type
    assert answer.headers["Content-Disposition"].startswith("inline")
    assert answer.content == content


@pytest.mark.parametrize("name", UNSAFE)
def test_other_files_are_saved_whatever_their_name(sent, get, name) -> None:
    sent(UNSAFE[name], file_name=name, mime_type="image/png")
    answer = get()
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.content == UNSAFE[name]


@pytest.mark.parametrize("name", ["a\r\nX-Evil: 1.pdf", "../../x.pdf", "\u202efdp.exe", 'a"b;c.pdf', "ç" * 300, "\U0001f600.pdf"])
def test_a_hostile_name_breaks_no_header(sent, get, name) -> None:
    sent(file_name=name[:255])
    answer = get()
    assert answer.status_code == 200
    assert "X-Evil" not in answer.headers
    assert "/" not in answer.headers["Content-Disposition"]
    assert "%E2%80%AE" not in answer.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("bytes=0-99", 206, 0, 99),
        ("bytes=100-100", 206, 100, 100),
        ("bytes=-50", 206, len(MP3) - 50, len(MP3) - 1),
        ("bytes=-999999", 206, 0, len(MP3) - 1),
        ("bytes=500-", 206, 500, len(MP3) - 1),
        ("bytes=500-999999999", 206, 500, len(MP3) - 1),
        ("bytes=0-1,5-9", 200, 0, len(MP3) - 1),
        ("bytes=9-1", 200, 0, len(MP3) - 1),
        ("bytes=-", 200, 0, len(MP3) - 1),
        ("bytes=x-y", 200, 0, len(MP3) - 1),
        ("lines=1-2", 200, 0, len(MP3) - 1),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_requested_range_is_returned(sent, get, asked, status, first, last, method) -> None:
    sent(MP3, kind="audio")
    answer = get(method=method, Range=asked)
    assert answer.status_code == status
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Length"] == str(last - first + 1)
    assert answer.headers.get("Content-Range") == (f"bytes {first}-{last}/{len(MP3)}" if status == 206 else None)
    assert answer.content == (MP3[first : last + 1] if method == "GET" else b"")


@pytest.mark.parametrize("asked", [f"bytes={len(MP3)}-", "bytes=99999999-99999999", "bytes=-0"])
def test_a_range_outside_the_file_is_refused(sent, get, asked) -> None:
    sent(MP3, kind="audio")
    answer = get(Range=asked)
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(MP3)}"


def test_a_range_without_an_end_is_limited_for_players(sent, get) -> None:
    content = MP3 + bytes(3 * 2**20)
    sent(content, kind="audio")
    answer = get(Range="bytes=10-")
    assert answer.status_code == 206
    assert answer.headers["Content-Range"] == f"bytes 10-{10 + 2 * 2**20 - 1}/{len(content)}"
    assert answer.content == content[10 : 10 + 2 * 2**20]


def test_a_download_resumes_unless_the_file_has_changed(sent, get) -> None:
    sent(PDF, sha256="ab" * 32)
    tag = get().headers["ETag"]
    assert get(Range="bytes=100-", If_Range=tag).content == PDF[100:]
    assert get(Range="bytes=100-", If_Range='"other"').content == PDF
    assert get(If_None_Match=tag).status_code == 304


def test_a_file_that_the_storage_lost_is_a_page_that_says_so(sent, get, settings) -> None:
    file = sent(thumbnail=picture(kind="WEBP"))
    for each in (file.file, file.thumbnail):
        Path(each.path).unlink()
    for page in ("file", "thumbnail"):
        answer = get(page)
        assert answer.status_code == 404
        assert "not in the storage" in answer.text


def test_a_storage_that_fails_is_a_page_that_says_so(sent, get) -> None:
    file = sent(thumbnail=picture(kind="WEBP"))
    for each in (file.file, file.thumbnail):
        Path(each.path).unlink()
        Path(each.path).mkdir()
    for page in ("file", "thumbnail"):
        answer = get(page)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
        assert "cannot be read at the moment" in answer.text


@pytest.mark.parametrize(("bucket_status", "status"), [(403, 503), (500, 503), (404, 404)])
def test_a_bucket_that_fails_is_a_page_that_says_so(sent, get, bucket, bucket_status, status) -> None:
    sent(None)
    Attachment.objects.update(state=State.DONE, file="files/1/x", thumbnail="files/1/y")
    bucket |= {"status": bucket_status, "code": "NoSuchKey" if bucket_status == 404 else "AccessDenied"}
    for page in ("file", "thumbnail"):
        answer = get(page)
        assert answer.status_code == status
        assert "<h1" in answer.text


@pytest.mark.parametrize("columns", [{"state": State.DUE}, {"state": State.DEAD, "problem": "expired"}])
def test_a_file_that_was_not_downloaded_is_not_found(sent, get, columns) -> None:
    sent(None, **columns)
    assert get().status_code == 404
    assert get("thumbnail").status_code == 404


def test_the_file_of_a_message_that_the_customer_deleted_is_not_served(sent, get) -> None:
    sent()
    Message.objects.update(revoked_at=datetime.fromtimestamp(START, UTC))
    assert get().status_code == 404


def test_a_picture_is_shown_small_and_opens_whole(sent, get, organization) -> None:
    sent(picture(800, 400), kind="image", mime_type="image/jpeg", thumbnail=picture(480, 240, "WEBP"), width=800, height=400)
    page = page_of(organization)
    (image,) = re.findall(r"<img [^>]*>", page)
    assert f'src="{of_message(organization)}/thumbnail/"' in image
    assert 'width="320" height="160"' in image
    assert f'href="{of_message(organization)}/file/"' in page
    assert "<strong>isto</strong>" in page
    thumbnail = get("thumbnail")
    assert thumbnail.headers["Content-Type"] == "image/webp"
    assert open_picture(thumbnail.content).size == (480, 240)


@pytest.mark.parametrize(
    ("kind", "name", "drawn"),
    [
        ("video", "a.mp4", "<video "),
        ("audio", "a.ogg", "<audio "),
        ("document", "a.jpg", '" download'),
        ("audio", "a.gif", '" download'),
    ],
)
def test_each_kind_is_drawn_as_its_type(sent, organization, kind, name, drawn) -> None:
    content, mime_type = SAFE[name]
    sent(content, kind=kind, mime_type=mime_type, file_name="nota.bin")
    page = page_of(organization)
    assert drawn in page
    assert f"{of_message(organization)}/file/" in page


def test_a_sticker_moves(sent, organization) -> None:
    webp = picture(kind="WEBP")
    sent(webp, kind="sticker", mime_type="image/webp", thumbnail=webp, width=40, height=30)
    assert f'src="{of_message(organization)}/file/"' in page_of(organization)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"state": State.DUE}, "The file is being fetched."),
        ({"state": State.DUE, "reason": "code None: HTTP status 502"}, "The hub keeps trying."),
        ({"state": State.DEAD, "problem": "expired"}, "this one is gone."),
        ({"state": State.DEAD, "problem": "too_big"}, "100 MB"),
        ({"state": State.DEAD, "problem": "damaged"}, "arrived damaged"),
        ({"state": State.DEAD, "problem": "refused"}, "does not give out"),
    ],
)
def test_a_missing_file_has_its_reason(sent, organization, columns, words) -> None:
    sent(None, kind="image", **columns)
    page = page_of(organization)
    assert words in page
    assert "<img" not in page
    assert "<strong>isto</strong>" in page


def test_a_message_from_before_downloads_says_that_there_is_no_file(sent, organization) -> None:
    sent(None, kind="image").delete()
    assert "The file is not in the hub." in page_of(organization)


def test_a_file_too_big_for_meta_is_shown_as_one(hub, numbers, organization) -> None:
    hub.deliver(payload("32_unsupported_media_too_big.json"))
    Worker(LANES, []).run_due()
    assert "larger than WhatsApp&#x27;s limit" in page_of(organization)


def test_a_page_of_files_reads_them_in_one_query(sent, organization) -> None:
    sent()
    first = Message.objects.select_related("contact").get()
    queries = []
    for count in (1, 30):
        for each in range(count):
            first.pk, first.wamid, first._state.adding = None, f"wamid.{count}.{each}", True
            first.save()
        with CaptureQueriesContext(connection) as captured:
            build_bubbles(read_latest(first.contact))
        queries.append(len(captured))
    assert queries[0] == queries[1]
