"""The outbox: sends what is queued, each message once (design, section 5).

    take     a turn is leased, its next message marked as being sent, and a place in the number's pace taken: committed
    send     in a thread, outside any transaction: Graph is called when the place has come
    store    many answers in one transaction: see `chats.answers`

A worker that dies between taking and storing leaves a message that is marked as being sent. Whoever leases the turn next cannot
know whether Graph accepted it, so it becomes `uncertain` and is not sent again: a status or a person tells what became of it. A
file is uploaded first, in a turn of its own, because doing that twice harms nobody.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from django.db.models import OuterRef, Subquery
from django.db.models.functions import Now
from django.utils import timezone

from chats import pacing
from chats.answers import Answer, Sending, Uploaded, store
from chats.media.finding import files_of, key_of
from chats.media.outgoing import with_media_id
from chats.models import Attachment, Message, MessageStatus, Outgoing, Turn
from chats.turns import pass_on
from cloud_api.errors import FILE_REFUSED, TOKEN_REFUSED, WINDOW_CLOSED
from cloud_api.graph import Graph, GraphError, OutcomeUnknown, Recipient
from jobs.inserting import update_rows
from jobs.models import Lease, State
from jobs.transactions import run_in_transaction
from jobs.worker import SideLane
from organizations.graph import graph_for, with_secrets
from organizations.live import announce
from organizations.models import PhoneNumber
from organizations.services import opened
from organizations.stopping import stop_sending

WIDTH = 128
"""Requests to Graph side by side in one worker."""
LEASE = 40.0
"""Seconds; longer than waiting for a place and a request may take together."""
UPLOAD_LEASE = timedelta(seconds=180)
PROBED_EVERY = timedelta(minutes=10)
"""A number that was stopped tries one message as often as that: what was wrong may have been mended at Meta."""


class Outbox:
    """Takes turns of all numbers that wait, so that none waits for another's queue."""

    def __init__(self) -> None:
        self._first = ""

    def take(self, free: int) -> list[Sending]:
        """Up to so many messages that may be sent now. Each number gets its share of what is free, one that waits alone half of it,
        so that there is always room for the next, even if the first one's requests hang; each time another number is the first."""
        taken: list[Sending] = []
        waiting = list(islice(_waiting_numbers(self._first), free))
        for place, phone_number_id in enumerate(waiting):
            left = free - len(taken)
            taken += _take_from(phone_number_id, max(1, left // max(2, len(waiting) - place)))
            if len(taken) >= free:
                break
        self._first = waiting[0] if waiting else ""
        return taken


def send(sending: Sending) -> Answer:
    """Call Graph; never the database."""
    if sending.finding:
        return sending.finding
    try:
        if sending.file:
            return _upload(sending, sending.file)
        time.sleep(max(0.0, sending.place - time.monotonic()))
        return sending.graph.send(
            sending.phone_number_id,
            to=sending.to,
            message=sending.api_object,
            callback_data=sending.callback_data,
            reply_to=sending.reply_to,
        )
    except (GraphError, OutcomeUnknown) as answer:
        return answer


LANE = SideLane("outbox", take=Outbox().take, do=send, store=store, width=WIDTH, longest_pause=0.1)
"""Somebody waits for their message to go."""


def _upload(sending: Sending, file: Attachment) -> Answer:
    try:
        with file.file.open("rb") as content:
            name = file.file_name or file.kind
            return Uploaded(sending.graph.upload(sending.phone_number_id, content.file, name=name, mime_type=file.mime_type))
    except FileNotFoundError:
        return GraphError(FILE_REFUSED, "The file is not in the hub's storage any more.")


def _waiting_numbers(after: str) -> Iterator[str]:
    """The numbers that have something to send, from the one `after` this round to it: from each a leap along the index to the next,
    however long their queues are."""
    turns: Any = Turn.objects.filter(state=State.DUE).order_by("phone_number_id")
    for part in (turns.filter(phone_number_id__gt=after), turns.filter(phone_number_id__lte=after)):
        rest = part
        while (found := rest.values_list("phone_number_id", flat=True).first()) is not None:
            yield found
            rest = part.filter(phone_number_id__gt=found)


def _take_from(phone_number_id: str, most: int) -> list[Sending]:
    (number,) = with_secrets(PhoneNumber.objects.select_related("organization").filter(phone_number_id=phone_number_id))
    stopped_at, now = number.sending_stopped_at, timezone.now()
    if not number.is_applied or (stopped_at and now < stopped_at + PROBED_EVERY):
        return []
    if not opened(number, "meta_token"):
        stop_sending(phone_number_id, code=TOKEN_REFUSED, now=now)
        announce([number.organization_id])
        return []
    return run_in_transaction(partial(_take_turns, number, 1 if stopped_at else most))


def _take_turns(number: PhoneNumber, most: int) -> list[Sending]:
    turns = Turn.objects.filter(phone_number=number.phone_number_id)
    wanted = turns.due()[:most].count()
    started = time.monotonic()
    delays = pacing.places(number.phone_number_id, per_second=number.messages_per_second, wanted=wanted) if wanted else []
    lease = turns.lease(limit=len(delays), seconds=LEASE) if delays else None
    return _mark(number, lease, [started + delay for delay in delays]) if lease else []


def _mark(number: PhoneNumber, lease: Lease, places: Sequence[float]) -> list[Sending]:
    """The next message of each of these turns, marked as being sent unless something else is to be done first."""
    head = Outgoing.objects.filter(contact=OuterRef("pk")).order_by("message").values("message")[:1]
    held: Any = lease.held().annotate(now=Now(), head=Subquery(head))  # turns, each with the annotations
    turns = {turn.pk: turn for turn in held}
    rows = list(Outgoing.objects.filter(pk__in=[turn.head for turn in turns.values()]).select_related("message__contact"))
    pass_on(turns.keys() - {row.contact_id for row in rows})
    files = files_of(row.message for row in rows)
    graph = graph_for(number)
    taken: list[Sending] = []
    for row, place in zip(rows, places, strict=False):
        turn = turns[row.contact_id]
        if wait := pacing.pair_wait(turn.paced_until, turn.now):
            lease.held([turn.pk]).update(lease_token=None, due_at=Now() + wait)
        else:
            taken.append(
                _next_step(_sending(number, graph, turn, row.message, place), row, files.get(key_of(row.message)), turn.now)
            )
    lease.held([each.contact_id for each in taken if each.file]).update(due_at=Now() + UPLOAD_LEASE)
    _note_being_sent([each for each in taken if not (each.file or each.finding)], turns)
    return taken


def _sending(number: PhoneNumber, graph: Graph, turn: Any, message: Message, place: float) -> Sending:
    return Sending(
        message_id=message.pk,
        contact_id=turn.pk,
        organization_id=number.organization_id,
        phone_number_id=number.phone_number_id,
        token=turn.lease_token,
        place=place,
        attempts=turn.attempts,
        was_stopped=number.sending_stopped_at is not None,
        graph=graph,
        to=Recipient(wa_id=message.contact.wa_id, bsuid=message.contact.bsuid),
        callback_data=message.callback_data or "",
        reply_to=message.quoted_wamid,
        api_object={key: message.payload[key] for key in ("type", message.kind)},
    )


def _next_step(sending: Sending, row: Outgoing, file: Attachment | None, now: datetime) -> Sending:
    message = row.message
    if row.sending_at:
        return sending.but(finding=OutcomeUnknown("the worker that was sending it ended before it heard of the outcome"))
    if message.kind != "template" and not message.contact.is_window_open(now):
        return sending.but(finding=GraphError(WINDOW_CLOSED, "The window closed before it was sent."))
    if file is None:
        return sending
    if not file.is_uploaded(now):
        return sending.but(file=file)
    return sending.but(api_object=with_media_id(sending.api_object, file.media_id))


def _note_being_sent(sendings: Sequence[Sending], turns: Mapping[int, Any]) -> None:
    ids = [each.message_id for each in sendings]
    Outgoing.objects.filter(pk__in=ids).update(sending_at=Now())
    Message.objects.filter(pk__in=ids, message_status=MessageStatus.QUEUED).update(message_status=MessageStatus.SENDING)
    paced = [turns[each.contact_id] for each in sendings]
    for turn in paced:
        turn.paced_until = pacing.after_one_more(turn.paced_until, turn.now)
    update_rows(paced, ["paced_until"])
