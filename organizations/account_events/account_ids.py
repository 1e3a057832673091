"""Sets the WhatsApp Business Account of numbers that were connected without it, from the messages that name it."""

from collections.abc import Sequence

from cloud_api.payloads import Message
from organizations.models import PhoneNumber
from organizations.numbers.inbound_items import InboundItem
from organizations.numbers.ownership import AlreadyConnected, raise_if_account_owned


def set_account_ids(messages: Sequence[InboundItem[Message]]) -> None:
    """Gives numbers the account id of their first message. Account events find their number by it. Must run in a transaction.

    An id in a body that the platform's app signed comes from Meta. An organization signs its own bodies, so an account that these
    name is only a claim.
    """
    named = {
        (each.number, each.is_signed_by_platform): each.item.waba_id
        for each in reversed(messages)
        if each.item.waba_id and (not each.number.waba_id or each.number.waba_is_claimed)
    }
    for (number, is_from_meta), waba_id in named.items():
        if (number.waba_is_claimed and is_from_meta) or (not number.waba_id and (is_from_meta or _may_claim(number, waba_id))):
            row = PhoneNumber.objects.filter(pk=number.pk, waba_id=number.waba_id)
            number.waba_id, number.waba_is_claimed = waba_id, not is_from_meta
            row.update(waba_id=waba_id, waba_is_claimed=not is_from_meta)


def _may_claim(number: PhoneNumber, waba_id: str) -> bool:
    try:
        raise_if_account_owned(number.organization, waba_id)
    except AlreadyConnected:
        return False
    return True
