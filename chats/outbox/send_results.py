"""Send attempts and their results: what happens to a message after its request to Graph.

    Sent                              sent, or further if a status arrived first; its wamid is stored
    FileUploaded                      stays queued; its next attempt sends the message with the media ID
    GraphError that may be retried    queued again; its conversation, or the whole number, backs off
    GraphError that stops the number  queued again; the number stops until an administrator acts
    GraphError that is final          failed, with Meta's error
    OutcomeUnknown                    uncertain; never sent again automatically
    Withdrawn                         withdrawn; it counts as no answer
    HubError                          queued again as its retry policy says, then failed, with the hub's reason

Once a message has a wamid, Meta has accepted it, whatever a result says: a status that arrived before the result contains both IDs.
Such a message is never queued again.

A result is stored even if the attempt's lease has ended. Only the holder of the lease changes the queue.

Effects on numbers are stored first, in a transaction of their own. The transaction of the conversations locks contacts, queues and
messages, in this order (docs/decisions/0012), and never a number: a transaction that queues a message has a lock on the number's
row.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, TypeAlias, TypeVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from chats.conversations import contact_columns, conversation_events, ownership, reactions_and_edits, statuses
from chats.models import Attachment, Message, MessageStatus, QueuedMessage, SendProblem, SendQueue
from chats.outbox import rate_limits
from cloud_api.errors import NUMBER_MISSING, TOKEN_CODES, TOKEN_REFUSED, Retry, Scope, meaning_of
from cloud_api.graph import Graph, GraphError, OutcomeUnknown, Recipient, Sent
from contacts.contact_events import record_changed
from contacts.models import Contact
from jobs.bulk_writes import update_columns
from jobs.tracing import trace
from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.numbers.suspension import MIN_PAUSE, clear_stop, has_current_token, pause_sending, stop_sending

Row = TypeVar("Row", bound=models.Model)

MEDIA_ID_LIFETIME = timedelta(days=29)
"""Meta deletes an uploaded file after 30 days (docs/meta-platform.md 8.3)."""
RETRY_WITHOUT_CODE = Retry(first=2, factor=2, tries=12)
"""For errors without a code that the hub knows, such as Graph not being reached. Gives up after about two hours."""
RETRY_TOO_MANY_REQUESTS = replace(RETRY_WITHOUT_CODE, scope=Scope.NUMBER)
"""For HTTP status 429 without a code: what else the number sends would be refused too."""
RETRY_STORAGE_ERROR = Retry(first=2, factor=2, tries=8)
"""For errors of the hub before the message was sent, such as a file that its storage does not return. Gives up after about eight
minutes."""
MAX_WAMID_LENGTH = 255
COLUMNS_OF_MESSAGES = (
    *("phone_number", "contact", "is_user_message", "wamid", "callback_data", "target_wamid"),
    *("message_status", "errors", "create_in", "updated_at"),
)
"""What storing a result reads and writes of its message."""


@dataclass(frozen=True, slots=True)
class FileUploaded:
    """Result of an attempt that uploaded the message's file."""

    media_id: str


@dataclass(frozen=True, slots=True)
class HubError:
    """The hub itself could not send the message, and Graph has not received it. Final without `retry`. `reason` is for logs."""

    problem: SendProblem
    reason: str
    retry: Retry | None = None

    def __str__(self) -> str:
        return f"{self.problem.value}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A bot's message that must not leave any more, because somebody else is in charge. Graph has not received it."""


FailedResult: TypeAlias = GraphError | OutcomeUnknown | HubError | Withdrawn
SendResult: TypeAlias = Sent | FileUploaded | FailedResult


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAttempt:
    """One attempt to send the head of a send queue, with everything that the request needs."""

    message_id: int
    contact_id: int
    organization_id: int
    phone_number_id: str
    lease_token: uuid.UUID
    """Of the send queue."""
    scheduled_at: float
    """When to call Graph: a time of `time.monotonic`."""
    previous_attempts: int
    is_probe: bool
    """The number is stopped. This attempt tests whether it may send again."""
    graph: Graph
    recipient: Recipient
    callback_data: str
    reply_to: str
    api_object: dict[str, Any]
    upload: Attachment | None = None
    """This attempt uploads the file. The next one sends the message."""
    known_result: Sent | FailedResult | None = None
    """The result, if no request is needed: the message is withdrawn or malformed, the window is closed, or an earlier attempt had
    no result, or a status says that Graph accepted it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDelay:
    """Why a message stays queued, and for how many seconds."""

    seconds: float = 0.0
    attempts: int = 0
    """The queue's new `attempts`."""
    pauses_number: bool = False
    """The whole number waits, not only the conversation."""
    code: int | None = None
    """Meta's code of the error, if it has one."""
    stop_code: int | None = None
    """Meta's code, if the error stops the number until an administrator acts."""


