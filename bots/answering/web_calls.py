"""The lane of web calls of flows.

    lease     leases calls that are due
    request   in a thread, outside any transaction: sends the request, within limits of time, size and address
    store     goes on with the flows that wait for the results, and deletes the calls

If a worker dies after the request, the call is made again, with the same `Idempotency-Key`. The flow goes on once.
"""

import json
import logging
import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from bots.answering.answers import store_results
from bots.answering.conversations import load_conversations, lock_contacts
from bots.answering.decisions import decide_call, decide_failure
from bots.flows.turns.state import read_time
from bots.models import BotConversation, BotWebCall
from bots.remote.rights import allowed_addresses
from bots.web_requests.errors import RefusedAddress, RequestFailed
from bots.web_requests.requests import Request, send_request
from contacts.models import Contact
from jobs.transactions import run_in_transaction
from jobs.workers.worker import SideLane, format_without_message
from organizations.models import PhoneNumber

log = logging.getLogger(__name__)

CALLS = uuid.UUID("0c2f5d0e-6f9b-4a54-9a9e-6a5b7b1b9a10")
"""Namespace of the keys that tell a server that a call is repeated."""
MAX_IN_FLIGHT = 32
"""Concurrent requests of one worker."""
LEASE_SECONDS = 40.0
"""Longer than a request may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTask:
    """A leased call."""

    pk: int
    token: uuid.UUID
    call_id: str
    contact_id: int
    organization_id: int
    is_simulated: bool
    """Whether the customer writes to a simulated number, whose calls may use the simulator's stand-in."""
    is_late: bool
    """Whether nothing is requested: the call has waited for too long, or the number is inactive."""
    request: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """The response of a call. Without one, or with an error of the server, it is not `ok`."""

    ok: bool
    status: int = 0
    body: bytes = b""


def lease_calls(limit: int) -> Iterator[CallTask]:
    """Leases and yields up to `limit` calls that are due."""
    lease = BotWebCall.objects.lease(limit=limit, seconds=LEASE_SECONDS)
    if lease is None:
        return
    calls = list(lease.held())
    contact_ids = [call.contact_id for call in calls]
    numbers = _numbers(contact_ids)
    states = dict(BotConversation.objects.filter(pk__in=contact_ids).values_list("pk", "flow_state"))
    now = timezone.now()
    for call in calls:
        number = numbers.get(call.contact_id)
        if number is None:  # the contact has just been deleted, and its calls with it
            continue
        begun_at = read_time(states.get(call.contact_id, {}).get("waits_since"))
        is_old = begun_at is not None and now - begun_at > timedelta(minutes=number.late_after_minutes)
        yield CallTask(
            pk=call.pk,
            token=lease.token,
            call_id=call.call_id,
            contact_id=call.contact_id,
            organization_id=call.organization_id,
            is_simulated=number.is_simulated,
            is_late=is_old or not number.is_applied,
            request=call.request,
        )


def _numbers(contact_ids: Collection[int]) -> dict[int, PhoneNumber]:
    """Returns the numbers to which these contacts write, with their organizations."""
    keys = dict(Contact.objects.filter(pk__in=contact_ids).values_list("pk", "create_for_phone_number"))
    rows = PhoneNumber.objects.filter(phone_number_id__in=keys.values()).select_related("organization")
    by_key = {number.phone_number_id: number for number in rows.defer(*PhoneNumber.SECRETS)}
    return {pk: by_key[key] for pk, key in keys.items()}


def make_call(task: CallTask) -> CallOutcome:
    """Sends the request of a call. Runs in a thread, so it must not use the database."""
    if task.is_late:
        return CallOutcome(ok=False)
    wanted = task.request
    headers = {"Idempotency-Key": str(uuid.uuid5(CALLS, f"{task.contact_id}:{task.call_id}")), **wanted["headers"]}
    body = b""
    if wanted["body"] is not None:
        body = json.dumps(wanted["body"], ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", **headers}
    request = Request(method=wanted["method"], url=wanted["url"], headers=headers, body=body)
    try:
        response = send_request(request, allowed=allowed_addresses(task.organization_id, is_simulated=task.is_simulated))
    except (RefusedAddress, RequestFailed) as error:
        log.info("web call %s has no response: %s", task.call_id, error.code)
        return CallOutcome(ok=False)
    is_success = HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES
    return CallOutcome(ok=is_success, status=response.status, body=response.body)


def store_outcomes(outcomes: Sequence[tuple[CallTask, CallOutcome]]) -> None:
    """Goes on with the flows that wait for these calls, in one transaction each. May be repeated: a call
    whose result is stored is gone."""
    for task, outcome in outcomes:
        run_in_transaction(partial(_store, task, outcome))


def reject_outcome(task: CallTask, _outcome: CallOutcome, error: Exception) -> None:
    """Hands over a conversation whose flow cannot go on."""
    log.error("web call %s cannot be stored: %s", task.call_id, format_without_message(error))
    run_in_transaction(partial(_hand_over, task))


LANE = SideLane(
    "bot-calls",
    model=BotWebCall,
    take=lease_calls,
    do=make_call,
    store=store_outcomes,
    width=MAX_IN_FLIGHT,
    fail=lambda _task, _error: CallOutcome(ok=False),
    reject=reject_outcome,
    give_back=lambda tasks: _held(tasks).update(due_at=Now(), lease_token=None),
    renew=lambda tasks: _held(tasks).update(due_at=Now() + timedelta(seconds=LEASE_SECONDS)),
    lease=LEASE_SECONDS,
)


def _store(task: CallTask, outcome: CallOutcome) -> None:
    now = timezone.now()
    contacts = lock_contacts([task.contact_id])
    call = BotWebCall.objects.filter(pk=task.pk)
    if not call.exists():
        return  # another worker was faster
    conversations = load_conversations(contacts, now)
    result = partial(
        decide_call, call_id=task.call_id, is_late=task.is_late, ok=outcome.ok, status=outcome.status, body=outcome.body
    )
    call.delete()  # after the conversation was loaded: without its call, the flow does not go on
    store_results([result(each) for each in conversations], now)


def _hand_over(task: CallTask) -> None:
    now = timezone.now()
    contacts = lock_contacts([task.contact_id])
    BotWebCall.objects.filter(pk=task.pk).delete()
    store_results([decide_failure(each, f"failed:{task.call_id}") for each in load_conversations(contacts, now)], now)


def _held(tasks: Sequence[CallTask]) -> QuerySet[BotWebCall]:
    """Returns the calls that this worker still has."""
    return BotWebCall.objects.filter(pk__in=[task.pk for task in tasks], lease_token__in={task.token for task in tasks})
