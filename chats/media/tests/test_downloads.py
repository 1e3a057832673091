"""Files of customers are queued once and downloaded once. If a download fails, the row has the reason."""

import resource
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from chats.media import downloads
from chats.media.download_queue import queue_downloads
from chats.media.file_display import describe_file
from chats.media.file_names import clean_name, offered_name
from chats.media.message_files import files_of, key_of
from chats.media.tests.media_at_meta import FileAtMeta, MediaAtMeta, digest, media_at_meta, open_picture, picture
from chats.models import Attachment, Message, Origin
from conftest import Hub, payload
from jobs.models import State
from jobs.workers.worker import Worker
from organizations.models import Organization, PhoneNumber, Revision, StorageUse
from organizations.storage import storage_used
from webhooks.models import HeldItem
from webhooks.tests.bodies import ANA, START, body, echo_body, history_body, text_body, value
from whatsapp_hub.lanes import LANES

WAMID = "wamid.F1="
PICTURE = picture()


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(datetime.fromtimestamp(START + 60, UTC), tick=True) as traveller:
        yield traveller


@pytest.fixture
def meta(settings: Any) -> Iterator[MediaAtMeta]:
    with media_at_meta() as meta:
        settings.META_GRAPH_URL = meta.url
        yield meta


@pytest.fixture
def storage(settings: Any, tmp_path: Path) -> Callable[[], list[Path]]:
    """Returns a function that lists the files in the storage."""
    settings.MEDIA_ROOT = tmp_path / "files"
    return lambda: [each for each in settings.MEDIA_ROOT.rglob("*") if each.is_file()]


@pytest.fixture
def arrive(hub: Hub, numbers: dict[str, PhoneNumber]) -> Callable[..., Attachment]:
    """Applies a webhook with a file of a customer, without downloading it. Returns the attachment."""
    PhoneNumber.objects.update(meta_token="EAAtoken")

    def send(content: bytes = PICTURE, *, kind: str = "image", wamid: str = WAMID, **more: Any) -> Attachment:
        media = {"id": "71", "mime_type": "image/jpeg", "sha256": digest(content)} | more
        message = {"from": ANA, "id": wamid, "timestamp": str(START), "type": kind, kind: media}
        hub.deliver(body(value(messages=[message])))
        apply_webhooks()
        return Attachment.objects.get(message_name=wamid)

    return send


def apply_webhooks() -> None:
    Worker([lane for lane in LANES if lane.name != downloads.LANE.name], []).run_due()


def download_all() -> None:
    """Downloads all files that are due or wait for a retry, as the worker does it."""
    Attachment.objects.filter(state=State.DUE).update(due_at=Now())
    Worker([downloads.LANE], []).run_due()


def content_of(file: Any) -> bytes:
    with file.open("rb") as opened_file:
        return bytes(opened_file.read())


def test_a_file_is_downloaded_checked_and_stored_with_a_thumbnail(arrive, meta, storage) -> None:
    expected = arrive(caption="Vazamento")
    assert (expected.state, expected.problem, expected.media_id) == (State.DUE, "", "71")
    assert expected.media_id_until == datetime.fromtimestamp(START, UTC) + timedelta(days=7)
    meta.files["71"] = FileAtMeta(PICTURE)
    revision = Revision.objects.get().number

    download_all()

    file = Attachment.objects.get()
    assert (file.state, file.size, file.mime_type, file.lease_token) == (State.DONE, len(PICTURE), "image/jpeg", None)
    assert content_of(file.file) == PICTURE
    assert (file.width, file.height) == (40, 30)
    assert open_picture(content_of(file.thumbnail)).format == "WEBP"
    assert len(storage()) == 2
    assert meta.tokens == {"Bearer EAAtoken"}
    assert Revision.objects.get().number > revision


def test_the_digest_may_be_hexadecimal_or_base64(arrive, meta, storage) -> None:
    meta.files["71"] = FileAtMeta(PICTURE)
    arrive()
    arrive(wamid="wamid.F2=", sha256=Attachment.objects.get().sha256.upper())
    assert Attachment.objects.values("sha256").distinct().count() == 1
    download_all()
    assert Attachment.objects.filter(state=State.DONE).count() == 2


