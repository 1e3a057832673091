"""Held items: parts of webhooks that could not be applied. How many of them are kept, and when they go on."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import islice

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from jobs.models import LeasedQuerySet, State
from jobs.transactions import run_in_transaction
from organizations.models import PhoneNumber
from webhooks.models import ANY, PROVEN, HeldItem, Webhook, queue_of
from webhooks.processing.router import Cause, Entry, HoldReason, Router

log = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(seconds=2)
"""Before an item that failed is tried again."""
SHARES_OF_THE_PLATFORM = 10
"""How many times as much is kept of what cannot be told apart, because the platform's secret signed it, as of one organization."""
RECENTLY_PROVEN = timedelta(hours=1)
"""How long after the proof `release_proven_items` looks for items of a number."""
STEP = 1000
"""Rows in one statement."""
TOO_MANY = "With it there would be more unapplied items than the hub keeps. Apply it again once there are fewer."


@dataclass(frozen=True, slots=True)
class UnappliedItem:
    """An item that was not applied. `waits_for` is as in HeldItem; None stands for the organization of its webhook."""

    position: str
    phone_number_id: str
    waba_id: str
    held: HoldReason
    waits_for: int | None


@dataclass(slots=True)
class WebhookProgress:
    """A webhook whose items are being read and applied, part by part, and what is known of it so far."""

    webhook: Webhook
    owners: set[int | None] = field(default_factory=set)
    """Whose log each part belongs in."""
    unapplied: list[UnappliedItem] = field(default_factory=list)
    is_beyond: bool = False
    """It has more unapplied items than are kept; none of them is remembered."""

    @property
    def owner(self) -> int | None:
        """Whose log it is in: that of the organization to which each part belongs."""
        return next(iter(self.owners)) if len(self.owners) == 1 else None

    @property
    def queue_id(self) -> int:
        """The queue of its held items."""
        return queue_of(self.owner or self.webhook.first_signer)

    def hold(self, entry: Entry, held: HoldReason, router: Router) -> None:
        """Remember that this item was not applied."""
        item = entry.item
        if not self.is_beyond:
            condition = waits_for(entry, held, router)
            self.unapplied.append(UnappliedItem(item.position, item.phone_number_id or "", item.waba_id or "", held, condition))
        # Whose it is is not known before its end, if several or the platform signed it.
        if len(self.unapplied) > max_held_items(self.webhook.organization_id or 0):
            self.is_beyond = True
            self.unapplied.clear()


def waits_for(entry: Entry, held: HoldReason, router: Router) -> int | None:
    """What the item waits for, as HeldItem has it; None: a number of its webhook's organization."""
    if held.state != State.WAITING:
        return ANY
    if entry.signature.organizations is None:
        return PROVEN
    if entry.item.phone_number_id:
        return ANY
    # An active number of the account that is another organization's does not let the item go on.
    is_known = held.cause == Cause.INACTIVE and len(entry.signature.organizations) == 1
    has_active = any(number.is_applied for number in router.by_account.get(entry.item.waba_id or "", ()))
    return None if is_known or has_active else ANY


def max_held_items(queue_id: int) -> int:
    """How many held items are kept in a queue of theirs."""
    return int(settings.MOST_UNAPPLIED_ITEMS) * (1 if queue_id else SHARES_OF_THE_PLATFORM)


def count_held_items(queue_id: int) -> int:
    """How many held items there are in the queue, counted up to the most that are kept."""
    return HeldItem.objects.in_queue(queue_id).order_by()[: max_held_items(queue_id)].count()


def hold_items(readings: Sequence[WebhookProgress]) -> list[WebhookProgress]:
    """Put what was not applied of these webhooks in the place of what was held of them. Returns those for whose items there was no
    room, of which nothing is held. Must run in a transaction."""
    HeldItem.objects.filter(webhook__in=[reading.webhook.pk for reading in readings]).delete()
    room: dict[int, int] = {}
    beyond = []
    for reading in readings:
        if reading.unapplied and reading.queue_id not in room:
            room[reading.queue_id] = max_held_items(reading.queue_id) - count_held_items(reading.queue_id)
        if reading.is_beyond or (reading.unapplied and len(reading.unapplied) > room[reading.queue_id]):
            log.warning("webhook %s has more unapplied items than are kept", reading.webhook.pk)
            beyond.append(reading)
        elif reading.unapplied:
            room[reading.queue_id] -= len(reading.unapplied)
            _insert(reading)
    return beyond


def _insert(reading: WebhookProgress) -> None:
    rows = (_held_item(reading, unapplied) for unapplied in reading.unapplied)
    while step := list(islice(rows, STEP)):
        HeldItem.objects.bulk_create(step)


