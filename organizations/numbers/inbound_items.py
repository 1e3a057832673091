"""The value that goes through all phases of applying a webhook (docs/architecture.md "How a message travels")."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from cloud_api.payloads import Item
from organizations.credentials.signers import Signature
from organizations.models import PhoneNumber

Kind = TypeVar("Kind", bound=Item)
Kind_co = TypeVar("Kind_co", bound=Item, covariant=True)


@dataclass(frozen=True, slots=True)
class ReceivedWebhook:
    """A stored webhook, as its items need it."""

    id: int
    organization_id: int | None
    """The organization in whose log it is, as stored."""
    received_at: datetime
    signature: Signature


@dataclass(frozen=True, slots=True)
class InboundItem(Generic[Kind_co]):
    """An item, the webhook that contains it, its time, and its numbers.

    `time` is Meta's time of the item. Without `has_own_time` that is missing or too far ahead, and `time` is when the webhook
    arrived. The earliest arrival counts then, so the order in which webhooks are applied does not matter.
    """

    item: Kind_co
    webhook: ReceivedWebhook
    time: datetime
    has_own_time: bool
    numbers: tuple[PhoneNumber, ...] = ()
    """Set by the router: the item's own number, or all numbers of the account of an account event."""

    @property
    def number(self) -> PhoneNumber:
        return self.numbers[0]

    @property
    def key(self) -> tuple[int, str]:
        """The id of the webhook, and the position of the item in it."""
        return self.webhook.id, self.item.position

    @property
    def is_signed_by_platform(self) -> bool:
        """Whether the platform's app signed it, so that Meta vouches for what it names."""
        return self.webhook.signature.organizations is None

    def routed_to(self, numbers: Iterable[PhoneNumber]) -> "InboundItem[Kind_co]":
        """Returns the item with its numbers."""
        return InboundItem(self.item, self.webhook, self.time, self.has_own_time, tuple(numbers))


def items_of_kind(items: Iterable[InboundItem[Any]], kind: type[Kind]) -> list[InboundItem[Kind]]:
    """Returns the items of this kind, in their order."""
    return [each for each in items if isinstance(each.item, kind)]
