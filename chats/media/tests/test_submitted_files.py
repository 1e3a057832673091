"""Files that staff submits: which are accepted, which are refused, and how they are stored."""

import io
import json
import re
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.urls import reverse

from chats.inbox.views.composer import ACCEPTED, LIMITS
from chats.media.submitted_files import read_submitted_file
from chats.media.tests.media_at_meta import open_picture, picture
from chats.media.voice_notes import MAX_SECONDS
from chats.models import Attachment, Message
from cloud_api.messages import InvalidMessage
from contacts.models import Contact
from jobs.models import State
from jobs.transactions import run_in_transaction
from organizations.models import Organization, Role, StorageUse
from organizations.storage import StorageFull, reserve, storage_used
from organizations.tests.people import member
from webhooks.tests.bodies import START, text_body

TOKEN, OTHER_TOKEN = "0b8e5b0e-6a43-4f0e-8d52-0d7ad2a1c002", "0b8e5b0e-6a43-4f0e-8d52-0d7ad2a1c003"
FILES = Path(__file__).parent / "files"
MB = 2**20
MP4 = b"\0\0\0\x18ftypmp42" + b"\0" * 100
DOCX = b"PK\x03\x04" + b"\0" * 100
DOC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100
OGG = b"OggS" + bytes(24)
OPUS = OGG + b"OpusHead" + bytes(40)
OPENXML = "application/vnd.openxmlformats-officedocument"


def upload(name: str, content: bytes, content_type: str = "application/octet-stream") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type)


def silence(seconds: float, *, layout: str = "mono") -> bytes:
    """A recording in WebM: the same 60 milliseconds again and again."""
    content = io.BytesIO()
    with av.open(content, "w", format="webm") as target:
        stream = target.add_stream("libopus", rate=48000, layout=layout, options={"frame_duration": "60"})
        frame = av.AudioFrame(format="s16", layout=layout, samples=5760)
        frame.sample_rate = 48000
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        spoken = stream.encode(frame)[0]
        assert spoken.duration is not None
        for index in range(round(seconds / 0.06)):
            packet = av.Packet(bytes(spoken))
            packet.stream, packet.time_base, packet.duration = stream, spoken.time_base, spoken.duration
            packet.pts = packet.dts = index * spoken.duration
            target.mux(packet)
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "content_type", "kind", "mime_type"),
    [
        ("a.jpg", picture(), "image/jpeg", "image", "image/jpeg"),
        ("a.png", picture(kind="PNG"), "image/png", "image", "image/png"),
        ("a.webp", picture(kind="WEBP"), "image/webp", "sticker", "image/webp"),
        ("a.mp4", MP4, "video/mp4", "video", "video/mp4"),
        ("a.m4a", MP4, "application/octet-stream", "audio", "audio/mp4"),
        ("a.mp4", MP4, "audio/mp4", "audio", "audio/mp4"),
        ("a.3gp", b"\0\0\0\x18ftyp3gp5", "video/3gpp", "video", "video/3gpp"),
        ("a.mp3", b"ID3\x03...", "audio/mpeg", "audio", "audio/mpeg"),
        ("a.ogg", OPUS, "audio/ogg", "audio", "audio/ogg"),
        ("a.amr", b"#!AMR\n..", "audio/amr", "audio", "audio/amr"),
        ("a.aac", b"\xff\xf1\x50..", "audio/aac", "audio", "audio/aac"),
        ("a.pdf", b"%PDF-1.7", "application/pdf", "document", "application/pdf"),
        ("a.DOCX", DOCX, "", "document", f"{OPENXML}.wordprocessingml.document"),
        ("a.xlsx", DOCX, "", "document", f"{OPENXML}.spreadsheetml.sheet"),
        ("a.pptx", DOCX, "", "document", f"{OPENXML}.presentationml.presentation"),
        ("a.doc", DOC, "", "document", "application/msword"),
        ("a.xls", DOC, "", "document", "application/vnd.ms-excel"),
        ("a.ppt", DOC, "", "document", "application/vnd.ms-powerpoint"),
        ("a.txt", "Olá, às 9h".encode(), "text/plain", "document", "text/plain"),
        ("a.txt", "Olá, às 9h".encode("latin-1"), "", "document", "text/plain"),
    ],
)
def test_a_type_that_whatsapp_accepts_is_detected_from_the_bytes(name, content, content_type, kind, mime_type) -> None:
    read = read_submitted_file(upload(name, content, content_type))
    assert (read.kind, read.mime_type, read.file_name, read.size) == (kind, mime_type, name, len(content))
    assert not read.voice


