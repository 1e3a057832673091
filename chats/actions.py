"""Reactions, edits and deletions: messages that act on another one, whichever of the two arrives first."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from chats.models import Message, MessageStatus

ACTIONS = ("reaction", "edit", "revoke")


def act_on_targets(fresh: Sequence[Message], now: datetime) -> None:
    """Bring every message up to date that one of these acts on, or that is one of these and was acted on before it came.

    What a message shows is worked out from all that acts on it, so the order of arrival does not matter: the newest reaction of
    each side and the newest edit count. Only their sender can edit or delete a message, and only the conversation react to it. What
    Meta refused acts on nothing.
    """
    touched = {message.key for message in fresh} | {message.target_key for message in fresh}
    actions = Message.objects.named(touched, column="target_wamid").filter(kind__in=ACTIONS)
    actions = actions.exclude(message_status=MessageStatus.FAILED)
    acting: dict[tuple[str, str], list[Message]] = defaultdict(list)
    for action in actions.order_by("create_in", "wamid"):
        acting[action.target_key].append(action)
    for target in Message.objects.select_for_update().named(acting).order_by("pk"):
        _apply(target, acting[target.key], now)


def _apply(target: Message, acting: Iterable[Message], now: datetime) -> None:
    before = (target.reactions, target.edited_content, target.edited_at, target.revoked_at)
    acting = [action for action in acting if _may_act(action, target)]
    newest = {_reactor(action): action for action in acting if action.kind == "reaction"}
    target.reactions = {action.wa_id: emoji for action in newest.values() if (emoji := _emoji(action))} or None
    for action in acting:
        if action.kind == "edit":
            target.edited_content, target.edited_at = action.content, action.create_in
        if action.kind == "revoke":
            target.revoked_at = min(target.revoked_at or action.create_in, action.create_in)
    if before != (target.reactions, target.edited_content, target.edited_at, target.revoked_at):
        target.updated_at = now
        target.save(update_fields=["reactions", "edited_content", "edited_at", "revoked_at", "updated_at"])


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
