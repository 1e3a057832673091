"""Held items: parts of webhooks that could not be applied. How many of them are kept, and when they are applied again."""

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

from cloud_api.payloads import Item
from jobs.models import LeasedQuerySet, State
from jobs.transactions import run_in_transaction
from organizations.models import PhoneNumber
from organizations.numbers.inbound_items import InboundItem
from webhooks.models import ANY, PROVEN, HeldItem, Webhook, queue_of
from webhooks.processing.router import Cause, HoldReason, Router

log = logging.getLogger(__name__)

FIRST_DELAY = timedelta(seconds=2)
"""Before the second attempt of an item that failed."""
PLATFORM_FACTOR = 10
"""The queue of items that the platform's app signed may have so many times the items of an organization's queue."""
RECENTLY_PROVEN = timedelta(hours=1)
"""How long after the proof `release_proven_items` looks for items of a number."""
STEP = 1000
"""Rows in one statement."""


@dataclass(frozen=True, slots=True)
class UnappliedItem:
    """An item that was not applied. `waits_for` is as in HeldItem. None stands for the organization of its webhook."""

    position: str
    phone_number_id: str
    waba_id: str
    reason: HoldReason
    waits_for: int | None


@dataclass(slots=True)
class WebhookProgress:
    """A webhook whose items are read and applied part by part, and the results so far."""

    webhook: Webhook
    owners: set[int | None] = field(default_factory=set)
    """The organizations in whose logs the parts belong."""
    unapplied: list[UnappliedItem] = field(default_factory=list)
    has_too_many: bool = False
    """It has more unapplied items than are kept. None of them is in `unapplied`."""

    @property
    def owner(self) -> int | None:
        """The organization in whose log it belongs: the one to which every part belongs."""
        return next(iter(self.owners)) if len(self.owners) == 1 else None

    @property
    def queue_id(self) -> int:
        """The queue of its held items."""
        return queue_of(self.owner or self.webhook.first_signer)

    def add_unapplied(self, inbound: InboundItem[Item], reason: HoldReason, router: Router) -> None:
        item = inbound.item
        if not self.has_too_many:
            condition = waits_for(inbound, reason, router)
            unapplied = UnappliedItem(item.position, item.phone_number_id or "", item.waba_id or "", reason, condition)
            self.unapplied.append(unapplied)
        # The owner may not be known before the end of the body, if several organizations or the platform signed it.
        if len(self.unapplied) > max_held_items(self.webhook.organization_id or 0):
            self.has_too_many = True
            self.unapplied.clear()


def waits_for(inbound: InboundItem[Item], reason: HoldReason, router: Router) -> int | None:
    """Returns what the item waits for, as in HeldItem. None stands for a number of its webhook's organization."""
    if reason.state != State.WAITING:
        return ANY
    if inbound.is_signed_by_platform:
        return PROVEN
    if inbound.item.phone_number_id:
        return ANY
    # An active number of the account that is another organization's does not release the item.
    signers = inbound.webhook.signature.organizations or ()
    is_own_number = reason.cause == Cause.INACTIVE and len(signers) == 1
    has_active = any(number.is_applied for number in router.by_account.get(inbound.item.waba_id or "", ()))
    return None if is_own_number or has_active else ANY


def max_held_items(queue_id: int) -> int:
    """Returns how many held items a queue may have."""
    return int(settings.MOST_UNAPPLIED_ITEMS) * (1 if queue_id else PLATFORM_FACTOR)


def count_held_items(queue_id: int) -> int:
    """Returns how many held items the queue has, counted up to `max_held_items`."""
    return HeldItem.objects.in_queue(queue_id).order_by()[: max_held_items(queue_id)].count()


def hold_items(finished: Sequence[WebhookProgress]) -> list[WebhookProgress]:
    """Replaces the held items of these webhooks with their unapplied items. Returns the webhooks that have more of them than their
    queue has room for. These have no held items. Must run in a transaction."""
    HeldItem.objects.filter(webhook__in=[progress.webhook.pk for progress in finished]).delete()
    room: dict[int, int] = {}
    too_many = []
    for progress in finished:
        count, queue_id = len(progress.unapplied), progress.queue_id
        if count and queue_id not in room:
            room[queue_id] = max_held_items(queue_id) - count_held_items(queue_id)
        if progress.has_too_many or (count and count > room[queue_id]):
            log.warning("webhook %s has more unapplied items than are kept", progress.webhook.pk)
            too_many.append(progress)
        elif count:
            room[queue_id] -= count
            rows = (_held_item(progress, unapplied) for unapplied in progress.unapplied)
            while step := list(islice(rows, STEP)):
                HeldItem.objects.bulk_create(step)
    return too_many


