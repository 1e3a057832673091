"""Files in a bucket of a real server that speaks S3 (moto's): downloads, uploads, ranges, exports, erasure, backups."""

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from backups.backups import make_backup
from backups.restores import restore_backup
from chats.conftest import meta
from chats.exports.deletion import delete_ended_files
from chats.exports.services import end_exports
from chats.exports.tests.test_exports import download, start
from chats.media.tests.media_at_meta import digest, picture
from chats.models import Attachment, ExportProblem, Message
from chats.outbox.tests.steps import wait_for
from conftest import run_worker
from contacts.models import Contact
from organizations.models import Role
from organizations.tests.people import member
from privacy.erasure.requests import request_erasure
from webhooks.tests.bodies import ANA, body, value
from whatsapp_hub.settings import IN_BUCKET

__all__ = ["meta"]
pytestmark = pytest.mark.django_db(transaction=True)
ACCESS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Runs the server. Yields its URL."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, env=os.environ | ACCESS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def is_up() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    wait_for(is_up, seconds=60)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait()


@pytest.fixture
def bucket(server: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The hub's settings for a bucket, which is new and empty."""
    for name, setting in ACCESS.items():
        monkeypatch.setenv(name, setting)
    name = f"hub-{uuid.uuid4()}"
    created = boto3.resource("s3", endpoint_url=server, region_name="us-east-1").create_bucket(Bucket=name)
    options = IN_BUCKET["OPTIONS"] | {"bucket_name": name, "endpoint_url": server, "region_name": "us-east-1"}
    settings.STORAGES = settings.STORAGES | {"default": IN_BUCKET | {"OPTIONS": options}}
    yield created
    created.meta.client.close()
    storage: Any = default_storage
    storage.connection.meta.client.close()


def keys(bucket: Any) -> list[str]:
    return [each.key for each in bucket.objects.all()]


@pytest.fixture
def contact(hub, numbers, meta, bucket) -> Contact:
    """Ana, who has sent a picture that the worker has downloaded into the bucket."""
    content = picture(400, 300)
    image = {"id": meta.upload(content), "mime_type": "image/jpeg", "sha256": digest(content)}
    sent = {"from": ANA, "id": "wamid.P", "timestamp": str(int(timezone.now().timestamp())), "type": "image", "image": image}
    hub.deliver(body(value(messages=[sent])))
    run_worker()
    return Contact.objects.get(wa_id=ANA)


def test_a_customers_file_is_downloaded_and_served_in_ranges(contact, bucket, organization) -> None:
    attachment = Attachment.objects.get()
    assert (attachment.state, attachment.reason) == ("done", "")
    assert keys(bucket) == sorted(map(str, [attachment.file, attachment.thumbnail]))
    _, client = member(organization)
    url = reverse("message_file", args=[organization.pk, contact.pk, Message.objects.get(wamid="wamid.P").pk])
    whole = b"".join(client.get(url))
    assert whole == picture(400, 300)
    part = client.get(url, headers={"Range": "bytes=10-19"})
    assert (part.status_code, b"".join(part)) == (206, whole[10:20])
    last = client.get(url, headers={"Range": "bytes=-5"})
    assert b"".join(last) == whole[-5:]
    assert client.get(url, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416


def test_a_file_of_staff_is_sent_from_the_bucket(contact, bucket, organization, meta) -> None:
    _, client = member(organization)
    before = set(keys(bucket))
    file = SimpleUploadedFile("preços.pdf", b"%PDF-1.4\n" + b"x" * 300_000, "application/pdf")
    client.post(reverse("send_answer", args=[organization.pk, contact.pk]), {"token": uuid.uuid4(), "text": "segue", "file": file})
    run_worker()
    written = Message.objects.get(is_user_message=False)
    assert written.message_status == "sent"
    assert meta.sent()[-1]["request"]["document"]["filename"] == "preços.pdf"
    assert len(set(keys(bucket)) - before) == 1


def test_exports_are_written_to_the_bucket_and_deleted(contact, bucket, organization) -> None:
    _, client = member(organization, Role.USER_ADMIN)
    export = start(client, organization)
    run_worker()
    content = download(client, export)
    assert b"wamid.P" in content
    assert download(client, export, Range="bytes=0-9") == content[:10]
    end_exports(organization_id=organization.pk, problem=ExportProblem.ERASED)
    delete_ended_files(organization.pk)
    assert len(keys(bucket)) == 2, "the picture and its thumbnail"


def test_an_erasure_deletes_the_objects(contact, bucket, organization) -> None:
    by, _ = member(organization, Role.USER_ADMIN)
    assert len(keys(bucket)) == 2
    request_erasure(organization=organization, contact=contact, by=by, now=timezone.now())
    run_worker()
    assert keys(bucket) == []


def test_objects_that_are_gone_and_a_server_that_refuses_are_told_apart(contact, bucket, organization) -> None:
    _, client = member(organization)
    url = reverse("message_file", args=[organization.pk, contact.pk, Message.objects.get(wamid="wamid.P").pk])
    bucket.objects.all().delete()
    assert client.get(url).status_code == 404
    bucket.delete()
    assert client.get(url).status_code in (404, 503)


def test_a_backup_has_the_files_of_the_bucket_and_a_restore_returns_them(contact, bucket, tmp_path) -> None:
    before = {each.key: each.get()["Body"].read() for each in bucket.objects.all()}
    folder = make_backup(tmp_path, with_files=True)
    bucket.objects.all().delete()
    call_command("flush", interactive=False, verbosity=0)
    assert restore_backup(folder, None).missing_files == 0
    assert {each.key: each.get()["Body"].read() for each in bucket.objects.all()} == before
