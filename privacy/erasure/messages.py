"""Erases the messages of a person, with their statuses, files and all rows that have their ids."""

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import Any

from django.db.models import Q

from api.models import SendRequest
from chats.conversations.reactions_and_edits import ACTION_KINDS
from chats.media.file_storage import delete_stored_files
from chats.models import (
    Attachment,
    BotTurnMessage,
    ChangedText,
    Message,
    MessageStatus,
    QueuedMessage,
    SendQueue,
    StatusEvent,
    UnmatchedStatus,
)
from cloud_api.payloads.erasure import erased_value
from contacts.models import Contact
from jobs.transactions import run_in_transaction
from organizations.models import StorageUse
from organizations.storage import record_stored_file
from privacy.erasure.person import PersonToErase, grouped
from privacy.erasure.words import erase_words
from privacy.shared_files import stored_names, without_other_rows

BATCH = 200
"""Messages of one transaction."""


def withdraw_queued(person: PersonToErase) -> bool:
    """Withdraws the person's messages that have not left. Returns False while one is being sent: its result is stored first."""

    def withdraw() -> bool:
        _lock(person)
        queued = QueuedMessage.objects.filter(contact__in=person.contacts)
        waiting = list(queued.filter(attempted_at=None).values_list("pk", flat=True))
        QueuedMessage.objects.filter(pk__in=waiting).delete()
        Message.objects.filter(pk__in=waiting).update(message_status=MessageStatus.WITHDRAWN)
        return not queued.exists()

    return run_in_transaction(withdraw)


def erase_messages(person: PersonToErase, organization_id: int) -> dict[str, int] | None:
    """Erases the next messages. Returns how many rows and files were erased, None if there are no more messages."""
    messages = list(_next_messages(person))
    if not messages:
        return None
    attachments = list(_attachments_of(messages))
    files = without_other_rows(attachments, organization_id=organization_id)
    delete_stored_files(stored_names(files))  # first, because after a kill no row would name them
    return run_in_transaction(partial(_erase, person, organization_id, messages, attachments, files))


def _next_messages(person: PersonToErase) -> Iterable[Message]:
    rows = Message.objects.filter(contact__in=person.contacts).order_by("contact", "create_in", "pk")
    return rows.filter(Q(outgoing=None) | Q(outgoing__attempted_at=None))[:BATCH]


def _erase(
    person: PersonToErase,
    organization_id: int,
    messages: Sequence[Message],
    attachments: Sequence[Attachment],
    files: Collection[Attachment],
) -> dict[str, int]:
    _lock(person)
    ids = [message.pk for message in messages]
    _erase_in_groups(person, messages)
    erase_words(organization_id=organization_id, numbers=person.numbers, contacts=person.contacts, messages=messages)
    statuses = sum(erase_statuses(number, wamids) for number, wamids in _wamids_of(messages).items())
    _free_storage(organization_id, files)
    Attachment.objects.filter(pk__in=[each.pk for each in attachments]).delete()
    SendRequest.objects.filter(token__in=[each.callback_data for each in messages if _is_uuid(each.callback_data)]).delete()
    ChangedText.objects.filter(message_id__in=ids).delete()
    QueuedMessage.objects.filter(pk__in=ids, attempted_at=None).delete()
    erased, _ = Message.objects.filter(pk__in=ids, outgoing=None).delete()
    return {"messages": erased, "statuses": statuses, "files": len(stored_names(files))}


def erase_statuses(number: str, wamids: Collection[str]) -> int:
    """Deletes all rows that have these message ids of the number. Must run in a transaction. Returns the number of statuses."""
    UnmatchedStatus.objects.filter(phone_number__phone_number_id=number, wamid__in=wamids).delete()
    BotTurnMessage.objects.filter(phone_number_id=number, wamid__in=wamids).delete()
    return StatusEvent.objects.filter(phone_number__phone_number_id=number, wamid__in=wamids).delete()[0]


