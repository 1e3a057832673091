"""Webhooks about templates (docs/meta-platform.md 2). A webhook may come late and has fewer fields than Meta's list. The next sync
fills in the others."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chats.message_templates.accounts import Account
from chats.message_templates.sync import request_sync
from chats.models import MessageTemplate
from cloud_api.payloads.texts import mapping, objects, text
from organizations.numbers.account_events import EventArrival

AGAIN_GOOD = ("REINSTATED", "UNARCHIVED", "APPROVED")
NOT_A_STATUS = ("FLAGGED",)
"""It may still be sent, and will be disabled if its quality stays low."""


def apply_template_events(arrivals: Sequence[EventArrival]) -> None:
    """Bring the templates up to date with these events, in the order of their times. In the caller's transaction,
    which announces."""
    told = [arrival for arrival in arrivals if arrival.told.field in APPLY and isinstance(arrival.told.raw, dict)]
    for arrival in sorted(told, key=lambda each: each.at):
        _note(arrival)


def _note(arrival: EventArrival) -> None:
    value: Mapping[str, Any] = arrival.told.raw
    account = Account(arrival.organization.pk, arrival.told.waba_id or "")
    row = _row(account, value)
    if row is None or (row.pk and arrival.at < row.told_at):
        request_sync(account)
        return
    is_new = row.pk is None
    if text(value, "event").upper() == "DELETED":
        if not is_new:
            row.delete()
        return
    row.told_at = arrival.at
    row.template_id = text(value, "message_template_id")[:64] or row.template_id
    APPLY[arrival.told.field](row, value)
    row.save()
    if is_new or arrival.told.field == "message_template_components_update":
        request_sync(account)


def _row(account: Account, value: Mapping[str, Any]) -> MessageTemplate | None:
    """The template that is meant, a new one if it is not known; None where the webhook does not say which."""
    name, language = text(value, "message_template_name"), text(value, "message_template_language")
    template_id = text(value, "message_template_id")
    rows = MessageTemplate.objects.select_for_update().filter(organization=account.organization_id, waba_id=account.waba_id)
    if not 0 < len(name) <= 512 or not 0 < len(language) <= 20:
        return rows.filter(template_id=template_id).first() if template_id else None
    known = rows.filter(name=name, language=language).first()
    return known or MessageTemplate(
        organization_id=account.organization_id,
        waba_id=account.waba_id,
        name=name,
        language=language,
        status=MessageTemplate.Status.PENDING,
    )


def _status(row: MessageTemplate, value: Mapping[str, Any]) -> None:
    event = text(value, "event").upper()[:40]
    row.category = text(value, "message_template_category").upper()[:40] or row.category
    row.reason = _reason(value)
    if event in AGAIN_GOOD:
        row.status, row.reason = MessageTemplate.Status.APPROVED, ""
    elif event and event not in NOT_A_STATUS:
        row.status = event


def _reason(value: Mapping[str, Any]) -> str:
    """Meta's sentences where it gives some, else its word."""
    rejected, other = mapping(value, "rejection_info"), mapping(value, "other_info")
    sentences = (text(rejected, "reason"), text(rejected, "recommendation"), text(other, "description"))
    word = text(value, "reason")
    said = ". ".join(each.strip().rstrip(".") for each in sentences if each.strip())
    return (said or ("" if word.upper() == "NONE" else word))[:500]


def _quality(row: MessageTemplate, value: Mapping[str, Any]) -> None:
    row.quality = text(value, "new_quality_score").upper()[:20]


def _category(row: MessageTemplate, value: Mapping[str, Any]) -> None:
    """`new_category` holds now, `correct_category` is the one it will have."""
    row.category = text(value, "new_category").upper()[:40] or row.category


def _components(row: MessageTemplate, value: Mapping[str, Any]) -> None:
    """What is not told stays; examples are left to the next sync."""
    told: list[dict[str, Any]] = [
        {"type": "HEADER", "format": "TEXT", "text": text(value, "message_template_title")},
        {"type": "BODY", "text": text(value, "message_template_element")},
        {"type": "FOOTER", "text": text(value, "message_template_footer")},
        {"type": "BUTTONS", "buttons": [_button(each) for each in objects(value, "message_template_buttons")]},
    ]
    given = {each["type"]: each for each in told if each.get("text") or each.get("buttons")}
    kept = {text(each, "type").upper(): each for each in row.components}
    order = ("HEADER", "BODY", "FOOTER", "BUTTONS")
    both = kept | given
    row.components = [both[kind] for kind in (*order, *(kind for kind in both if kind not in order)) if kind in both]


def _button(button: Mapping[str, Any]) -> dict[str, str]:
    keys = ("type", "text", "url", "phone_number")
    found = {key: text(button, f"message_template_button_{key}") for key in keys}
    return {key: each for key, each in found.items() if each}


APPLY: dict[str, Callable[[MessageTemplate, Mapping[str, Any]], None]] = {
    "message_template_status_update": _status,
    "message_template_quality_update": _quality,
    "message_template_components_update": _components,
    "template_category_update": _category,
}