def store_results(results: Sequence[tuple[SendAttempt, SendResult]]) -> None:
    """Stores the results of these attempts: first what they mean for numbers, then the messages, in one transaction each."""
    now = timezone.now()
    delays = {id(attempt): delay for attempt, result in results if (delay := _retry_delay(attempt, result))}
    if delays or any(attempt.is_probe for attempt, _ in results):
        run_in_transaction(partial(_store_number_effects, results, delays, now))
    run_in_transaction(partial(_store_results, results, delays, now))
    for attempt, result in results:
        word = _result_word(result, id(attempt) in delays)
        trace("message sent", message_id=attempt.message_id, contact_id=attempt.contact_id, result=word)


def _result_word(result: SendResult, is_retried: bool) -> str:
    """Returns a result for the trace: its class, with Meta's code if there is one."""
    code = f" {result.code}" if isinstance(result, GraphError) else ""
    return f"{type(result).__name__}{code}{', queued again' if is_retried else ''}"


def reject_result(attempt: SendAttempt, result: SendResult, error: Exception) -> None:
    """Stores the minimum of a result whose storing raised `error`, so that its queue advances and the message is never sent again
    automatically. The message gets its wamid if that is valid and unused. Otherwise it becomes uncertain, or failed if Graph has
    not accepted it."""
    run_in_transaction(partial(_reject_result, attempt, result, type(error).__name__, timezone.now()))


def return_attempts(attempts: Sequence[SendAttempt]) -> None:
    """Queues the messages of attempts again whose requests have not left, because no thread has started them."""
    run_in_transaction(partial(_return_attempts, attempts, timezone.now()))


def renew_leases(attempts: Sequence[SendAttempt], *, seconds: float) -> None:
    """Renews the leases of these attempts' queues: they end `seconds` from now. A lease that was lost stays lost."""
    contact_ids, tokens = {each.contact_id for each in attempts}, {each.lease_token for each in attempts}
    leased = SendQueue.objects.filter(pk__in=contact_ids, lease_token__in=tokens)
    leased.update(due_at=Now() + timedelta(seconds=seconds))


def _retry_delay(attempt: SendAttempt, result: SendResult) -> RetryDelay | None:
    """Returns why and for how long the message stays queued; None if the result is final."""
    if isinstance(result, HubError):
        seconds = result.retry.wait(attempt.previous_attempts) if result.retry else None
        return None if seconds is None else RetryDelay(seconds=seconds, attempts=attempt.previous_attempts + 1)
    if not isinstance(result, GraphError):
        return None
    # The number is at fault, not the message: all its retries are still available once the number is resumed.
    if (stop_code := _stop_code(result)) is not None:
        return RetryDelay(stop_code=stop_code)
    policy = _retry_policy(result)
    seconds = policy.wait(attempt.previous_attempts) if policy else None
    if policy is None or seconds is None:
        return None
    return RetryDelay(
        seconds=max(seconds, result.retry_after or 0.0),
        attempts=attempt.previous_attempts + 1,
        pauses_number=policy.scope is Scope.NUMBER,
        code=result.code,
    )


def _stop_code(error: GraphError) -> int | None:
    """Returns Meta's code if the error stops the number until an administrator acts."""
    if error.is_token_refused:
        return TOKEN_REFUSED if error.code is None else error.code
    if error.is_object_missing:  # the URL names the number
        return NUMBER_MISSING
    return error.code if error.code is not None and meaning_of(error.code).stops_number else None


def _retry_policy(error: GraphError) -> Retry | None:
    """Returns when the hub retries after this error. None if never."""
    if error.code is not None and not error.is_transient:
        return meaning_of(error.code).retry
    if error.http_status == HTTPStatus.TOO_MANY_REQUESTS:
        return RETRY_TOO_MANY_REQUESTS
    return None if error.permanent else RETRY_WITHOUT_CODE


