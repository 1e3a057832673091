"""The outbox lane sends queued messages, each message once (docs/architecture.md "How a message travels").

    lease    leases due queues, reserves a slot for each, marks the message at its head as being sent, and commits
    send     in a thread, outside any transaction: waits for the slot, then calls Graph
    store    stores many results in one transaction: see `chats.outbox.send_results`

Leases are renewed while their attempts wait or run. Attempts that no thread has started are returned: their messages are queued
again. An error with one number or one message does not affect the others.

If a worker dies between lease and store, it is unknown whether Graph accepted the message. The worker that leases the queue next
makes it `uncertain` and does not send it again: a status webhook or a person decides later. A file is uploaded in an attempt of its
own, which may be repeated without harm.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any, BinaryIO, cast

from django.db import connection
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Now
from django.utils import timezone

from chats.conversations.ownership import is_overtaken
from chats.media.attachments import StoredFile, StoredFileUnreadable, with_media_id
from chats.media.message_files import files_of, key_of
from chats.models import Attachment, Message, MessageStatus, QueuedMessage, SendProblem, SendQueue
from chats.outbox import rate_limits
from chats.outbox.marketing import marketing_templates
from chats.outbox.rate_limits import SlotRequest
from chats.outbox.send_results import (
    RETRY_STORAGE_ERROR,
    FailedResult,
    FileUploaded,
    HubError,
    SendAttempt,
    SendResult,
    Withdrawn,
    reject_result,
    renew_leases,
    return_attempts,
    store_results,
)
from cloud_api.errors import FILE_REFUSED, TOKEN_REFUSED, WINDOW_CLOSED
from cloud_api.graph import Graph, GraphError, OutcomeUnknown, Recipient, Sent
from cloud_api.messages import template_name
from jobs.batches import apply_batch
from jobs.bulk_writes import update_columns
from jobs.models import Lease
from jobs.transactions import is_away, run_in_transaction
from jobs.workers.worker import SideLane, format_without_message
from organizations.live.revisions import publish_revisions
from organizations.models import PhoneNumber
from organizations.numbers.graph import graph_for, load_with_secrets
from organizations.numbers.number_secrets import read_secret
from organizations.numbers.ownership import NumberMoved, raise_if_moved
from organizations.numbers.suspension import claim_probe, stop_sending

log = logging.getLogger(__name__)

MAX_IN_FLIGHT = 512
"""Attempts of one worker that wait for their slot, for Graph, or for their result to be stored. Threads are started as they are
needed. With fewer, a busy worker would lease and store fewer messages in each transaction, at a higher cost for each. With more,
more messages would be uncertain after a busy worker was killed."""
LEASE_SECONDS = 40.0
"""Renewed while an attempt waits or runs."""
MAX_UPLOADS = 16
"""Attempts to upload a file, counted when they begin. No retry policy has as many: the limit is for a file that kills workers."""
MAX_NUMBER_BACKOFF = 60.0
"""Seconds."""
MAX_SHARE_OF_THREADS = 0.75
"""How much of the threads that other numbers do not use one number may use. If its requests hang, others have threads left."""


MESSAGE_COLUMNS = [
    "phone_number",
    "is_user_message",
    "wamid",
    "callback_data",
    "origin",
    "kind",
    "payload",
    "quoted_wamid",
    "create_in",
]
CONTACT_COLUMNS = ["wa_id", "bsuid", "owner", "owner_since", "marketing_stopped", "last_customer_message_at", "window_refused_at"]
COLUMNS_OF_HEADS = [
    *("attempted_at", "contact"),
    *(f"message__{column}" for column in MESSAGE_COLUMNS),
    *(f"message__contact__{column}" for column in CONTACT_COLUMNS),
]
"""What an attempt needs of a queued message, its message and its contact. All columns would cost a fifth of the outbox's time."""


@dataclass(frozen=True, slots=True)
class NumberBackoff:
    """A number whose attempts could not be leased: how often in a row, and until when, by `time.monotonic`, it is not tried."""

    failures: int
    until: float

    @classmethod
    def after(cls, failures: int) -> "NumberBackoff":
        return cls(failures, time.monotonic() + min(MAX_NUMBER_BACKOFF, 0.5 * 2.0 ** min(failures, 10)))


