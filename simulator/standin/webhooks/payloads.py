"""Bodies of webhooks in Meta's format (docs/meta-platform.md 2, 3, 4, 5)."""

from typing import Any

from simulator.standin.errors import status_error
from simulator.standin.state.world import REGULAR, Customer, Message, Number, Template

Content = dict[str, Any]

TYPE_WITHOUT_CONTACTS = "system"
"""The type of message whose webhook has no contacts (docs/meta-platform.md 3)."""


def message_body(number: Number, customer: Customer, message: Content) -> Content:
    """Returns the webhook of a customer's message."""
    contacts = {} if message["type"] == TYPE_WITHOUT_CONTACTS else {"contacts": [_contact(customer)]}
    return _about_number(number, contacts | {"messages": [message]})


def status_body(number: Number, customer: Customer, message: Message, *, status: str, at: int) -> Content:
    """Returns the webhook of a status of the business's message. A failed status has no contacts, and one identifier
    (docs/meta-platform.md 4)."""
    entry: Content = {"id": message.wamid, "status": status, "timestamp": str(at)}
    entry |= _failed_recipient(customer, message) if status == "failed" else _recipient(customer)
    if status in ("sent", "delivered"):
        entry["pricing"] = _pricing(message)
    if message.callback_data:
        entry["biz_opaque_callback_data"] = message.callback_data
    contacts = {} if status == "failed" else {"contacts": [_contact(customer, with_username=status != "sent")]}
    return _about_number(number, contacts | {"statuses": [entry]})


def template_body(template: Template, *, at: int) -> Content:
    """Returns the webhook about the status of a message template."""
    value: Content = {
        "event": template.status,
        "message_template_id": int(template.id),
        "message_template_name": template.name,
        "message_template_language": template.language,
        "message_template_category": template.category,
        "reason": template.reason,
    }
    change = {"field": "message_template_status_update", "value": value}
    return _body({"id": template.waba_id, "time": at, "changes": [change]})


def _about_number(number: Number, parts: Content) -> Content:
    metadata = {"display_phone_number": number.wa_id, "phone_number_id": number.phone_number_id}
    value = {"messaging_product": "whatsapp", "metadata": metadata, **parts}
    return _body({"id": number.waba_id, "changes": [{"value": value, "field": "messages"}]})


def _body(entry: Content) -> Content:
    return {"object": "whatsapp_business_account", "entry": [entry]}


def _contact(customer: Customer, *, with_username: bool = True) -> Content:
    profile = {"name": customer.name}
    if customer.username and with_username:
        profile["username"] = f"@{customer.username}"
    phone = {"wa_id": customer.wa_id} if customer.wa_id else {}
    return {"profile": profile, **phone, "user_id": customer.user_id}


def _recipient(customer: Customer) -> Content:
    phone = {"recipient_id": customer.wa_id} if customer.wa_id else {}
    return phone | {"recipient_user_id": customer.user_id}


def _failed_recipient(customer: Customer, message: Message) -> Content:
    recipient = {"recipient_user_id": customer.user_id} if message.to_bsuid else {"recipient_id": customer.wa_id}
    return recipient | {"errors": [status_error(message.error or 131000)]}


def _pricing(message: Message) -> Content:
    is_billed = message.pricing == REGULAR
    return {"billable": is_billed, "pricing_model": "PMP", "type": message.pricing, "category": message.category}
