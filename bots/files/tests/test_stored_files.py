"""Files of bots: stored once, within limits, and served to the organization's members only."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.urls import reverse

from bots.files import stored_files
from bots.files.stored_files import FileDetails, files_of, sendable_keys
from bots.files.tests.conftest import PDF, Store, photo
from bots.models import BotFile
from chats.media.tests.media_at_meta import open_picture
from cloud_api.messages import InvalidMessage
from organizations.models import Organization
from organizations.storage import storage_used
from organizations.tests.people import member, outsider

pytestmark = pytest.mark.django_db(transaction=True)


def in_storage() -> list[Path]:
    return [each for each in Path(site.MEDIA_ROOT).rglob("*") if each.is_file()]


def content_of(field: Any) -> bytes:
    with field.open("rb") as file:
        return bytes(file.read())


def test_a_file_is_stored_with_what_whatsapp_needs_and_counts_in_the_quota(store: Store, organization: Organization) -> None:
    stored = store(organization)

    assert (stored.kind, stored.mime_type, stored.file_name) == ("document", "application/pdf", "cardápio.pdf")
    assert stored.size == len(PDF) == storage_used(organization)
    assert stored.created_by is not None
    assert content_of(stored.file) == PDF
    assert files_of(organization.pk) == {stored.key: FileDetails(stored.key, "document", "cardápio.pdf", len(PDF))}


def test_a_picture_has_a_thumbnail(store: Store, organization: Organization) -> None:
    stored = store(organization, "fachada.jpg", photo())

    assert (stored.kind, stored.width, stored.height) == ("image", 600, 300)
    assert open_picture(content_of(stored.thumbnail)).size == (480, 240)


def test_the_same_file_is_stored_once_in_each_organization(store: Store, organization: Organization) -> None:
    other = Organization.objects.create(organization_name="Outra")
    first, again, renamed, theirs = store(organization), store(organization), store(organization, "menu.pdf"), store(other)

    assert first.pk == again.pk
    assert len({first.key, renamed.key, theirs.key}) == 3
    assert len(in_storage()) == 3
    assert storage_used(organization) == 2 * len(PDF)


def test_beyond_the_quota_nothing_of_a_file_stays(store: Store, organization: Organization) -> None:
    Organization.objects.update(storage_quota=len(PDF) - 1)
    organization.refresh_from_db()

    with pytest.raises(InvalidMessage, match="storage is full"):
        store(organization)

    assert (in_storage(), storage_used(organization), BotFile.objects.count()) == ([], 0, 0)


def test_an_organization_has_so_many_files_and_no_more(store: Store, organization: Organization) -> None:
    stored = store(organization)
    assert stored_files.MAX_FILES == 200
    BotFile.objects.bulk_create(
        BotFile(organization=organization, key=f"k{number}", kind="image", file_name=f"{number}.png", size=1, file="x")
        for number in range(stored_files.MAX_FILES - 1)
    )

    with pytest.raises(InvalidMessage, match="at most 200 files"):
        store(organization, "another.pdf")

    assert store(organization) == stored
    assert len(in_storage()) == 1
    assert storage_used(organization) == len(PDF)


def test_a_flow_can_send_the_files_of_its_organization_as_kinds_that_fit(store: Store, organization: Organization) -> None:
    pdf, jpeg = store(organization), store(organization, "a.jpg", photo())
    theirs = store(Organization.objects.create(organization_name="Outra"))

    def sendable(key: str, kind: str) -> bool:
        message = {"type": "media", "kind": kind, "file": key}
        return sendable_keys(organization.pk, {"steps": [{"id": "a", "type": "send", "message": message}]}) == {key}

    assert sendable(pdf.key, "document")
    assert sendable(jpeg.key, "image")
    assert sendable(jpeg.key, "document")
    assert not sendable(pdf.key, "image")
    assert not sendable(theirs.key, "document")
    assert not sendable("7", "document")


def test_members_can_open_a_file_and_nobody_else(store: Store, organization: Organization) -> None:
    stored = store(organization)
    client = member(organization)[1]
    address = reverse("bot_file", args=[organization.pk, stored.key])

    response = client.get(address)
    assert b"".join(response) == PDF
    assert "attachment" in response["Content-Disposition"]
    assert "sandbox" in response["Content-Security-Policy"]

    stranger = outsider()
    theirs = Organization.objects.get(organization_name="Outra")
    assert stranger.get(address).status_code == 404
    assert stranger.get(reverse("bot_file", args=[theirs.pk, stored.key])).status_code == 404
    assert client.get(reverse("bot_file", args=[organization.pk, "nothing"])).status_code == 404
