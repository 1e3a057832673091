"""Deletes old messages with their status events, files, turns of bots, states of flows, and requests to bots.

The conversation stays, with the times of its last messages. A session that began before the deleted messages end is computed again
from the messages that are left, as a rebuild does it.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import partial

from django.db.models import QuerySet
from django.utils import timezone

from bots.models import BotConversation, BotRequest
from chats.conversations.contact_columns import recompute_after_deletion
from chats.media.file_storage import delete_files
from chats.models import Attachment, BotTurnMessage, Message, StatusEvent, UnmatchedStatus
from contacts.models import Contact
from jobs.models import State
from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import PhoneNumber
from privacy.retention.files import UNSENT, delete_attachments

STEP = 500
"""Messages of one transaction."""
FINAL_STATES = (State.DONE, State.DEAD)


def prune_messages(numbers: Sequence[PhoneNumber], before: datetime) -> Iterator[int]:
    """Deletes messages that were sent before this time, the oldest first. Yields the number of messages of each step. Messages that
    are still to be sent stay."""
    for number in numbers:
        while True:
            count, files = run_in_transaction(partial(_delete_step, number, before))
            delete_files(files)
            if not count:
                break
            yield count


def prune_bot_requests(bot_ids: Collection[int], before: datetime) -> Iterator[int]:
    """Deletes the log of what was asked of webhook bots and AIs before this time. Yields the number of requests of each step."""
    for bot_id in bot_ids:
        old = BotRequest.objects.filter(bot=bot_id, create_in__lt=before, state__in=FINAL_STATES, reserved_on=None)
        while ids := list(old.order_by("create_in").values_list("pk", flat=True)[:STEP]):
            run_in_transaction(partial(BotRequest.objects.filter(pk__in=ids).delete))
            yield len(ids)


def prune_flow_states(organization_id: int, before: datetime) -> Iterator[int]:
    """Deletes where flows are that have not gone on since this time, with the answers of customers in it. The next message begins
    the flow. Yields the number of conversations of each step."""
    # `due_at` of a conversation without a timer is when its flow last ran.
    old = BotConversation.objects.filter(state=State.WAITING, organization_id=organization_id, due_at__lt=before).order_by("due_at")
    while count := run_in_transaction(partial(_delete_states, old)):
        yield count


def _delete_states(old: QuerySet[BotConversation]) -> int:
    ids = list(old.values_list("pk", flat=True)[:STEP])
    # Locked, and read again: the customer may just have written.
    held = list(old.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk", flat=True))
    BotConversation.objects.filter(pk__in=held).delete()
    return len(ids)


def _delete_step(number: PhoneNumber, before: datetime) -> tuple[int, list[str]]:
    """Returns the number of deleted messages, and the names of the files to delete from the storage."""
    old = Message.objects.filter(phone_number=number, create_in__lt=before).exclude(message_status__in=UNSENT)
    chosen = dict(old.order_by("create_in").values_list("pk", "contact")[:STEP])
    # In the order of docs/decisions/0012: contacts, then messages. Another transaction may have merged a contact meanwhile.
    contacts = Contact.objects.select_for_update().filter(pk__in=set(chosen.values())).order_by("pk").in_bulk()
    locked = Message.objects.select_for_update().filter(pk__in=chosen, contact__in=contacts).order_by("pk")
    rows = list(locked.exclude(message_status__in=UNSENT).only("phone_number", "contact", "wamid", "callback_data", "session_id"))
    if not rows:
        return len(chosen), []
    files = _delete_rows_of(number, rows)
    Message.objects.filter(pk__in=[row.pk for row in rows]).delete()
    recompute_after_deletion(contacts, {row.session_id for row in rows}, timezone.now())
    publish_revisions([number.organization_id])
    return len(chosen), files


def _delete_rows_of(number: PhoneNumber, messages: Sequence[Message]) -> list[str]:
    """Deletes what belongs to these messages. Returns the names of files to delete from the storage."""
    wamids = [each.wamid for each in messages if each.wamid]
    StatusEvent.objects.filter(phone_number=number, wamid__in=wamids).delete()
    UnmatchedStatus.objects.filter(phone_number=number, wamid__in=wamids).delete()
    BotTurnMessage.objects.filter(phone_number_id=number.phone_number_id, wamid__in=wamids).delete()
    named = Attachment.objects.filter(phone_number=number, message_name__in=[each.name for each in messages])
    attachments = list(named.select_for_update().order_by("pk"))
    return delete_attachments(attachments, organization_id=number.organization_id) if attachments else []