NumberKey: TypeAlias = tuple[str, int]
"""A number by its phone number ID and its organization: another organization may have got the ID while a request was in flight."""


def _store_number_effects(
    results: Sequence[tuple[SendAttempt, SendResult]], delays: Mapping[int, RetryDelay], now: datetime
) -> None:
    """Pauses, stops or resumes numbers. Locks rows in the order of their ids: first the rate limits, then the numbers."""
    pauses = _numbers_to_pause(results, delays)
    changes = _numbers_to_stop_or_resume(results, delays)
    for (phone_number_id, organization_id), delay in sorted(pauses.items()):
        rate_limits.pause_number(phone_number_id, organization_id=organization_id, seconds=delay.seconds)
    for number in sorted({*pauses, *changes}):
        phone_number_id, organization_id = number
        if number in pauses and pauses[number].seconds >= MIN_PAUSE:
            until = now + timedelta(seconds=pauses[number].seconds)
            pause_sending(phone_number_id, organization_id=organization_id, until=until, code=pauses[number].code)
        if number in changes:
            _stop_or_resume(phone_number_id, organization_id, *changes[number], now)
    publish_revisions(organization_id for _, organization_id in {*pauses, *changes})


def _numbers_to_pause(
    results: Sequence[tuple[SendAttempt, SendResult]], delays: Mapping[int, RetryDelay]
) -> dict[NumberKey, RetryDelay]:
    """Returns the numbers that pause, each with its longest delay."""
    pauses: dict[NumberKey, RetryDelay] = {}
    for attempt, _ in results:
        delay, number = delays.get(id(attempt)), (attempt.phone_number_id, attempt.organization_id)
        if delay and delay.pauses_number and (number not in pauses or delay.seconds > pauses[number].seconds):
            pauses[number] = delay
    return pauses


def _numbers_to_stop_or_resume(
    results: Sequence[tuple[SendAttempt, SendResult]], delays: Mapping[int, RetryDelay]
) -> dict[NumberKey, tuple[int | None, Graph]]:
    """Returns the numbers that stop, with Meta's code, or that resume, with None, and the client that made the request."""
    changes: dict[NumberKey, tuple[int | None, Graph]] = {}
    for attempt, result in results:
        delay, number = delays.get(id(attempt)), (attempt.phone_number_id, attempt.organization_id)
        if delay and delay.stop_code is not None:
            changes[number] = (delay.stop_code, attempt.graph)
        elif isinstance(result, Sent) and attempt.is_probe and not attempt.known_result:
            changes.setdefault(number, (None, attempt.graph))
    return changes


def _stop_or_resume(phone_number_id: str, organization_id: int, code: int | None, graph: Graph, now: datetime) -> None:
    """Stops the number because of `code`, or resumes it if `code` is None."""
    if code is None:
        clear_stop(phone_number_id, organization_id=organization_id)
    # A refused token counts only while the number has it: a new one may have been stored while the request was in flight.
    elif code not in TOKEN_CODES or has_current_token(graph, phone_number_id=phone_number_id, organization_id=organization_id):
        stop_sending(phone_number_id, organization_id=organization_id, code=code, now=now)


def _store_results(results: Sequence[tuple[SendAttempt, SendResult]], delays: Mapping[int, RetryDelay], now: datetime) -> None:
    attempts = [attempt for attempt, _ in results]
    messages, leased = _lock_rows(attempts)
    finished: list[tuple[SendAttempt, Message]] = []
    for attempt, result in results:
        if (message := messages.get(attempt.message_id)) is None:
            continue
        if isinstance(result, FileUploaded):
            _store_media_id(attempt, result, now)
        elif attempt.upload and id(attempt) not in leased:
            continue  # another worker has the queue now, and uploads the file
        elif (delay := delays.get(id(attempt))) and id(attempt) in leased and not message.wamid:
            _schedule_retry(attempt, message, str(result), delay, now=now)
            leased.discard(id(attempt))
        else:
            _apply_final_result(attempt, result, message, now)
            finished.append((attempt, message))
    QueuedMessage.objects.filter(pk__in=[message.pk for _, message in finished]).delete()
    SendQueue.objects.advance([attempt.contact_id for attempt in attempts if id(attempt) in leased])
    _save_finished(finished, now)
    ownership.recompute_after_withdrawal([attempt.contact_id for attempt, result in results if isinstance(result, Withdrawn)])
    publish_revisions({attempt.organization_id for attempt in attempts})


