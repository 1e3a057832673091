"""Reactions, edits and deletions: messages that change another message, whichever of the two arrives first."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from chats.models import ChangedText, Message, MessageStatus

ACTION_KINDS = ("reaction", "edit", "revoke")
SEARCHABLE_COLUMNS = ("kind", "content", "edited_content", "revoked_at")
"""The arguments of `searchable_text`."""


def searchable_text(kind: str, content: str, edited_content: str | None, revoked_at: datetime | None) -> str:
    """Returns the latest text of a message, by which staff may find it. Empty for a deleted message, and for one that changes
    another message."""
    if revoked_at or kind in ACTION_KINDS:
        return ""
    return content if edited_content is None else edited_content


def apply_to_targets(messages: Sequence[Message], now: datetime) -> None:
    """Updates the targets of these messages, and those of these messages that are targets of messages that arrived before.

    What a message shows is computed from all messages that change it, so the order of arrival does not matter: the newest reaction
    of each side and the newest edit count. Only its sender can edit or delete a message, and only the conversation can react to it.
    A message that Meta refused changes nothing, and what it changed before is taken back.
    """
    keys = {message.key for message in messages} | {message.target_key for message in messages}
    actions = Message.objects.named(keys, column="target_wamid").filter(kind__in=ACTION_KINDS)
    by_target: dict[tuple[str, str], list[Message]] = defaultdict(list)
    edits: list[Message] = []
    for action in actions.order_by("create_in", "wamid"):
        counted = by_target[action.target_key]  # also if nothing counts, so that the target is updated
        if action.message_status != MessageStatus.FAILED:
            counted.append(action)
        if action.kind == "edit":
            edits.append(action)
    for target in Message.objects.select_for_update().named(by_target).order_by("pk"):
        _apply(target, by_target[target.key], now)
    for edit in edits:
        _delete_with_target(edit, by_target[edit.target_key], now)


def _apply(target: Message, actions: Iterable[Message], now: datetime) -> None:
    before = (target.reactions, target.edited_content, target.edited_at, target.revoked_at)
    actions = [action for action in actions if _may_act(action, target)]
    newest = {_reactor(action): action for action in actions if action.kind == "reaction"}
    target.reactions = {action.wa_id: emoji for action in newest.values() if (emoji := _emoji(action))} or None
    edits = [action for action in actions if action.kind == "edit"]
    target.edited_content, target.edited_at = (edits[-1].content, edits[-1].create_in) if edits else (None, None)
    target.revoked_at = _deleted_at(actions)
    if before != (target.reactions, target.edited_content, target.edited_at, target.revoked_at):
        if (target.edited_content, target.revoked_at is None) != (before[1], before[3] is None):
            ChangedText.objects.create(message_id=target.pk)
        target.updated_at = now
        target.save(update_fields=["reactions", "edited_content", "edited_at", "revoked_at", "updated_at"])


def _deleted_at(actions: Iterable[Message]) -> datetime | None:
    return min((action.create_in for action in actions if action.kind == "revoke"), default=None)


def _delete_with_target(edit: Message, actions: Iterable[Message], now: datetime) -> None:
    """Deletes an edit with its target. It contains the text of the target, which itself may never arrive."""
    deleted_at = _deleted_at(action for action in actions if _may_act(action, edit))
    if edit.revoked_at != deleted_at:
        Message.objects.filter(pk=edit.pk).update(revoked_at=deleted_at, updated_at=now)


def _may_act(action: Message, target: Message) -> bool:
    if action.kind == "reaction":
        in_same_group = bool(action.group_id) and action.group_id == target.group_id
        return action.contact_id == target.contact_id or in_same_group
    return action.contact_id == target.contact_id and action.is_user_message == target.is_user_message


def _reactor(action: Message) -> int | None:
    """Returns the id of the contact that reacted, which stays when its identifiers change. None for the business."""
    return action.contact_id if action.is_user_message else None


def _emoji(action: Message) -> str | None:
    reaction = action.payload.get("reaction") if isinstance(action.payload, dict) else None
    emoji = reaction.get("emoji") if isinstance(reaction, dict) else None
    return emoji if isinstance(emoji, str) else None
