"""Telling WhatsApp that a person has seen a conversation, so that the customer's messages get their blue ticks. Best effort: it is
tried a few times and then forgotten."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models.functions import Now
from django.utils import timezone

from chats.actions import ACTIONS
from chats.models import Message, Origin, ReadReceipt
from cloud_api.graph import Graph, GraphError, OutcomeUnknown
from contacts.models import Contact
from jobs.models import Lease, State
from jobs.transactions import run_in_transaction
from jobs.worker import SideLane
from organizations.graph import graph_for, with_secrets
from organizations.models import PhoneNumber

WIDTH = 8
LEASE = 60.0
OLDEST = timedelta(days=29)
"""Meta takes receipts for 30 days."""


def note_seen(contact: Contact, *, up_to: int) -> None:
    """A person has seen the conversation up to what this webhook told; WhatsApp is told, if the number does that."""
    if not contact.create_for_phone_number.sends_read_receipts:
        return
    theirs = Message.objects.filter(contact=contact, is_user_message=True, origin=Origin.LIVE, webhook_id__lte=up_to)
    theirs = theirs.filter(create_in__gt=timezone.now() - OLDEST, wamid__isnull=False).exclude(kind__in=(*ACTIONS, "system"))
    wamid = theirs.order_by("-create_in", "-pk").values_list("wamid", flat=True).first()
    known = ReadReceipt.objects.filter(contact=contact).first()
    if wamid is None or (known and known.wamid == wamid):
        return
    due = {"wamid": wamid, "state": State.DUE, "due_at": Now(), "lease_token": None, "attempts": 0, "reason": ""}
    run_in_transaction(lambda: ReadReceipt.objects.update_or_create(contact=contact, defaults=due))


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt to be sent, and the lease it is under."""

    contact_id: int
    phone_number_id: str
    wamid: str
    graph: Graph
    lease: Lease


def take(free: int) -> list[Receipt]:
    """Up to so many receipts that are due; those of numbers that are off or stopped are forgotten."""
    lease = ReadReceipt.objects.lease(limit=free, seconds=LEASE)
    if lease is None:
        return []
    rows = ReadReceipt.objects.filter(pk__in=lease.ids).select_related("contact")
    numbers = PhoneNumber.objects.active().filter(sending_stopped_at=None)
    wanted = numbers.filter(phone_number_id__in={row.contact.create_for_phone_number_id for row in rows})
    graphs = {number.phone_number_id: graph_for(number) for number in with_secrets(wanted)}
    sendable = [row for row in rows if row.contact.create_for_phone_number_id in graphs]
    lease.finish([pk for pk in lease.ids if pk not in {row.pk for row in sendable}])
    return [
        Receipt(row.pk, number, row.wamid, graphs[number], lease)
        for row in sendable
        if (number := row.contact.create_for_phone_number_id)
    ]


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
        if failure is None:
            receipt.lease.finish([receipt.contact_id])
        elif isinstance(failure, GraphError) and failure.permanent:
            receipt.lease.bury([receipt.contact_id], str(failure))
        else:
            receipt.lease.retry([receipt.contact_id], str(failure))


LANE = SideLane("receipts", take=take, do=tell, store=store, width=WIDTH)
