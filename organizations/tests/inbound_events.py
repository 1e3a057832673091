"""Account events as the pipeline passes them on."""

from datetime import datetime

from cloud_api.payloads import AccountEvent
from organizations.credentials.signers import Signature
from organizations.models import Organization, PhoneNumber
from organizations.numbers.inbound_items import InboundItem, ReceivedWebhook


def inbound_event(event: AccountEvent, organization: Organization, time: datetime) -> InboundItem[AccountEvent]:
    """Returns an event about an account of which the organization has a number."""
    webhook = ReceivedWebhook(1, organization.pk, time, Signature(None))
    return InboundItem(event, webhook, time, True, (PhoneNumber(organization=organization),))
