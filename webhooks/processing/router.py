"""Finds the number and the organization of each item: by the item's own number or account, never by the URL or by other items."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from cloud_api.payloads import AccountEvent, Item, Unreadable
from jobs.models import MAX_ATTEMPTS, State
from organizations.credentials.signers import Signature, secret_digests
from organizations.models import PhoneNumber
from organizations.numbers.inbound_items import InboundItem, ReceivedWebhook
from organizations.numbers.ownership import former_holders
from webhooks.models import HeldItem
from webhooks.processing.hold_reasons import Reason, code_of_sentence

Cause = HeldItem.Cause
MAX_NAMES = 500
"""Names in one query."""


@dataclass(frozen=True, slots=True)
class HoldReason:
    """Why an item is not applied now. `state` says whether anything but a person's decision can change that."""

    state: State
    cause: Cause
    reason: str
    """See `webhooks.processing.hold_reasons`."""
    max_attempts: int = MAX_ATTEMPTS
    """After how many attempts an item that is due again is dead."""


@dataclass(frozen=True, slots=True)
class NamedNumbers:
    """What the items of one webhook name: numbers, accounts where no number is named, and whether one of them names neither."""

    webhook: ReceivedWebhook
    numbers: frozenset[str]
    accounts: frozenset[str]
    has_nameless: bool

    def __bool__(self) -> bool:
        return bool(self.numbers or self.accounts or self.has_nameless)

    @classmethod
    def of(cls, webhook: ReceivedWebhook, items: Sequence[InboundItem[Item]]) -> "NamedNumbers":
        parsed = [each.item for each in items]
        return cls(
            webhook,
            frozenset(item.phone_number_id for item in parsed if item.phone_number_id),
            frozenset(item.waba_id for item in parsed if item.waba_id and not item.phone_number_id),
            any(not item.phone_number_id and not item.waba_id for item in parsed),
        )