def test_a_repeated_webhook_queues_one_file_and_a_rebuild_keeps_it(arrive, meta, storage) -> None:
    meta.files["71"] = FileAtMeta(PICTURE)
    arrive()
    download_all()
    kept = Attachment.objects.get()

    arrive()
    Message.objects.all().delete()
    arrive()

    assert Attachment.objects.get() == kept
    assert Message.objects.count() == 1
    download_all()
    assert meta.requests["/v25.0/71"] == 1


def test_files_of_every_kind_and_side_are_queued(hub, numbers) -> None:
    for name in ("07_image", "08_audio_voice_note", "09_audio_file", "10_video", "11_document", "12_sticker"):
        hub.deliver(payload(f"{name}.json"))
    media = {"id": "9", "mime_type": "image/png"}
    request = {"messaging_product": "whatsapp", "to": ANA, "type": "image", "image": {"id": "5", "caption": "Catálogo"}}
    echo = {"id": "wamid.S=", "timestamp": str(START), "message": request}
    hub.deliver(body(value(standby={"message_echoes": [echo]}), field="standby"))
    for made in (echo_body("wamid.E="), history_body("wamid.H=", START - 30 * 86400)):
        hub.deliver(made.replace(b'"type": "text", "text": {"body": "', b'"type": "image", "image": {"id": "9", "caption": "'))
    apply_webhooks()

    files = {each.message_name: each for each in Attachment.objects.all()}
    assert sorted(each.kind for each in files.values()) == [
        "audio",
        "audio",
        "document",
        "image",
        "image",
        "image",
        "image",
        "sticker",
        "video",
    ]
    document = next(each for each in files.values() if each.kind == "document")
    assert (document.file_name, document.media_id) == ("Orçamento nº 42 (final).pdf", "3298939769850155")
    assert files["wamid.S="].media_id == "5"
    assert files["wamid.E="].media_id == files["wamid.H="].media_id == media["id"]
    until = files["wamid.H="].media_id_until
    assert until is not None
    assert until > timezone.now() + timedelta(days=6)  # its media came now, not then


def test_a_file_too_big_for_meta_is_dead_at_once(hub, numbers) -> None:
    hub.deliver(payload("32_unsupported_media_too_big.json"))
    apply_webhooks()
    file = Attachment.objects.get()
    assert (file.state, file.problem) == (State.DEAD, "too_big")


@pytest.mark.parametrize("kind", ["unknown", "video_note"])
def test_a_file_too_big_for_meta_is_shown_whatever_the_kind_of_its_message(hub, numbers, kind) -> None:
    errors = [{"code": 131052, "error_data": {"details": "Media file size too big."}}]
    received = {"from": ANA, "id": WAMID, "timestamp": str(START), "type": kind, "errors": errors}
    hub.deliver(body(value(standby={"messages": [received]}), field="standby"))
    apply_webhooks()
    hub.deliver(body(value(messages=[received])))
    apply_webhooks()
    call_command("replay", "--rebuild", stdout=StringIO())
    apply_webhooks()

    message, file = Message.objects.get(), Attachment.objects.get()
    assert (message.kind, message.origin) == (kind, Origin.LIVE)
    assert files_of([message]) == {key_of(message): file}
    assert not HeldItem.objects.exists()


def test_messages_without_files_cost_no_query(numbers, hub) -> None:
    hub.deliver(text_body("wamid.T="))
    apply_webhooks()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        queue_downloads(list(Message.objects.all()) * 1000, timezone.now())
    assert len(queries) == 1
    assert not Attachment.objects.exists()


def test_a_message_whose_media_has_no_id_queues_nothing(arrive) -> None:
    for media_id in ("", "..", None, {"a": 1}, "x" * 256):
        with pytest.raises(Attachment.DoesNotExist):
            arrive(id=media_id, wamid=f"wamid.{media_id!s:.9}=")


def test_a_file_with_another_digest_is_tried_three_times_and_never_stored(arrive, meta, storage) -> None:
    arrive(content=b"something else")
    meta.files["71"] = FileAtMeta(PICTURE)
    download_all()
    download_all()
    assert Attachment.objects.get().state == State.DUE
    download_all()
    file = Attachment.objects.get()
    assert (file.state, file.problem, file.file.name) == (State.DEAD, "damaged", "")
    assert meta.requests["/files/71"] == 3
    assert storage() == []


def test_a_file_beyond_the_limit_is_given_up_at_once(arrive, meta, storage) -> None:
    arrive()
    meta.files["71"] = FileAtMeta(b"x", length=downloads.MAX_BYTES + 1)
    download_all()
    file = Attachment.objects.get()
    assert (file.state, file.problem) == (State.DEAD, "too_big")
    assert storage() == []


