"""Items about messages that the organization keeps no longer (docs/privacy.md). They are not applied, so that no replay restores
what was deleted."""

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta

from chats.models import Message
from cloud_api.payloads import Message as ParsedMessage
from cloud_api.payloads import Status
from organizations.numbers.inbound_items import InboundItem

log = logging.getLogger(__name__)

MAX_STATUS_DELAY = timedelta(days=30)
"""How long after a message a status of it may arrive. Meta tries to deliver a message for 30 days at most
(docs/meta-platform.md 4)."""


def without_pruned_messages(messages: Sequence[InboundItem[ParsedMessage]]) -> list[InboundItem[ParsedMessage]]:
    """Returns the messages that are not older than their organization keeps messages."""
    kept = [each for each in messages if not _is_pruned(each)]
    _log_left_out(messages, kept)
    return kept


def without_pruned_statuses(statuses: Sequence[InboundItem[Status]]) -> list[InboundItem[Status]]:
    """Returns the statuses of messages that may be stored. Makes no query for statuses that have just arrived: one that arrived
    soon after the time before which messages are deleted counts only if its message is stored."""
    kept = [each for each in statuses if not _is_pruned(each)]
    late = [each for each in kept if _may_be_of_pruned(each)]
    if late:
        stored = _stored_keys(late)
        kept = [each for each in kept if not _may_be_of_pruned(each) or stored & _keys(each)]
    _log_left_out(statuses, kept)
    return kept


def _is_pruned(each: InboundItem[ParsedMessage | Status]) -> bool:
    until = each.number.organization.messages_pruned_until
    return until is not None and each.time < until


def _may_be_of_pruned(each: InboundItem[Status]) -> bool:
    until = each.number.organization.messages_pruned_until
    return until is not None and each.webhook.received_at < until + MAX_STATUS_DELAY


def _keys(status: InboundItem[Status]) -> set[tuple[str, str]]:
    number = status.number.phone_number_id
    return {(number, name) for name in (status.item.wamid, status.item.callback_data) if name}


def _stored_keys(statuses: Iterable[InboundItem[Status]]) -> set[tuple[str, str]]:
    """Returns number and wamid, and number and callback data, of the stored ones of these statuses' messages."""
    keys = {key for each in statuses for key in _keys(each)}
    rows = [*Message.objects.named(keys), *Message.objects.named(keys, column="callback_data")]
    return {(row.phone_number_id, name) for row in rows for name in (row.wamid, row.callback_data) if name}


def _log_left_out(
    items: Sequence[InboundItem[ParsedMessage | Status]], kept: Sequence[InboundItem[ParsedMessage | Status]]
) -> None:
    if len(kept) < len(items):
        first, last = items[0].webhook.id, items[-1].webhook.id
        log.info("webhooks %s to %s: %s items are older than messages are kept", first, last, len(items) - len(kept))
