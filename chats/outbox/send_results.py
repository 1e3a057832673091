"""What becomes of messages that were handed to Graph: its answers, many in one transaction.

    accepted             the wamid is kept; sent, or what statuses have told already
    refused for now      queued again, and its conversation or the whole number waits as the error's policy says
    refused for good     failed, with Meta's error
    refused, and more    the number is stopped, its queue kept, until an administrator has mended what is wrong
    nobody knows         uncertain; never sent again by itself
    the hub failed       tried again as the failure's policy says, then failed, with the hub's own reason

A turn moves on only if it is still this worker's. An answer that comes later than its lease still tells what became of the message.

What answers tell of a number is stored first, in a transaction of its own. The conversations' transaction locks contacts, turns and
messages, in this order (docs/decisions/0012), and never a number: whoever writes a message has a lock on the number's row.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self, TypeAlias, TypeVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from chats.conversations import reactions_and_edits, statuses
from chats.models import Attachment, Message, MessageStatus, QueuedMessage, SendProblem, SendQueue
from chats.outbox import rate_limits
from cloud_api.errors import TOKEN_CODES, TOKEN_REFUSED, Retry, Scope, meaning_of
from cloud_api.graph import Graph, GraphError, OutcomeUnknown, Recipient, Sent
from contacts.models import Contact
from jobs.bulk_writes import update_columns
from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.numbers.suspension import MIN_PAUSE, clear_stop, has_current_token, pause_sending, stop_sending

Row = TypeVar("Row", bound=models.Model)

UPLOAD_KEPT = timedelta(days=29)
"""Meta keeps an upload for 30 days (docs/meta-platform.md 8.3)."""
NOT_REACHED = Retry(first=2, factor=2, tries=12)
"""Graph was surely not reached, or asked to wait without saying why: for two hours."""
RETRY_STORAGE_ERROR = Retry(first=2, factor=2, tries=8)
"""The hub's storage did not give a file, or something unexpected went wrong before the message was sent: for eight minutes."""
LONGEST_WAIT = 3600.0
LONGEST_WAMID = 255


@dataclass(frozen=True, slots=True)
class FileUploaded:
    """A file that Meta has now, by its media id there."""

    media_id: str


@dataclass(frozen=True, slots=True)
class HubError:
    """The hub itself could not send a message, and Graph surely has not got it. Final without `retry`; the reason is for logs."""

    problem: SendProblem
    reason: str
    retry: Retry | None = None

    def __str__(self) -> str:
        return f"{self.problem.value}: {self.reason}"


