"""A number that may not send: Meta has refused it for a reason that only an administrator can mend, such as an access token that
has expired. Its queue is kept meanwhile.

Whichever call of Graph meets a dead token first tells it here: sending, files, message templates, the check of ownership, the
business profile, read receipts. A call that works with the token lets a number go on that a dead token had stopped.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from django.db.models.functions import Coalesce
from django.utils import timezone

from cloud_api.errors import TOKEN_CODES, TOKEN_REFUSED
from cloud_api.graph import Graph, GraphError
from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import Organization, PhoneNumber, User
from organizations.numbers.graph import graph_for, load_with_secrets
from organizations.numbers.number_secrets import read_secret
from organizations.numbers.states import NumberState, derive_state

PROBE_INTERVAL = timedelta(minutes=10)
"""A number that was stopped tries one message as often as that: what was wrong may have been mended at Meta."""
MIN_PAUSE = 60.0
"""Seconds. Meta often has a number wait for less, which nobody has to know."""


@contextmanager
def graph_calls(number: PhoneNumber, graph: Graph | None = None) -> Iterator[Graph]:
    """Graph with the number's access token, or a client that has been made already. What a call tells of the token is kept: a
    GraphError that refuses it marks the number. Outside any transaction; at least one call is made. Raises GraphError if no client
    can be made, as for a simulated number without a simulator."""
    try:
        graph = graph or graph_for(number)
    except (TypeError, ValueError) as failure:
        raise GraphError(None, type(failure).__name__) from None
    try:
        yield graph
    except GraphError as refusal:
        record_token_result(graph, phone_number_id=number.phone_number_id, organization_id=number.organization_id, refusal=refusal)
        raise
    if needs_token(number):
        record_token_result(graph, phone_number_id=number.phone_number_id, organization_id=number.organization_id, refusal=None)


def needs_token(number: PhoneNumber) -> bool:
    """Whether Meta has refused the number's access token."""
    return number.sending_stopped_at is not None and number.sending_stopped_code in TOKEN_CODES


def record_token_result(graph: Graph, *, phone_number_id: str, organization_id: int, refusal: GraphError | None) -> None:
    """What a call has told of the number's access token: that it is refused, or without `refusal` that it works. Another refusal
    than the token's changes nothing; nor does a token that the number does not have any more."""
    if refusal is None or refusal.is_token_refused:
        run_in_transaction(partial(_note_token, graph, phone_number_id, organization_id, refusal, timezone.now()))


def _note_token(graph: Graph, phone_number_id: str, organization_id: int, refusal: GraphError | None, now: datetime) -> None:
    if not has_current_token(graph, phone_number_id=phone_number_id, organization_id=organization_id):
        return
    own = PhoneNumber.objects.filter(phone_number_id=phone_number_id, organization=organization_id)
    stopped = own.filter(sending_stopped_at__isnull=False, sending_stopped_code__in=TOKEN_CODES)
    if refusal is None:
        changed = stopped.update(sending_stopped_at=None, sending_stopped_code=None)
    elif stopped.exists():
        return  # the time is that of the last message that was tried
    else:
        code = TOKEN_REFUSED if refusal.code is None else refusal.code
        changed = own.update(sending_stopped_at=Coalesce("sending_stopped_at", now), sending_stopped_code=code)
    if changed:
        publish_revisions([organization_id])


def has_current_token(graph: Graph, *, phone_number_id: str, organization_id: int) -> bool:
    """Whether calls are made with the access token that the number has now: it may have got a new one meanwhile. In the caller's
    transaction, in which the number's row stays as it is."""
    own = PhoneNumber.objects.select_for_update().filter(phone_number_id=phone_number_id, organization=organization_id)
    return any(graph.has_token(read_secret(number, "meta_token") or "") for number in load_with_secrets(own))


def stop_sending(phone_number_id: str, *, organization_id: int, code: int, now: datetime) -> None:
    """The organization's number sends nothing until somebody lets it go on, or a try succeeds. If the id is another organization's
    by now, nothing changes. In the caller's transaction, which announces it."""
    own = PhoneNumber.objects.filter(phone_number_id=phone_number_id, organization=organization_id)
    own.update(sending_stopped_at=now, sending_stopped_code=code)


def clear_stop(phone_number_id: str, *, organization_id: int) -> None:
    """A try has succeeded. If the id is another organization's by now, nothing changes. In the caller's transaction, which
    announces it."""
    own = PhoneNumber.objects.filter(phone_number_id=phone_number_id, organization=organization_id)
    own.update(sending_stopped_at=None, sending_stopped_code=None)


def resume_sending(*, number: PhoneNumber, by: User) -> None:
    """An administrator says that it is mended: the number's queue is sent, or stops again at its first message. Of an access token
    Meta is asked first: raises GraphError if it still refuses it."""
    if needs_token(number):
        try:
            with graph_calls(number) as graph:
                graph.number(number.meta_id)
        except GraphError as refusal:
            if refusal.is_token_refused:
                raise
    clear_stop(number.phone_number_id, organization_id=number.organization_id)
    publish_revisions([number.organization_id])


def pause_sending(phone_number_id: str, *, organization_id: int, until: datetime, code: int | None) -> None:
    """The number waits until then, because Meta asked for it. If the id is another organization's by now, nothing changes. In the
    caller's transaction, which announces it."""
    own = PhoneNumber.objects.filter(phone_number_id=phone_number_id, organization=organization_id)
    own.update(sending_paused_until=until, sending_paused_code=code)


def stopped_numbers(organization: Organization, *, now: datetime) -> list[tuple[PhoneNumber, NumberState]]:
    """The organization's numbers that send nothing until somebody mends them, without their secrets, and the state of each."""
    rows = PhoneNumber.objects.filter(organization=organization, activate=True, replaced_by=None, sending_stopped_at__isnull=False)
    numbers = list(rows.defer(*PhoneNumber.SECRETS).order_by("pk"))
    for number in numbers:
        number.organization = organization
    states = [(number, derive_state(number, has_secrets=True, now=now)) for number in numbers]
    return [(number, state) for number, state in states if state.is_stopped]
