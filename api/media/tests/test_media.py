"""Files that programs upload: sending them, downloading them and parts of them, and how long they live."""

import io
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image

from api.conftest import ApiClient, Shop
from api.media.expired_media import delete_expired_media
from api.media.uploads import LIFETIME
from api.models import Media
from chats.conftest import Meta, joelma, meta, number
from chats.models import Attachment
from conftest import Hub, run_worker
from contacts.models import Contact
from organizations.models import Organization
from organizations.storage import storage_used

__all__ = ["joelma", "meta", "number"]


def png() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(content, "PNG")
    return content.getvalue()


def body_of(response: Any) -> bytes:
    return b"".join(response.streaming_content)


@pytest.fixture
def path(shop: Shop, api: ApiClient) -> str:
    contact = next(each["id"] for each in api.get("contacts/").json()["results"] if each["name"] == "Cliente 0")
    return f"conversations/{contact}/messages/"


def test_a_file_is_uploaded_and_downloaded(api: ApiClient) -> None:
    created = api.upload("foto.png", png())

    found = created.json()
    assert (created.status_code, found["kind"], found["mime_type"], found["size"]) == (201, "image", "image/png", len(png()))
    assert (found["width"], found["height"]) == (40, 30)
    assert api.get(f"media/{found['id']}/").json() == found
    assert body_of(api.get(f"media/{found['id']}/content/")) == png()
    assert api.upload("foto.png", png(), as_document="true").json()["kind"] == "document"


def test_a_part_of_a_file_is_downloaded(api: ApiClient) -> None:
    path = f"media/{api.upload('foto.png', png()).json()['id']}/content/"

    part = api.request("GET", path, Range="bytes=1-3")
    outside = api.request("GET", path, Range="bytes=9999999-")

    assert (part.status_code, body_of(part), part["Content-Range"]) == (206, b"PNG", f"bytes 1-3/{len(png())}")
    assert (outside.status_code, outside.json()["code"]) == (416, "range_not_satisfiable")
    assert outside["Content-Range"] == f"bytes */{len(png())}"
    assert api.request("GET", path, If_None_Match=part["ETag"]).status_code == 304


@pytest.mark.parametrize(
    ("name", "content", "fields", "field", "rule"),
    [
        ("a.exe", b"MZ\x90\x00" + bytes(100), {}, "file", "invalid"),
        ("empty.png", b"", {}, "file", "invalid"),
        ("foto.png", png()[:40], {}, "file", "invalid"),
        ("foto.png", png(), {"as_document": "maybe"}, "as_document", "invalid"),
        ("foto.png", png(), {"colour": "x"}, "colour", "unknown"),
    ],
    ids=["type", "empty", "damaged", "flag", "unknown"],
)
def test_a_file_that_is_not_accepted_is_named_with_its_rule(
    api: ApiClient, name: str, content: bytes, fields: dict[str, str], field: str, rule: str
) -> None:
    response = api.upload(name, content, **fields)

    assert response.status_code == 400
    assert [(each["field"], each["rule"]) for each in response.json()["errors"]] == [(field, rule)]
    assert Media.objects.count() == 1


def test_an_upload_needs_a_form_with_a_file(api: ApiClient) -> None:
    assert api.post("media/", {"file": "x"}).status_code == 415
    assert api.request("POST", "media/", b"", content_type="multipart/form-data; boundary=x").status_code == 400


def test_a_message_has_an_uploaded_file(api: ApiClient, path: str, shop: Shop) -> None:
    media = api.upload("foto.png", png()).json()["id"]
    document = {"kind": "document", "media": api.get("media/").json()["results"][0]["id"], "caption": "Nota"}

    sent = api.post(path, {"kind": "image", "media": media, "caption": "Oi"}, Idempotency_Key="1")
    assert api.post(path, document, Idempotency_Key="2").json()["payload"]["document"] == {
        "caption": "Nota",
        "filename": "nota.pdf",
    }
    assert sent.status_code == 201
    files = api.get(f"messages/{sent.json()['id']}/files/").json()["results"]
    assert [(each["kind"], each["available"], each["has_thumbnail"]) for each in files] == [("image", True, True)]
    assert body_of(api.get(f"messages/{sent.json()['id']}/files/0/")) == png()
    assert body_of(api.get(f"messages/{sent.json()['id']}/files/0/thumbnail/"))
    assert api.get(f"messages/{sent.json()['id']}/files/1/").status_code == 404