@dataclass
class Router:
    """The numbers that some items name.

    An item that was applied for an organization stays in it when the log is applied again, even if the number was proven to be
    another organization's since, or its own proof was withdrawn. So a rebuild gives the same rows. The log that contains the
    webhook says which organization that was.
    """

    by_id: dict[str, PhoneNumber] = field(default_factory=dict)
    by_account: dict[str, list[PhoneNumber]] = field(default_factory=lambda: defaultdict(list))
    former: dict[tuple[str, int], PhoneNumber] = field(default_factory=dict)
    """Rows that had a phone number ID before, by that id and their organization."""
    marks: dict[int, set[str]] = field(default_factory=dict)

    @classmethod
    def load(cls, named: Sequence[NamedNumbers]) -> "Router":
        numbers = {number for each in named for number in each.numbers}
        accounts = {account for each in named for account in each.accounts}
        router = cls()
        found = {number.pk: number for number in _find_numbers("waba_id", accounts)}
        found = {number.pk: number for number in _find_numbers("phone_number_id", numbers)} | found
        for _, number in sorted(found.items()):
            router.by_id[number.phone_number_id] = number
            if number.waba_id:
                router.by_account[number.waba_id].append(number)
        router._load_former(named)
        return router

    def _load_former(self, named: Sequence[NamedNumbers]) -> None:
        """Loads former holders, only where a number is not of the organization in whose log the webhook is."""
        missing: dict[int, set[str]] = defaultdict(set)
        for each in named:
            organization_id = each.webhook.organization_id
            if organization_id is not None:
                own = {number for number in each.numbers if self._holder_id(number) == organization_id}
                missing[organization_id] |= each.numbers - own
        for organization_id, names in missing.items():
            for part in _parts(names):
                for number in former_holders(part, [organization_id]):
                    self.former[number.meta_id, organization_id] = number

    def _holder_id(self, name: str) -> int | None:
        return self.by_id[name].organization_id if name in self.by_id else None

    def route(self, inbound: InboundItem[Item]) -> InboundItem[Item] | HoldReason:
        """Returns the item with its numbers, or why it must be held."""
        item, webhook = inbound.item, inbound.webhook
        if isinstance(item, Unreadable):
            return HoldReason(State.DEAD, Cause.UNREADABLE, code_of_sentence(item.reason))
        if not item.phone_number_id and not item.waba_id:
            return HoldReason(State.DEAD, Cause.UNREADABLE, Reason.NAMES_NO_NUMBER)
        numbers = self._numbers(webhook, item.phone_number_id, item.waba_id)
        if not numbers:
            waits_for = Reason.NUMBER_NOT_CONNECTED if item.phone_number_id else Reason.ACCOUNT_NOT_CONNECTED
            return HoldReason(State.WAITING, Cause.UNKNOWN_NUMBER, waits_for)
        numbers = self._with_valid_signature(webhook, numbers, by_account=not item.phone_number_id)
        if not numbers and inbound.is_signed_by_platform:
            return HoldReason(State.WAITING, Cause.UNPROVEN, Reason.UNPROVEN)
        if not numbers:
            return HoldReason(State.DEAD, Cause.FOREIGN, Reason.FOREIGN_SIGNATURE)
        if len(numbers) > 1 and not isinstance(item, AccountEvent):
            return HoldReason(State.DEAD, Cause.UNREADABLE, Reason.SEVERAL_NUMBERS)
        numbers = [number for number in numbers if number.is_applied or _was_holder(number, webhook)]
        if not numbers:
            return HoldReason(State.WAITING, Cause.INACTIVE, Reason.INACTIVE)
        return inbound.routed_to(numbers)

    def owner(self, named: NamedNumbers) -> int | None:
        """Returns the organization in whose log the webhook belongs: the one organization whose secret signed it, or the one to
        which everything in it belongs. None if a part of it belongs to another organization or to none, because no organization may
        see what is not its own."""
        webhook, signature = named.webhook, named.webhook.signature
        if signature.organizations is not None and len(signature.organizations) == 1:
            return signature.organizations[0]
        found = [
            self._with_valid_signature(webhook, self._numbers(webhook, each, None), by_account=False) for each in named.numbers
        ]
        found += [
            self._with_valid_signature(webhook, self._numbers(webhook, None, each), by_account=True) for each in named.accounts
        ]
        owners = {number.organization_id for numbers in found for number in numbers}
        if named.has_nameless or not all(found) or len(owners) != 1:
            return None
        return owners.pop()

    def named_number(self, webhook: ReceivedWebhook, name: str) -> PhoneNumber | None:
        """Returns the row with this phone number ID, as of the arrival of the webhook."""
        former = self.former.get((name, webhook.organization_id or 0))
        return former if former and _was_holder(former, webhook) else self.by_id.get(name)

    def _numbers(self, webhook: ReceivedWebhook, name: str | None, account: str | None) -> list[PhoneNumber]:
        if name:
            number = self.named_number(webhook, name)
            return [number] if number else []
        return self.by_account.get(account or "", [])

    def _with_valid_signature(
        self, webhook: ReceivedWebhook, numbers: Sequence[PhoneNumber], *, by_account: bool
    ) -> list[PhoneNumber]:
        """Returns the numbers for which the signature is valid: it is their own organization's, or the platform's and the ownership
        of the number (with `by_account`: of its account) is proven, or was when the webhook was put into its log."""
        if webhook.signature.organizations is not None:
            return [number for number in numbers if self._is_own_signature(webhook.signature, number.organization_id)]
        of_log = [number for number in numbers if number.organization_id == webhook.organization_id]
        return of_log or [number for number in numbers if (number.has_proven_account if by_account else number.is_proven)]

    def _is_own_signature(self, signature: Signature, organization_id: int) -> bool:
        """Whether the secret that signed the webhook is or was the organization's."""
        if organization_id in (signature.organizations or ()):
            return True
        if organization_id not in self.marks:
            self.marks[organization_id] = secret_digests(organization_id)
        return signature.secret_digest in self.marks[organization_id]


def _was_holder(number: PhoneNumber, webhook: ReceivedWebhook) -> bool:
    """Whether the webhook arrived while the row, which has given its phone number ID away since, had it."""
    is_its_log = number.organization_id == webhook.organization_id
    return is_its_log and number.held_id_until is not None and webhook.received_at < number.held_id_until


def _find_numbers(column: str, names: Collection[str]) -> Iterator[PhoneNumber]:
    """Yields the numbers that have one of these names in the column. A body may name 100,000, so each query looks for a part."""
    for part in _parts(names):
        rows = PhoneNumber.objects.filter(**{f"{column}__in": part})
        yield from rows.select_related("organization").defer(*PhoneNumber.SECRETS)


def _parts(names: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(names)
    return (ordered[start : start + MAX_NAMES] for start in range(0, len(ordered), MAX_NAMES))
