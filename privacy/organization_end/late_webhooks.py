"""Webhooks for the numbers of a deleted organization that were not applied before it was gone. They wait, because the number is
unknown. They are deleted, so that another organization that connects the number later does not get them."""

from collections.abc import Collection
from datetime import datetime
from functools import partial

from cloud_api.payloads import UnreadableBody, iterate
from jobs.transactions import run_in_transaction
from webhooks.models import HeldItem, Webhook

STEP = 200


def delete_late_webhooks(phone_number_ids: Collection[str], *, until: datetime) -> int:
    """Deletes the held items of these numbers whose webhooks arrived before `until`, and webhooks that contain nothing else.
    Returns the number of items."""
    total = 0
    for number in phone_number_ids:
        late = HeldItem.objects.filter(phone_number_id=number, webhook__organization_id=None, webhook__date__lt=until)
        while rows := dict(late.values_list("pk", "webhook")[:STEP]):
            total += run_in_transaction(partial(_delete, rows, set(phone_number_ids)))
    return total


def _delete(rows: dict[int, int], phone_number_ids: set[str]) -> int:
    HeldItem.objects.filter(pk__in=rows).delete()
    webhooks = Webhook.objects.filter(pk__in=set(rows.values()))
    only = [webhook.pk for webhook in webhooks if _numbers_in(webhook.body) <= phone_number_ids]
    Webhook.objects.filter(pk__in=only).delete()
    return len(rows)


def _numbers_in(body: bytes) -> set[str]:
    """Returns the numbers of the items; an empty text for items without one."""
    try:
        return {item.phone_number_id or "" for item in iterate(body)}
    except UnreadableBody:
        return {""}
