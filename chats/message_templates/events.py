"""Applies webhooks about templates (docs/meta-platform.md 2). A webhook may be late, and has fewer fields than Meta's list. The
next sync adds the others."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from chats.message_templates.accounts import Account
from chats.message_templates.sync import request_sync, template_event
from chats.models import MessageTemplate
from cloud_api.payloads import AccountEvent
from cloud_api.payloads.texts import mapping, objects, text
from organizations.account_events.storage import event_digest
from organizations.events.outbox import record_events
from organizations.numbers.inbound_items import InboundItem, ReceivedWebhook

APPROVED_AGAIN = ("REINSTATED", "UNARCHIVED", "APPROVED")
WARNINGS = ("FLAGGED",)
"""Not a status: the template may still be sent, and will be disabled if its quality stays low."""


def apply_template_events(items: Sequence[InboundItem[AccountEvent]]) -> None:
    """Updates the templates with these events, in order of time. Must run in a transaction, whose caller publishes the revision."""
    about_templates = [each for each in items if each.item.field in READERS and isinstance(each.item.raw, dict)]
    for each in sorted(about_templates, key=lambda each: each.time):
        for organization_id in sorted({number.organization_id for number in each.numbers}):
            _apply(Account(organization_id, each.item.waba_id or ""), each.item, each.time, each.webhook)


def _apply(account: Account, event: AccountEvent, time: datetime, webhook: ReceivedWebhook) -> None:
    value: Mapping[str, Any] = event.raw
    row = _find_or_make(account, value)
    if row is None or (row.pk and time < row.reported_at):
        request_sync(account)
        return
    is_new = row.pk is None
    if text(value, "event").upper() == "DELETED":
        if not is_new:
            _record_event(row, event, time, webhook)
            row.delete()
        return
    row.reported_at = time
    row.template_id = text(value, "message_template_id")[:64] or row.template_id
    READERS[event.field](row, value)
    row.save()
    _record_event(row, event, time, webhook)
    if is_new or event.field == "message_template_components_update":
        request_sync(account)


def _record_event(row: MessageTemplate, event: AccountEvent, time: datetime, webhook: ReceivedWebhook) -> None:
    """Reports the change of a stored template to other systems."""
    key = f"{row.name} {row.language} {event_digest(event)}"
    record_events([template_event(row, time, key=key, webhook=webhook)])


def _find_or_make(account: Account, value: Mapping[str, Any]) -> MessageTemplate | None:
    """Returns the template of the event, a new one if it is not stored. None if the event does not name a template."""
    # Some webhooks write en-US, Meta's list of templates en_US.
    name, language = text(value, "message_template_name"), text(value, "message_template_language").replace("-", "_")
    template_id = text(value, "message_template_id")
    rows = MessageTemplate.objects.select_for_update().filter(organization=account.organization_id, waba_id=account.waba_id)
    if not 0 < len(name) <= 512 or not 0 < len(language) <= 20:
        return rows.filter(template_id=template_id).first() if template_id else None
    stored = rows.filter(name=name, language=language).first()
    return stored or MessageTemplate(
        organization_id=account.organization_id,
        waba_id=account.waba_id,
        name=name,
        language=language,
        status=MessageTemplate.Status.PENDING,
    )


def _read_status(row: MessageTemplate, value: Mapping[str, Any]) -> None:
    event = text(value, "event").upper()[:40]
    row.category = text(value, "message_template_category").upper()[:40] or row.category
    row.reason = _reason(value)
    if event in APPROVED_AGAIN:
        row.status, row.reason = MessageTemplate.Status.APPROVED, ""
    elif event and event not in WARNINGS:
        row.status = event


def _reason(value: Mapping[str, Any]) -> str:
    """Returns Meta's sentences if there are some, otherwise its word."""
    rejected, other = mapping(value, "rejection_info"), mapping(value, "other_info")
    sentences = (text(rejected, "reason"), text(rejected, "recommendation"), text(other, "description"))
    word = text(value, "reason")
    joined = ". ".join(each.strip().rstrip(".") for each in sentences if each.strip())
    return (joined or ("" if word.upper() == "NONE" else word))[:500]


def _read_quality(row: MessageTemplate, value: Mapping[str, Any]) -> None:
    row.quality = text(value, "new_quality_score").upper()[:20]


def _read_category(row: MessageTemplate, value: Mapping[str, Any]) -> None:
    """`new_category` is the present category, `correct_category` the future one."""
    row.category = text(value, "new_category").upper()[:40] or row.category


def _read_components(row: MessageTemplate, value: Mapping[str, Any]) -> None:
    """Components that the event does not contain stay. Examples come with the next sync."""
    received: list[dict[str, Any]] = [
        {"type": "HEADER", "format": "TEXT", "text": text(value, "message_template_title")},
        {"type": "BODY", "text": text(value, "message_template_element")},
        {"type": "FOOTER", "text": text(value, "message_template_footer")},
        {"type": "BUTTONS", "buttons": [_button(each) for each in objects(value, "message_template_buttons")]},
    ]
    new = {each["type"]: each for each in received if each.get("text") or each.get("buttons")}
    stored = {text(each, "type").upper(): each for each in row.components}
    order = ("HEADER", "BODY", "FOOTER", "BUTTONS")
    both = stored | new
    row.components = [both[kind] for kind in (*order, *(kind for kind in both if kind not in order)) if kind in both]


def _button(button: Mapping[str, Any]) -> dict[str, str]:
    keys = ("type", "text", "url", "phone_number")
    found = {key: text(button, f"message_template_button_{key}") for key in keys}
    return {key: each for key, each in found.items() if each}


READERS: dict[str, Callable[[MessageTemplate, Mapping[str, Any]], None]] = {
    "message_template_status_update": _read_status,
    "message_template_quality_update": _read_quality,
    "message_template_components_update": _read_components,
    "template_category_update": _read_category,
}
