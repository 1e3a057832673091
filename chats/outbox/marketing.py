"""Marketing templates, which are not sent to customers who have stopped marketing messages.

`queue_message` refuses them, and the outbox looks once more before it sends.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from chats.models import MessageTemplate
from cloud_api.messages import template_name
from contacts.consent.selectors import MarketingRefusal, marketing_allowed, marketing_refusal
from contacts.models import Contact
from organizations.models import PhoneNumber

TemplateName = tuple[str, str]
"""The name and the language of a template."""


class MarketingRefused(Exception):
    """The message is a marketing template, and the customer has stopped marketing messages. `refusal` says since when and why."""

    def __init__(self, refusal: MarketingRefusal) -> None:
        super().__init__(refusal.source)
        self.refusal = refusal


def marketing_templates(numbers: Collection[PhoneNumber], *, names: Iterable[str] | None = None) -> dict[str, set[TemplateName]]:
    """Returns the marketing templates of these numbers, by phone_number_id. With `names`, only templates with these names. One
    query."""
    by_account: dict[tuple[int, str], list[str]] = {}
    for number in numbers:
        by_account.setdefault((number.organization_id, number.waba_id), []).append(number.phone_number_id)
    rows = MessageTemplate.objects.of_numbers(numbers).filter(category=MessageTemplate.Category.MARKETING).order_by()
    if names is not None:
        rows = rows.filter(name__in=set(names))
    found: dict[str, set[TemplateName]] = {}
    for organization_id, waba_id, *template in rows.values_list("organization_id", "waba_id", "name", "language"):
        for phone_number_id in by_account[organization_id, waba_id]:
            found.setdefault(phone_number_id, set()).add((template[0], template[1]))
    return found


def check_marketing(contact: Contact, message: Mapping[str, Any]) -> None:
    """Raises MarketingRefused if the message is a marketing template that the contact does not accept. Costs a query only for
    templates to contacts who have stopped marketing messages."""
    if marketing_allowed(contact) or message["type"] != "template":
        return
    name = template_name(message)
    number = PhoneNumber.objects.only("organization", "waba_id", "phone_number_id").get(
        phone_number_id=contact.create_for_phone_number_id
    )
    refusal = marketing_refusal(contact)
    if refusal and name in marketing_templates([number], names=[name[0]]).get(number.phone_number_id, ()):
        raise MarketingRefused(refusal)
