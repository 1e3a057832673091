"""The outbox: sends what is queued, each message once (docs/architecture.md "How a message travels").

    take     a turn is leased, its next message marked as being sent, and a place in the number's pace taken: committed
    send     in a thread, outside any transaction: Graph is called when the place has come
    store    many answers in one transaction: see `chats.outbox.send_results`

Turns are renewed while they are in hand. What was taken and not begun is queued again; an error in taking from one number or in
sending one message costs no other.

A worker that dies between taking and storing leaves a message that is marked as being sent. Whoever leases the turn next cannot
know whether Graph accepted it, so it becomes `uncertain` and is not sent again: a status or a person tells what became of it. A
file is uploaded first, in a turn of its own, because doing that twice harms nobody.
"""

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any, BinaryIO, cast

from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Now
from django.utils import timezone
from organizations.numbers.number_secrets import read_secret

from chats.media.attachments import StoredFile, StoredFileUnreadable, with_media_id
from chats.media.message_files import files_of, key_of
from chats.models import Attachment, Message, MessageStatus, QueuedMessage, SendProblem, SendQueue
from chats.outbox import rate_limits
from chats.outbox.send_results import (
    RETRY_STORAGE_ERROR,
    FileUploaded,
    HubError,
    SendAttempt,
    SendResult,
    reject_result,
    renew_leases,
    return_attempts,
    store_results,
)
from cloud_api.errors import FILE_REFUSED, TOKEN_REFUSED, WINDOW_CLOSED
from cloud_api.graph import Graph, GraphError, OutcomeUnknown, Recipient
from jobs.batches import apply_batch
from jobs.models import Lease
from jobs.transactions import is_away, run_in_transaction
from jobs.worker import SideLane, format_without_message
from organizations.live.revisions import publish_revisions
from organizations.models import PhoneNumber
from organizations.numbers.graph import graph_for, load_with_secrets
from organizations.numbers.ownership import NumberMoved, raise_if_moved
from organizations.numbers.suspension import stop_sending

log = logging.getLogger(__name__)

WIDTH = 128
"""Requests to Graph side by side in one worker."""
LEASE = 40.0
"""Seconds; renewed while a message is in hand."""
MAX_UPLOADS = 16
"""Tries to upload a file, counted when they begin. No error's policy has as many: the bound is for a file that workers die of."""
LONGEST_REST = 60.0
MOST_OF_THREADS = 0.75
"""Of the threads that other numbers leave, what one may have: if its requests hang, there is still room for the others'."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A number whose messages could not be taken: how often in a row, and until when, by `time.monotonic`, it is left alone."""

    failures: int
    until: float

    @classmethod
    def after(cls, failures: int) -> "Rest":
        return cls(failures, time.monotonic() + min(LONGEST_REST, 0.5 * 2.0 ** min(failures, 10)))