def _held_item(reading: WebhookProgress, unapplied: UnappliedItem) -> HeldItem:
    held = unapplied.held
    return HeldItem(
        webhook_id=reading.webhook.pk,
        organization_id=reading.owner,
        queue_id=reading.queue_id,
        position=unapplied.position,
        state=held.state,
        cause=held.cause,
        reason=held.reason[:500],
        phone_number_id=unapplied.phone_number_id,
        waba_id=unapplied.waba_id,
        waits_for=reading.queue_id if unapplied.waits_for is None else unapplied.waits_for,
        attempts=1 if held.state == State.DUE else 0,
        due_at=Now() + FIRST_PAUSE,
    )


def release_waiting_items() -> int:
    """Let items go on for which there is an active number now; returns how many. It asks once where nothing waits. The cost grows
    with the active numbers, not with what waits.

    An item goes on only if it would not wait again: of what the platform's secret signed, only once the number is proven.
    """
    if not _waiting().exists():
        return 0
    return _release_of_numbers() + _release_of_accounts()


def _waiting() -> LeasedQuerySet[HeldItem]:
    return HeldItem.objects.filter(state=State.WAITING)


def _release_of_numbers() -> int:
    own = _waiting().filter(phone_number_id=OuterRef("phone_number_id"))
    unproven, proven = Exists(own.filter(waits_for=ANY)), Exists(own.filter(waits_for=PROVEN))
    # The first condition is for speed: most numbers have nothing that waits.
    numbers = PhoneNumber.objects.active().filter(Exists(own), Q(unproven) | Q(Q(proven_at__isnull=False), proven))
    return sum(
        _release(
            _waiting().filter(phone_number_id=number.phone_number_id, waits_for__in=_conditions(number, is_proven=number.is_proven))
        )
        for number in _each(numbers)
    )


def _release_of_accounts() -> int:
    """Of items that name their account alone."""
    nameless = _waiting().filter(phone_number_id="")
    if not nameless.exists():
        return 0
    own = nameless.filter(waba_id=OuterRef("waba_id"))
    of_any, of_organization = Exists(own.filter(waits_for=ANY)), Exists(own.filter(waits_for=OuterRef("organization_id")))
    proven = Q(Q(proven_at__isnull=False, waba_is_claimed=False), Exists(own.filter(waits_for=PROVEN)))
    numbers = PhoneNumber.objects.active().filter(Q(of_any) | Q(of_organization) | proven)
    return sum(
        _release(nameless.filter(waba_id=number.waba_id, waits_for__in=_conditions(number, is_proven=number.has_proven_account)))
        for number in _each(numbers)
    )


def _conditions(number: PhoneNumber, *, is_proven: bool) -> list[int]:
    """What the number fulfils of what items wait for."""
    return [ANY, number.organization_id, *([PROVEN] if is_proven else [])]


def _each(numbers: QuerySet[PhoneNumber]) -> Iterator[PhoneNumber]:
    """One after the other, in the order of their ids."""
    last = 0
    while step := list(numbers.filter(pk__gt=last).order_by("pk").defer(*PhoneNumber.SECRETS)[:STEP]):
        yield from step
        last = step[-1].pk


def release_proven_items() -> int:
    """Let items go on that are dead only because another organization had typed the id first, before the number or account of
    whoever signed them was proven; returns how many."""
    recent = PhoneNumber.objects.active().filter(proven_at__gte=timezone.now() - RECENTLY_PROVEN)
    released = 0
    for number in recent.defer(*PhoneNumber.SECRETS):
        dead = HeldItem.objects.dead().filter(cause=Cause.FOREIGN, organization_id=number.organization_id)
        released += _release(dead.filter(phone_number_id=number.phone_number_id))
        if number.waba_id:
            released += _release(dead.filter(phone_number_id="", waba_id=number.waba_id))
    return released


def _release(items: LeasedQuerySet[HeldItem]) -> int:
    """Step by step: a number that was away for days has many."""
    released = 0
    while ids := list(items.values_list("pk", flat=True)[:STEP]):
        released += run_in_transaction(partial(_apply_webhooks_again, items.filter(pk__in=ids)))
    return released


def _apply_webhooks_again(items: LeasedQuerySet[HeldItem]) -> int:
    """Let the webhooks of these items be applied again: one reading of a body does for all its items, and what was applied before
    does not change. A webhook that is due already, with whichever worker, is left to that."""
    locked = items.select_for_update().order_by("pk")
    webhooks = dict(locked.values_list("pk", "webhook_id"))
    HeldItem.objects.filter(pk__in=webhooks).delete()
    Webhook.objects.filter(pk__in=set(webhooks.values())).exclude(state=State.DUE).make_due()
    return len(webhooks)
