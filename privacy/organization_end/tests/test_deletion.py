"""An organization is deleted for good: nothing of it is left in any table or file, and nothing of others is missing."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, models
from django.utils import timezone

from api.models import ApiKey
from bots.models import Bot, BotFile
from chats.models import Attachment, Message, Origin
from chats.outbox.message_queue import queue_message
from chats.text_search.index import index_texts
from cloud_api.messages import text
from conftest import NUMBERS, PAYLOADS, SECRET, apply_all
from contacts.models import Contact, Label, Note
from organizations.audit.actions import AuditAction
from organizations.models import AuditEntry, Membership, Organization, PhoneNumber, Proof, Role, User
from organizations.tests.people import access_of, member
from privacy.models import DeletionStep, OrganizationDeletion, PrivacySettings
from privacy.organization_end.chore import SETTLING_TIME, delete_organizations
from privacy.organization_end.requests import request_deletion
from webhooks.models import HeldItem, Webhook
from webhooks.tests.bodies import NUMBER, text_body

THEIRS = "700000000000001"
KEPT = {"privacy_organization_deletion", "users", "django_content_type", "django_migrations", "audit_entry"}


@pytest.fixture
def full(hub, numbers, organization) -> Organization:
    """An organization with rows in as many tables as possible, beside another one."""
    for path in sorted(PAYLOADS.rglob("*.*")):
        hub.deliver(path.read_bytes())
    apply_all()
    user, _ = member(organization, Role.USER_CREATOR, name="Joelma")
    contact = Contact.objects.filter(create_for_phone_number__phone_number_id=NUMBER).first()
    assert contact is not None
    label = Label.objects.create(organization=organization, name="VIP")
    contact.labels.add(label)
    Note.objects.create(contact=contact, author=user, text="prefers mornings")
    Contact.objects.filter(pk=contact.pk).update(last_customer_message_at=timezone.now())
    contact.refresh_from_db()
    queue_message(contact=contact, message=text("hello"), token=uuid.uuid4(), origin=Origin.STAFF, now=timezone.now(), by=user)
    name = default_storage.save(f"files/{organization.pk}/2026/11/photo", ContentFile(b"picture"))
    Attachment.objects.filter(pk=Attachment.objects.earliest("pk").pk).update(file=name, size=7, state="done")
    default_storage.save(f"files/{organization.pk}/2026/11/forgotten", ContentFile(b"without a row"))
    bot = Bot.objects.create(organization=organization, name="Lara", draft={})
    BotFile.objects.create(organization=organization, key="k" * 20, kind="image", size=3, file=f"files/{organization.pk}/bot")
    PrivacySettings.objects.create(organization=organization)
    assert bot.pk
    index_texts()
    return organization


@pytest.fixture
def other(full) -> Organization:
    other = Organization.objects.create(organization_name="Outra")
    number = PhoneNumber.objects.create(
        organization=other,
        phone_number_id=THEIRS,
        wa_id="556133219999",
        app_secret=SECRET,
        waba_id="77",
        proven_at=timezone.now(),
        proven_by=Proof.TOKEN,
        webhook_verify_token="t",
    )
    member(other, Role.USER_CREATOR, name="Olga")
    contact = Contact.objects.create(create_for_phone_number=number, wa_id="5561988887777")
    Note.objects.create(contact=contact, text="theirs")
    return other


def delete(organization: Organization, *, is_settled: bool = True) -> OrganizationDeletion:
    """Requests the deletion, and lets the time pass."""
    creator = User.objects.filter(memberships__organization=organization, memberships__role=Role.USER_CREATOR).get()
    deletion = request_deletion(by=access_of(creator, organization), now=timezone.now() - timedelta(days=31))
    run_chore()
    if is_settled:
        OrganizationDeletion.objects.update(finished_at=timezone.now() - 2 * SETTLING_TIME)
        run_chore()
    deletion.refresh_from_db()
    return deletion


def run_chore() -> None:
    while delete_organizations():
        pass


def all_rows() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields every row of every table, with its table."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            columns = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                yield table, dict(zip(columns, row, strict=True))


def rows_of(organization: Organization) -> dict[str, list[str]]:
    """The rows of another organization, by table, to compare."""
    found: dict[str, list[str]] = {}
    for model in apps.get_models():
        if any(each.name in ("organization", "organization_id") for each in model._meta.local_fields):
            rows = model._base_manager.filter(organization_id=organization.pk).order_by("pk").values()
            found[model.__name__] = [repr(row) for row in rows]
    return found


def missing_parents() -> list[str]:
    """The foreign keys that refer to rows that do not exist."""
    missing = []
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_fields:
            if isinstance(field, models.ForeignKey):
                parents = field.related_model._base_manager.values(field.target_field.attname)
                orphans = model._base_manager.exclude(**{field.attname: None}).exclude(**{f"{field.attname}__in": parents})
                missing += [f"{model.__name__}.{field.name} {orphan.pk}" for orphan in orphans]
    return missing


def test_nothing_of_a_deleted_organization_is_left_in_any_table_or_file(full, other, settings) -> None:
    pk = full.pk
    Webhook.objects.filter(organization_id=None).delete()  # bodies with parts of several organizations
    before = rows_of(other)
    phones = {*NUMBERS, *(each.wa_id for each in Contact.objects.filter(organization=full) if each.wa_id)}
    assert len(phones) > 10
    assert Message.objects.count() > 40
    deletion = delete(full)
    assert deletion.step == DeletionStep.DELETED
    assert deletion.counts["chat_session_message"] > 40
    for table, row in all_rows():
        assert row.get("organization_id") != pk or table in KEPT, (table, row)
        written = " ".join(str(each) for each in row.values())
        assert not [phone for phone in phones if phone in written], table
        assert "Aroeira" not in written or table in KEPT, table
    assert not missing_parents()
    assert rows_of(other) == before
    assert not list(Path(settings.MEDIA_ROOT).glob(f"files/{pk}/**/*.*"))
    assert not [each for each in Path(settings.MEDIA_ROOT).rglob("*") if each.is_file()]


def test_the_record_of_the_deletion_says_when_and_by_whom(full) -> None:
    deletion = delete(full)
    assert (deletion.organization_name, deletion.requester) == ("Aroeira", "joelma@example.com")
    assert deletion.phone_number_ids == []
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.organization_id, entry.target_id) == (AuditAction.ORGANIZATION_DELETED, 0, str(full.pk))


def test_members_of_other_organizations_and_superusers_stay(full, other) -> None:
    both, _ = member(full, Role.USER, name="Bia")
    Membership.objects.create(organization=other, user=both)
    root, _ = member(full, Role.USER, name="Rita")
    User.objects.filter(pk=root.pk).update(is_superuser=True)
    delete(full)
    assert set(User.objects.filter(activate=True).values_list("email", flat=True)) == {
        "bia@example.com",
        "rita@example.com",
        "olga@example.com",
    }
    removed = User.objects.get(activate=False)
    assert (removed.name, removed.has_usable_password()) == ("", False)
    assert "joelma" not in removed.email


def test_nothing_is_deleted_before_the_time_has_come(full) -> None:
    creator = User.objects.get(email="joelma@example.com")
    request_deletion(by=access_of(creator, full), now=timezone.now() - timedelta(days=29))
    messages = Message.objects.count()
    assert delete_organizations() == 0
    assert Message.objects.count() == messages
    assert not Organization.objects.get(pk=full.pk).activate


def test_webhooks_during_the_grace_time_wait_and_are_deleted_with_the_organization(hub, full, other) -> None:
    Organization.objects.filter(pk=full.pk).update(activate=False)
    hub.deliver(text_body("late", number=NUMBER, sender="5561955554444"))
    apply_all()
    assert HeldItem.objects.filter(cause="inactive").exists()
    assert not Message.objects.filter(wamid="late").exists()
    Organization.objects.filter(pk=full.pk).update(activate=True)
    delete(full)
    assert not Webhook.objects.filter(json__contains="5561955554444").exists()


def test_a_webhook_that_arrives_during_the_deletion_goes_to_no_other_organization(hub, full, settings) -> None:
    settings.META_APP_SECRET = "the platform's"
    delete(full, is_settled=False)
    hub.deliver(text_body("late", number=NUMBER), secret="the platform's")
    apply_all()
    assert HeldItem.objects.filter(phone_number_id=NUMBER, state="waiting").exists()
    OrganizationDeletion.objects.update(finished_at=timezone.now() - SETTLING_TIME)
    Webhook.objects.filter(organization_id=None, json__contains='"late"').update(date=timezone.now() - SETTLING_TIME)
    run_chore()
    assert not HeldItem.objects.filter(phone_number_id=NUMBER).exists()
    assert not Webhook.objects.filter(json__contains='"late"').exists()
    new = Organization.objects.create(organization_name="Nova")
    PhoneNumber.objects.create(
        organization=new, phone_number_id=NUMBER, wa_id="556133214400", proven_at=timezone.now(), proven_by=Proof.TOKEN
    )
    apply_all()
    assert not Message.objects.exists()


def test_a_deletion_that_was_interrupted_goes_on(full, monkeypatch) -> None:
    monkeypatch.setattr("privacy.organization_end.chore.MAX_SECONDS", -1.0)  # one step of each run
    assert delete(full).step == DeletionStep.DELETED
    assert not Contact.objects.exists()


def test_api_keys_end_with_the_organization(full) -> None:
    ApiKey.objects.create(organization=full, name="ERP", digest="b" * 64)
    delete(full)
    assert not ApiKey.objects.exists()