def _reject_result(attempt: SendAttempt, result: SendResult, reason: str, now: datetime) -> None:
    messages, leased = _lock_rows([attempt])
    if message := messages.get(attempt.message_id):
        _apply_rejected_result(message, result, reason, now)
        message.save(update_fields=["wamid", "message_status", "errors", "updated_at"])
        _update_answered([message])
        QueuedMessage.objects.filter(pk=message.pk).delete()
        conversation_events.record_statuses([conversation_events.ReachedStatus.of(message, now)])
    if leased:
        SendQueue.objects.advance([attempt.contact_id])
    publish_revisions([attempt.organization_id])


def _apply_rejected_result(message: Message, result: SendResult, reason: str, now: datetime) -> None:
    """Sets status, wamid and errors of the message, without saving it. The wamid is set only if no other message has it."""
    if isinstance(result, Sent) and _can_have_wamid(message, result.wamid):
        message.wamid = result.wamid
        _raise_status(message, MessageStatus.SENT, now)
    elif message.wamid:
        _raise_status(message, MessageStatus.SENT, now)
    elif isinstance(result, Sent | OutcomeUnknown):
        message.errors = _hub_errors(SendProblem.UNSTORED, reason) if isinstance(result, Sent) else None
        _raise_status(message, MessageStatus.UNCERTAIN, now)
    else:
        code = result.code if isinstance(result, GraphError) else None
        message.errors = _hub_errors(SendProblem.INTERNAL, reason, code=code)
        _raise_status(message, MessageStatus.FAILED, now)


def _can_have_wamid(message: Message, wamid: str) -> bool:
    """Returns whether the message has no wamid yet, the wamid fits into its column, and no other message has it."""
    others = Message.objects.named([(message.phone_number_id, wamid)]).exclude(pk=message.pk)
    return message.wamid is None and len(wamid) <= MAX_WAMID_LENGTH and not others.exists()


def _return_attempts(attempts: Sequence[SendAttempt], now: datetime) -> None:
    messages, leased = _lock_rows(attempts)
    returned = [attempt for attempt in attempts if id(attempt) in leased and attempt.message_id in messages]
    # Attempts with an upload or a known result have not marked their message as being sent.
    marked = [attempt.message_id for attempt in returned if not (attempt.known_result or attempt.upload)]
    QueuedMessage.objects.filter(pk__in=marked).update(attempted_at=None)
    sending = Message.objects.filter(pk__in=marked, message_status=MessageStatus.SENDING)
    sending.update(message_status=MessageStatus.QUEUED, updated_at=now)
    SendQueue.objects.filter(pk__in=[attempt.contact_id for attempt in returned]).update(lease_token=None, due_at=Now())
    publish_revisions({attempt.organization_id for attempt in returned})


def _lock_rows(attempts: Sequence[SendAttempt]) -> tuple[dict[int, Message], set[int]]:
    """Locks contacts, queues and messages of the attempts. Returns the messages by their ids, and the Python ids (`id`) of the
    attempts that still have the lease of their queue."""
    contact_ids = {attempt.contact_id for attempt in attempts}
    list(_for_update(Contact, contact_ids).values_list("pk"))
    tokens = dict(_for_update(SendQueue, contact_ids).values_list("pk", "lease_token"))
    locked = _for_update(Message, (attempt.message_id for attempt in attempts))
    messages = {message.pk: message for message in locked.only(*COLUMNS_OF_MESSAGES)}
    return messages, {id(each) for each in attempts if tokens.get(each.contact_id) == each.lease_token}


def _for_update(model: type[Row], ids: Iterable[int]) -> models.QuerySet[Row]:
    """Locks rows in the order of their ids, so that two workers cannot deadlock."""
    return model._default_manager.select_for_update().filter(pk__in=set(ids)).order_by("pk")


def _store_media_id(attempt: SendAttempt, uploaded: FileUploaded, now: datetime) -> None:
    if attempt.upload:
        attachment = Attachment.objects.filter(pk=attempt.upload.pk)
        attachment.update(media_id=uploaded.media_id, media_id_until=now + MEDIA_ID_LIFETIME)