def erase_files_of(number: str, names: Collection[str], organization_id: int) -> int:
    """Deletes the files of messages with these names that are not stored any more. Returns how many."""
    attachments = list(Attachment.objects.filter(phone_number__phone_number_id=number, message_name__in=names))
    if not attachments:
        return 0
    files = without_other_rows(attachments, organization_id=organization_id)
    delete_stored_files(stored_names(files))

    def delete_rows() -> None:
        _free_storage(organization_id, files)
        Attachment.objects.filter(pk__in=[each.pk for each in attachments]).delete()

    run_in_transaction(delete_rows)
    return len(stored_names(files))


def _lock(person: PersonToErase) -> None:
    """Locks the contacts and then their queues, as the outbox does (docs/decisions/0012)."""
    list(Contact.objects.select_for_update().filter(pk__in=person.contacts).order_by("pk").values_list("pk"))
    list(SendQueue.objects.select_for_update().filter(pk__in=person.contacts).order_by("pk").values_list("pk"))


def _wamids_of(messages: Iterable[Message]) -> dict[str, list[str]]:
    return grouped((message.phone_number_id, message.wamid) for message in messages if message.wamid)


def _attachments_of(messages: Iterable[Message]) -> Iterable[Attachment]:
    for number, names in grouped((message.phone_number_id, message.name) for message in messages).items():
        yield from Attachment.objects.filter(phone_number__phone_number_id=number, message_name__in=names)


def _free_storage(organization_id: int, files: Collection[Attachment]) -> None:
    """Takes the files off the storage use, unless another worker has done it."""
    stored = Attachment.objects.filter(pk__in=[each.pk for each in files]).exists()
    if stored and StorageUse.objects.filter(organization=organization_id).exists():
        record_stored_file(organization_id=organization_id, size=-sum(each.size or 0 for each in files))


def _is_uuid(text: str | None) -> bool:
    return bool(text) and len(str(text)) == 36


# ---- groups: messages of other persons that refer to messages of this one


def _erase_in_groups(person: PersonToErase, messages: Sequence[Message]) -> None:
    in_groups = [message for message in messages if message.group_id]
    for number, own in grouped((message.phone_number_id, message) for message in in_groups).items():
        others = Message.objects.filter(phone_number__phone_number_id=number).exclude(contact__in=person.contacts)
        _erase_references(person, number, own, others)
        _take_reactions_back(own, others)


def _erase_references(person: PersonToErase, number: str, own: Sequence[Message], others: Any) -> None:
    wamids = [message.wamid for message in own if message.wamid]
    first = min(message.create_in for message in own)
    referring = others.filter(Q(target_wamid__in=wamids) | Q(quoted_wamid__in=wamids), create_in__gte=first)
    marks = person.erased_person(in_own_log=False, wamids=wamids)
    for other in referring.filter(group_id__in={message.group_id for message in own}):
        if other.quoted_wamid in wamids:
            other.quoted_wamid = marks.mark_of_id(other.quoted_wamid)
        if other.target_wamid in wamids:
            other.target_wamid = marks.mark_of_id(other.target_wamid)
        other.payload = _without_references(marks, other.payload)
        other.save(update_fields=["quoted_wamid", "target_wamid", "payload"])


def _without_references(marks: Any, payload: Any) -> Any:
    """Returns the payload with the marks that the stored body has in the same places."""
    if isinstance(payload, dict) and isinstance(payload.get("context"), dict):
        context = payload["context"]
        payload["context"] = {key: erased_value(marks, key, each) for key, each in context.items()}
    for kind, key in (("reaction", "message_id"), ("edit", "original_message_id"), ("revoke", "original_message_id")):
        target = payload.get(kind) if isinstance(payload, dict) else None
        if isinstance(target, dict) and target.get(key) in marks.wamids:
            target[key] = marks.mark_of_id(target[key])
    return payload


def _take_reactions_back(own: Sequence[Message], others: Any) -> None:
    """Removes the person's reactions from messages of others."""
    targets = {message.target_wamid for message in own if message.target_wamid and message.kind in ACTION_KINDS}
    senders = {message.wa_id for message in own}
    for target in others.filter(wamid__in=targets).exclude(reactions=None) if targets else ():
        target.reactions = {sender: emoji for sender, emoji in target.reactions.items() if sender not in senders} or None
        target.save(update_fields=["reactions"])