def test_a_redirect_to_a_host_that_is_not_metas_is_not_followed(arrive, meta, storage) -> None:
    arrive()
    with media_at_meta() as foreign:
        foreign.files["71"] = FileAtMeta(PICTURE)
        meta.files["71"] = FileAtMeta(b"", redirects_to=f"{foreign.url}/files/71")
        download_all()
        assert not foreign.requests
    file = Attachment.objects.get()
    assert (file.state, file.attempts) == (State.DUE, 1)
    assert "not one of Meta's" in file.reason
    assert storage() == []


def test_a_file_that_meta_does_not_have_is_tried_until_it_expires(arrive, meta, clock) -> None:
    arrive()
    download_all()
    file = Attachment.objects.get()
    assert (file.state, file.problem, file.attempts) == (State.DUE, "", 1)
    assert "code 100" in file.reason

    clock.shift(timedelta(days=8))
    download_all()

    file.refresh_from_db()
    assert (file.state, file.problem) == (State.DEAD, "expired")
    assert meta.requests["/v25.0/71"] == 1


def test_a_file_of_an_old_webhook_is_requested_once(arrive, meta, clock, storage) -> None:
    clock.shift(timedelta(days=30))
    arrive()
    download_all()
    assert Attachment.objects.get().problem == "expired"
    assert meta.requests["/v25.0/71"] == 1


def test_a_file_that_meta_refuses_to_give_is_refused(arrive, meta) -> None:
    arrive()
    meta.refusals["71"] = (400, {"code": 131052, "message": "Media download error"})
    download_all()
    assert (Attachment.objects.get().state, Attachment.objects.get().problem) == (State.DEAD, "refused")


def test_the_backoff_grows(arrive, meta) -> None:
    waits = []
    expected = arrive()
    for _ in range(14):
        download_all()
        row = Attachment.objects.filter(pk=expected.pk).annotate(now=Now()).get()
        waits.append((row.due_at - row.now).total_seconds())
    assert 9 <= waits[0] <= 21
    assert waits[5] > 5 * waits[0]
    assert 4 * 3600 < waits[-1] <= 6 * 3600 * 1.3


def test_a_slow_file_delays_no_other(arrive, meta, storage) -> None:
    arrive(id="slow")
    arrive(wamid="wamid.F2=", id="71")
    meta.files |= {"slow": FileAtMeta(PICTURE), "71": FileAtMeta(PICTURE)}
    meta.files["slow"].released.clear()
    try:
        for _ in range(100):
            downloads.LANE.run_once()
            if Attachment.objects.filter(state=State.DONE).exists():
                break
        assert [each.media_id for each in Attachment.objects.filter(state=State.DONE)] == ["71"]
    finally:
        meta.files["slow"].released.set()
        downloads.LANE.finish()
    assert Attachment.objects.filter(state=State.DONE).count() == 2


def test_a_slow_worker_changes_nothing_after_another_has_downloaded_the_file(arrive, meta, storage) -> None:
    arrive()
    meta.files["71"] = FileAtMeta(PICTURE)
    (slow,) = downloads.lease_downloads(8)
    outcome = downloads.download(slow)
    assert Attachment.objects.get().state == State.DUE
    assert downloads.lease_downloads(8) == []  # it is leased

    download_all()

    kept = Attachment.objects.get()
    assert kept.state == State.DONE
    downloads.store_outcomes([(slow, outcome)])
    assert Attachment.objects.get().file.name == kept.file.name
    assert sorted(each.name for each in storage()) == sorted(Path(str(each.name)).name for each in (kept.file, kept.thumbnail))


def test_an_outcome_stored_twice_keeps_its_file(arrive, meta, storage) -> None:
    arrive()
    meta.files["71"] = FileAtMeta(PICTURE)
    (task,) = downloads.lease_downloads(8)
    outcome = downloads.download(task)
    downloads.store_outcomes([(task, outcome)])
    downloads.store_outcomes([(task, outcome)])
    assert content_of(Attachment.objects.get().file) == PICTURE


