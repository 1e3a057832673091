"""Applies stored webhooks: the lanes of the worker, and the phases of an item.

    parse           `item_batches` reads the bodies into items, part by part
    route           `router` adds the numbers to each item, or says why it must be held
    erased persons  `tombstoned_items` leaves out what was sent before its person was erased
    identities      `chats.conversations.persons` finds the contacts of persons
    conversations   `chats.conversations.inbound_messages` stores messages in their sessions
    statuses        `chats.conversations.statuses` moves sent messages forward
    events          `organizations.account_events.storage` and `chats.message_templates.events`
    finish          `held_items` and `log_ownership` store the results of the webhooks

One value goes through all phases: `organizations.numbers.inbound_items.InboundItem`.

Items are applied in groups, each in one transaction. If a group fails, it is split until the bad item is alone. That item is held
with its reason, and the others are applied. Applying an item again changes nothing, so a worker may die at any time.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from django.db.models import Q
from django.utils import timezone
from prometheus_client import Histogram

from chats.conversations.inbound_messages import UnknownMessage, store_messages
from chats.conversations.persons import apply_identity_changes, identity_change_of, store_persons, with_contacts
from chats.conversations.pruned_items import without_pruned_messages, without_pruned_statuses
from chats.conversations.statuses import store_statuses
from chats.message_templates.events import apply_template_events
from cloud_api.payloads import AccountEvent, AddressBookEntry, Item, MarketingPreference, Message, Status
from cloud_api.payloads.persons import MARK
from jobs.batches import apply_batch
from jobs.histograms import observe_all
from jobs.models import MAX_ATTEMPTS, Lease, State
from jobs.transactions import run_in_transaction
from jobs.workers.worker import Lane
from organizations.account_events.account_ids import set_account_ids
from organizations.account_events.storage import store_account_events
from organizations.live.revisions import publish_revisions
from organizations.numbers.inbound_items import InboundItem, items_of_kind
from organizations.numbers.ownership import NumberMoved, raise_if_moved
from webhooks.models import HeldItem, Webhook
from webhooks.processing.held_items import hold_items, waits_for
from webhooks.processing.hold_reasons import Reason
from webhooks.processing.item_batches import (
    BUDGET,
    LARGE_BUDGET,
    ItemBatch,
    Progress,
    order_webhooks,
    read_batches,
    within_budget,
)
from webhooks.processing.log_ownership import publish_activity, store_owners
from webhooks.processing.rebuild import is_rebuild_running
from webhooks.processing.router import Cause, HoldReason, Router
from webhooks.processing.tombstoned_items import leave_out_tombstoned
from webhooks.processing.traces import trace_applied

log = logging.getLogger(__name__)

APPLY_SECONDS = Histogram(
    "hub_webhook_apply_seconds",
    "Time from the arrival of a webhook until its items are applied or held",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
MAX_ITEMS_IN_GROUP = 1500
"""Items in one transaction: those of the usual lease of 1,000 webhooks, but few enough to hold no lock for long."""
MAX_ATTEMPTS_WITHOUT_MESSAGE = 180
"""Attempts of an item that names nobody, while its message is not stored: the last ones are an hour apart. Meta may deliver the
message up to seven days later (docs/meta-platform.md 1.3)."""
MAX_NUMBERS_IN_GROUP = 250
"""Numbers of the items of one transaction. Some queries have a condition for each, and SQLite takes 1,000."""
Indexed = tuple[int, InboundItem[Item]]
"""An item and its index among the items that are applied together."""


def apply_webhooks(lease: Lease) -> None:
    """The lanes of the raw log: applies every item of these webhooks, and holds what cannot be applied.

    A body that is not a webhook becomes dead, and so does one with more unapplied items than are kept. Webhooks for which the lease
    has no time stay due.
    """
    remaining = order_webhooks(Webhook.objects.filter(pk__in=lease.ids))
    progress: Progress = {}
    for batches in read_batches(remaining, progress):
        router = _load_router(batches, progress)
        items = [item for batch in batches for item in batch.items]
        reasons = apply_items(items, router)
        for item, reason in zip(items, reasons, strict=True):
            if reason:
                progress[item.webhook.id].add_unapplied(item, reason, router)
        ended = [batch for batch in batches if batch.is_last]
        run_in_transaction(partial(_finish, lease, ended, progress))
        trace_applied(batches, reasons)
        owners = {batch.webhook.pk: progress.pop(batch.webhook.pk).owner for batch in ended}
        publish_activity(owners, items, reasons, router)
        _observe_delays(ended)
    lease.give_back([webhook.pk for webhook in remaining])


def apply_held_items(lease: Lease) -> None:
    """The lane of held items that are due: applies and deletes them, or holds them again."""
    rows = {(row.webhook_id, row.position): row for row in HeldItem.objects.filter(pk__in=lease.ids)}
    bodies = within_budget({webhook_id for webhook_id, _ in rows})
    remaining = order_webhooks(Webhook.objects.filter(pk__in=bodies))
    progress: Progress = {}
    for batches in read_batches(remaining, progress):
        router = _load_router(batches, progress)
        items = [item for batch in batches for item in batch.items if item.key in rows]
        reasons = apply_items(items, router)
        _update_held(lease, [rows.pop(item.key) for item in items], items, reasons, router)
        ended = [batch.webhook for batch in batches if batch.is_last]
        owners = {webhook.pk: progress[webhook.pk].owner for webhook in ended}
        run_in_transaction(partial(store_owners, ended, owners))
        publish_activity(owners, items, reasons, router)
    lease.give_back([row.pk for row in rows.values() if row.webhook_id not in progress])
    missing = [row for row in rows.values() if row.webhook_id in progress]
    erased = [row.pk for row in missing if MARK in progress[row.webhook_id].webhook.json]
    lease.held(erased).delete()
    lease.set_dead([row.pk for row in missing if row.pk not in erased], Reason.NOT_IN_BODY)


LANES = [
    Lane("webhooks", Webhook, apply_webhooks, which=Q(queue_id__gte=0), weight="size", budget=BUDGET),
    Lane("large-webhooks", Webhook, apply_webhooks, which=Q(queue_id__lt=0), weight="size", budget=LARGE_BUDGET, is_woken=False),
    Lane("held", HeldItem, apply_held_items),
]


def apply_items(items: Sequence[InboundItem[Item]], router: Router) -> list[HoldReason | None]:
    """Applies these items. Returns for each item why it is held, or None. Raises DatabaseAway if the database is the reason.
    Nothing is lost then."""
    reasons: list[HoldReason | None] = [None] * len(items)
    routed: list[Indexed] = []
    for index, item in enumerate(items):
        route = router.route(item)
        if isinstance(route, HoldReason):
            reasons[index] = route
        else:
            routed.append((index, route))

    def apply(group: Sequence[Indexed]) -> None:
        try:
            run_in_transaction(lambda: apply_group([item for _, item in group]))
        except NumberMoved:  # another organization has just proven that the number is its own: route the items again
            for index, _ in group:
                reasons[index] = HoldReason(State.DUE, Cause.FAILED, Reason.NUMBER_MOVED)

    def reject(indexed: Indexed, failure: Exception) -> None:
        index, item = indexed
        # The text of the error may quote a message. It goes to the held item, not to the log.
        log.error("webhook %s, item %s could not be applied: %s", *item.key, type(failure).__name__)
        is_unknown = isinstance(failure, UnknownMessage)
        code = Reason.MESSAGE_UNKNOWN if is_unknown else type(failure).__name__
        max_attempts = MAX_ATTEMPTS_WITHOUT_MESSAGE if is_unknown else MAX_ATTEMPTS
        reasons[index] = HoldReason(State.DUE, Cause.FAILED, f"{code}: {failure}", max_attempts)

    for group in _groups(leave_out_tombstoned(routed)):
        apply_batch(group, apply=apply, reject=reject)
    return reasons


def apply_group(items: Sequence[InboundItem[Item]]) -> None:
    """Applies routed items, phase by phase. Must run in a transaction."""
    now = timezone.now()
    changed_contacts = apply_identity_changes(items, now)
    messages = items_of_kind(items, Message)
    if kept := without_pruned_messages(messages):
        store_messages(with_contacts(kept, changed_contacts, now), now, is_rebuilding=is_rebuild_running)
    if statuses := without_pruned_statuses(items_of_kind(items, Status)):
        store_statuses(statuses, now)
    persons: list[InboundItem[AddressBookEntry | MarketingPreference]] = [
        *items_of_kind(items, AddressBookEntry),
        *items_of_kind(items, MarketingPreference),
    ]
    if persons:
        store_persons(persons, now)
    if events := items_of_kind(items, AccountEvent):
        store_account_events(events)
        apply_template_events(events)
    set_account_ids(messages)
    raise_if_moved({number.pk: number for item in items for number in item.numbers}.values(), or_erased=True)
    publish_revisions({number.organization_id for item in items for number in item.numbers})


def _observe_delays(ended: Sequence[ItemBatch]) -> None:
    """Reports the time from arrival to effect of webhooks. A webhook that is applied again because somebody asked counts too."""
    now = timezone.now()
    observe_all(APPLY_SECONDS, [(now - batch.webhook.date).total_seconds() for batch in ended])


def _load_router(batches: Sequence[ItemBatch], progress: Progress) -> Router:
    """Loads the numbers that the items name, and adds in whose logs the webhooks belong to `progress`."""
    named = [batch.named for batch in batches]
    router = Router.load(named)
    for each in named:
        owners = progress[each.webhook.id].owners
        if each or not owners:  # the last batch names nothing if the webhook ended exactly where the one before was full
            owners.add(router.owner(each))
    return router


def _groups(routed: Iterable[Indexed]) -> Iterator[list[Indexed]]:
    """Yields groups in the order of arrival. An identity change is a group of its own, because later items depend on it."""
    group: list[Indexed] = []
    numbers: set[int] = set()
    for index, item in routed:
        is_alone = identity_change_of(item.item) is not None
        if group and (is_alone or len(group) == MAX_ITEMS_IN_GROUP or len(numbers) == MAX_NUMBERS_IN_GROUP):
            yield group
            group, numbers = [], set()
        group.append((index, item))
        numbers.add(item.number.pk)
        if is_alone:
            yield group
            group, numbers = [], set()
    if group:
        yield group


def _finish(lease: Lease, ended: Sequence[ItemBatch], progress: Progress) -> None:
    """Stores the results of webhooks whose last item was applied or held. Must run in a transaction."""
    # A worker that was suspended for longer than its lease may have lost a webhook. Then the other worker's results stay.
    leased = set(lease.held([batch.webhook.pk for batch in ended]).values_list("pk", flat=True))
    ended = [batch for batch in ended if batch.webhook.pk in leased]
    finished = [progress[batch.webhook.pk] for batch in ended]
    too_many = hold_items(finished)
    store_owners([each.webhook for each in finished], {each.webhook.pk: each.owner for each in finished})
    for batch in ended:
        if batch.unreadable:
            lease.set_dead([batch.webhook.pk], batch.unreadable)
    if too_many:
        lease.set_dead([each.webhook.pk for each in too_many], Reason.TOO_MANY_ITEMS)
    lease.finish([each.webhook.pk for each in finished])  # those that are not dead


def _update_held(
    lease: Lease,
    rows: Sequence[HeldItem],
    items: Sequence[InboundItem[Item]],
    reasons: Sequence[HoldReason | None],
    router: Router,
) -> None:
    """Stores the results of held items that were applied again, or could not be."""
    lease.held([row.pk for row, reason in zip(rows, reasons, strict=True) if reason is None]).delete()
    same: dict[tuple[HoldReason, int], list[int]] = defaultdict(list)
    for row, item, reason in zip(rows, items, reasons, strict=True):
        if reason:
            condition = waits_for(item, reason, router)
            same[reason, row.queue_id if condition is None else condition].append(row.pk)
    keep = {State.WAITING: lease.set_waiting, State.DEAD: lease.set_dead}
    for (reason, condition), ids in same.items():
        lease.held(ids).update(cause=reason.cause, waits_for=condition)
        if reason.state == State.DUE:
            lease.retry(ids, reason.reason, max_attempts=reason.max_attempts)
        else:
            keep[reason.state](ids, reason.reason)
