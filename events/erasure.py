"""Deletes what events and their log have of a person. The erasure of a person uses it (`privacy.erasure`)."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from events.models import EventDelivery, EventQueue
from jobs.transactions import run_in_transaction
from organizations.models import Event

STEP = 1_000
"""Deliveries of one transaction: each has the texts of a request and an answer."""


@dataclass(frozen=True, slots=True)
class ErasedDeliveries:
    """How many deliveries a step has deleted, and the last one that it has read."""

    count: int
    last: int


def erase_deliveries(
    *, organization_id: int, contact_ids: Collection[int], needles: Collection[str], after: int
) -> ErasedDeliveries | None:
    """Deletes the events and deliveries of these contacts, and deliveries whose texts contain a needle, such as those of a contact
    that was merged. Reads the next deliveries of the organization after the one with this id. Returns None after the last one."""
    of_person = Event.objects.filter(organization=organization_id, contact_id__in=contact_ids)
    run_in_transaction(of_person.delete)
    rows = EventDelivery.objects.filter(endpoint__organization=organization_id, pk__gt=after).order_by("pk")
    read = list(rows.values_list("pk", "contact_id", "request", "response", "facts")[:STEP])
    if not read:
        run_in_transaction(EventQueue.objects.filter(endpoint__organization=organization_id, contact_id__in=contact_ids).delete)
        return None
    theirs = [
        pk
        for pk, contact_id, request, response, facts in read
        if contact_id in contact_ids or any(needle in f"{request} {response} {facts!r}" for needle in needles)
    ]
    run_in_transaction(partial(_delete, theirs))
    return ErasedDeliveries(len(theirs), read[-1][0])


def _delete(ids: Collection[int]) -> None:
    EventDelivery.objects.filter(pk__in=ids).delete()
