"""In whose log a webhook is, and what is published once it is applied: changed logs, and the activity of numbers.

A webhook is in the log of the one organization whose secret signed it. That is known when it is stored. If the platform's secret
signed it, or one that several organizations have, then the log depends on what the body names. That is decided when it is applied,
because the numbers may be connected only then.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import BigIntegerField, Case, Value, When

from cloud_api.payloads import AddressBookEntry, Channel, Item, Message
from jobs.models import LeasedQuerySet
from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import PhoneNumber
from organizations.numbers.activity import NumberActivity, record_activity
from organizations.numbers.inbound_items import InboundItem
from webhooks.models import HeldItem, Webhook, queue_of
from webhooks.processing.router import Cause, HoldReason, Router

Owners = Mapping[int, int | None]
"""By the id of each webhook, the organization in whose log it is."""
OwnerAndQueue = tuple[int | None, int]
NUMBERS_IN_STATEMENT = 200


def store_owners(webhooks: Sequence[Webhook], owners: Owners) -> None:
    """Moves the webhooks and their held items into the logs and queues of their owners. Must run in a transaction."""
    items: dict[OwnerAndQueue, list[int]] = defaultdict(list)
    bodies: dict[OwnerAndQueue, list[int]] = defaultdict(list)
    for webhook in webhooks:
        owner = owners[webhook.pk]
        queue_id = queue_of(owner or webhook.first_signer, size=webhook.size)
        if (webhook.organization_id, webhook.queue_id) != (owner, queue_id):
            items[owner, queue_of(owner or webhook.first_signer)].append(webhook.pk)
            bodies[owner, queue_id].append(webhook.pk)
    if bodies:
        _move(HeldItem.objects.all(), "webhook__in", items)  # in the order in which the lanes lock them
        _move(Webhook.objects.all(), "pk__in", bodies)


def publish_activity(
    owners: Owners, items: Sequence[InboundItem[Item]], reasons: Sequence[HoldReason | None], router: Router
) -> None:
    """Publishes the revisions of all organizations concerned, and stores the activity of their numbers. Runs in a transaction of
    its own: those that store messages lock numbers in another order."""
    active = _active_numbers(items, reasons, router)
    concerned = {owner for owner in owners.values() if owner is not None} | {each.number.organization_id for each in active}

    def publish() -> None:
        for start in range(0, len(active), NUMBERS_IN_STATEMENT):
            record_activity(active[start : start + NUMBERS_IN_STATEMENT])
        publish_revisions(concerned)

    if concerned:
        run_in_transaction(publish)


def _move(rows: LeasedQuerySet[Any], key: str, moved: Mapping[OwnerAndQueue, list[int]]) -> None:
    """Updates all rows in one statement, whatever the number of owners."""
    owners = [When(**{key: ids}, then=Value(owner)) for (owner, _), ids in moved.items()]
    queues = [When(**{key: ids}, then=Value(queue_id)) for (_, queue_id), ids in moved.items()]
    all_ids = [pk for ids in moved.values() for pk in ids]
    rows.filter(**{key: all_ids}).update(
        organization_id=Case(*owners, output_field=BigIntegerField()), queue_id=Case(*queues, output_field=BigIntegerField())
    )


def _active_numbers(
    items: Sequence[InboundItem[Item]], reasons: Sequence[HoldReason | None], router: Router
) -> list[NumberActivity]:
    """Returns the numbers that are named in their own items, with the times of the first and the last arrival, and of the last use
    of their phone apps."""
    numbers: dict[int, PhoneNumber] = {}
    times: dict[int, tuple[datetime, datetime]] = {}
    phone_apps: dict[int, datetime] = {}
    for inbound, reason in zip(items, reasons, strict=True):
        is_own = reason is None or reason.cause == Cause.FAILED
        if is_own and (number := router.named_number(inbound.webhook, inbound.item.phone_number_id or "")):
            received_at = inbound.webhook.received_at
            numbers[number.pk] = number
            first, last = times.get(number.pk, (received_at, received_at))
            times[number.pk] = (min(first, received_at), max(last, received_at))
            if _is_from_phone_app(inbound.item):
                phone_apps[number.pk] = max(phone_apps.get(number.pk, inbound.time), inbound.time)
    return [NumberActivity(numbers[pk], first, last, phone_apps.get(pk)) for pk, (first, last) in sorted(times.items())]


def _is_from_phone_app(item: Item) -> bool:
    """Whether the item shows that somebody used the phone app."""
    return isinstance(item, AddressBookEntry) or (isinstance(item, Message) and item.channel == Channel.PHONE_APP)