@pytest.mark.parametrize(
    ("name", "content", "sent_as"),
    [
        ("PTT-1.opus", OPUS, "PTT-1.ogg"),
        ("PTT-1.OPUS", OPUS, "PTT-1.ogg"),
        ("voz.oga", OPUS, "voz.ogg"),
        ("voz", OPUS, "voz.ogg"),
        ("foto.jfif", picture(), "foto.jpg"),
        ("filme.m4v", b"\0\0\0\x18ftypM4V " + bytes(100), "filme.mp4"),
        ("foto.JPEG", picture(), "foto.JPEG"),
        ("lies.pdf", picture(), "lies.pdf.jpg"),
        ("Orçamento v1.2", b"%PDF-1.7", "Orçamento v1.2.pdf"),
    ],
)
def test_the_suffix_of_a_file_name_fits_its_type(name: str, content: bytes, sent_as: str) -> None:
    assert read_submitted_file(upload(name, content)).file_name == sent_as


@pytest.mark.parametrize(
    ("name", "content", "content_type", "kind"),
    [
        ("PTT-1.opus", OPUS, "audio/opus", "audio"),
        ("a.m4a", MP4, "audio/x-m4a", "audio"),
        ("a.m4a", MP4, "audio/m4a", "audio"),
        ("a.mp3", b"ID3\x03...", "audio/mp3", "audio"),
        ("a.aac", b"\xff\xf1\x50..", "audio/x-aac", "audio"),
        ("a.aac", b"\xff\xf1\x50..", "audio/vnd.dlna.adts", "audio"),
        ("a.jpg", picture(), "image/jpg", "image"),
        ("a.m4v", b"\0\0\0\x18ftypM4V " + bytes(100), "video/x-m4v", "video"),
    ],
)
def test_a_file_is_accepted_whatever_the_browser_calls_its_type(name, content, content_type, kind) -> None:
    assert read_submitted_file(upload(name, content, content_type)).kind == kind
    assert content_type in json.loads(LIMITS)[kind]["types"]
    assert content_type in ACCEPTED.split(",")


@pytest.mark.parametrize("codec", [b"\x01vorbis", b"\x7fFLAC", b"Speex   ", b"\x80theora", b""])
def test_ogg_with_another_codec_than_opus_is_refused_with_what_to_do(codec: bytes) -> None:
    with pytest.raises(InvalidMessage, match="Opus codec only"):
        read_submitted_file(upload("musica.ogg", OGG + codec, "audio/ogg"))


