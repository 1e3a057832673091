"""Where each item of a webhook belongs: by its own number or account, never by the path or the body's other items."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from cloud_api.payloads import AccountEvent, Item, Unreadable
from jobs.models import State
from organizations.models import PhoneNumber
from organizations.signing import Signature, secret_marks
from webhooks.models import HeldItem

Cause = HeldItem.Cause
ONCE_CONNECTED = "It is applied once its number is connected."
ONCE_ACCOUNT_CONNECTED = "It is applied once a number of its account is connected."


@dataclass(frozen=True, slots=True)
class Entry:
    """An item and the webhook that told it."""

    webhook_id: int
    received_at: datetime
    signature: Signature
    item: Item


@dataclass(frozen=True, slots=True)
class Held:
    """Why an item is not applied now, and whether anything but a person's decision will change that."""

    state: State
    cause: Cause
    reason: str


@dataclass(frozen=True, slots=True)
class Routed:
    """An item and the numbers it concerns: its own, or for an account event all those of the account."""

    entry: Entry
    numbers: list[PhoneNumber]

    @property
    def number(self) -> PhoneNumber:
        return self.numbers[0]


@dataclass
class Router:
    """The numbers that a group of items names."""

    by_id: dict[str, PhoneNumber] = field(default_factory=dict)
    by_account: dict[str, list[PhoneNumber]] = field(default_factory=lambda: defaultdict(list))
    marks: dict[int, set[str]] = field(default_factory=dict)

    @classmethod
    def load(cls, entries: Iterable[Entry]) -> "Router":
        items = [entry.item for entry in entries]
        numbers = {item.phone_number_id for item in items if item.phone_number_id}
        accounts = {item.waba_id for item in items if item.waba_id and not item.phone_number_id}
        router = cls()
        named = Q(phone_number_id__in=numbers) | Q(waba_id__in=accounts)
        known = PhoneNumber.objects.filter(named).select_related("organization").defer(*PhoneNumber.SECRETS)
        for number in known.order_by("pk"):
            router.by_id[number.phone_number_id] = number
            if number.waba_id:
                router.by_account[number.waba_id].append(number)
        return router

    def route(self, entry: Entry) -> Routed | Held:
        """The item with its numbers, or why it has to be held."""
        item = entry.item
        if isinstance(item, Unreadable):
            return Held(State.DEAD, Cause.UNREADABLE, item.reason)
        if not item.phone_number_id and not item.waba_id:
            return Held(State.DEAD, Cause.UNREADABLE, "It names neither a number nor an account.")
        numbers = self._numbers(item)
        if not numbers:
            return Held(State.WAITING, Cause.UNKNOWN_NUMBER, ONCE_CONNECTED if item.phone_number_id else ONCE_ACCOUNT_CONNECTED)
        numbers = [number for number in numbers if self._may_tell(entry.signature, number.organization_id)]
        if not numbers:
            return Held(State.DEAD, Cause.FOREIGN, "The secret that signed it is not that of the number's organization.")
        if len(numbers) > 1 and not isinstance(item, AccountEvent):
            return Held(State.DEAD, Cause.UNREADABLE, "It names an account with several numbers, and not which of them it is for.")
        numbers = [number for number in numbers if number.is_applied]
        if not numbers:
            return Held(State.WAITING, Cause.INACTIVE, "It is applied once its number and organization are active.")
        return Routed(entry, numbers)

    def _numbers(self, item: Item) -> list[PhoneNumber]:
        if item.phone_number_id:
            return [self.by_id[item.phone_number_id]] if item.phone_number_id in self.by_id else []
        return self.by_account.get(item.waba_id or "", [])

    def _may_tell(self, signature: Signature, organization_id: int) -> bool:
        """Whether the secret that signed it is the platform's, or is or was the organization's."""
        if signature.organizations is None or organization_id in signature.organizations:
            return True
        if organization_id not in self.marks:
            self.marks[organization_id] = secret_marks(organization_id)
        return signature.secret_mark in self.marks[organization_id]