def _held_item(progress: WebhookProgress, unapplied: UnappliedItem) -> HeldItem:
    reason = unapplied.reason
    return HeldItem(
        webhook_id=progress.webhook.pk,
        organization_id=progress.owner,
        queue_id=progress.queue_id,
        position=unapplied.position,
        state=reason.state,
        cause=reason.cause,
        reason=reason.reason[:500],
        phone_number_id=unapplied.phone_number_id,
        waba_id=unapplied.waba_id,
        waits_for=progress.queue_id if unapplied.waits_for is None else unapplied.waits_for,
        attempts=1 if reason.state == State.DUE else 0,
        due_at=Now() + FIRST_DELAY,
    )


def release_waiting_items() -> int:
    """A chore: releases waiting items for which there is an active number now. Returns how many.

    An item is released only if it would not wait again. So an item that the platform's app signed waits until the number is proven.
    """
    # One query if nothing waits. The cost grows with the number of active numbers, not with the number of waiting items.
    if not _waiting().exists():
        return 0
    return _release_of_numbers() + _release_of_accounts()


def _waiting() -> LeasedQuerySet[HeldItem]:
    return HeldItem.objects.filter(state=State.WAITING)


def _release_of_numbers() -> int:
    own = _waiting().filter(phone_number_id=OuterRef("phone_number_id"))
    unproven, proven = Exists(own.filter(waits_for=ANY)), Exists(own.filter(waits_for=PROVEN))
    # The first condition is for speed: most numbers have no waiting items.
    numbers = PhoneNumber.objects.active().filter(Exists(own), Q(unproven) | Q(Q(proven_at__isnull=False), proven))
    return sum(
        _release(
            _waiting().filter(phone_number_id=number.phone_number_id, waits_for__in=_conditions(number, is_proven=number.is_proven))
        )
        for number in _in_steps(numbers)
    )


def _release_of_accounts() -> int:
    """Releases items that name only their account."""
    unnumbered = _waiting().filter(phone_number_id="")
    if not unnumbered.exists():
        return 0
    own = unnumbered.filter(waba_id=OuterRef("waba_id"))
    of_any, of_organization = Exists(own.filter(waits_for=ANY)), Exists(own.filter(waits_for=OuterRef("organization_id")))
    proven = Q(Q(proven_at__isnull=False, waba_is_claimed=False), Exists(own.filter(waits_for=PROVEN)))
    numbers = PhoneNumber.objects.active().filter(Q(of_any) | Q(of_organization) | proven)
    return sum(
        _release(unnumbered.filter(waba_id=number.waba_id, waits_for__in=_conditions(number, is_proven=number.has_proven_account)))
        for number in _in_steps(numbers)
    )


def _conditions(number: PhoneNumber, *, is_proven: bool) -> list[int]:
    """Returns the values of `waits_for` that the number fulfils."""
    return [ANY, number.organization_id, *([PROVEN] if is_proven else [])]


def _in_steps(numbers: QuerySet[PhoneNumber]) -> Iterator[PhoneNumber]:
    """Yields the numbers in the order of their ids."""
    last = 0
    while step := list(numbers.filter(pk__gt=last).order_by("pk").defer(*PhoneNumber.SECRETS)[:STEP]):
        yield from step
        last = step[-1].pk


def release_proven_items() -> int:
    """A chore: releases items that are dead only because another organization had entered the id first, before the signer's number
    or account was proven. Returns how many."""
    recent = PhoneNumber.objects.active().filter(proven_at__gte=timezone.now() - RECENTLY_PROVEN)
    released = 0
    for number in recent.defer(*PhoneNumber.SECRETS):
        dead = HeldItem.objects.dead().filter(cause=Cause.FOREIGN, organization_id=number.organization_id)
        released += _release(dead.filter(phone_number_id=number.phone_number_id))
        if number.waba_id:
            released += _release(dead.filter(phone_number_id="", waba_id=number.waba_id))
    return released


def _release(items: LeasedQuerySet[HeldItem]) -> int:
    """Releases the items in steps: a number that was inactive for days has many."""
    released = 0
    while ids := list(items.values_list("pk", flat=True)[:STEP]):
        released += run_in_transaction(partial(_apply_webhooks_again, items.filter(pk__in=ids)))
    return released


def _apply_webhooks_again(items: LeasedQuerySet[HeldItem]) -> int:
    """Deletes the items and makes their webhooks due: all items of a body are then read once, and what was applied before does not
    change."""
    locked = items.select_for_update().order_by("pk")
    webhooks = dict(locked.values_list("pk", "webhook_id"))
    HeldItem.objects.filter(pk__in=webhooks).delete()
    # A webhook that is due already may be leased by a worker.
    Webhook.objects.filter(pk__in=set(webhooks.values())).exclude(state=State.DUE).make_due()
    return len(webhooks)