def test_a_file_of_another_organization_or_kind_is_not_sent(api: ApiClient, path: str, other_shop: Shop) -> None:
    theirs = other_shop.client().get("media/").json()["results"][0]["id"]
    own = api.get("media/").json()["results"][0]["id"]

    for body, rule in (({"media": theirs}, "unknown_id"), ({"media": own}, "invalid"), ({"media": "x"}, "unknown_id")):
        refused = api.post(path, {"kind": "image", **body}, Idempotency_Key="1")
        assert [(each["field"], each["rule"]) for each in refused.json()["errors"]] == [("media", rule)]
    both = api.post(path, {"kind": "image", "media": own, "link": "https://example.com/1"}, Idempotency_Key="1")
    assert both.json()["errors"][0]["rule"] == "one_of"


def test_more_expired_files_than_one_transaction_deletes_are_deleted_in_one_run(api: ApiClient, shop: Shop, monkeypatch) -> None:
    monkeypatch.setattr("api.media.expired_media.ROWS_AT_ONCE", 1)
    for _ in range(3):
        api.upload("foto.png", png())
    Media.objects.filter(kind="image").update(expires_at=timezone.now() - timedelta(hours=1))

    assert delete_expired_media() == 3
    assert not Media.objects.filter(kind="image").exists()


def test_an_expired_file_is_deleted_and_messages_keep_theirs(api: ApiClient, path: str, shop: Shop) -> None:
    sent, unsent = (api.upload("foto.png", png()).json()["id"] for _ in range(2))
    message = api.post(path, {"kind": "image", "media": sent}, Idempotency_Key="1").json()["id"]
    names = list(Media.objects.order_by("-pk").values_list("file", flat=True)[:2])
    assert api.delete(f"media/{sent}/").status_code == 204
    Media.objects.filter(kind="image").update(expires_at=timezone.now() - timedelta(hours=1))

    assert api.get(f"media/{unsent}/").status_code == 404
    assert api.post(path, {"kind": "image", "media": unsent}, Idempotency_Key="2").json()["errors"][0]["rule"] == "unknown_id"
    assert (delete_expired_media(), delete_expired_media()) == (2, 0)
    assert [default_storage.exists(name) for name in names] == [False, True]
    assert storage_used(shop.organization) == len(png()) + shop.media.size
    assert body_of(api.get(f"messages/{message}/files/0/")) == png()


@pytest.mark.parametrize(("hours_left", "is_prolonged"), [(1, True), (29 * 24 - 1, True), (29 * 24 + 1, False)])
def test_a_message_prolongs_the_life_of_its_file_once_a_day(
    api: ApiClient, path: str, shop: Shop, hours_left: int, is_prolonged: bool
) -> None:
    before = timezone.now() + timedelta(hours=hours_left)
    Media.objects.update(expires_at=before)
    media = api.get("media/").json()["results"][0]["id"]

    assert api.post(path, {"kind": "document", "media": media}, Idempotency_Key="1").status_code == 201

    after = Media.objects.get().expires_at
    assert (after > timezone.now() + LIFETIME - timedelta(minutes=1)) if is_prolonged else (after == before)


def test_a_file_that_the_storage_lost_is_a_404_document(api: ApiClient, shop: Shop) -> None:
    default_storage.delete(str(shop.media.file.name))

    response = api.get(f"media/{api.get('media/').json()['results'][0]['id']}/content/")

    assert (response.status_code, response.json()["code"]) == (404, "file_gone")


def test_an_uploaded_file_arrives_at_meta(hub: Hub, meta: Meta, joelma: Contact, organization: Organization) -> None:
    shop = Shop("Outra", "5561332199")
    shop.organization = organization
    headers = {"Authorization": f"Bearer {shop.key()}"}
    content = b"%PDF-1.7\n" + bytes(400_000)
    uploaded = requests.post(f"{hub.address}/api/v1/media/", files={"file": ("nota.pdf", content)}, headers=headers, timeout=30)
    assert uploaded.status_code == 201, uploaded.text
    contact = hub.get("/api/v1/conversations/", headers=headers).json()["results"][0]["id"]

    sent = requests.post(
        f"{hub.address}/api/v1/conversations/{contact}/messages/",
        json={"kind": "document", "media": uploaded.json()["id"]},
        headers=headers | {"Idempotency-Key": "1"},
        timeout=30,
    )
    assert sent.status_code == 201
    for _ in range(2):  # the upload, then the message
        run_worker()

    document = meta.sent()[0]["request"]["document"]
    assert document["filename"] == "nota.pdf"
    assert Attachment.objects.get().media_id == document["id"]


def test_a_large_body_without_an_accepted_key_is_refused_by_a_problem_document(hub: Hub, organization: Organization) -> None:
    headers = {"Authorization": "Bearer whub_wrong"}

    response = requests.post(f"{hub.address}/api/v1/media/", files={"file": bytes(300_000)}, headers=headers, timeout=30)

    assert (response.status_code, response.headers["Content-Type"]) == (413, "application/problem+json")
    assert response.json()["code"] == "too_large"