FailedResult: TypeAlias = GraphError | OutcomeUnknown | HubError
SendResult: TypeAlias = Sent | FileUploaded | FailedResult


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAttempt:
    """A message whose turn it is, and all that sending it takes."""

    message_id: int
    contact_id: int
    organization_id: int
    phone_number_id: str
    token: uuid.UUID
    """The lease of its turn."""
    place: float
    """When it may go, by time.monotonic()."""
    attempts: int
    was_stopped: bool
    """It is tried to see whether the number may send again."""
    graph: Graph
    to: Recipient
    callback_data: str
    reply_to: str
    api_object: dict[str, Any]
    file: Attachment | None = None
    """To be uploaded first; the message goes another time."""
    finding: FailedResult | None = None
    """What is known without asking Graph."""

    def but(self, **changes: Any) -> Self:
        return replace(self, **changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDelay:
    """Why and for how many seconds a message stays queued."""

    seconds: float = 0.0
    attempts: int = 0
    """Tries with this one."""
    holds_number: bool = False
    """The whole number waits."""
    code: int | None = None
    """Meta's, if there is one."""
    stops: int | None = None
    """Meta's code, if the number is stopped until an administrator has mended something."""


def store_results(answered: Sequence[tuple[SendAttempt, SendResult]]) -> None:
    """Keep what Graph answered."""
    now = timezone.now()
    waits = {id(sending): wait for sending, answer in answered if (wait := _wait_of(sending, answer))}
    if waits or any(sending.was_stopped for sending, _ in answered):
        run_in_transaction(partial(_store_for_numbers, answered, waits, now))
    run_in_transaction(partial(_store, answered, waits, now))


def reject_result(sending: SendAttempt, answer: SendResult, failure: Exception) -> None:
    """Keep the least of an answer that cannot be stored, so that its conversation goes on and the message is never sent again by
    itself: a wamid if it can be this message's; else the message is uncertain, or failed if Graph surely has not got it."""
    run_in_transaction(partial(_reject, sending, answer, type(failure).__name__, timezone.now()))


def return_attempts(sendings: Sequence[SendAttempt]) -> None:
    """Queue messages again that were taken and whose requests surely have not left: nobody began to send them."""
    run_in_transaction(partial(_give_back, sendings, timezone.now()))


def renew_leases(sendings: Sequence[SendAttempt], *, seconds: float) -> None:
    """Keep the turns that are still this worker's for `seconds` from now."""
    ours = SendQueue.objects.filter(
        pk__in={each.contact_id for each in sendings}, lease_token__in={each.token for each in sendings}
    )
    ours.update(due_at=Now() + timedelta(seconds=seconds))


def _wait_of(sending: SendAttempt, answer: SendResult) -> RetryDelay | None:
    """Why and how long the message stays queued; None if it has come to an end."""
    if isinstance(answer, HubError):
        seconds = answer.retry.wait(sending.attempts) if answer.retry else None
        return None if seconds is None else RetryDelay(seconds=seconds, attempts=sending.attempts + 1)
    if not isinstance(answer, GraphError):
        return None
    if answer.is_token_refused:
        return RetryDelay(stops=TOKEN_REFUSED if answer.code is None else answer.code)
    if answer.code is not None and meaning_of(answer.code).stops_number:
        return RetryDelay(stops=answer.code)
    policy = meaning_of(answer.code).retry if answer.code is not None else None if answer.permanent else NOT_REACHED
    seconds = policy.wait(sending.attempts) if policy else None
    if policy is None or seconds is None:
        return None
    seconds = min(max(seconds, answer.retry_after or 0.0), LONGEST_WAIT)
    return RetryDelay(seconds=seconds, attempts=sending.attempts + 1, holds_number=policy.scope is Scope.NUMBER, code=answer.code)


NumberKey: TypeAlias = tuple[str, int]
"""A number by its phone number id and its organization: the id may have become another's while a request was under way."""


def _store_for_numbers(answered: Sequence[tuple[SendAttempt, SendResult]], waits: Mapping[int, RetryDelay], now: datetime) -> None:
    """Whether numbers may send, and from when. Rows are locked in the order of their ids: the paces first, then the numbers."""
    held = _held(answered, waits)
    stopped = _stopped(answered, waits)
    for (phone_number_id, organization_id), wait in sorted(held.items()):
        rate_limits.pause_number(phone_number_id, organization_id=organization_id, seconds=wait.seconds)
    for number in sorted({*held, *stopped}):
        phone_number_id, organization_id = number
        if number in held and held[number].seconds >= MIN_PAUSE:
            until = now + timedelta(seconds=held[number].seconds)
            pause_sending(phone_number_id, organization_id=organization_id, until=until, code=held[number].code)
        if number in stopped:
            _store_stop(phone_number_id, organization_id, *stopped[number], now)
    publish_revisions(organization_id for _, organization_id in {*held, *stopped})


def _held(answered: Sequence[tuple[SendAttempt, SendResult]], waits: Mapping[int, RetryDelay]) -> dict[NumberKey, RetryDelay]:
    """The numbers that wait as a whole, with the longest of their waits."""
    held: dict[NumberKey, RetryDelay] = {}
    for sending, _answer in answered:
        wait, number = waits.get(id(sending)), (sending.phone_number_id, sending.organization_id)
        if wait and wait.holds_number and (number not in held or wait.seconds > held[number].seconds):
            held[number] = wait
    return held


def _stopped(
    answered: Sequence[tuple[SendAttempt, SendResult]], waits: Mapping[int, RetryDelay]
) -> dict[NumberKey, tuple[int | None, Graph]]:
    """The numbers that stop, by Meta's code, or that send again, by None; with the client that was told so."""
    stopped: dict[NumberKey, tuple[int | None, Graph]] = {}
    for sending, answer in answered:
        wait, number = waits.get(id(sending)), (sending.phone_number_id, sending.organization_id)
        if wait and wait.stops is not None:
            stopped[number] = (wait.stops, sending.graph)
        elif isinstance(answer, Sent) and sending.was_stopped:
            stopped.setdefault(number, (None, sending.graph))
    return stopped


def _store_stop(phone_number_id: str, organization_id: int, code: int | None, graph: Graph, now: datetime) -> None:
    """The number stops with the code, or goes on without one. That a token is refused counts only while the number has it: a new
    one may have come while the request was under way."""
    if code is None:
        clear_stop(phone_number_id, organization_id=organization_id)
    elif code not in TOKEN_CODES or has_current_token(graph, phone_number_id=phone_number_id, organization_id=organization_id):
        stop_sending(phone_number_id, organization_id=organization_id, code=code, now=now)


def _store(answered: Sequence[tuple[SendAttempt, SendResult]], waits: Mapping[int, RetryDelay], now: datetime) -> None:
    sendings = [sending for sending, _ in answered]
    messages, ours = _lock(sendings)
    ended: list[SendAttempt] = []
    for sending, answer in answered:
        if (message := messages.get(sending.message_id)) is None:
            continue
        if isinstance(answer, FileUploaded):
            _keep_upload(sending, answer, now)
        elif sending.file and id(sending) not in ours:
            continue  # whoever has the turn now uploads it
        elif (wait := waits.get(id(sending))) and id(sending) in ours:
            _queue_again(sending, message, str(answer), wait, now=now)
            ours.discard(id(sending))
        else:
            _end(sending, answer, message, now)
            ended.append(sending)
    QueuedMessage.objects.filter(pk__in=[sending.message_id for sending in ended]).delete()
    SendQueue.objects.advance([sending.contact_id for sending in sendings if id(sending) in ours])
    _follow_up([messages[sending.message_id] for sending in ended], now)
    publish_revisions({sending.organization_id for sending in sendings})


def _reject(sending: SendAttempt, answer: SendResult, reason: str, now: datetime) -> None:
    messages, ours = _lock([sending])
    if message := messages.get(sending.message_id):
        _end_rejected(message, answer, reason, now)
        message.save(update_fields=["wamid", "message_status", "errors", "updated_at"])
        QueuedMessage.objects.filter(pk=message.pk).delete()
    if ours:
        SendQueue.objects.advance([sending.contact_id])
    publish_revisions([sending.organization_id])


def _end_rejected(message: Message, answer: SendResult, reason: str, now: datetime) -> None:
    if isinstance(answer, Sent) and _may_have(message, answer.wamid):
        message.wamid = answer.wamid
        _advance(message, MessageStatus.SENT, now)
    elif isinstance(answer, Sent | OutcomeUnknown):
        message.errors = _own_error(SendProblem.UNSTORED, reason) if isinstance(answer, Sent) else None
        _advance(message, MessageStatus.UNCERTAIN, now)
    else:
        message.errors = _own_error(SendProblem.INTERNAL, reason, code=answer.code if isinstance(answer, GraphError) else None)
        _advance(message, MessageStatus.FAILED, now)


def _may_have(message: Message, wamid: str) -> bool:
    """Whether the wamid can be the message's: it is no other's."""
    others = Message.objects.named([(message.phone_number_id, wamid)]).exclude(pk=message.pk)
    return message.wamid is None and len(wamid) <= LONGEST_WAMID and not others.exists()


def _give_back(sendings: Sequence[SendAttempt], now: datetime) -> None:
    messages, ours = _lock(sendings)
    returned = [sending for sending in sendings if id(sending) in ours and sending.message_id in messages]
    marked = [sending.message_id for sending in returned if not (sending.finding or sending.file)]
    QueuedMessage.objects.filter(pk__in=marked).update(attempted_at=None)
    sending_ones = Message.objects.filter(pk__in=marked, message_status=MessageStatus.SENDING)
    sending_ones.update(message_status=MessageStatus.QUEUED, updated_at=now)
    SendQueue.objects.filter(pk__in=[sending.contact_id for sending in returned]).update(lease_token=None, due_at=Now())
    publish_revisions({sending.organization_id for sending in returned})


def _lock(sendings: Sequence[SendAttempt]) -> tuple[dict[int, Message], set[int]]:
    """The messages, locked, and the ids (of Python's) of those sendings whose turn is still this worker's."""
    contact_ids = {sending.contact_id for sending in sendings}
    list(_locked(Contact, contact_ids).values_list("pk"))
    tokens = dict(_locked(SendQueue, contact_ids).values_list("pk", "lease_token"))
    messages = {message.pk: message for message in _locked(Message, (sending.message_id for sending in sendings))}
    return messages, {id(each) for each in sendings if tokens.get(each.contact_id) == each.token}


def _locked(model: type[Row], ids: Iterable[int]) -> models.QuerySet[Row]:
    return model._default_manager.select_for_update().filter(pk__in=set(ids)).order_by("pk")


def _keep_upload(sending: SendAttempt, uploaded: FileUploaded, now: datetime) -> None:
    if sending.file:
        files = Attachment.objects.filter(pk=sending.file.pk)
        files.update(media_id=uploaded.media_id, media_id_until=now + UPLOAD_KEPT)


def _queue_again(sending: SendAttempt, message: Message, reason: str, wait: RetryDelay, *, now: datetime) -> None:
    QueuedMessage.objects.filter(pk=message.pk).update(attempted_at=None)
    Message.objects.filter(pk=message.pk, message_status=MessageStatus.SENDING).update(
        message_status=MessageStatus.QUEUED, updated_at=now
    )
    SendQueue.objects.filter(pk=sending.contact_id).update(
        lease_token=None, attempts=wait.attempts, due_at=Now() + timedelta(seconds=wait.seconds), reason=reason[:500]
    )


def _end(sending: SendAttempt, answer: SendResult, message: Message, now: datetime) -> None:
    """The message has come to something. Forward only: statuses may have told more already."""
    if isinstance(answer, Sent):
        message.wamid = message.wamid or answer.wamid
        reached = MessageStatus.SENT
        _learn_address(sending, answer)
    elif isinstance(answer, GraphError):
        message.errors = [answer.as_object]
        reached = MessageStatus.FAILED
    elif isinstance(answer, HubError):
        message.errors = _own_error(answer.problem, answer.reason)
        reached = MessageStatus.FAILED
    else:
        reached = MessageStatus.UNCERTAIN
    _advance(message, reached, now)


def _advance(message: Message, reached: MessageStatus, now: datetime) -> None:
    message.message_status = max(MessageStatus(message.message_status), reached, key=lambda status: status.rank)
    message.updated_at = now


def _own_error(problem: SendProblem, reason: str, *, code: int | None = None) -> list[dict[str, Any]]:
    """In the form of Meta's errors; `code` is Meta's if there is one."""
    return [{"code": code, "problem": problem.value, "error_data": {"details": reason}}]


def _follow_up(messages: Sequence[Message], now: datetime) -> None:
    """What is known of these messages from elsewhere, and what follows from how they ended."""
    if not messages:
        return
    columns = ["wamid", "message_status", "errors", "updated_at"]
    update_columns(Message, columns, {each.pk: [getattr(each, column) for column in columns] for each in messages})
    statuses.apply_stored_statuses([message for message in messages if message.wamid], now)
    statuses.apply_refusals((message, message.errors) for message in messages if message.errors)
    reactions_and_edits.apply_to_targets(messages, now)


def _learn_address(sending: SendAttempt, sent: Sent) -> None:
    """Adopts the wa_id that Meta returned. It may differ from a typed number in an optional digit (docs/meta-platform.md 6). A
    wa_id from a webhook is Meta's already, and stays."""
    if not (sent.wa_id and sending.to.wa_id) or sent.wa_id == sending.to.wa_id:
        return
    typed = Contact.objects.filter(pk=sending.contact_id, wa_id=sending.to.wa_id, wa_id_at=None).first()
    if typed is None:
        return
    if not Contact.objects.filter(create_for_phone_number=typed.create_for_phone_number_id, wa_id=sent.wa_id).exists():
        typed.wa_id = sent.wa_id
        typed.save(update_fields=["wa_id", "phone_key", "reversed_phone"])
