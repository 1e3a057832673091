"""Stops and pauses the sending of a number. A number is stopped if Meta refuses it for a reason that only an administrator can
fix, such as an expired access token. Its queued messages are kept.

Every call of Graph reports a refused token here, whichever meets it first: messages, files, message templates, checks of
ownership, the business profile, read receipts. A later call that works with the token lets the number send again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from cloud_api.errors import TOKEN_CODES, TOKEN_REFUSED
from cloud_api.graph import Graph, GraphError
from jobs.transactions import run_in_transaction
from organizations.audit.actions import AuditAction
from organizations.call_slots import GRAPH_SLOTS, CallsBusy
from organizations.events.kinds import EventKind
from organizations.events.outbox import NewEvent, record_events
from organizations.live.revisions import publish_revisions
from organizations.models import Organization, PhoneNumber, User
from organizations.numbers.audit_entries import record_number
from organizations.numbers.graph import graph_for, load_with_secrets
from organizations.numbers.number_secrets import read_secret
from organizations.numbers.states import NumberState, derive_state

PROBE_INTERVAL = timedelta(minutes=10)
"""A stopped number probes with one message after this time, because the cause may have been fixed at Meta."""
MIN_PAUSE = 60.0
"""Seconds. Meta often asks for shorter pauses, which pages do not show."""


@contextmanager
def graph_calls(number: PhoneNumber, graph: Graph | None = None) -> Iterator[Graph]:
    """Returns a Graph client with the number's access token, or the given one. Stores whether the token works: a GraphError that
    refuses the token stops the number. Must run outside any transaction, with at least one call. Raises GraphError if no client
    can be made, as for a simulated number without a simulator, or if too many other requests are waiting for Graph."""
    try:
        graph = graph or graph_for(number)
    except (TypeError, ValueError) as failure:
        raise GraphError(None, type(failure).__name__) from None
    try:
        with GRAPH_SLOTS.reserve(number.organization_id):
            yield graph
    except CallsBusy:
        raise GraphError(None, "busy") from None
    except GraphError as refusal:
        record_token_result(graph, phone_number_id=number.phone_number_id, organization_id=number.organization_id, refusal=refusal)
        raise
    if needs_token(number):
        record_token_result(graph, phone_number_id=number.phone_number_id, organization_id=number.organization_id, refusal=None)


def needs_token(number: PhoneNumber) -> bool:
    """Whether Meta has refused the number's access token."""
    return number.sending_stopped_at is not None and number.sending_stopped_code in TOKEN_CODES


def record_token_result(graph: Graph, *, phone_number_id: str, organization_id: int, refusal: GraphError | None) -> None:
    """Stores the result of a call for the number's access token: it was refused, or without `refusal` it works. Other errors
    change nothing. Nothing changes either if the number has another token by now."""
    if refusal is None or refusal.is_token_refused:
        run_in_transaction(partial(_store_token_result, graph, phone_number_id, organization_id, refusal, timezone.now()))


def _store_token_result(
    graph: Graph, phone_number_id: str, organization_id: int, refusal: GraphError | None, now: datetime
) -> None:
    if not has_current_token(graph, phone_number_id=phone_number_id, organization_id=organization_id):
        return
    own = PhoneNumber.objects.filter(phone_number_id=phone_number_id, organization=organization_id)
    stopped = own.filter(sending_stopped_at__isnull=False, sending_stopped_code__in=TOKEN_CODES)
    if refusal is None:
        changed = stopped.update(sending_stopped_at=None, sending_stopped_code=None)
    elif stopped.exists():
        return  # sending_stopped_at stays: it is the time of the last probe
    else:
        code = TOKEN_REFUSED if refusal.code is None else refusal.code
        changed = own.update(sending_stopped_at=Coalesce("sending_stopped_at", now), sending_stopped_code=code)
    if changed:
        _record_health(phone_number_id, organization_id, now)
        publish_revisions([organization_id])


