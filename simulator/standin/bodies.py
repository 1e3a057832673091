"""The bodies of webhooks, as Meta makes them (docs/meta-platform.md 2, 3, 4, 5)."""

from typing import Any

from simulator.standin.errors import in_status
from simulator.standin.world import REGULAR, Customer, Message, Number, Template

Content = dict[str, Any]

WITHOUT_CONTACTS = "system"
"""The type of message that comes without them (docs/meta-platform.md 3)."""


def of_message(number: Number, customer: Customer, message: Content) -> Content:
    """What a customer sent."""
    contacts = {} if message["type"] == WITHOUT_CONTACTS else {"contacts": [_contact(customer)]}
    return _about_number(number, contacts | {"messages": [message]})


def of_status(number: Number, customer: Customer, message: Message, *, status: str, at: int) -> Content:
    """The status of a message of the business. A failed one has no contacts, and one identifier (docs/meta-platform.md 4)."""
    told: Content = {"id": message.wamid, "status": status, "timestamp": str(at)}
    told |= _failed(customer, message) if status == "failed" else _recipient(customer)
    if status in ("sent", "delivered"):
        told["pricing"] = _pricing(message)
    if message.callback_data:
        told["biz_opaque_callback_data"] = message.callback_data
    contacts = {} if status == "failed" else {"contacts": [_contact(customer, with_username=status != "sent")]}
    return _about_number(number, contacts | {"statuses": [told]})


def of_template(template: Template, *, at: int) -> Content:
    """What became of a message template."""
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


def _failed(customer: Customer, message: Message) -> Content:
    address = {"recipient_user_id": customer.user_id} if message.to_bsuid else {"recipient_id": customer.wa_id}
    return address | {"errors": [in_status(message.error or 131000)]}


def _pricing(message: Message) -> Content:
    is_billed = message.pricing == REGULAR
    return {"billable": is_billed, "pricing_model": "PMP", "type": message.pricing, "category": message.category}
