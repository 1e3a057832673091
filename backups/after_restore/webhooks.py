"""Webhooks that arrived after the backup: they are stored again under their ids, and applied."""

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial

from jobs.transactions import run_in_transaction
from jobs.workers.worker import Worker
from webhooks.models import Webhook
from webhooks.processing import pipeline

Progress = Callable[[int], object]
ROWS = 500
MAX_BODIES = 8 * 2**20
"""Bytes of bodies in one transaction."""


def store_archived(webhooks: Iterable[Webhook], *, deleted: Collection[int]) -> int:
    """Stores the webhooks that the database does not have, due to be applied. Those that only organizations in `deleted` may see
    are left out. Returns how many."""
    kept = (each for each in webhooks if not _is_of(each, deleted))
    return sum(run_in_transaction(partial(_store_missing, part)) for part in _parts(kept))


def apply_webhooks(bar: Progress) -> int:
    """Applies all webhooks that are due. Returns the number of rows that were worked on."""
    return Worker(pipeline.LANES, []).run_due(bar)


def _store_missing(webhooks: list[Webhook]) -> int:
    by_id = {each.pk: each for each in webhooks}
    stored = set(Webhook.objects.filter(pk__in=by_id).values_list("pk", flat=True))
    missing = [each for pk, each in by_id.items() if pk not in stored]
    Webhook.objects.bulk_create(missing)
    return len(missing)


def _is_of(webhook: Webhook, organizations: Collection[int]) -> bool:
    signers = webhook.signed_for or [webhook.organization_id]
    return all(each in organizations for each in signers)


def _parts(webhooks: Iterable[Webhook]) -> Iterator[list[Webhook]]:
    part: list[Webhook] = []
    size = 0
    for webhook in webhooks:
        if part and (len(part) == ROWS or size + webhook.size > MAX_BODIES):
            yield part
            part, size = [], 0
        part.append(webhook)
        size += webhook.size
    if part:
        yield part