def _schedule_retry(attempt: SendAttempt, message: Message, reason: str, delay: RetryDelay, *, now: datetime) -> None:
    """Queues the message again and ends the lease of its queue."""
    QueuedMessage.objects.filter(pk=message.pk).update(attempted_at=None)
    sending = Message.objects.filter(pk=message.pk, message_status=MessageStatus.SENDING)
    sending.update(message_status=MessageStatus.QUEUED, updated_at=now)
    SendQueue.objects.filter(pk=attempt.contact_id).update(
        lease_token=None, attempts=delay.attempts, due_at=Now() + timedelta(seconds=delay.seconds), reason=reason[:500]
    )


def _apply_final_result(attempt: SendAttempt, result: SendResult, message: Message, now: datetime) -> None:
    """Sets status, wamid and errors of the message, without saving it."""
    if isinstance(result, Sent):
        message.wamid = message.wamid or result.wamid
        _correct_wa_id(attempt, result, now)
        status = MessageStatus.SENT
    elif message.wamid:
        status = MessageStatus.SENT
    elif isinstance(result, GraphError):
        message.errors = [result.as_object]
        status = MessageStatus.FAILED
    elif isinstance(result, HubError):
        message.errors = _hub_errors(result.problem, result.reason)
        status = MessageStatus.FAILED
    elif isinstance(result, Withdrawn):
        status = MessageStatus.WITHDRAWN
    else:
        status = MessageStatus.UNCERTAIN
    _raise_status(message, status, now)


def _raise_status(message: Message, status: MessageStatus, now: datetime) -> None:
    # A status webhook may have arrived before the result. Statuses only move forward.
    message.message_status = max(MessageStatus(message.message_status), status, key=lambda each: each.rank)
    message.updated_at = now


def _hub_errors(problem: SendProblem, reason: str, *, code: int | None = None) -> list[dict[str, Any]]:
    """Returns the hub's own error in the form of Meta's errors. `code` is Meta's code, if there is one."""
    return [{"code": code, "problem": problem.value, "error_data": {"details": reason}}]


def _update_answered(messages: Iterable[Message]) -> None:
    """A failed message is no answer."""
    failed: dict[int, set[datetime]] = defaultdict(set)
    for message in messages:
        if message.message_status == MessageStatus.FAILED:
            failed[message.contact_id].add(message.create_in)
    if failed:
        contact_columns.update_answered(failed)


def _save_finished(finished: Sequence[tuple[SendAttempt, Message]], now: datetime) -> None:
    """Saves the messages of these attempts, then applies what depends on their wamid and their status."""
    if not finished:
        return
    messages = [message for _, message in finished]
    columns = ["wamid", "message_status", "errors", "updated_at"]
    update_columns(Message, columns, {each.pk: [getattr(each, column) for column in columns] for each in messages})
    _update_answered(messages)
    conversation_events.record_statuses([conversation_events.ReachedStatus.of(each, now) for each in messages])
    statuses.apply_stored_statuses([message for message in messages if message.wamid], now)
    # An error of the hub's own, such as a window that it thinks closed, is no refusal of Meta's.
    refused = [(message, message.errors) for attempt, message in finished if message.errors and not attempt.known_result]
    statuses.apply_refusals(refused, now)
    reactions_and_edits.apply_to_targets(messages, now)


def _correct_wa_id(attempt: SendAttempt, sent: Sent, now: datetime) -> None:
    """Replaces the contact's wa_id by the one that Graph returned, if staff typed it."""
    # Meta's wa_id may differ from a typed phone in an optional digit (docs/meta-platform.md 6). A wa_id from a webhook is Meta's
    # own and stays.
    if not (sent.wa_id and attempt.recipient.wa_id) or sent.wa_id == attempt.recipient.wa_id:
        return
    typed = Contact.objects.filter(pk=attempt.contact_id, wa_id=attempt.recipient.wa_id, wa_id_at=None).first()
    if typed is None:
        return
    if not Contact.objects.filter(create_for_phone_number=typed.create_for_phone_number_id, wa_id=sent.wa_id).exists():
        typed.wa_id = sent.wa_id
        typed.save(update_fields=["wa_id", "phone_key", "reversed_phone"])
        record_changed([typed.pk], ["wa_id"], now)
