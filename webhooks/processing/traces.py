"""The trace of applied webhooks: which messages each one concerned."""

from collections.abc import Sequence

from chats.models import Message
from cloud_api.payloads import Item, Status
from cloud_api.payloads import Message as ParsedMessage
from jobs.tracing import is_tracing, trace
from organizations.numbers.inbound_items import InboundItem
from webhooks.processing.item_batches import ItemBatch
from webhooks.processing.router import HoldReason
from webhooks.request_ids import request_id_of

MAX_IDS = 50
"""Of one line."""


def trace_applied(batches: Sequence[ItemBatch], reasons: Sequence[HoldReason | None]) -> None:
    """Writes a line for each webhook, with the ids of its messages, of those that its statuses are about, and with the items that
    are held. `reasons` are those of all items, in their order. Without the trace it costs nothing."""
    if not is_tracing():
        return
    ids = _message_ids([item for batch in batches for item in batch.items])
    remaining = iter(reasons)
    for batch in batches:
        held = [item.item.position for item in batch.items if next(remaining)]
        messages = sorted({ids[key] for item in batch.items if (key := _key(item)) in ids})
        trace(
            "webhook applied",
            request_id=request_id_of(batch.webhook.body),
            webhook_id=batch.webhook.pk,
            items=len(batch.items),
            message_ids=messages[:MAX_IDS],
            held=held[:MAX_IDS],
        )


def _key(item: InboundItem[Item]) -> tuple[str, str]:
    parsed = item.item
    return parsed.phone_number_id or "", parsed.wamid if isinstance(parsed, ParsedMessage | Status) else ""


def _message_ids(items: Sequence[InboundItem[Item]]) -> dict[tuple[str, str], int]:
    rows = Message.objects.named(map(_key, items)).values_list("phone_number_id", "wamid", "pk")
    return {(str(number), wamid or ""): pk for number, wamid, pk in rows}
