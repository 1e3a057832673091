"""Telling WhatsApp that a person has seen a conversation, so that the customer's messages get their blue ticks. Best effort: it is
tried a few times and then forgotten."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models.functions import Now
from django.utils import timezone

from chats.conversations.read_state import needs_reading
from chats.models import Message, ReadReceipt
from cloud_api.graph import Graph, GraphError, OutcomeUnknown
from contacts.models import Contact
from jobs.models import Lease, State
from jobs.transactions import run_in_transaction
from jobs.wakeups import wake_after_commit
from jobs.worker import SideLane
from organizations.models import PhoneNumber
from organizations.numbers.graph import graph_for, load_with_secrets
from organizations.numbers.suspension import record_token_result

log = logging.getLogger(__name__)

WIDTH = 8
LEASE = 60.0
OLDEST = timedelta(days=29)
"""Meta takes receipts for 30 days."""


def queue_read_receipt(contact: Contact, *, up_to: int) -> None:
    """A person has seen the conversation up to what this webhook told; WhatsApp is told, if the number does that."""
    if not contact.create_for_phone_number.sends_read_receipts:
        return
    theirs = needs_reading(Message.objects.filter(contact=contact, webhook_id__lte=up_to))
    theirs = theirs.filter(create_in__gt=timezone.now() - OLDEST, wamid__isnull=False)
    wamid = theirs.order_by("-create_in", "-pk").values_list("wamid", flat=True).first()
    known = ReadReceipt.objects.filter(contact=contact).first()
    if wamid is None or (known and known.wamid == wamid):
        return
    due = {"wamid": wamid, "state": State.DUE, "due_at": Now(), "lease_token": None, "attempts": 0, "reason": ""}
    run_in_transaction(lambda: ReadReceipt.objects.update_or_create(contact=contact, defaults=due))
    wake_after_commit(ReadReceipt)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt to be sent, and the lease it is under."""

    contact_id: int
    organization_id: int
    phone_number_id: str
    wamid: str
    graph: Graph
    lease: Lease


def take(free: int) -> list[Receipt]:
    """Up to so many receipts that are due; those of numbers that are off, stopped or cannot be asked are forgotten."""
    lease = ReadReceipt.objects.lease(limit=free, seconds=LEASE)
    if lease is None:
        return []
    rows = ReadReceipt.objects.filter(pk__in=lease.ids).select_related("contact")
    numbers = PhoneNumber.objects.active().filter(sending_stopped_at=None)
    wanted = numbers.filter(phone_number_id__in={row.contact.create_for_phone_number_id for row in rows})
    graphs = {number.phone_number_id: (number, graph) for number in load_with_secrets(wanted) if (graph := _graph(number))}
    sendable = [row for row in rows if row.contact.create_for_phone_number_id in graphs]
    lease.finish([pk for pk in lease.ids if pk not in {row.pk for row in sendable}])
    taken = []
    for row in sendable:
        number, graph = graphs[str(row.contact.create_for_phone_number_id)]
        taken.append(Receipt(row.pk, number.organization_id, number.phone_number_id, row.wamid, graph, lease))
    return taken


def _graph(number: PhoneNumber) -> Graph | None:
    """None if no client can be made for the number, as for a simulated one without a simulator: no other loses its receipts."""
    try:
        return graph_for(number)
    except (TypeError, ValueError) as failure:
        log.error("no receipts for number %s: %s", number.phone_number_id, type(failure).__name__)
        return None


def tell(receipt: Receipt) -> GraphError | OutcomeUnknown | None:
    """Call Graph; None if it took it."""
    try:
        receipt.graph.mark_read(receipt.phone_number_id, receipt.wamid)
    except (GraphError, OutcomeUnknown) as failure:
        return failure
    return None


def store(told: Sequence[tuple[Receipt, GraphError | OutcomeUnknown | None]]) -> None:
    """Finish those that were taken; try again what may pass, forget the rest."""
    for receipt, failure in told:
        if isinstance(failure, GraphError):
            number_id, organization_id = receipt.phone_number_id, receipt.organization_id
            record_token_result(receipt.graph, phone_number_id=number_id, organization_id=organization_id, refusal=failure)
        if failure is None:
            receipt.lease.finish([receipt.contact_id])
        elif isinstance(failure, GraphError) and failure.permanent:
            receipt.lease.set_dead([receipt.contact_id], str(failure))
        else:
            receipt.lease.retry([receipt.contact_id], str(failure))


def fail(receipt: Receipt, failure: BaseException) -> GraphError:
    """An unexpected error in `tell` is tried again like any that may pass."""
    return GraphError(None, type(failure).__name__)


def reject(receipt: Receipt, told: GraphError | OutcomeUnknown | None, failure: Exception) -> None:
    """A receipt whose outcome cannot be stored is forgotten."""
    reason = f"its outcome cannot be stored: {type(failure).__name__}"
    receipt.lease.set_dead([receipt.contact_id], reason)


def give_back(unsent: Sequence[Receipt]) -> None:
    """Let these be taken again at once."""
    for receipt in unsent:
        receipt.lease.held([receipt.contact_id]).update(lease_token=None, due_at=Now())


def renew(under_way: Sequence[Receipt]) -> None:
    """Keep the leases of these for `LEASE` seconds from now."""
    for lease in {receipt.lease.token: receipt.lease for receipt in under_way}.values():
        lease.renew(LEASE)


LANE = SideLane(
    "receipts",
    model=ReadReceipt,
    take=take,
    do=tell,
    store=store,
    width=WIDTH,
    fail=fail,
    reject=reject,
    give_back=give_back,
    renew=renew,
    lease=LEASE,
)
