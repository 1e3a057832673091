"""Reads the items of leased webhooks, part by part, so that the memory of the worker does not grow with the items of a body."""

import random
import time
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from operator import itemgetter
from typing import Any

from django.db.models import QuerySet

from chats.outbox.message_queue import MAX_CLOCK_SKEW
from cloud_api.payloads import EmptyItem, Item, UnreadableBody, iterate
from organizations.credentials.signers import Signature
from organizations.numbers.inbound_items import InboundItem, ReceivedWebhook
from webhooks.models import Webhook
from webhooks.processing.held_items import WebhookProgress
from webhooks.processing.hold_reasons import code_of_sentence
from webhooks.processing.router import NamedNumbers

MAX_ITEMS = 4000
"""Items that are read before they are applied."""
BUDGET = 2 * 2**20
LARGE_BUDGET = 4 * 2**20
"""Bytes of bodies in one lease, which limits the worker's memory."""
MAX_LEASE_SECONDS = 1.0
"""After this time a lease starts no other body. The time that a body takes does not depend on its bytes alone."""

Progress = dict[int, WebhookProgress]
"""By the ids of the webhooks."""


@dataclass(slots=True)
class ItemBatch:
    """Consecutive items of one webhook, without empty ones, and what all of them name. `is_last`: the webhook has no further
    items."""

    webhook: Webhook
    items: list[InboundItem[Item]]
    named: NamedNumbers
    is_last: bool
    unreadable: str = ""
    """Why the body is not a webhook; empty if it is one."""


def order_webhooks(webhooks: QuerySet[Webhook]) -> deque[Webhook]:
    """Returns the oldest webhook of each queue, then the others by the bytes before them in their queue; shorter ones first."""
    bytes_before: dict[int, int] = defaultdict(int)
    keyed: list[tuple[int, int, int, Webhook]] = []
    for webhook in webhooks.defer("due_at", "lease_token").order_by("pk"):
        keyed.append((bytes_before[webhook.queue_id], webhook.size, webhook.pk, webhook))
        bytes_before[webhook.queue_id] += webhook.size
    return deque(webhook for *_, webhook in sorted(keyed, key=itemgetter(0, 1, 2)))


def read_batches(webhooks: deque[Webhook], progress: Progress) -> Iterator[list[ItemBatch]]:
    """Yields the items of the webhooks, in lists of batches with up to `MAX_ITEMS` items together.

    A webhook that is started leaves `webhooks` and gets an entry in `progress`. Those that are left when the lease has lasted
    `MAX_LEASE_SECONDS` stay in `webhooks`. A webhook may continue in the next list.
    """
    batches: list[ItemBatch] = []
    room = MAX_ITEMS
    for webhook in _start_in_time(webhooks, progress):
        received, batch = received_webhook(webhook), None
        items, unreadable = _parse(webhook)
        while batch is None or not batch.is_last:
            part = inbound_items(received, islice(items, room))
            named, is_last = NamedNumbers.of(received, part), len(part) < room
            to_apply = [each for each in part if not isinstance(each.item, EmptyItem)]
            batch = ItemBatch(webhook, to_apply, named, is_last=is_last, unreadable=unreadable)
            batches.append(batch)
            room -= len(part)
            if not room:
                yield batches
                batches, room = [], MAX_ITEMS
    if batches:
        yield batches


def within_budget(webhook_ids: Collection[int]) -> set[int]:
    """Returns as many of these webhooks as one lease may read, but at least one. The order is random, so that no organization is
    always the first."""
    sizes = list(Webhook.objects.filter(pk__in=webhook_ids).values_list("pk", "size"))
    random.shuffle(sizes)
    chosen: set[int] = set()
    total = 0
    for pk, size in sizes:
        if not chosen or total + size <= LARGE_BUDGET:
            chosen.add(pk)
            total += size
    return chosen


def inbound_items(webhook: ReceivedWebhook, items: Iterable[Item]) -> list[InboundItem[Item]]:
    """Returns the items with their webhook and time. The router adds the numbers."""
    return [InboundItem(item, webhook, *time_of(item, webhook.received_at)) for item in items]


def received_webhook(webhook: Webhook) -> ReceivedWebhook:
    organizations = None if webhook.signed_for is None else tuple(webhook.signed_for)
    return ReceivedWebhook(webhook.pk, webhook.organization_id, webhook.date, Signature(organizations, webhook.signed_with))


def time_of(item: Any, received_at: datetime) -> tuple[datetime, bool]:
    """Returns Meta's time of the item, and True. If that is missing, absurd or too far ahead: the time of arrival, and False."""
    if (timestamp := getattr(item, "timestamp", None)) is not None:
        sent_at = datetime.fromtimestamp(timestamp, UTC)
        # A wrong time in the future would keep the service window open for years.
        if sent_at <= received_at + MAX_CLOCK_SKEW:
            return sent_at, True
    return received_at.replace(microsecond=0), False  # Meta's times are whole seconds too


def _start_in_time(webhooks: deque[Webhook], progress: Progress) -> Iterator[Webhook]:
    """Yields webhooks from the left until the lease has lasted `MAX_LEASE_SECONDS`, but at least one of each queue."""
    until = time.monotonic() + MAX_LEASE_SECONDS
    queues: set[int] = set()
    while webhooks and (webhooks[0].queue_id not in queues or time.monotonic() < until):
        webhook = webhooks.popleft()
        queues.add(webhook.queue_id)
        progress[webhook.pk] = WebhookProgress(webhook)
        yield webhook


def _parse(webhook: Webhook) -> tuple[Iterator[Item], str]:
    """Returns the items, and an empty text; or no items, and the reason why the body is not a webhook."""
    try:
        return iterate(webhook.body), ""
    except UnreadableBody as unreadable:
        return iter(()), code_of_sentence(str(unreadable))
