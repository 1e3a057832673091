"""What Meta reports about accounts and numbers, in words, and which reports a number's page lists."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone, translation

from cloud_api.payloads import AccountEvent as ParsedEvent
from cloud_api.payloads import parse
from conftest import html_of
from organizations.account_events.selectors import latest_account_events, number_overviews
from organizations.account_events.texts import describe_event
from organizations.models import AccountEvent, Organization, PhoneNumber, Role
from organizations.tests.people import member
from webhooks.tests.bodies import NUMBER, START, body, value

WABA = "385012774910236"
RESTRICTED = "The account is restricted: it may not do everything for a while. Restricted: "
ALERT = {"alert_severity": "WARNING", "alert_status": "NONE", "alert_type": "PROFILE_PICTURE_LOST"}
PAYMENT = {
    "id": "wamid.P",
    "type": "payment",
    "status": "captured",
    "payment": {"reference_id": "pedido-7"},
    "timestamp": str(START),
}
SENTENCES: list[tuple[str, dict[str, Any], str]] = [
    ("account_review_update", {"decision": "REJECTED"}, "Meta has reviewed the account and rejected it."),
    ("security", {"event": "PIN_CHANGED", "requester": "7"}, "The PIN of the number's two-step verification was changed."),
    ("account_alerts", {"alert_info": ALERT}, "WhatsApp has a notice about the account. Meta says: Profile picture lost"),
    ("account_alerts", ALERT | {"alert_description": "Sample"}, "WhatsApp has a notice about the account. Meta says: Sample"),
    ("business_username_update", {"username": "aroeira", "status": "approved"}, "The username “aroeira” was approved."),
    ("flows", {"event": "ENDPOINT_LATENCY", "message": "Slow."}, "WhatsApp has a notice about a form. Meta says: Slow."),
    (
        "business_capability_update",
        {"max_daily_conversations_per_business": 2000},
        "The limits of the account have changed. Its limit: 2,000 people a day.",
    ),
    (
        "business_capability_update",
        {"max_daily_conversations_per_business": "TIER_10K"},
        "The limits of the account have changed. Its limit: 10,000 people a day.",
    ),
    (
        "business_capability_update",
        {"max_daily_conversation_per_phone": -1},
        "The limits of the account have changed. Its limit: no daily limit.",
    ),
    (
        "account_update",
        {
            "event": "ACCOUNT_RESTRICTION",
            "restriction_info": [
                {"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": 1795003200},
                {"restriction_type": "RESTRICTED_NEW_IN_2030", "expiration": "1795089600"},
            ],
        },
        RESTRICTED + "writing first, Restricted new in 2030. Until November 19, 2026.",
    ),
    (
        "account_update",
        {
            "event": "ACCOUNT_RESTRICTION",
            "restriction_info": {"restriction_type": "RESTRICTED_USER_INITIATED_CALLING", "expiration": "2026-11-19T13:59:20+0000"},
        },
        RESTRICTED + "calls. Until November 19, 2026.",
    ),
    (
        "account_update",
        {
            "event": "DISABLED_UPDATE",
            "ban_info": {"waba_ban_state": "SCHEDULE_FOR_DISABLE", "waba_ban_date": "January 31, 2027"},
        },
        "Meta is going to disable the account. Date: January 31, 2027.",
    ),
    (
        "account_update",
        {"event": "ACCOUNT_OFFBOARDED", "disconnection_info": {"reason": "PRIMARY_INACTIVITY", "initiated_by": "SYSTEM"}},
        "The account was disconnected. Meta's reason: Primary inactivity.",
    ),
    (
        "message_template_status_update",
        {"event": "FLAGGED", "message_template_name": "promo", "disable_info": {"disable_date": 1795003200}},
        "The template “promo” will soon be disabled: its quality is low. Date: November 18, 2026.",
    ),
    (
        "message_template_status_update",
        {"event": "ARCHIVED", "message_template_name": "promo"},
        "The template “promo” was archived, because it has not been used.",
    ),
    ("messages", value(statuses=[PAYMENT]), "The payment “pedido-7” was made."),
    (
        "history",
        value(history=[{"metadata": {"phase": 0, "chunk_order": 1, "progress": 55}}]),
        "Earlier chats of the phone app are being imported: 55%.",
    ),
    (
        "history",
        value(history=[{"errors": [{"code": 2593109, "title": "Declined"}]}]),
        "The phone app's owner did not share its history. (2593109)",
    ),
]


@pytest.mark.parametrize(("field", "content", "sentence"), SENTENCES, ids=[sentence for _, _, sentence in SENTENCES])
def test_a_report_of_meta_is_a_sentence(field: str, content: dict[str, Any], sentence: str) -> None:
    (item,) = parse(body(content, field=field, waba=WABA))
    assert isinstance(item, ParsedEvent)
    with translation.override("en"):
        assert describe_event(AccountEvent(field=item.field, event=item.event, value=item.raw)) == sentence


def test_the_limit_of_the_account_is_that_of_its_numbers(post_and_apply, organization: Organization) -> None:
    onboarding = {"display_phone_number": "556133214400", "event": "ONBOARDING", "current_limit": "TIER_250"}
    post_and_apply(body(onboarding | {"timestamp": START}, field="phone_number_quality_update", waba=WABA))
    higher = {"max_daily_conversations_per_business": 10000, "timestamp": START + 60}
    post_and_apply(body(higher, field="business_capability_update", waba=WABA))
    limits = {each.number.phone_number_id: each.quality.limit for each in number_overviews(organization)}
    assert limits == {NUMBER: 10000, "448190735512733": 10000, "519003471126640": None}


def test_events_of_conversations_do_not_hide_those_of_the_number(
    numbers: dict[str, PhoneNumber], organization: Organization
) -> None:
    fields = {"messaging_handovers": "control_passed", "calls": "call_terminate", "group_status_update": "group_suspend"}
    now = timezone.now()
    about = {"organization": organization, "phone_number": numbers[NUMBER], "webhook_id": 1}
    for index, (field, event) in enumerate([*fields.items()] * 10):
        AccountEvent.objects.create(field=field, event=event, digest=str(index), occurred_at=now, **about)
    AccountEvent.objects.create(field="security", event="pin_changed", digest="x", occurred_at=now - timedelta(days=1), **about)
    assert [event.field for event in latest_account_events(numbers[NUMBER])] == ["security"]
    client = member(organization, Role.USER_ADMIN)[1]
    page = html_of(client.get(reverse("number", args=[organization.pk, numbers[NUMBER].pk])))
    assert "The PIN of the number&#x27;s two-step verification was changed." in page
    assert "has no words for" not in page
