"""Where each item of a webhook belongs: by its own number or account, never by the path or the body's other items."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cloud_api.payloads import AccountEvent, Item, Unreadable
from jobs.models import State
from organizations.credentials.signers import Signature, secret_digests
from organizations.models import PhoneNumber
from organizations.numbers.ownership import former_holders
from webhooks.models import HeldItem, Webhook

Cause = HeldItem.Cause
ASKED_AT_ONCE = 500
"""Names in one query."""
ONCE_CONNECTED = "It is applied once its number is connected."
ONCE_ACCOUNT_CONNECTED = "It is applied once a number of its account is connected."


@dataclass(frozen=True, slots=True)
class Entry:
    """An item and the webhook that told it."""

    webhook_id: int
    organization_id: int | None
    """Whose log the webhook is in, as stored."""
    received_at: datetime
    signature: Signature
    item: Item


@dataclass(frozen=True, slots=True)
class NamedNumbers:
    """What the items of one webhook name: numbers, accounts where no number is named, and whether one of them names neither."""

    webhook_id: int
    organization_id: int | None
    """Whose log the webhook is in, as stored."""
    received_at: datetime
    signature: Signature
    numbers: frozenset[str]
    accounts: frozenset[str]
    has_nameless: bool

    @classmethod
    def of(cls, webhook: Webhook, entries: Sequence[Entry]) -> "NamedNumbers":
        items = [entry.item for entry in entries]
        return cls(
            webhook.pk,
            webhook.organization_id,
            webhook.date,
            signature_of(webhook),
            frozenset(item.phone_number_id for item in items if item.phone_number_id),
            frozenset(item.waba_id for item in items if item.waba_id and not item.phone_number_id),
            any(not item.phone_number_id and not item.waba_id for item in items),
        )


@dataclass(frozen=True, slots=True)
class HoldReason:
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
    """The numbers that a group of items names.

    What an organization was told stays its own when the log is applied again, though the number has been proven to be another's
    since, or its own proof has been withdrawn: so a rebuild gives the same rows. The log that a webhook is in tells that.
    """

    by_id: dict[str, PhoneNumber] = field(default_factory=dict)
    by_account: dict[str, list[PhoneNumber]] = field(default_factory=lambda: defaultdict(list))
    former: dict[tuple[str, int], PhoneNumber] = field(default_factory=dict)
    """Rows that had an id of Meta's before, by that id and their organization."""
    marks: dict[int, set[str]] = field(default_factory=dict)

    @classmethod
    def load(cls, namings: Sequence[NamedNumbers]) -> "Router":
        numbers = {number for naming in namings for number in naming.numbers}
        accounts = {account for naming in namings for account in naming.accounts}
        router = cls()
        found = {number.pk: number for number in _known("waba_id", accounts)}
        found = {number.pk: number for number in _known("phone_number_id", numbers)} | found
        for _, number in sorted(found.items()):
            router.by_id[number.phone_number_id] = number
            if number.waba_id:
                router.by_account[number.waba_id].append(number)
        router._load_former(namings)
        return router

    def _load_former(self, namings: Sequence[NamedNumbers]) -> None:
        """Looked for only where a number is not that of the organization in whose log the webhook is."""
        missing: dict[int, set[str]] = defaultdict(set)
        for naming in namings:
            if naming.organization_id is not None:
                own = {each for each in naming.numbers if self._holder_id(each) == naming.organization_id}
                missing[naming.organization_id] |= naming.numbers - own
        for organization_id, names in missing.items():
            for part in _parts(names):
                for number in former_holders(part, [organization_id]):
                    self.former[number.meta_id, organization_id] = number

    def _holder_id(self, name: str) -> int | None:
        return self.by_id[name].organization_id if name in self.by_id else None

    def route(self, entry: Entry) -> Routed | HoldReason:
        """The item with its numbers, or why it has to be held."""
        item = entry.item
        if isinstance(item, Unreadable):
            return HoldReason(State.DEAD, Cause.UNREADABLE, item.reason)
        if not item.phone_number_id and not item.waba_id:
            return HoldReason(State.DEAD, Cause.UNREADABLE, "It names neither a number nor an account.")
        numbers = self._numbers(entry, item.phone_number_id, item.waba_id)
        if not numbers:
            return HoldReason(
                State.WAITING, Cause.UNKNOWN_NUMBER, ONCE_CONNECTED if item.phone_number_id else ONCE_ACCOUNT_CONNECTED
            )
        numbers = self._concerned(entry, numbers, by_account=not item.phone_number_id)
        if not numbers and entry.signature.organizations is None:
            return HoldReason(State.WAITING, Cause.UNPROVEN, "It is applied once it is proven whose the number is.")
        if not numbers:
            return HoldReason(State.DEAD, Cause.FOREIGN, "The secret that signed it is not that of the number's organization.")
        if len(numbers) > 1 and not isinstance(item, AccountEvent):
            return HoldReason(
                State.DEAD, Cause.UNREADABLE, "It names an account with several numbers, and not which of them it is for."
            )
        numbers = [number for number in numbers if number.is_applied or _was_holder(number, entry)]
        if not numbers:
            return HoldReason(State.WAITING, Cause.INACTIVE, "It is applied once its number and organization are active.")
        return Routed(entry, numbers)

    def owner(self, naming: NamedNumbers) -> int | None:
        """Whose log the webhook is in: that of the one organization whose secret signed it, or else of the one that everything in
        it belongs to. None if anything in it is another's or nobody's: no organization sees what is not its own."""
        signature = naming.signature
        if signature.organizations is not None and len(signature.organizations) == 1:
            return signature.organizations[0]
        named = [self._concerned(naming, self._numbers(naming, each, None), by_account=False) for each in naming.numbers]
        named += [self._concerned(naming, self._numbers(naming, None, each), by_account=True) for each in naming.accounts]
        owners = {number.organization_id for numbers in named for number in numbers}
        if naming.has_nameless or not all(named) or len(owners) != 1:
            return None
        return owners.pop()

    def named_number(self, entry: Entry | NamedNumbers, name: str) -> PhoneNumber | None:
        """The row of the number with this id of Meta's, for what came with this webhook."""
        former = self.former.get((name, entry.organization_id or 0))
        return former if former and _was_holder(former, entry) else self.by_id.get(name)

    def _numbers(self, entry: Entry | NamedNumbers, name: str | None, account: str | None) -> list[PhoneNumber]:
        if name:
            number = self.named_number(entry, name)
            return [number] if number else []
        return self.by_account.get(account or "", [])

    def _concerned(self, entry: Entry | NamedNumbers, numbers: Sequence[PhoneNumber], *, by_account: bool) -> list[PhoneNumber]:
        """Those of the numbers for which the signature is good: their own organization's, or the platform's if it is proven that
        the number, and with `by_account` its account, is that organization's, or was when the webhook was put into its log."""
        if entry.signature.organizations is not None:
            return [number for number in numbers if self._is_own(entry.signature, number.organization_id)]
        told = [number for number in numbers if number.organization_id == entry.organization_id]
        return told or [number for number in numbers if _is_proven(number, by_account=by_account)]

    def _is_own(self, signature: Signature, organization_id: int) -> bool:
        """Whether the secret that signed it is or was the organization's."""
        if organization_id in (signature.organizations or ()):
            return True
        if organization_id not in self.marks:
            self.marks[organization_id] = secret_digests(organization_id)
        return signature.secret_digest in self.marks[organization_id]


def _is_proven(number: PhoneNumber, *, by_account: bool) -> bool:
    return number.has_proven_account if by_account else number.is_proven


def _was_holder(number: PhoneNumber, entry: Entry | NamedNumbers) -> bool:
    """Whether the webhook came while the row, which has given its id away since, had it."""
    is_its_log = number.organization_id == entry.organization_id
    return is_its_log and number.held_id_until is not None and entry.received_at < number.held_id_until


def _known(column: str, names: Collection[str]) -> Iterator[PhoneNumber]:
    """The numbers that have one of these names in the column. A body may name 100,000, so they are asked for in parts."""
    for part in _parts(names):
        rows = PhoneNumber.objects.filter(**{f"{column}__in": part})
        yield from rows.select_related("organization").defer(*PhoneNumber.SECRETS)


def _parts(names: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(names)
    return (ordered[start : start + ASKED_AT_ONCE] for start in range(0, len(ordered), ASKED_AT_ONCE))


def signature_of(webhook: Webhook) -> Signature:
    """Who signed a stored webhook."""
    organizations = None if webhook.signed_for is None else tuple(webhook.signed_for)
    return Signature(organizations, webhook.signed_with)