Share = tuple[PhoneNumber, int]
"""A number, and how many of its attempts may be leased."""


class Scheduler:
    """Leases send attempts of all numbers in round-robin order, so that no number waits for another number's queues."""

    def __init__(self) -> None:
        self._previous_first = ""
        self._backoffs: dict[str, NumberBackoff] = {}
        self._in_threads: Counter[str] = Counter()
        """How many attempts of each number threads work on."""
        self._in_threads_lock = threading.Lock()
        self._lost: list[SendAttempt] = []
        """Attempts to return: of transactions that failed, of which it is unknown whether their commit succeeded, and those that
        would probe a number while another one does."""

    def lease_attempts(self, limit: int) -> Iterator[SendAttempt]:
        """Leases and yields up to `limit` attempts that may be sent now: of all numbers in one transaction, because one for each
        would delay the last numbers. If that fails, of one number after the other, so that the others can send.

        Each number gets an equal share of `limit`; a number that is alone gets half of it. Including its attempts in threads, a
        number never gets more than `MAX_SHARE_OF_THREADS`. Each call begins with another number.

        A number whose attempts cannot be leased is not tried again for 1, 2, 4 … seconds, up to a minute.
        """
        self._return_lost()
        numbers = self._due_numbers(limit)
        self._previous_first = numbers[0].phone_number_id if numbers else ""
        shares = self._shares(numbers, limit)
        if len(shares) > 1:
            try:
                yield from self._lease(shares)
            except Exception as error:
                if is_away(error):
                    raise
                log.warning("the messages of %s numbers cannot be leased together: %s", len(shares), type(error).__name__)
            else:
                return
            finally:
                self._return_lost()
        for share in shares:
            try:
                yield from self._lease([share])
            except Exception as error:
                if is_away(error):
                    raise
                self._back_off(share[0], error)
            finally:
                # Now, not at the next call: the lane may be idle until the leases end, and then another worker makes them
                # uncertain.
                self._return_lost()

    def send(self, attempt: SendAttempt) -> SendResult:
        """Sends the attempt, and counts it as in a thread meanwhile."""
        self._count(attempt, 1)
        try:
            return send(attempt)
        finally:
            self._count(attempt, -1)

    def _count(self, attempt: SendAttempt, change: int) -> None:
        with self._in_threads_lock:
            self._in_threads[attempt.phone_number_id] += change

    def _shares(self, numbers: Sequence[PhoneNumber], limit: int) -> list[Share]:
        """Returns how many attempts of each number may be leased: equal shares, or fewer if threads work on others of its own."""
        equal_share = max(1, limit // max(2, len(numbers)))
        with self._in_threads_lock:
            in_threads = [self._in_threads[number.phone_number_id] for number in numbers]
        free = [int((limit + busy) * MAX_SHARE_OF_THREADS) - busy if busy else equal_share for busy in in_threads]
        shares = [(number, min(equal_share, most)) for number, most in zip(numbers, free, strict=True)]
        return [(number, share) for number, share in shares if share > 0]

    def _due_numbers(self, limit: int) -> list[PhoneNumber]:
        """Returns numbers that have a due queue and may send now, with organization and secrets: up to `limit`, in order, starting
        after the first number of the previous call and wrapping around."""
        now = time.monotonic()
        # One query: a number that is inactive, stopped or paused costs nothing more.
        ids = sorted(SendQueue.objects.due_numbers(rate_limits.RESERVE_AHEAD).values_list("phone_number_id", flat=True))
        due = [each for each in ids if each not in self._backoffs or self._backoffs[each].until <= now]
        after = [each for each in due if each > self._previous_first]
        chosen = [*after, *due[: len(due) - len(after)]][:limit]
        if not chosen:
            return []
        rows = load_with_secrets(PhoneNumber.objects.select_related("organization").filter(phone_number_id__in=chosen))
        found = {number.phone_number_id: number for number in rows}
        return [found[each] for each in chosen if each in found]

    def _lease(self, shares: Sequence[Share]) -> list[SendAttempt]:
        """Leases attempts of these numbers in one transaction; one, a probe, of a number that is stopped. Stops numbers whose token
        cannot be decrypted."""
        able = [(number, 1 if number.sending_stopped_at else share) for number, share in shares if _has_token(number)]
        if not able:
            return []
        runs: list[list[SendAttempt]] = []  # the transaction may run several times

        def lease_queues() -> list[SendAttempt]:
            runs.append(_lease_queues(able))
            return runs[-1]

        try:
            attempts = run_in_transaction(lease_queues)
            # After that transaction, which must not lock a number (docs/decisions/0012).
            excess = {attempt.message_id for attempt in attempts if not _may_leave(attempt)}
        except NumberMoved:  # this run was rolled back, earlier ones may not be. The ID's organization now sends what is due
            self._lost += chain.from_iterable(runs)
            if len(able) > 1:
                raise
            return []
        except Exception:
            self._lost += chain.from_iterable(runs)
            raise
        self._lost += chain.from_iterable(runs[:-1])
        self._lost += [attempt for attempt in attempts if attempt.message_id in excess]
        for number, _ in able:
            self._backoffs.pop(number.phone_number_id, None)
        return [attempt for attempt in attempts if attempt.message_id not in excess]

    def _back_off(self, number: PhoneNumber, error: Exception) -> None:
        previous = self._backoffs.get(number.phone_number_id)
        backoff = NumberBackoff.after(previous.failures + 1 if previous else 1)
        self._backoffs[number.phone_number_id] = backoff
        message = "cannot lease messages of number %s (failure %s in a row): %s"
        log.error(message, number.phone_number_id, backoff.failures, format_without_message(error))

    def _return_lost(self) -> None:
        # The connection may be lost during a commit. If the commit succeeded, the messages are marked as being sent, and no worker
        # sends them.
        if self._lost:
            apply_batch(self._lost, apply=return_attempts, reject=_leave_leased)
            self._lost = []


def send(attempt: SendAttempt) -> SendResult:
    """Calls Graph and returns the result. Runs in a thread, so it must not use the database."""
    if attempt.known_result:
        return attempt.known_result
    try:
        if attempt.upload:
            return _upload(attempt, attempt.upload)
        time.sleep(max(0.0, attempt.scheduled_at - time.monotonic()))
        return attempt.graph.send(
            attempt.phone_number_id,
            to=attempt.recipient,
            message=attempt.api_object,
            callback_data=attempt.callback_data,
            reply_to=attempt.reply_to,
        )
    except (GraphError, OutcomeUnknown) as error:
        return error
    except ValueError as error:  # raised before anything is sent
        return HubError(SendProblem.MALFORMED, str(error))


def result_of_exception(attempt: SendAttempt, error: BaseException) -> SendResult:
    """Returns the result of an attempt whose `send` raised an unexpected error. An upload may be repeated. A message may have
    left."""
    if attempt.upload:
        return HubError(SendProblem.INTERNAL, type(error).__name__, RETRY_STORAGE_ERROR)
    return OutcomeUnknown(f"an unexpected error: {type(error).__name__}")


SCHEDULER = Scheduler()
LANE = SideLane(
    "outbox",
    model=SendQueue,
    take=SCHEDULER.lease_attempts,
    do=SCHEDULER.send,
    store=store_results,
    width=MAX_IN_FLIGHT,
    fail=result_of_exception,
    reject=reject_result,
    give_back=return_attempts,
    renew=partial(renew_leases, seconds=LEASE_SECONDS),
    lease=LEASE_SECONDS,
)


def _upload(attempt: SendAttempt, file: Attachment) -> SendResult:
    try:
        with StoredFile(file.file) as content:
            name = file.file_name or file.kind
            source = cast("BinaryIO", content)
            return FileUploaded(attempt.graph.upload(attempt.phone_number_id, source, name=name, mime_type=file.mime_type))
    except StoredFileUnreadable as error:
        if error.is_missing:
            return GraphError(FILE_REFUSED, "The file is not in the hub's storage any more.")
        return HubError(SendProblem.STORAGE, str(error), RETRY_STORAGE_ERROR)


def _has_token(number: PhoneNumber) -> bool:
    """Returns whether the number's token can be decrypted. Stops the number if not."""
    if read_secret(number, "meta_token"):
        return True
    run_in_transaction(partial(_stop_without_token, number))
    return False


def _stop_without_token(number: PhoneNumber) -> None:
    stop_sending(number.phone_number_id, organization_id=number.organization_id, code=TOKEN_REFUSED, now=timezone.now())
    publish_revisions([number.organization_id])


def _may_leave(attempt: SendAttempt) -> bool:
    """Returns whether the attempt may be made: of those that would probe a stopped number, one."""
    if not attempt.is_probe or attempt.known_result or attempt.upload:  # an upload says nothing about sending
        return True
    return claim_probe(attempt.phone_number_id, organization_id=attempt.organization_id, now=timezone.now())


def _leave_leased(attempt: SendAttempt, error: Exception) -> None:
    log.error("message %s stays leased until its lease ends: %s", attempt.message_id, format_without_message(error))


def _lease_queues(shares: Sequence[Share]) -> list[SendAttempt]:
    """Reserves a slot for each due queue of these numbers, up to their shares, and leases as many queues as there are slots."""
    due = _due_queues(shares)
    numbers = {number.phone_number_id: number for number, _ in shares if number.phone_number_id in due}
    started_at = time.monotonic()
    delays = rate_limits.reserve_slots(
        SlotRequest(key, number.messages_per_second, len(due[key])) for key, number in numbers.items()
    )
    slots = {pk: started_at + delay for key in delays for pk, delay in zip(due[key], delays[key], strict=False)}
    if not slots:
        return []
    lease = SendQueue.objects.lease_rows(list(slots), seconds=LEASE_SECONDS)
    raise_if_moved(numbers.values())  # messages that belong to another organization by now must not leave with this one's token
    return _create_attempts(numbers, lease, slots)


def _due_queues(shares: Sequence[Share]) -> dict[str, list[int]]:
    """Returns the longest due queues of each number, up to its share. Queues that another transaction has locked are left out
    where the database can do that: otherwise one of them would hold up all numbers."""
    due = SendQueue.objects.due().order_by("phone_number", "due_at", "pk")
    if len(shares) > 1 and connection.features.has_select_for_update_skip_locked:
        due = due.select_for_update(skip_locked=True)
    found: dict[str, list[int]] = {}
    for number, share in shares:
        if ids := list(due.filter(phone_number=number.phone_number_id).values_list("pk", flat=True)[:share]):
            found[number.phone_number_id] = ids
    return found


def _create_attempts(numbers: Mapping[str, PhoneNumber], lease: Lease, slots: Mapping[int, float]) -> list[SendAttempt]:
    """Creates an attempt for the message at the head of each leased queue. Releases queues that cannot send now. `slots` maps
    queues to the times at which they may send."""
    head = QueuedMessage.objects.filter(contact=OuterRef("pk")).order_by("message").values("message")[:1]
    leased: Any = lease.held().annotate(now=Now(), head=Subquery(head))  # queues with the annotations
    queues = {queue.pk: queue for queue in leased}
    heads = QueuedMessage.objects.filter(pk__in=[queue.head for queue in queues.values()])
    rows = list(heads.select_related("message__contact").only(*COLUMNS_OF_HEADS))
    SendQueue.objects.advance(queues.keys() - {row.contact_id for row in rows})  # their messages were deleted
    files = files_of(row.message for row in rows)
    stopped = _stopped_marketing(rows, numbers)
    graphs = {key: graph_for(number) for key, number in numbers.items()}
    attempts: list[SendAttempt] = []
    for row in rows:
        queue = queues[row.contact_id]
        number, graph = numbers[queue.phone_number_id], graphs[queue.phone_number_id]
        if delay := rate_limits.pair_delay(queue.bucket_full_at, queue.now):
            lease.held([queue.pk]).update(lease_token=None, due_at=Now() + delay)
        else:
            attempt = _create_attempt(number, graph, queue, row.message, slots[queue.pk])
            file = files.get(key_of(row.message))
            attempts.append(_prepare_attempt(attempt, row, file, queue.now, is_stopped=row.pk in stopped))
    if uploading := [each.contact_id for each in attempts if each.upload]:
        lease.held(uploading).update(attempts=F("attempts") + 1)
    _mark_as_sending([each for each in attempts if not (each.upload or each.known_result)], queues)
    return attempts


def _stopped_marketing(rows: Sequence[QueuedMessage], numbers: Mapping[str, PhoneNumber]) -> set[int]:
    """Returns those of the messages that are marketing templates to customers who have stopped them since they were queued. Costs a
    query only if there is a template to such a customer."""
    messages = [row.message for row in rows if row.message.kind == "template" and row.message.contact.marketing_stopped]
    if not messages:
        return set()
    named = {message.pk: template_name(message.payload) for message in messages}
    templates = marketing_templates(numbers.values(), names=[name for name, _ in named.values()])
    return {message.pk for message in messages if named[message.pk] in templates.get(message.phone_number_id, ())}


def _create_attempt(number: PhoneNumber, graph: Graph, queue: Any, message: Message, scheduled_at: float) -> SendAttempt:
    return SendAttempt(
        message_id=message.pk,
        contact_id=queue.pk,
        organization_id=number.organization_id,
        phone_number_id=number.phone_number_id,
        lease_token=queue.lease_token,
        scheduled_at=scheduled_at,
        previous_attempts=queue.attempts,
        is_probe=number.sending_stopped_at is not None,
        graph=graph,
        recipient=Recipient(wa_id=message.contact.wa_id, bsuid=message.contact.bsuid),
        callback_data=message.callback_data or "",
        reply_to=message.quoted_wamid,
        api_object={},
    )


def _prepare_attempt(
    attempt: SendAttempt, row: QueuedMessage, file: Attachment | None, now: datetime, *, is_stopped: bool
) -> SendAttempt:
    """Returns the attempt with what it does: a result that is known already, an upload, or the API object to send. `is_stopped`:
    the customer does not accept it any more."""
    if known_result := _known_result(row, now, is_stopped=is_stopped):
        return replace(attempt, known_result=known_result)
    if file and not file.is_uploaded(now):
        if attempt.previous_attempts >= MAX_UPLOADS:
            not_uploaded = f"not uploaded in {attempt.previous_attempts} attempts"
            return replace(attempt, known_result=HubError(SendProblem.STORAGE, not_uploaded))
        return replace(attempt, upload=file)
    try:
        return replace(attempt, api_object=_api_object(row.message, file))
    except (LookupError, TypeError, AttributeError) as error:
        return replace(attempt, known_result=HubError(SendProblem.MALFORMED, type(error).__name__))


def _known_result(row: QueuedMessage, now: datetime, *, is_stopped: bool) -> Sent | FailedResult | None:
    """Returns the result of a message that needs no request."""
    message = row.message
    if message.wamid:  # from a status: Graph refused an attempt and carried it out all the same
        return Sent(message.wamid, wa_id=None, user_id=None, message_status=None)
    if row.attempted_at:
        return OutcomeUnknown("the worker ended before it stored the result of its attempt")
    if is_overtaken(message):
        return Withdrawn()
    if is_stopped:
        return HubError(SendProblem.MARKETING, "marketing messages were stopped")
    if message.kind != "template" and not message.contact.is_window_open(now):
        return GraphError(WINDOW_CLOSED, "The window closed before it was sent.")
    return None


def _api_object(message: Message, file: Attachment | None) -> dict[str, Any]:
    """Returns the API object for Graph. Raises LookupError, TypeError or AttributeError if the message's payload is malformed."""
    api_object = {key: message.payload[key] for key in ("type", message.kind)}
    return with_media_id(api_object, file.media_id) if file else api_object


def _mark_as_sending(attempts: Sequence[SendAttempt], queues: Mapping[int, Any]) -> None:
    """Marks the messages as being sent and takes a token from the bucket of each pair."""
    message_ids = [attempt.message_id for attempt in attempts]
    QueuedMessage.objects.filter(pk__in=message_ids).update(attempted_at=Now())
    queued = Message.objects.filter(pk__in=message_ids, message_status=MessageStatus.QUEUED)
    queued.update(message_status=MessageStatus.SENDING)
    leased = [queues[attempt.contact_id] for attempt in attempts]
    buckets = {queue.pk: [rate_limits.bucket_full_after_send(queue.bucket_full_at, queue.now)] for queue in leased}
    # Not `update_rows`: its INSERT, even of rows that exist, locks contacts, which other transactions lock before the queues.
    update_columns(SendQueue, ["bucket_full_at"], buckets)
