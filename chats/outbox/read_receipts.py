"""Read receipts: tell WhatsApp that staff has read a conversation, so that the customer's messages get blue ticks.

Best effort: a receipt is retried a few times and then given up.
"""

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
from jobs.workers.worker import SideLane
from organizations.models import PhoneNumber
from organizations.numbers.graph import graph_for, load_with_secrets
from organizations.numbers.suspension import record_token_result

log = logging.getLogger(__name__)

MAX_IN_FLIGHT = 8
"""Concurrent requests to Graph of one worker."""
LEASE_SECONDS = 60.0
MAX_AGE = timedelta(days=29)
"""Of a message. Meta accepts receipts for 30 days."""


def queue_read_receipt(contact: Contact, *, up_to: int) -> None:
    """Queues a receipt for the contact's last message up to the webhook with the id `up_to`, if the number sends receipts."""
    if not contact.create_for_phone_number.sends_read_receipts:
        return
    inbound = needs_reading(Message.objects.filter(contact=contact, webhook_id__lte=up_to))
    inbound = inbound.filter(create_in__gt=timezone.now() - MAX_AGE, wamid__isnull=False)
    wamid = inbound.order_by("-create_in", "-pk").values_list("wamid", flat=True).first()
    previous = ReadReceipt.objects.filter(contact=contact).first()
    if wamid is None or (previous and previous.wamid == wamid):
        return
    due = {"wamid": wamid, "state": State.DUE, "due_at": Now(), "lease_token": None, "attempts": 0, "reason": ""}
    run_in_transaction(lambda: ReadReceipt.objects.update_or_create(contact=contact, defaults=due))
    wake_after_commit(ReadReceipt)


@dataclass(frozen=True, slots=True)
class ReceiptTask:
    """A leased receipt, with everything that the request needs."""

    contact_id: int
    organization_id: int
    phone_number_id: str
    wamid: str
    graph: Graph
    lease: Lease


ReceiptOutcome = GraphError | OutcomeUnknown | None
"""None: Graph accepted the receipt."""


def lease_receipts(limit: int) -> list[ReceiptTask]:
    """Leases up to `limit` due receipts. Gives up those of numbers that are inactive, stopped or have no Graph client."""
    lease = ReadReceipt.objects.lease(limit=limit, seconds=LEASE_SECONDS)
    if lease is None:
        return []
    rows = ReadReceipt.objects.filter(pk__in=lease.ids).select_related("contact")
    sending = PhoneNumber.objects.active().filter(sending_stopped_at=None)
    numbers = sending.filter(phone_number_id__in={row.contact.create_for_phone_number_id for row in rows})
    clients = {number.phone_number_id: (number, graph) for number in load_with_secrets(numbers) if (graph := _graph(number))}
    sendable = [row for row in rows if row.contact.create_for_phone_number_id in clients]
    lease.finish([pk for pk in lease.ids if pk not in {row.pk for row in sendable}])
    tasks = []
    for row in sendable:
        number, graph = clients[str(row.contact.create_for_phone_number_id)]
        tasks.append(ReceiptTask(row.pk, number.organization_id, number.phone_number_id, row.wamid, graph, lease))
    return tasks


def _graph(number: PhoneNumber) -> Graph | None:
    """Returns the number's Graph client; None if it has none, such as a simulated number without a simulator."""
    try:
        return graph_for(number)
    except (TypeError, ValueError) as error:  # caught here, so that other numbers keep their receipts
        log.error("no read receipts for number %s: %s", number.phone_number_id, type(error).__name__)
        return None


def send_receipt(task: ReceiptTask) -> ReceiptOutcome:
    """Calls Graph. Runs in a thread, so it must not use the database."""
    try:
        task.graph.mark_read(task.phone_number_id, task.wamid)
    except (GraphError, OutcomeUnknown) as error:
        return error
    return None


def store_outcomes(outcomes: Sequence[tuple[ReceiptTask, ReceiptOutcome]]) -> None:
    """Finishes accepted receipts, retries those whose error may pass, and gives up the others."""
    for task, outcome in outcomes:
        if isinstance(outcome, GraphError):
            number_id, organization_id = task.phone_number_id, task.organization_id
            record_token_result(task.graph, phone_number_id=number_id, organization_id=organization_id, refusal=outcome)
        if outcome is None:
            task.lease.finish([task.contact_id])
        elif isinstance(outcome, GraphError) and outcome.permanent:
            task.lease.set_dead([task.contact_id], str(outcome))
        else:
            task.lease.retry([task.contact_id], str(outcome))


def outcome_of_exception(task: ReceiptTask, error: BaseException) -> GraphError:
    """Returns the outcome of a task whose `send_receipt` raised an unexpected error: it is retried."""
    return GraphError(None, type(error).__name__)


def reject_outcome(task: ReceiptTask, outcome: ReceiptOutcome, error: Exception) -> None:
    """Gives up a receipt whose outcome cannot be stored."""
    reason = f"its outcome cannot be stored: {type(error).__name__}"
    task.lease.set_dead([task.contact_id], reason)


def return_receipts(tasks: Sequence[ReceiptTask]) -> None:
    """Ends the leases of tasks that no thread has started. Their receipts are due again at once."""
    for task in tasks:
        task.lease.held([task.contact_id]).update(lease_token=None, due_at=Now())


def renew_leases(tasks: Sequence[ReceiptTask]) -> None:
    """Renews the leases of these tasks: they end LEASE_SECONDS from now."""
    for lease in {task.lease.token: task.lease for task in tasks}.values():
        lease.renew(LEASE_SECONDS)


LANE = SideLane(
    "receipts",
    model=ReadReceipt,
    take=lease_receipts,
    do=send_receipt,
    store=store_outcomes,
    width=MAX_IN_FLIGHT,
    fail=outcome_of_exception,
    reject=reject_outcome,
    give_back=return_receipts,
    renew=renew_leases,
    lease=LEASE_SECONDS,
)