@pytest.mark.parametrize(
    ("name", "content", "content_type"),
    [
        ("a.gif", picture(kind="GIF"), "image/gif"),
        ("a.jpg", picture(kind="GIF"), "image/jpeg"),
        ("a.heic", b"\0\0\0\x18ftypheic" + b"\0" * 40, "image/heic"),
        ("a.jpg", b"\0\0\0\x18ftypmif1" + b"\0" * 40, "image/jpeg"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        ("a.html", b"<script>alert(1)</script>", "text/plain"),
        ("a.zip", DOCX, "application/zip"),
        ("a.exe", b"MZ\x90\0", "application/pdf"),
        ("a.txt", b"binary\0inside", "text/plain"),
        ("a.mov", b"\0\0\0\x18ftypqt  ", "video/mp4"),
        ("a.webm", (FILES / "chrome.webm").read_bytes(), "audio/webm"),
        ("", b"???", ""),
    ],
)
def test_another_type_is_refused_with_the_list_of_accepted_ones(name, content, content_type) -> None:
    file = upload(name or "x", content, content_type)
    with pytest.raises(InvalidMessage) as refusal:
        read_submitted_file(file)
    assert refusal.value.field == "file"
    assert "JPEG, PNG and WebP images, MP4" in refusal.value.words


@pytest.mark.parametrize(
    ("name", "content", "limit"),
    [
        ("a.jpg", picture() + bytes(5 * MB), "5 MB"),
        ("a.mp4", MP4 + bytes(16 * MB), "16 MB"),
        ("a.webp", picture(kind="WEBP") + bytes(500 * 1024), "500 KB"),
        ("a.webp", picture(kind="WEBP") + bytes(100 * 1024), "100 KB"),
    ],
)
def test_a_file_that_is_too_big_is_refused_with_the_limit(name, content, limit) -> None:
    with pytest.raises(InvalidMessage) as refusal:
        read_submitted_file(upload(name, content))
    assert refusal.value.limit == limit


def test_a_sticker_that_moves_may_be_larger() -> None:
    frames = [open_picture(picture(40, 30 + each, "PNG")).resize((40, 30)) for each in range(3)]
    content = io.BytesIO()
    frames[0].save(content, "WEBP", save_all=True, append_images=frames[1:])
    assert read_submitted_file(upload("a.webp", content.getvalue() + bytes(200 * 1024))).kind == "sticker"


def test_an_empty_file_is_refused_as_empty() -> None:
    with pytest.raises(InvalidMessage, match="empty"):
        read_submitted_file(upload("a.bin", b""))


UNREADABLE = {
    "the beginning": lambda: picture()[:300],
    "81 million pixels": lambda: picture(9000, 9000, "PNG"),  # a few kilobytes large
    "no chunk": lambda: b"\x89PNG\r\n\x1a\n" + b"\0" * 60,
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_picture_that_cannot_be_read_is_refused(name) -> None:
    with pytest.raises(InvalidMessage, match="picture cannot be read"):
        read_submitted_file(upload("a.png", UNREADABLE[name]()))


@pytest.mark.parametrize(("mode", "becomes"), [("P", "RGB"), ("L", "RGB"), ("I;16", "RGB"), ("LA", "RGBA"), ("1", "RGB")])
def test_a_png_in_other_colours_is_converted(mode, becomes) -> None:
    content = io.BytesIO()
    source = open_picture(picture(kind="PNG"))
    (source.convert("I").convert(mode) if mode == "I;16" else source.convert(mode)).save(content, "PNG")
    read = read_submitted_file(upload("tela.png", content.getvalue(), "image/png"))
    assert (read.kind, read.mime_type, read.file_name) == ("image", "image/png", "tela.png")
    plain = open_picture(read.file.read())
    assert (plain.format, plain.mode, plain.size) == ("PNG", becomes, (40, 30))


@pytest.mark.parametrize("name", ["chrome.webm", "chrome.mp4"])
def test_a_recording_of_a_browser_becomes_a_voice_note(name) -> None:
    """The files are Chromium's own: a live WebM has no length and an MP4 of this kind has no index."""
    read = read_submitted_file(upload("gravação.webm", (FILES / name).read_bytes(), "audio/webm"), voice=True)
    assert (read.kind, read.mime_type, read.voice) == ("audio", "audio/ogg", True)
    with av.open(io.BytesIO(read.file.read()), "r") as note:
        stream = note.streams.audio[0]
        assert (note.format.name, stream.codec.name, stream.layout.name) == ("ogg", "opus", "mono")
        seconds = sum(int(frame.samples) for frame in note.decode(stream)) / stream.rate
    assert 1.0 < seconds < 1.4


def test_a_recording_in_stereo_becomes_mono_and_one_in_ogg_is_accepted() -> None:
    once = read_submitted_file(upload("a", silence(2, layout="stereo")), voice=True)
    twice = read_submitted_file(upload("a", once.file.read()), voice=True)
    with av.open(twice.file) as note:
        assert note.streams.audio[0].layout.name == "mono"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a recording",
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"\x1aE\xdf\xa3" + b"\xff" * 400,
        (FILES / "chrome.webm").read_bytes()[:120],
        b"OggS" + bytes(100),
        MP4,
        picture(),
    ],
)
def test_a_recording_that_cannot_be_read_is_refused(content) -> None:
    with pytest.raises(InvalidMessage, match="recording cannot be read"):
        read_submitted_file(upload("a.webm", content), voice=True)


