"""Webhooks about templates: late, repeated, incomplete, or about unknown templates."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction

from chats.message_templates.accounts import Account
from chats.message_templates.events import apply_template_events
from chats.message_templates.sync import request_sync
from chats.models import MessageTemplate
from cloud_api.payloads import AccountEvent, parse
from conftest import payload
from organizations.models import Organization
from organizations.numbers.inbound_items import InboundItem
from organizations.tests.inbound_events import inbound_event

WABA = "385012774910236"
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
STATUS = "message_template_status_update"


@pytest.fixture
def template(organization: Organization) -> MessageTemplate:
    cache.clear()
    return MessageTemplate.objects.create(
        organization=organization,
        waba_id=WABA,
        template_id="1104889917755201",
        name="lembrete_visita",
        language="pt_BR",
        category="UTILITY",
        status="APPROVED",
        components=[
            {"type": "HEADER", "format": "IMAGE"},
            {"type": "BODY", "text": "Olá {{1}}.", "example": {"body_text": [["A"]]}},
        ],
        reported_at=NOON,
    )


def report(organization: Organization, field: str, value: Any, at: datetime = NOON + timedelta(minutes=1)) -> None:
    event = AccountEvent(position="0", field=field, waba_id=WABA, raw=value, event="", timestamp=None)
    with transaction.atomic():
        apply_template_events([inbound_event(event, organization, at)])


def about(**value: Any) -> dict[str, Any]:
    return {
        "message_template_id": 1104889917755201,
        "message_template_name": "lembrete_visita",
        "message_template_language": "pt_BR",
    } | value


def is_sync_due(organization: Organization) -> bool:
    """Returns whether the account is due for a sync."""
    account = Account(organization.pk, WABA)
    key = f"message-templates:turn:{organization.pk}:{WABA}"
    free = cache.add(key, "", 60)
    if free:
        request_sync(account)
    return free


@pytest.fixture(autouse=True)
def not_due(template: MessageTemplate) -> None:
    cache.add(f"message-templates:turn:{template.organization_id}:{WABA}", "", 60)


SAMPLES = [
    (
        "90_template_status_rejected.json",
        {"status": "REJECTED", "reason": "Variable placed next to another variable. Add words between the two variables"},
    ),
    (
        "91_template_status_paused.json",
        {
            "status": "PAUSED",
            "category": "MARKETING",
            "reason": "Template paused for 3 hours because of recipient feedback",
        },
    ),
    ("92_template_quality.json", {"quality": "YELLOW", "status": "APPROVED"}),
    ("94_template_category.json", {"category": "MARKETING"}),
]


@pytest.mark.parametrize(("name", "columns"), SAMPLES)
def test_metas_own_samples_change_the_template(template: MessageTemplate, name: str, columns: dict[str, str]) -> None:
    items = [item for item in parse(payload(name)) if isinstance(item, AccountEvent)]
    at = NOON + timedelta(hours=1)
    with transaction.atomic():
        apply_template_events([inbound_event(item, template.organization, at) for item in items])
    template.refresh_from_db()
    assert {column: getattr(template, column) for column in columns} == columns
    assert template.reported_at == at
    assert not is_sync_due(template.organization)


def test_a_changed_text_is_stored_and_a_sync_requested(template: MessageTemplate) -> None:
    items = [item for item in parse(payload("93_template_components.json")) if isinstance(item, AccountEvent)]
    with transaction.atomic():
        apply_template_events([inbound_event(item, template.organization, NOON) for item in items])
    template.refresh_from_db()
    assert template.components == [
        {"type": "HEADER", "format": "IMAGE"},
        {"type": "BODY", "text": "Olá {{1}}, sua visita é {{2}}."},
        {"type": "FOOTER", "text": "Condomínio Aroeira"},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Remarcar", "url": "https://example.com/r/{{1}}"}]},
    ]
    assert is_sync_due(template.organization)


@pytest.mark.parametrize(
    ("event", "status", "reason"),
    [
        ("APPROVED", "APPROVED", ""),
        ("REINSTATED", "APPROVED", ""),
        ("UNARCHIVED", "APPROVED", ""),
        ("PENDING", "PENDING", "INVALID_FORMAT"),
        ("DISABLED", "DISABLED", "INVALID_FORMAT"),
        ("IN_APPEAL", "IN_APPEAL", "INVALID_FORMAT"),
        ("PENDING_DELETION", "PENDING_DELETION", "INVALID_FORMAT"),
        ("LOCKED", "LOCKED", "INVALID_FORMAT"),
        ("FLAGGED", "PAUSED", "INVALID_FORMAT"),
        ("", "PAUSED", "INVALID_FORMAT"),
        ("rejected", "REJECTED", "INVALID_FORMAT"),
        ("X" * 90, "X" * 40, "INVALID_FORMAT"),
    ],
)
def test_each_event_means_a_status(template: MessageTemplate, event: str, status: str, reason: str) -> None:
    MessageTemplate.objects.update(status="PAUSED")
    report(template.organization, STATUS, about(event=event, reason="INVALID_FORMAT"))
    template.refresh_from_db()
    assert (template.status, template.reason) == (status, reason)


def test_a_deleted_template_is_deleted(template: MessageTemplate) -> None:
    report(template.organization, STATUS, about(event="DELETED"))
    assert not MessageTemplate.objects.exists()
    report(template.organization, STATUS, about(event="DELETED"))
    assert not MessageTemplate.objects.exists()


def test_a_late_event_only_requests_a_sync(template: MessageTemplate) -> None:
    for event in ("REJECTED", "DELETED"):
        report(template.organization, STATUS, about(event=event), at=NOON - timedelta(seconds=1))
    before = MessageTemplate.objects.get()
    assert (before.status, before.reported_at) == ("APPROVED", NOON)
    assert is_sync_due(template.organization)


def test_events_of_one_webhook_are_applied_in_the_order_of_their_times(template: MessageTemplate) -> None:
    def arrival(event: str, minute: int) -> InboundItem[AccountEvent]:
        account_event = AccountEvent(position="0", field=STATUS, waba_id=WABA, raw=about(event=event), event="", timestamp=None)
        return inbound_event(account_event, template.organization, NOON + timedelta(minutes=minute))

    with transaction.atomic():
        apply_template_events([arrival("REINSTATED", 2), arrival("PAUSED", 1)])
    template.refresh_from_db()
    assert template.status == "APPROVED"


def test_an_unknown_template_is_stored_and_a_sync_requested(template: MessageTemplate) -> None:
    report(template.organization, STATUS, about(event="APPROVED", message_template_name="nova", message_template_id="55"))
    new = MessageTemplate.objects.get(name="nova")
    assert (new.status, new.template_id, new.components, new.waba_id) == ("APPROVED", "55", [], WABA)
    assert is_sync_due(template.organization)


def test_a_template_that_is_named_by_its_id_alone_is_found(template: MessageTemplate) -> None:
    report(
        template.organization,
        "message_template_quality_update",
        {"message_template_id": "1104889917755201", "new_quality_score": "RED"},
    )
    template.refresh_from_db()
    assert template.quality == "RED"


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "x",
        {},
        {"event": "APPROVED"},
        {"message_template_id": 99},
        {"message_template_name": "x" * 600, "message_template_language": "pt_BR"},
        {"message_template_name": {"a": 1}, "message_template_language": []},
    ],
)
@pytest.mark.parametrize("field", [STATUS, "message_template_components_update", "template_category_update"])
def test_a_malformed_event_changes_nothing(template: MessageTemplate, field: str, value: Any) -> None:
    report(template.organization, field, value)
    assert list(MessageTemplate.objects.values_list("status", "reported_at")) == [("APPROVED", NOON)]


@pytest.mark.parametrize(
    "value",
    [
        {"rejection_info": "x", "other_info": 7, "reason": None, "event": "REJECTED"},
        {"rejection_info": {"reason": "a" * 900}, "event": "REJECTED"},
        {"message_template_category": "C" * 90, "event": "REJECTED"},
    ],
)
def test_odd_values_fit_into_their_columns(template: MessageTemplate, value: dict[str, Any]) -> None:
    report(template.organization, STATUS, about(**value))
    template.refresh_from_db()
    template.full_clean(exclude=["status", "category", "quality", "template_id"])
    assert template.status == "REJECTED"


def test_another_organizations_template_of_the_same_name_is_not_touched(template: MessageTemplate) -> None:
    other = Organization.objects.create(organization_name="Outra")
    report(other, STATUS, about(event="REJECTED"))
    template.refresh_from_db()
    assert template.status == "APPROVED"
    assert MessageTemplate.objects.filter(organization=other).count() == 1


def test_a_language_may_be_written_with_a_hyphen(organization, template):
    value = about(message_template_language="pt-BR", event="PAUSED", reason="NONE")
    report(organization, STATUS, value)
    assert [(row.language, row.status) for row in MessageTemplate.objects.all()] == [("pt_BR", "PAUSED")]