def has_current_token(graph: Graph, *, phone_number_id: str, organization_id: int) -> bool:
    """Whether the client uses the access token that the number has now. The number may have a new one. Must run in a transaction:
    it locks the number's row."""
    own = PhoneNumber.objects.select_for_update().filter(phone_number_id=phone_number_id, organization=organization_id)
    return any(graph.has_token(read_secret(number, "meta_token") or "") for number in load_with_secrets(own))


def stop_sending(phone_number_id: str, *, organization_id: int, code: int, now: datetime) -> None:
    """Stops the organization's number until an administrator resumes it, or a probe succeeds. Changes nothing if the id belongs to
    another organization by now. Must run in a transaction, which must publish the revision."""
    own = PhoneNumber.objects.filter(phone_number_id=phone_number_id, organization=organization_id)
    if own.filter(sending_stopped_at=None).exists():
        _record_health(phone_number_id, organization_id, now)
    own.update(sending_stopped_at=now, sending_stopped_code=code)


def claim_probe(phone_number_id: str, *, organization_id: int, now: datetime) -> bool:
    """Returns whether the caller may send the one message that probes the stopped number. One caller gets True, and the next one
    after `PROBE_INTERVAL`."""
    own = PhoneNumber.objects.filter(phone_number_id=phone_number_id, organization=organization_id)
    return bool(own.filter(sending_stopped_at__lte=Now() - PROBE_INTERVAL).update(sending_stopped_at=now))


def clear_stop(phone_number_id: str, *, organization_id: int) -> None:
    """Ends the stop of the organization's number, after a probe succeeded. Changes nothing if the id belongs to another
    organization by now. Must run in a transaction, which must publish the revision."""
    own = PhoneNumber.objects.filter(phone_number_id=phone_number_id, organization=organization_id)
    if own.filter(sending_stopped_at__isnull=False).update(sending_stopped_at=None, sending_stopped_code=None):
        _record_health(phone_number_id, organization_id, timezone.now())


def resume_sending(*, number: PhoneNumber, by: User | None) -> None:
    """Resumes a stopped number, because an administrator says that the cause is fixed. If it is not, the first message stops the
    number again. A refused access token is checked with Meta first: raises GraphError if Meta still refuses it."""
    if needs_token(number):
        try:
            with graph_calls(number) as graph:
                graph.number(number.meta_id)
        except GraphError as refusal:
            if refusal.is_token_refused:
                raise

    def resume() -> None:
        clear_stop(number.phone_number_id, organization_id=number.organization_id)
        record_number(AuditAction.NUMBER_CHANGED, number, {"sending_stopped_code": [number.sending_stopped_code, None]}, by=by)
        publish_revisions([number.organization_id])

    run_in_transaction(resume)


def pause_sending(phone_number_id: str, *, organization_id: int, until: datetime, code: int | None) -> None:
    """Pauses the number until a time, because Meta asked for it. Never shortens a longer pause. Changes nothing if the id belongs
    to another organization by now. Must run in a transaction, which must publish the revision."""
    own = PhoneNumber.objects.filter(phone_number_id=phone_number_id, organization=organization_id)
    if own.exclude(sending_paused_until__gte=until).update(sending_paused_until=until, sending_paused_code=code):
        _record_health(phone_number_id, organization_id, timezone.now())


def _record_health(phone_number_id: str, organization_id: int, now: datetime) -> None:
    """Reports to other systems that the state of the number has changed."""
    event = NewEvent(
        kind=EventKind.NUMBER_HEALTH, organization_id=organization_id, phone_number_id=phone_number_id, occurred_at=now
    )
    record_events([event])


def stopped_numbers(organization: Organization, *, now: datetime) -> list[tuple[PhoneNumber, NumberState]]:
    """Returns the organization's stopped numbers, without their secrets, and the state of each."""
    rows = PhoneNumber.objects.filter(organization=organization, activate=True, replaced_by=None, sending_stopped_at__isnull=False)
    numbers = list(rows.defer(*PhoneNumber.SECRETS).order_by("pk"))
    for number in numbers:
        number.organization = organization
    states = [(number, derive_state(number, has_secrets=True, now=now)) for number in numbers]
    return [(number, state) for number, state in states if state.is_stopped]
