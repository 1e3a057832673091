"""Where each item of a webhook belongs: by its own number or account, never by the path or the body's other items."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from cloud_api.payloads import AccountEvent, Item, Unreadable
from jobs.models import State
from organizations.models import PhoneNumber
from organizations.signing import Signature, secret_marks
from webhooks.models import HeldItem, Webhook

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
class Naming:
    """What the items of one webhook name: numbers, accounts where no number is named, and whether one of them names neither."""

    webhook_id: int
    organization_id: int | None
    """Whose log the webhook is in, as stored."""
    signature: Signature
    numbers: frozenset[str]
    accounts: frozenset[str]
    has_nameless: bool

    @classmethod
    def of(cls, webhook: Webhook, entries: Sequence[Entry]) -> "Naming":
        items = [entry.item for entry in entries]
        return cls(
            webhook.pk,
            webhook.organization_id,
            signature_of(webhook),
            frozenset(item.phone_number_id for item in items if item.phone_number_id),
            frozenset(item.waba_id for item in items if item.waba_id and not item.phone_number_id),
            any(not item.phone_number_id and not item.waba_id for item in items),
        )


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
    def load(cls, namings: Sequence[Naming]) -> "Router":
        numbers = {number for naming in namings for number in naming.numbers}
        accounts = {account for naming in namings for account in naming.accounts}
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

    def owner(self, naming: Naming) -> int | None:
        """Whose log the webhook is in: that of the one organization whose secret signed it, or else of the one that everything in
        it belongs to. None if anything in it is another's or nobody's: no organization sees what is not its own."""
        signers = naming.signature.organizations
        if signers is not None and len(signers) == 1:
            return signers[0]
        named = [[self.by_id[each]] if each in self.by_id else [] for each in naming.numbers]
        named += [self.by_account.get(each, []) for each in naming.accounts]
        owners = {number.organization_id for numbers in named for number in numbers}
        if naming.has_nameless or not all(named) or len(owners) != 1:
            return None
        owner = owners.pop()
        return owner if self._may_tell(naming.signature, owner) else None

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


def signature_of(webhook: Webhook) -> Signature:
    """Who signed a stored webhook."""
    organizations = None if webhook.signed_for is None else tuple(webhook.signed_for)
    return Signature(organizations, webhook.signed_with)
