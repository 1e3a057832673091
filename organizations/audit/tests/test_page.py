"""The page of the audit log: who sees it, its filters, and entries in words."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action, record_bulk_action
from organizations.audit.selectors import PAGE_SIZE
from organizations.models import AuditEntry, Membership, Organization, Role, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    return Organization.objects.create(organization_name="Aroeira")


def member(organization: Organization, role: Role, email: str) -> tuple[Client, User]:
    user = User.objects.create_user(email, "uma-senha-longa-7", name=email.partition("@")[0].title(), language="en")
    Membership.objects.create(organization=organization, user=user, role=role)
    client = Client()
    client.force_login(user)
    return client, user


@pytest.fixture
def admin(organization) -> tuple[Client, User]:
    return member(organization, Role.USER_ADMIN, "ana@example.com")


def page(client: Client, organization: Organization, **query: str) -> str:
    response = client.get(reverse("audit_log", args=[organization.pk]), query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def rows(client: Client, organization: Organization, **query: str) -> int:
    return page(client, organization, **query).count("data-entry=")


def test_only_administrators_see_the_log_and_only_their_own(organization, admin) -> None:
    other = Organization.objects.create(organization_name="Outra")
    colleague, _ = member(organization, Role.USER, "bia@example.com")
    outsider, _ = member(other, Role.USER_CREATOR, "eva@example.com")
    record_action(AuditAction.EXPORTED, organization=organization)
    record_action(AuditAction.EXPORTED, organization=other)
    record_action(AuditAction.EXPORTED, organization=None)
    url = reverse("audit_log", args=[organization.pk])

    assert rows(admin[0], organization) == 1
    assert colleague.get(url).status_code == 403
    assert outsider.get(url).status_code == 404
    assert Client().get(url).status_code == 302


def test_an_entry_says_who_did_what_and_from_where(organization, admin) -> None:
    client, ana = admin
    record_action(
        AuditAction.NUMBER_CHANGED,
        organization=organization,
        by=ana,
        target=("number", 7),
        changes={"default_profile": ["human", "bot"], "activate": [True, False], "meta_token": None},
    )

    text = page(client, organization)

    assert "Settings of a number changed" in text
    assert "number 7" in text
    assert "ana@example.com" in text
    assert "who answers new contacts:" in text
    assert "access token</span>" in text
    assert "<script" not in text.partition("data-entry=")[2].partition("</ul>")[0]


def test_codes_are_shown_in_words(organization, admin) -> None:
    client, ana = admin
    changes: dict[str, list[object]] = {
        "kind": [None, "flow"],
        "colour": ["green", "red"],
        "scopes": [None, ["read"]],
        "default_ai": ["", "flora"],
    }
    record_action(AuditAction.BOT_CREATED, organization=organization, by=ana, changes=changes | {"added": [None, 3]})
    record_action(AuditAction.SIGNED_IN, organization=organization, by=ana, target=("user", ana.pk))

    text = re.sub(r"<[^>]+>", " ", page(client, organization).partition("data-entry=")[2])
    text = " ".join(text.split())

    for words in ("kind: steps", "colour: green", "read numbers, contacts", "AI of the number: flora", "added: 3"):
        assert words in text
    assert f"user {ana.pk}" not in text


def test_values_are_escaped(organization, admin) -> None:
    record_action(AuditAction.LABEL_CHANGED, organization=organization, changes={"name": [None, "<b>x</b>"]})

    assert "&lt;b&gt;x&lt;/b&gt;" in page(admin[0], organization)


def test_an_unknown_action_field_or_object_is_shown_by_its_name(organization, admin) -> None:
    AuditEntry.objects.bulk_create(
        [
            AuditEntry(
                organization_id=organization.pk, action="danced", actor_kind="bot", target_kind="thing", changes={"odd": [1, 2]}
            )
        ]
    )

    text = page(admin[0], organization)
    assert "danced" in text
    assert "odd:" in text


def test_several_objects_are_counted(organization, admin) -> None:
    record_bulk_action(AuditAction.CONTACT_SWITCHED, organization=organization, kind="contact", ids=range(1, 31))

    assert "30 objects (contact)" in page(admin[0], organization)


def test_the_list_is_filtered_by_action_person_object_and_day(organization, admin) -> None:
    client, ana = admin
    _, bia = member(organization, Role.USER, "bia@example.com")
    record_action(AuditAction.EXPORTED, organization=organization, by=ana)
    record_action(AuditAction.CONTACT_RENAMED, organization=organization, by=bia, target=("contact", 42))
    record_action(AuditAction.CONTACT_RENAMED, organization=organization, by=bia, target=("contact", 43))
    record_action(AuditAction.OWNER_CHANGED, organization=organization, target=("contact", 42))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_entry SET create_in = '2026-01-05 02:30:00' WHERE action = 'exported'")

    assert rows(client, organization) == 4
    assert rows(client, organization, action="contact_renamed") == 2
    assert rows(client, organization, who=f"person:{bia.pk}") == 2
    assert rows(client, organization, who="system") == 1
    assert rows(client, organization, target="contact:42") == 2
    assert rows(client, organization, action="contact_renamed", target="contact:42") == 1
    assert "Only entries about contact 42" in page(client, organization, target="contact:42")
    today = timezone.localdate().isoformat()
    assert rows(client, organization, since=today) == 3
    assert rows(client, organization, until=today) == 4
    # 02:30 UTC is the evening before in São Paulo, where the hub is.
    assert rows(client, organization, since="2026-01-04", until="2026-01-04") == 1
    assert rows(client, organization, since="2026-01-05", until="2026-01-05") == 0


@pytest.mark.parametrize(
    "query",
    [
        {"action": "nothing"},
        {"who": "person:x"},
        {"who": "person:99999999999999999999"},
        {"since": "yesterday"},
        {"since": "0001-01-01"},
        {"until": "9999-12-31"},
        {"after": "x"},
        {"after": "99999999999999999.1"},
        {"after": "1.99999999999999999999"},
        {"target": "contact:'; DROP TABLE users"},
        {"target": "x" * 5000},
        {"target": "\x00:\x00"},
    ],
)
def test_odd_filters_show_a_page(organization, admin, query) -> None:
    record_action(AuditAction.EXPORTED, organization=organization)

    page(admin[0], organization, **query)


def test_a_long_log_is_read_part_by_part_and_misses_nothing(organization, admin) -> None:
    client, _ = admin
    for number in range(PAGE_SIZE * 2 + 3):
        record_action(AuditAction.EXPORTED, organization=organization, target=("x", number))
    with connection.cursor() as cursor:  # the same time for all
        cursor.execute("UPDATE audit_entry SET create_in = '2026-01-05 02:30:00.123456'")

    seen: list[str] = []
    url, headers = reverse("audit_log", args=[organization.pk]), {"HX-Request": "true"}
    while url:
        text = client.get(url, headers=headers).content.decode()
        assert "<html" not in text
        seen += [part.partition('"')[0] for part in text.split('data-entry="')[1:]]
        url = text.partition('hx-get="')[2].partition('"')[0].replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == PAGE_SIZE * 2 + 3
    assert seen == sorted(seen, key=int, reverse=True)


def test_an_empty_log_says_so(organization, admin) -> None:
    assert "No entries yet" in page(admin[0], organization)
    assert "No entry matches" in page(admin[0], organization, action="exported")


def test_the_list_needs_few_queries(organization, admin, django_assert_max_num_queries) -> None:
    for _ in range(60):
        record_action(AuditAction.EXPORTED, organization=organization, by=admin[1])
    page(admin[0], organization)

    with django_assert_max_num_queries(11):
        page(admin[0], organization)


def test_creators_set_how_long_entries_are_kept(organization, admin) -> None:
    creator, _ = member(organization, Role.USER_CREATOR, "rui@example.com")
    url = reverse("audit_retention", args=[organization.pk])

    assert admin[0].post(url, {"days": 365}).status_code == 403
    creator.post(url, {"days": 1})
    creator.post(url, {"days": "x"})
    assert Organization.objects.get(pk=organization.pk).audit_days == 730
    creator.post(url, {"days": 365})

    assert Organization.objects.get(pk=organization.pk).audit_days == 365
    assert "days of the audit log:" in page(creator, organization)


def test_days_are_those_of_the_viewer(organization, admin) -> None:
    client, ana = admin
    User.objects.filter(pk=ana.pk).update(time_zone="Asia/Tokyo")
    record_action(AuditAction.EXPORTED, organization=organization)
    noon = timezone.now().replace(hour=20, minute=0) - timedelta(days=3)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_entry SET create_in = %s", [noon.strftime("%Y-%m-%d %H:%M:%S")])

    day = (noon + timedelta(days=1)).date().isoformat()  # 20:00 UTC is 05:00 of the next day in Tokyo
    assert rows(client, organization, since=day, until=day) == 1
