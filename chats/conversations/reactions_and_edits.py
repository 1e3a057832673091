"""Reactions, edits and deletions: messages that act on another one, whichever of the two arrives first."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from chats.models import ChangedText, Message, MessageStatus

ACTION_KINDS = ("reaction", "edit", "revoke")
SEARCHABLE_COLUMNS = ("kind", "content", "edited_content", "revoked_at")
"""The columns that `searchable_text` takes."""


def searchable_text(kind: str, content: str, edited_content: str | None, revoked_at: datetime | None) -> str:
    """The text by which staff may find a message: the latest one. Empty for a deleted message, and for what acts on another."""
    if revoked_at or kind in ACTION_KINDS:
        return ""
    return content if edited_content is None else edited_content


def apply_to_targets(fresh: Sequence[Message], now: datetime) -> None:
    """Bring every message up to date that one of these acts on, or that is one of these and was acted on before it came.

    What a message shows is worked out from all that acts on it, so the order of arrival does not matter: the newest reaction of
    each side and the newest edit count. Only their sender can edit or delete a message, and only the conversation react to it. What
    Meta refused acts on nothing; what it showed before the refusal is taken back.
    """
    touched = {message.key for message in fresh} | {message.target_key for message in fresh}
    actions = Message.objects.named(touched, column="target_wamid").filter(kind__in=ACTION_KINDS)
    acting: dict[tuple[str, str], list[Message]] = defaultdict(list)
    edits: list[Message] = []
    for action in actions.order_by("create_in", "wamid"):
        counted = acting[action.target_key]  # there even if nothing counts, so that the target is brought up to date
        if action.message_status != MessageStatus.FAILED:
            counted.append(action)
        if action.kind == "edit":
            edits.append(action)
    for target in Message.objects.select_for_update().named(acting).order_by("pk"):
        _apply(target, acting[target.key], now)
    for edit in edits:
        _delete_with_target(edit, acting[edit.target_key], now)


def _apply(target: Message, acting: Iterable[Message], now: datetime) -> None:
    before = (target.reactions, target.edited_content, target.edited_at, target.revoked_at)
    acting = [action for action in acting if _may_act(action, target)]
    newest = {_reactor(action): action for action in acting if action.kind == "reaction"}
    target.reactions = {action.wa_id: emoji for action in newest.values() if (emoji := _emoji(action))} or None
    edits = [action for action in acting if action.kind == "edit"]
    target.edited_content, target.edited_at = (edits[-1].content, edits[-1].create_in) if edits else (None, None)
    target.revoked_at = _deleted_at(acting)
    if before != (target.reactions, target.edited_content, target.edited_at, target.revoked_at):
        if (target.edited_content, target.revoked_at is None) != (before[1], before[3] is None):
            ChangedText.objects.create(message_id=target.pk)
        target.updated_at = now
        target.save(update_fields=["reactions", "edited_content", "edited_at", "revoked_at", "updated_at"])


def _deleted_at(acting: Iterable[Message]) -> datetime | None:
    return min((action.create_in for action in acting if action.kind == "revoke"), default=None)


def _delete_with_target(edit: Message, acting: Iterable[Message], now: datetime) -> None:
    """An edit has the text of the message that it edits, and is deleted with it: the message itself may never come."""
    deleted_at = _deleted_at(action for action in acting if _may_act(action, edit))
    if edit.revoked_at != deleted_at:
        Message.objects.filter(pk=edit.pk).update(revoked_at=deleted_at, updated_at=now)


def _may_act(action: Message, target: Message) -> bool:
    together = action.contact_id == target.contact_id or (action.group_id and action.group_id == target.group_id)
    if action.kind == "reaction":
        return bool(together)
    return action.contact_id == target.contact_id and action.is_user_message == target.is_user_message


def _reactor(action: Message) -> int | None:
    """Who reacted: a contact, whatever it is known by at the time, or (None) the business."""
    return action.contact_id if action.is_user_message else None


def _emoji(action: Message) -> str | None:
    reaction = action.payload.get("reaction") if isinstance(action.payload, dict) else None
    emoji = reaction.get("emoji") if isinstance(reaction, dict) else None
    return emoji if isinstance(emoji, str) else None