def test_a_recording_may_not_last_for_hours() -> None:
    with pytest.raises(InvalidMessage, match="30 minutes"):
        read_submitted_file(upload("a.webm", silence(MAX_SECONDS + 2)), voice=True)


def sound(codec: str, rate: int, layout: str) -> bytes:
    """Returns a second of silence in a format that FFmpeg writes."""
    content = io.BytesIO()
    with av.open(content, "w", format="matroska") as target:
        stream = target.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame(format="s16", layout=layout, samples=rate)
        frame.sample_rate = rate
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            target.mux(packet)
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        sound("pcm_s16le", 8_000, "mono"),
        sound("libopus", 48_000, "5.1"),
    ],
    ids=["no codec of browsers", "many channels"],
)
def test_a_recording_that_no_browser_makes_is_refused(content) -> None:
    with pytest.raises(InvalidMessage, match="recording cannot be read"):
        read_submitted_file(upload("a.webm", content), voice=True)


def test_a_hostile_name_of_an_upload_is_cleaned() -> None:
    file = upload("x", b"%PDF-1.4")
    vars(file)["_name"] = "../../\u202efdp\r\n.pdf"  # Django cleans some of it by itself
    assert read_submitted_file(file).file_name == "fdp.pdf"


@pytest.fixture
def ana(post_and_apply: Any) -> Any:
    """A customer whose window is open."""
    with time_machine.travel(datetime.fromtimestamp(START + 60, UTC), tick=True):
        post_and_apply(text_body("wamid.T="))
        yield Contact.objects.get()


