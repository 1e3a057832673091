"""Erases one person in stored webhooks."""

from datetime import datetime

from cloud_api.payloads import Item
from cloud_api.payloads.erasure import ErasedPerson, erase_person
from webhooks.models import HeldItem, Webhook


def erase_in_webhook(webhook: Webhook, person: ErasedPerson, *, known_at: datetime | None = None) -> list[Item] | None:
    """Replaces the values of the person in the stored body. Returns the items that were the person's, None if the body has nothing
    of the person. `known_at`: the webhook was stored before this time, whatever the clock of the database said. Must run in a
    transaction in which the row is locked."""
    before = webhook.body
    received_at = min(webhook.date, known_at or webhook.date)
    body, items = erase_person(before, person, received_at=received_at.timestamp())
    if body == before:
        return None
    webhook.json, webhook.raw, webhook.size = body.decode(), None, len(body)
    webhook.reason = webhook.reason.partition(":")[0]  # after the code, an error may quote the body
    webhook.save(update_fields=["json", "raw", "size", "reason"])
    held = HeldItem.objects.filter(webhook=webhook)
    held.filter(position__in=[item.position for item in items]).delete()
    for each in held.exclude(reason=""):
        HeldItem.objects.filter(pk=each.pk).update(reason=each.reason.partition(":")[0])
    return items
