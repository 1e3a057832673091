"""What becomes of messages that were handed to Graph: its answers, many in one transaction.

    accepted             the wamid is kept; sent, or what statuses have told already
    refused for now      queued again, and its conversation or the whole number waits as the error's policy says
    refused for good     failed, with Meta's error
    refused, and more    the number is stopped, its queue kept, until an administrator has mended what is wrong
    nobody knows         uncertain; never sent again by itself

A turn moves on only if it is still this worker's. An answer that comes later than its lease still tells what became of the message.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self, TypeAlias, TypeVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from chats import actions, pacing, statuses
from chats.models import Attachment, Message, MessageStatus, Outgoing, Turn
from chats.turns import pass_on
from cloud_api.errors import Retry, Scope, explained
from cloud_api.graph import Graph, GraphError, OutcomeUnknown, Recipient, Sent
from contacts.models import Contact
from jobs.transactions import run_in_transaction
from organizations.live import announce
from organizations.stopping import note_it_sends, stop_sending

Row = TypeVar("Row", bound=models.Model)

UPLOAD_KEPT = timedelta(days=29)
"""Meta keeps an upload for 30 days (reference 8.3)."""
NOT_REACHED = Retry(first=2, factor=2, tries=12)
"""Graph was surely not reached, or asked to wait without saying why: for two hours."""
LONGEST_WAIT = 3600.0


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file that Meta has now, by its media id there."""

    media_id: str


Answer: TypeAlias = Sent | Uploaded | GraphError | OutcomeUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
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
    finding: GraphError | OutcomeUnknown | None = None
    """What is known without asking Graph."""

    def but(self, **changes: Any) -> Self:
        return replace(self, **changes)


def store(answered: Sequence[tuple[Sending, Answer]]) -> None:
    """Keep what Graph answered."""
    run_in_transaction(partial(_store, answered, timezone.now()))


def _store(answered: Sequence[tuple[Sending, Answer]], now: datetime) -> None:
    turns = {turn.pk: turn for turn in _locked(Turn, (sending.contact_id for sending, _ in answered))}
    ours = {id(each) for each, _ in answered if each.contact_id in turns and turns[each.contact_id].lease_token == each.token}
    messages = {message.pk: message for message in _locked(Message, (sending.message_id for sending, _ in answered))}
    ended: list[Sending] = []
    for sending, answer in answered:
        if (message := messages.get(sending.message_id)) is None:
            continue
        if isinstance(answer, Uploaded):
            _keep_upload(sending, answer, now)
        elif isinstance(answer, GraphError) and id(sending) in ours and _waits(sending, answer, message, now):
            ours.discard(id(sending))
        else:
            _end(sending, answer, message, now)
            ended.append(sending)
    Outgoing.objects.filter(pk__in=[sending.message_id for sending in ended]).delete()
    pass_on([sending.contact_id for sending, _ in answered if id(sending) in ours])
    _follow_up([messages[sending.message_id] for sending in ended], now)
    announce({sending.organization_id for sending, _ in answered})


def _locked(model: type[Row], ids: Iterable[int]) -> models.QuerySet[Row]:
    return model._default_manager.select_for_update().filter(pk__in=set(ids)).order_by("pk")


def _keep_upload(sending: Sending, uploaded: Uploaded, now: datetime) -> None:
    if sending.file:
        files = Attachment.objects.filter(pk=sending.file.pk)
        files.update(media_id=uploaded.media_id, media_id_until=now + UPLOAD_KEPT)


def _waits(sending: Sending, error: GraphError, message: Message, now: datetime) -> bool:
    """Whether it stays queued; if so, who waits, and for how long, has been noted."""
    if error.code is not None and explained(error.code).stops_number:
        stop_sending(sending.phone_number_id, code=error.code, now=now)
        _queue_again(sending, message, str(error), 0.0, attempts=0, now=now)
        return True
    policy = explained(error.code).retry if error.code is not None else None if error.permanent else NOT_REACHED
    wait = policy.wait(sending.attempts) if policy else None
    if policy is None or wait is None:
        return False
    wait = min(max(wait, error.retry_after or 0.0), LONGEST_WAIT)
    if policy.scope is Scope.NUMBER:
        pacing.hold(sending.phone_number_id, wait)
    _queue_again(sending, message, str(error), wait, attempts=sending.attempts + 1, now=now)
    return True


def _queue_again(sending: Sending, message: Message, reason: str, wait: float, *, attempts: int, now: datetime) -> None:
    Outgoing.objects.filter(pk=message.pk).update(sending_at=None)
    Message.objects.filter(pk=message.pk, message_status=MessageStatus.SENDING).update(
        message_status=MessageStatus.QUEUED, updated_at=now
    )
    Turn.objects.filter(pk=sending.contact_id).update(
        lease_token=None, attempts=attempts, due_at=Now() + timedelta(seconds=wait), reason=reason[:500]
    )


def _end(sending: Sending, answer: Answer, message: Message, now: datetime) -> None:
    """The message has come to something. Forward only: statuses may have told more already."""
    if isinstance(answer, Sent):
        message.wamid = message.wamid or answer.wamid
        reached = MessageStatus.SENT
        _learn_address(sending, answer)
        if sending.was_stopped:
            note_it_sends(sending.phone_number_id)
    elif isinstance(answer, GraphError):
        message.errors = [{"code": answer.code, "error_data": {"details": answer.details}}]
        reached = MessageStatus.FAILED
    else:
        reached = MessageStatus.UNCERTAIN
    message.message_status = max(MessageStatus(message.message_status), reached, key=lambda status: status.rank)
    message.updated_at = now


def _follow_up(messages: Sequence[Message], now: datetime) -> None:
    """What is known of these messages from elsewhere, and what follows from how they ended."""
    if not messages:
        return
    Message.objects.bulk_update(messages, ["wamid", "message_status", "errors", "updated_at"])
    statuses.catch_up([message for message in messages if message.wamid], now)
    statuses.note_refusals((message, message.errors) for message in messages if message.errors)
    actions.act_on_targets(messages, now)


def _learn_address(sending: Sending, sent: Sent) -> None:
    """Meta writes some numbers otherwise than people do, and its way is the person's (reference 6). Only what staff typed is
    replaced: a number that a webhook has told is Meta's already."""
    if not (sent.wa_id and sending.to.wa_id) or sent.wa_id == sending.to.wa_id:
        return
    typed = Contact.objects.select_for_update().filter(pk=sending.contact_id, wa_id=sending.to.wa_id, wa_id_at=None).first()
    if typed is None:
        return
    if not Contact.objects.filter(create_for_phone_number=typed.create_for_phone_number_id, wa_id=sent.wa_id).exists():
        typed.wa_id = sent.wa_id
        typed.save(update_fields=["wa_id", "phone_key", "reversed_phone"])