def test_a_submitted_file_is_stored_with_the_message_and_shown_in_it(ana, organization, settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 100  # so that it comes as a temporary file, as large ones do
    user, client = member(organization)
    content = picture(600, 300, orientation=6)
    answer = client.post(
        reverse("send_answer", args=[organization.pk, ana.pk]),
        {
            "text": "Veja",
            "file": upload("foto.jpg", content, "image/jpeg"),
            "token": "0b8e5b0e-6a43-4f0e-8d52-0d7ad2a1c001",
            "quoted": "",
        },
    )
    assert answer.status_code == 302

    message = Message.objects.get(is_user_message=False)
    file = Attachment.objects.get()
    assert (file.message_name, file.kind, file.state, file.size) == (message.name, "image", State.DONE, len(content))
    assert (file.width, file.height) == (300, 600)
    paths = [reverse(each, args=[organization.pk, ana.pk, message.pk]) for each in ("message_file", "message_thumbnail")]
    assert b"".join(client.get(paths[0])) == content
    assert open_picture(b"".join(client.get(paths[1]))).size == (240, 480)
    page = client.get(reverse("conversation_pane", args=[organization.pk, ana.pk])).content.decode()
    assert f'src="{paths[1]}"' in page
    assert "Veja" in page
    assert message.written_by == user


def send(client: Any, organization: Any, contact: Contact, content: bytes, *, token: str = TOKEN, name: str = "foto.jpg") -> Any:
    posted = {"text": "", "file": upload(name, content, "image/jpeg"), "token": token, "quoted": ""}
    return client.post(reverse("send_answer", args=[organization.pk, contact.pk]), posted)


def words(answer: Any) -> str:
    assert answer.status_code == 422
    return answer.content.decode()


def test_a_file_beyond_the_quota_is_refused_and_nothing_of_it_stays(ana, organization, settings) -> None:
    client, content = member(organization)[1], picture()
    Organization.objects.update(storage_quota=len(content) * 2 - 1)
    assert send(client, organization, ana, content).status_code == 302
    kept = [each for each in settings.MEDIA_ROOT.rglob("*") if each.is_file()]

    refused = send(client, organization, ana, content, token=OTHER_TOKEN)

    assert "storage is full" in words(refused)
    assert storage_used(organization) == len(content)
    assert [each for each in settings.MEDIA_ROOT.rglob("*") if each.is_file()] == kept
    assert Message.objects.filter(is_user_message=False).count() == 1
    Organization.objects.update(storage_quota=len(content) * 2)
    assert send(client, organization, ana, content, token=OTHER_TOKEN).status_code == 302
    assert storage_used(organization) == len(content) * 2


def test_a_text_is_written_although_the_storage_is_full(ana, organization) -> None:
    Organization.objects.update(storage_quota=0)
    posted = {"text": "Bom dia", "token": TOKEN, "quoted": ""}
    answer = member(organization)[1].post(reverse("send_answer", args=[organization.pk, ana.pk]), posted)
    assert answer.status_code == 302


def test_the_same_answer_twice_uses_quota_once(ana, organization) -> None:
    client, content = member(organization)[1], picture()
    for _ in range(2):
        assert send(client, organization, ana, content).status_code == 302
    assert storage_used(organization) == len(content)


def test_of_two_files_at_once_that_fit_alone_one_is_stored(ana, organization) -> None:
    outcomes = []
    Organization.objects.update(storage_quota=150)

    def take() -> None:
        try:
            run_in_transaction(lambda: reserve(organization=Organization.objects.get(), size=100))
            outcomes.append("stored")
        except StorageFull:
            outcomes.append("full")
        finally:
            connection.close()

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["full", "stored"]
    assert storage_used(organization) == 100


def test_a_storage_that_fails_is_an_error_in_words(ana, organization, settings) -> None:
    settings.MEDIA_ROOT.parent.mkdir(exist_ok=True)
    settings.MEDIA_ROOT.write_text("a file where the directory should be")
    client = member(organization)[1]
    assert "cannot store files at the moment" in words(send(client, organization, ana, picture()))
    assert (storage_used(organization), Attachment.objects.count()) == (0, 0)
    settings.MEDIA_ROOT.unlink()
    assert send(client, organization, ana, picture()).status_code == 302


def test_a_bucket_that_fails_is_an_error_in_words(ana, organization, bucket) -> None:
    client = member(organization)[1]
    assert "cannot store files at the moment" in words(send(client, organization, ana, picture()))
    assert (storage_used(organization), Message.objects.filter(is_user_message=False).count()) == (0, 0)


def test_administrators_see_how_much_is_used(ana, organization) -> None:
    Organization.objects.update(storage_quota=5 * 2**20)
    StorageUse.objects.create(organization=organization, used=3 * 2**20)
    page = reverse("numbers", args=[organization.pk])
    assert "Storage: 3.0\xa0MB of 5.0\xa0MB" in member(organization, Role.USER_ADMIN, name="Bia")[1].get(page).content.decode()
    labels = reverse("canned_replies", args=[organization.pk])
    assert "Storage:" not in member(organization)[1].get(labels).content.decode()


def test_the_quota_is_in_the_admin(ana, organization, admin_client) -> None:
    StorageUse.objects.create(organization=organization, used=3 * 2**20)
    page = admin_client.get(reverse("admin:organizations_organization_change", args=[organization.pk])).content.decode()
    assert 'name="storage_quota"' in page
    assert re.search(r"3[.,]0\xa0MB / 50[.,]0\xa0GB", page)