def test_a_storage_that_fails_is_tried_again(arrive, meta, storage, settings) -> None:
    arrive()
    meta.files["71"] = FileAtMeta(PICTURE)
    settings.MEDIA_ROOT.parent.joinpath("files").write_text("a file where the directory should be")
    download_all()
    file = Attachment.objects.get()
    assert (file.state, file.problem) == (State.DUE, "storage")
    assert file.reason == "It could not be put into the storage: NotADirectoryError ENOTDIR"
    settings.MEDIA_ROOT.unlink()
    download_all()
    assert (Attachment.objects.get().state, Attachment.objects.get().problem) == (State.DONE, "")


def test_a_storage_that_fails_until_meta_has_forgotten_the_file_has_a_reason(arrive, meta, storage, settings, clock) -> None:
    arrive()
    meta.files["71"] = FileAtMeta(PICTURE)
    settings.MEDIA_ROOT.parent.joinpath("files").write_text("a file where the directory should be")
    download_all()
    clock.shift(timedelta(days=8))
    download_all()
    file = Attachment.objects.get()
    assert (file.state, file.problem) == (State.DEAD, "storage")
    assert "ENOTDIR" in file.reason


def test_a_full_disk_leaves_nothing_behind(arrive, meta, storage, settings) -> None:
    """The picture's own file fits, and its thumbnail is refused: files of this process may be no larger."""
    content = picture(2000, 1500)[:-2] + bytes(100_000)
    arrive(content)
    meta.files["71"] = FileAtMeta(content)
    known = resource.getrlimit(resource.RLIMIT_FSIZE)
    (task,) = downloads.lease_downloads(8)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, known[1]))
    try:
        outcome = downloads.download(task)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, known)
    downloads.store_outcomes([(task, outcome)])
    file = Attachment.objects.get()
    assert (file.state, file.problem, storage()) == (State.DUE, "storage", [])
    assert "OSError EFBIG" in file.reason


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (500, "InternalError"), (503, "SlowDown")])
def test_a_bucket_that_refuses_is_tried_again_and_its_reason_kept(arrive, meta, bucket, status, code) -> None:
    bucket |= {"status": status, "code": code}
    arrive()
    meta.files["71"] = FileAtMeta(PICTURE)
    download_all()
    file = Attachment.objects.get()
    assert (file.state, file.problem, file.lease_token) == (State.DUE, "storage", None)
    assert code in file.reason


def test_a_file_waits_while_the_quota_is_used_and_is_downloaded_afterwards(arrive, meta, storage, organization) -> None:
    """Its webhook and message are stored nevertheless."""
    meta.files["71"] = FileAtMeta(PICTURE)
    Organization.objects.update(storage_quota=len(PICTURE))
    arrive()
    download_all()
    assert storage_used(organization) == len(PICTURE)

    second = arrive(wamid="wamid.F2=")
    for _ in range(3):
        download_all()

    second.refresh_from_db()
    assert (second.state, second.problem, second.attempts, second.lease_token) == (State.DUE, "no_room", 0, None)
    assert Message.objects.count() == 2
    with translation.override("en"):
        assert "storage is full" in str(describe_file(second)["missing"])
    assert meta.requests["/v25.0/71"] == 1
    assert storage_used(organization) == len(PICTURE)
    waiting = Attachment.objects.filter(pk=second.pk).annotate(now=Now()).get()
    assert 1700 < (waiting.due_at - waiting.now).total_seconds() <= 1800

    Organization.objects.update(storage_quota=None)
    download_all()

    second.refresh_from_db()
    assert (second.state, second.problem, storage_used(organization)) == (State.DONE, "", 2 * len(PICTURE))


def test_a_file_that_waits_for_quota_until_it_expires_keeps_that_reason(arrive, meta, organization, clock) -> None:
    Organization.objects.update(storage_quota=0)
    arrive()
    download_all()
    clock.shift(timedelta(days=8))
    download_all()
    assert (Attachment.objects.get().state, Attachment.objects.get().problem) == (State.DEAD, "no_room")
    assert meta.requests == {}


def test_one_organization_s_full_storage_delays_no_other(arrive, meta, storage) -> None:
    meta.files["71"] = FileAtMeta(PICTURE)
    arrive()
    full = Organization.objects.create(organization_name="Full", storage_quota=0)
    PhoneNumber.objects.create(organization=full, phone_number_id="9", wa_id="5561", meta_token="t")
    Attachment.objects.create(phone_number_id="9", message_name="wamid.X=", kind="image", media_id="72")
    download_all()
    states = dict(Attachment.objects.values_list("message_name", "state"))
    assert states == {WAMID: State.DONE, "wamid.X=": State.DUE}


