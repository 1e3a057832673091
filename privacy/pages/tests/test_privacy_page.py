"""The page about privacy: what it shows, its form, and the deletion of the organization with its cancellation."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone

from bots.models import Bot
from chats.models import Message
from conftest import html_of
from contacts.models import Contact
from events.models import EventEndpoint
from organizations.audit.actions import AuditAction
from organizations.models import AuditEntry, Organization, PhoneNumber, Role, User
from organizations.tests.people import browser, member, outsider
from privacy.models import DeletionStep, OrganizationDeletion, PrivacySettings
from webhooks.models import Webhook

DAYS = {"message_days": "365", "file_days": "90", "webhook_days": "14"}


@pytest.fixture
def address(organization: Organization) -> str:
    return f"/o/{organization.pk}/settings/privacy/"


@pytest.fixture
def creator(organization: Organization) -> Client:
    return member(organization, Role.USER_CREATOR, name="Joelma")[1]


@pytest.fixture
def admin(organization: Organization) -> Client:
    return member(organization, Role.USER_ADMIN, name="Ana")[1]


def test_administrators_see_the_page_and_others_do_not(organization, address, admin, creator) -> None:
    assert admin.get(address).status_code == 200
    assert creator.get(address).status_code == 200
    assert member(organization, Role.USER, name="Bia")[1].get(address).status_code == 403
    assert outsider().get(address).status_code == 404
    assert Client().get(address).status_code == 302


def test_an_empty_organization_has_a_page_too(address, creator, settings) -> None:
    settings.META_GRAPH_URL = "https://graph.facebook.com"
    page = html_of(creator.get(address))
    assert "graph.facebook.com" in page
    assert "Delete the organization for good" in page


def test_the_page_says_what_is_stored_since_when_and_where_it_goes(organization, numbers, address, admin) -> None:
    number = PhoneNumber.objects.earliest("pk")
    contact = Contact.objects.create(create_for_phone_number=number, wa_id="556181500586", marketing_stopped=True)
    Message.objects.create(
        phone_number=number, contact=contact, wamid="a", wa_id="1", wa_id_received="2", is_user_message=True, origin="live",
        kind="text", content="oi", payload={}, message_status="received", expires_at=timezone.now(), is_active=False,
        session_id="00000000-0000-4000-8000-000000000000", create_in="2026-03-04T12:00Z",
    )  # fmt: skip
    Webhook.objects.create(json="{}", size=2, organization_id=organization.pk)
    Bot.objects.create(
        organization=organization, kind="webhook", key="programa", name="Programa",
        draft={"kind": "webhook", "url": "https://user:pass@erp.example.com:8443/answers?key=1"},
    )  # fmt: skip
    flow = {
        "steps": [
            {"type": "call", "method": "GET", "url": "https://api.example.org/x"},
            {"title": "Site", "url": "https://a.example"},
        ]
    }
    Bot.objects.create(organization=organization, key="fluxo", name="Fluxo", draft=flow)
    EventEndpoint.objects.create(organization=organization, url="https://events.example.net/hub")
    page = html_of(admin.get(address))
    assert "events.example.net" in page
    assert "03/04/2026" in page
    assert "erp.example.com:8443" in page
    assert "api.example.org" in page
    assert "pass@" not in page
    assert "a.example<" not in page
    assert "Delete the organization for good" not in page  # for creators only


def test_the_policy_is_stored_and_recorded(organization, address, admin) -> None:
    posted = DAYS | {"officer_name": "Joelma Lima", "officer_contact": "privacidade@example.com"}
    response = admin.post(address, posted)
    assert response.status_code == 302
    stored = PrivacySettings.objects.get(organization=organization)
    assert (stored.message_days, stored.file_days, stored.webhook_days) == (365, 90, 14)
    assert stored.prune_at <= timezone.now()
    entry = AuditEntry.objects.get(action=AuditAction.PRIVACY_CHANGED)
    assert entry.changes["message_days"] == [None, 365]
    page = html_of(admin.get(address))
    assert "privacidade@example.com" in page
    admin.post(address, DAYS | {"message_days": ""})
    stored.refresh_from_db()
    assert (stored.message_days, stored.officer_name) == (None, "")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("message_days", "29"),
        ("message_days", "3651"),
        ("file_days", "6"),
        ("webhook_days", "1"),
        ("webhook_days", "0"),
        ("webhook_days", "-5"),
        ("webhook_days", "two"),
        ("webhook_days", "2.5"),
        ("officer_name", "x" * 151),
        ("officer_contact", "x" * 301),
    ],
)
def test_values_beyond_the_limits_are_refused(organization, address, admin, field: str, value: str) -> None:
    response = admin.post(address, DAYS | {field: value})
    assert response.status_code == 422
    assert f'id="id_{field}_error"' in response.content.decode()
    assert not PrivacySettings.objects.exists()


def test_the_page_warns_if_webhooks_outlive_the_messages_in_them(address, admin) -> None:
    words = "are kept longer than the messages"
    admin.post(address, DAYS | {"webhook_days": ""})
    assert words in html_of(admin.get(address))
    admin.post(address, DAYS)
    assert words not in html_of(admin.get(address))


def test_the_page_makes_a_bounded_number_of_queries(
    organization, numbers, address, admin, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    PhoneNumber.objects.bulk_create(
        PhoneNumber(
            organization=organization, phone_number_id=f"id{index}", wa_id=f"5561{index}", webhook_verify_token_digest=str(index)
        )
        for index in range(50)
    )
    with django_assert_max_num_queries(40):
        admin.get(address)


def ask(client: Client, address: str, name: str = "Aroeira") -> Any:
    return client.post(f"{address}delete-organization/", {"name": name})


def test_a_creator_asks_for_the_deletion_and_all_administrators_get_a_mail(
    organization, address, admin, creator, sent_mails: Callable[[], list[EmailMessage]]
) -> None:
    member(organization, Role.USER, name="Bia")
    response = ask(creator, address)
    deletion = OrganizationDeletion.objects.get()
    assert response.headers["Location"] == f"/organization-deletions/{deletion.pk}/"
    assert timedelta(days=29) < deletion.due_at - timezone.now() <= timedelta(days=30)
    organization.refresh_from_db()
    assert not organization.activate
    assert admin.get(address).status_code == 404
    mails = sent_mails()
    assert {each.to[0] for each in mails} == {"joelma@example.com", "ana@example.com"}
    assert all(f"/organization-deletions/{deletion.pk}/" in each.body for each in mails)
    assert AuditEntry.objects.filter(action=AuditAction.DELETION_REQUESTED).exists()


@pytest.mark.parametrize("name", ["", "aroeira", "Aroeira 2"])
def test_another_name_deletes_nothing(organization, address, creator, name: str) -> None:
    assert ask(creator, address, name).status_code == 422
    assert not OrganizationDeletion.objects.exists()


def test_only_creators_ask_for_the_deletion(organization, address, admin) -> None:
    assert ask(admin, address).status_code == 403
    assert ask(outsider(), address).status_code == 404
    assert ask(Client(), address).status_code == 302
    assert not OrganizationDeletion.objects.exists()


def test_a_creator_cancels_the_deletion(organization, address, creator, admin) -> None:
    page = ask(creator, address).headers["Location"]
    assert "Cancel the deletion" in html_of(creator.get(page))
    for client in (admin, outsider()):
        assert client.get(page).status_code == 404
        assert client.post(page).status_code == 404
    assert Client().get(page).status_code == 302
    assert creator.post(page).status_code == 302
    organization.refresh_from_db()
    assert organization.activate
    assert OrganizationDeletion.objects.get().step == DeletionStep.CANCELLED
    assert creator.get(address).status_code == 200
    assert AuditEntry.objects.filter(action=AuditAction.DELETION_CANCELLED).exists()
    assert ask(creator, address).status_code == 302  # again, with another row
    assert OrganizationDeletion.objects.count() == 2


def test_a_deletion_that_has_begun_cannot_be_cancelled(organization, address, creator) -> None:
    page = ask(creator, address).headers["Location"]
    OrganizationDeletion.objects.update(step=DeletionStep.DELETING)
    assert creator.post(page, follow=True).status_code == 200
    organization.refresh_from_db()
    assert not organization.activate
    assert "Cancel the deletion" not in html_of(creator.get(page))


def test_a_deletion_that_does_not_exist_is_not_found(creator) -> None:
    assert creator.get("/organization-deletions/999/").status_code == 404


def test_superusers_see_deletions_in_admin(organization, address, creator) -> None:
    ask(creator, address)
    root = User.objects.create_superuser("root@example.com", "uma-senha-longa-7")
    client = browser(root)
    deletion = OrganizationDeletion.objects.get()
    assert "joelma@example.com" in html_of(client.get("/admin/privacy/organizationdeletion/"))
    assert client.get(f"/admin/privacy/organizationdeletion/{deletion.pk}/change/").status_code == 200
    assert client.post(f"/admin/privacy/organizationdeletion/{deletion.pk}/delete/").status_code == 403