class Scheduler:
    """Takes turns of all numbers that have something due, so that none waits for another's queue."""

    def __init__(self) -> None:
        self._first = ""
        self._rests: dict[str, Rest] = {}
        self._under_way: Counter[str] = Counter()
        """Messages of each number that threads are working on."""
        self._counting = threading.Lock()
        self._lost: list[SendAttempt] = []
        """Taken in transactions of which it is not known whether they were committed."""

    def take(self, free: int) -> list[SendAttempt]:
        """All of `take_by_number` together."""
        return list(self.take_by_number(free))

    def take_by_number(self, free: int) -> Iterator[SendAttempt]:
        """Up to so many messages that may be sent now. Those of one number are given before the next is asked, whose rows
        others may have locked. Each number gets its share of what is free, one that waits alone half of it, and has at most
        `MOST_OF_THREADS` with what is under way, so that there is room for the next even if the first one's requests hang; each
        time another number is the first.

        A number whose messages cannot be taken rests for 1, 2, 4 … seconds, up to a minute.
        """
        self._return_lost()
        numbers = self._due_numbers(free)
        self._first = numbers[0].phone_number_id if numbers else ""
        for index, number in enumerate(numbers):
            if free <= 0:
                return
            share = self._share(number, free, free // max(2, len(numbers) - index))
            if share <= 0:
                continue
            try:
                taken = self._take_from(number, share)
            except Exception as failure:
                if is_away(failure):
                    raise
                self._rest(number, failure)
            else:
                free -= len(taken)
                yield from taken
            self._return_lost()  # at once: the lane may be idle until their leases end, and another worker would not know

    def send(self, sending: SendAttempt) -> SendResult:
        """In a thread: as `send`, counted."""
        self._count(sending, 1)
        try:
            return send(sending)
        finally:
            self._count(sending, -1)

    def _count(self, sending: SendAttempt, change: int) -> None:
        with self._counting:
            self._under_way[sending.phone_number_id] += change

    def _share(self, number: PhoneNumber, free: int, equal: int) -> int:
        """How many messages of the number may be taken; `equal` is what it gets if nothing of it is under way."""
        with self._counting:
            under_way = self._under_way[number.phone_number_id]
        if not under_way:
            return max(1, equal)
        return min(max(1, equal), int((free + under_way) * MOST_OF_THREADS) - under_way)

    def _due_numbers(self, limit: int) -> list[PhoneNumber]:
        """Numbers that may send and have something due, from the one after this round's first on, with organization and secrets."""
        now = time.monotonic()
        due = [each for each in _numbers_with_due_turns() if each not in self._rests or self._rests[each].until <= now]
        after = [each for each in due if each > self._first]
        chosen = [*after, *due[: len(due) - len(after)]][:limit]
        if not chosen:
            return []
        rows = load_with_secrets(PhoneNumber.objects.select_related("organization").filter(phone_number_id__in=chosen))
        found = {number.phone_number_id: number for number in rows}
        return [found[each] for each in chosen if each in found]

    def _take_from(self, number: PhoneNumber, limit: int) -> list[SendAttempt]:
        if not read_secret(number, "meta_token"):
            run_in_transaction(partial(_stop_without_token, number))
            return []
        tries: list[list[SendAttempt]] = []

        def take_turns() -> list[SendAttempt]:
            tries.append(_take_turns(number, 1 if number.sending_stopped_at else limit))
            return tries[-1]

        try:
            taken = run_in_transaction(take_turns)
        except NumberMoved:  # rolled back, but for earlier tries perhaps; whoever has the id now sends what is due
            self._lost += chain.from_iterable(tries)
            return []
        except Exception:
            self._lost += chain.from_iterable(tries)
            raise
        self._lost += chain.from_iterable(tries[:-1])
        self._rests.pop(number.phone_number_id, None)
        return taken

    def _rest(self, number: PhoneNumber, failure: Exception) -> None:
        known = self._rests.get(number.phone_number_id)
        rest = self._rests[number.phone_number_id] = Rest.after(known.failures + 1 if known else 1)
        words = "the messages of number %s cannot be taken (failure %s in a row): %s"
        log.error(words, number.phone_number_id, rest.failures, format_without_message(failure))

    def _return_lost(self) -> None:
        """A connection may be lost during a commit. If it was committed, these are marked as being sent, and nobody sends them."""
        if self._lost:
            apply_batch(self._lost, apply=return_attempts, reject=_leave)
            self._lost = []


def send(sending: SendAttempt) -> SendResult:
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
    except ValueError as failure:  # before anything is sent
        return HubError(SendProblem.MALFORMED, str(failure))


def fail(sending: SendAttempt, failure: BaseException) -> SendResult:
    """What is known of a message after an unexpected error in `send`: its file may be uploaded again, the message may have left."""
    if sending.file:
        return HubError(SendProblem.INTERNAL, type(failure).__name__, RETRY_STORAGE_ERROR)
    return OutcomeUnknown(f"an unexpected error: {type(failure).__name__}")


SCHEDULER = Scheduler()
LANE = SideLane(
    "outbox",
    model=SendQueue,
    take=SCHEDULER.take_by_number,
    do=SCHEDULER.send,
    store_results=store_results,
    width=WIDTH,
    fail=fail,
    reject_result=reject_result,
    return_attempts=return_attempts,
    renew_leases=partial(renew_leases, seconds=LEASE),
    lease=LEASE,
)


def _upload(sending: SendAttempt, file: Attachment) -> SendResult:
    try:
        with StoredFile(file.file) as content:
            name = file.file_name or file.kind
            source = cast("BinaryIO", content)
            return FileUploaded(sending.graph.upload(sending.phone_number_id, source, name=name, mime_type=file.mime_type))
    except StoredFileUnreadable as failure:
        if failure.is_missing:
            return GraphError(FILE_REFUSED, "The file is not in the hub's storage any more.")
        return HubError(SendProblem.STORAGE, str(failure), RETRY_STORAGE_ERROR)


def _numbers_with_due_turns() -> list[str]:
    """The ids of the numbers that may send now and have a turn that is due, in one query: a number that is off, stopped, or waits
    for its pace costs nothing more."""
    return sorted(SendQueue.objects.due_numbers(rate_limits.RESERVE_AHEAD).values_list("phone_number_id", flat=True))


def _stop_without_token(number: PhoneNumber) -> None:
    stop_sending(number.phone_number_id, organization_id=number.organization_id, code=TOKEN_REFUSED, now=timezone.now())
    publish_revisions([number.organization_id])


def _leave(sending: SendAttempt, failure: Exception) -> None:
    log.error("message %s is left to the end of its lease: %s", sending.message_id, format_without_message(failure))


def _take_turns(number: PhoneNumber, most: int) -> list[SendAttempt]:
    turns = SendQueue.objects.filter(phone_number=number.phone_number_id)
    due = list(turns.due().order_by("due_at", "pk").values_list("pk", flat=True)[:most])
    started = time.monotonic()
    delays = (
        rate_limits.reserve_slots(number.phone_number_id, per_second=number.messages_per_second, wanted=len(due)) if due else []
    )
    if not delays:
        return []
    lease = turns.lease_rows(due[: len(delays)], seconds=LEASE)
    raise_if_moved([number])  # what is another organization's by now must not leave with this one's token
    return _mark(number, lease, [started + delay for delay in delays])


def _mark(number: PhoneNumber, lease: Lease, places: Sequence[float]) -> list[SendAttempt]:
    """The next message of each of these turns, marked as being sent unless something else is to be done first."""
    head = QueuedMessage.objects.filter(contact=OuterRef("pk")).order_by("message").values("message")[:1]
    held: Any = lease.held().annotate(now=Now(), head=Subquery(head))  # turns, each with the annotations
    turns = {turn.pk: turn for turn in held}
    rows = list(QueuedMessage.objects.filter(pk__in=[turn.head for turn in turns.values()]).select_related("message__contact"))
    SendQueue.objects.advance(turns.keys() - {row.contact_id for row in rows})
    files = files_of(row.message for row in rows)
    graph = graph_for(number)
    taken: list[SendAttempt] = []
    for row, place in zip(rows, places, strict=False):
        turn = turns[row.contact_id]
        if wait := rate_limits.pair_delay(turn.bucket_full_at, turn.now):
            lease.held([turn.pk]).update(lease_token=None, due_at=Now() + wait)
        else:
            taken.append(
                _next_step(_sending(number, graph, turn, row.message, place), row, files.get(key_of(row.message)), turn.now)
            )
    if uploading := [each.contact_id for each in taken if each.file]:
        lease.held(uploading).update(attempts=F("attempts") + 1)
    _note_being_sent([each for each in taken if not (each.file or each.finding)], turns)
    return taken


def _sending(number: PhoneNumber, graph: Graph, turn: Any, message: Message, place: float) -> SendAttempt:
    return SendAttempt(
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
        api_object={},
    )


def _next_step(sending: SendAttempt, row: QueuedMessage, file: Attachment | None, now: datetime) -> SendAttempt:
    message = row.message
    if row.attempted_at:
        return sending.but(finding=OutcomeUnknown("the worker that was sending it ended before it heard of the outcome"))
    if message.kind != "template" and not message.contact.is_window_open(now):
        return sending.but(finding=GraphError(WINDOW_CLOSED, "The window closed before it was sent."))
    if file and not file.is_uploaded(now):
        too_often = HubError(SendProblem.STORAGE, f"not uploaded in {sending.attempts} tries")
        return sending.but(finding=too_often) if sending.attempts >= MAX_UPLOADS else sending.but(file=file)
    try:
        return sending.but(api_object=_api_object(message, file))
    except (LookupError, TypeError, AttributeError) as failure:
        return sending.but(finding=HubError(SendProblem.MALFORMED, type(failure).__name__))


def _api_object(message: Message, file: Attachment | None) -> dict[str, Any]:
    """What Graph is to be told. LookupError or TypeError if the message's payload is no such object."""
    api_object = {key: message.payload[key] for key in ("type", message.kind)}
    return with_media_id(api_object, file.media_id) if file else api_object


def _note_being_sent(sendings: Sequence[SendAttempt], turns: Mapping[int, Any]) -> None:
    ids = [each.message_id for each in sendings]
    QueuedMessage.objects.filter(pk__in=ids).update(attempted_at=Now())
    Message.objects.filter(pk__in=ids, message_status=MessageStatus.QUEUED).update(message_status=MessageStatus.SENDING)
    paced: dict[datetime, list[int]] = defaultdict(list)
    for turn in (turns[each.contact_id] for each in sendings):
        paced[rate_limits.bucket_full_after_send(turn.bucket_full_at, turn.now)].append(turn.pk)
    # Not `update_rows`: an INSERT, of rows that exist too, has the contacts locked that others have locked before the turns.
    for full_at, contact_ids in paced.items():
        SendQueue.objects.filter(pk__in=contact_ids).update(bucket_full_at=full_at)