def test_files_from_before_the_quota_are_counted_by_the_migration(arrive, meta, storage, organization) -> None:
    meta.files["71"] = FileAtMeta(PICTURE)
    arrive()
    arrive(wamid="wamid.F2=")
    download_all()
    StorageUse.objects.all().delete()
    import_module("chats.migrations.0009_count_stored_files").count_stored_files(apps, None)
    assert storage_used(organization) == 2 * len(PICTURE)


def test_the_type_is_detected_from_the_bytes(arrive, meta, storage) -> None:
    content = b"<html><script>alert(1)</script>"
    arrive(content)
    meta.files["71"] = FileAtMeta(content)
    download_all()
    file = Attachment.objects.get()
    assert (file.state, file.thumbnail.name, file.width) == (State.DONE, "", None)


UNDECODABLE = {
    "64 million pixels": lambda: picture(8000, 8000, "PNG"),  # a few kilobytes large
    "the beginning": lambda: picture()[:200],
    "no segment": lambda: b"\xff\xd8\xff" + b"\0" * 100,
}


@pytest.mark.parametrize("name", UNDECODABLE)
def test_a_picture_that_cannot_be_decoded_is_stored_without_a_thumbnail(arrive, meta, storage, name) -> None:
    content = UNDECODABLE[name]()
    arrive(content)
    meta.files["71"] = FileAtMeta(content)
    download_all()
    file = Attachment.objects.get()
    assert (file.state, file.thumbnail.name) == (State.DONE, "")
    assert content_of(file.file) == content


def test_a_thumbnail_is_upright_and_has_no_metadata(arrive, meta, storage) -> None:
    content = picture(1000, 600, orientation=6)  # the camera was turned: the upper half of the scene is at the right
    arrive(content)
    meta.files["71"] = FileAtMeta(content)
    download_all()
    file = Attachment.objects.get()
    thumbnail = open_picture(content_of(file.thumbnail))
    assert (file.width, file.height) == (600, 1000)
    assert thumbnail.size == (288, 480)
    pixels: Any = thumbnail.convert("RGB").load()
    red, blue = pixels[270, 240], pixels[10, 240]
    assert red[0] > 200 > 50 > red[2]
    assert blue[2] > 200 > 50 > blue[0]
    assert not dict(thumbnail.getexif())
    assert b"taken at home" not in content_of(file.thumbnail)


@pytest.mark.parametrize(
    ("sent", "cleaned"),
    [
        ("Orçamento nº 42.pdf", "Orçamento nº 42.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\system.ini", "system.ini"),
        ("a\r\nSet-Cookie: b.txt", "aSet-Cookie: b.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\u2066x\u2069.pdf", "x.pdf"),
        ("\ud800lone.txt", "lone.txt"),
        ("...", ""),
        ("", ""),
        ("a" * 300 + ".pdf", "a" * 251 + ".pdf"),
        ("x." + "b" * 300, "x." + "b" * 253),
    ],
)
def test_a_name_is_shown_without_what_could_mislead(sent, cleaned) -> None:
    assert clean_name(sent) == cleaned
    assert len(clean_name(sent)) <= 255


def test_a_file_without_a_name_gets_one() -> None:
    assert offered_name("", "image", "image/jpeg") == "image.jpg"
    assert offered_name("..", "../x", "text/html") == "x"


def test_a_hostile_name_is_stored_clean_and_never_used_as_a_path(arrive, meta, storage) -> None:
    content = b"%PDF-1.4 ..."
    expected = arrive(content, kind="document", filename="../../../\u202eevil\r\n.pdf", mime_type="application/pdf")
    assert expected.file_name == "evil.pdf"
    meta.files["71"] = FileAtMeta(content)
    download_all()
    (stored,) = storage()
    assert "evil" not in str(stored)


def test_downloads_run_in_parallel_in_threads_that_do_not_use_the_database(arrive, meta, storage) -> None:
    for each in range(6):
        arrive(wamid=f"wamid.S{each}=", id=f"{each}")
        meta.files[f"{each}"] = FileAtMeta(PICTURE)
    tasks = downloads.lease_downloads(8)
    outcomes: list[Any] = []
    with CaptureQueriesContext(connection) as queries:
        threads = [threading.Thread(target=lambda one=each: outcomes.append((one, downloads.download(one)))) for each in tasks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(queries) == 0
    downloads.store_outcomes(outcomes)
    assert Attachment.objects.filter(state=State.DONE).count() == 6
