"""Messages of either side, and the identity changes among them (docs/meta-platform.md 3, 5)."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cloud_api.payloads.fields import (
    MAX_BSUID,
    MAX_ID,
    MAX_WAMID,
    BodyContext,
    InvalidObject,
    completed,
    digits,
    identifier,
    is_bsuid,
    person,
    seconds,
)
from cloud_api.payloads.items import Channel, IdentityChange, Message, Person
from cloud_api.payloads.texts import READERS, content_of, is_missed_call, is_visible, mapping, objects, text
from cloud_api.wa_ids import same_person_key

MAX_KIND_LENGTH = 32
NO_CONTENT = ("unknown", "unsupported", "call", "template", "system")
"""Kinds that are not concluded from a key of the message, because the key says nothing or something else."""
_CHANGED = re.compile(r"changed (?:number )?from (\S+) to (\S+)")


def read_message(context: BodyContext, obj: Mapping[str, Any], channel: Channel = Channel.LIVE) -> Message:
    """Returns a customer's message. Raises InvalidObject without an id or a sender."""
    kind = _kind(obj)
    sender = person(obj, wa_id="from", bsuid="from_user_id", parent="from_parent_user_id")
    change = None
    if kind == "system":
        sender, change = _system(obj, sender)
    else:
        sender = completed(sender, context.people)
    return _message(context, obj, kind, sender, channel=channel, identity_change=change)


def read_echo(context: BodyContext, obj: Mapping[str, Any], channel: Channel = Channel.PHONE_APP) -> Message:
    """Returns a message of the business to the person whom it names. Raises InvalidObject without an id or a
    recipient."""
    sent = _sent(obj)
    receiver = person(sent, wa_id="to", bsuid="to_user_id", parent="to_parent_user_id")
    if not (receiver.wa_id or receiver.bsuid):
        receiver = person(sent, wa_id="to", bsuid="recipient")
    receiver = completed(receiver, context.people)
    return _message(context, obj, _kind(sent), receiver, channel=channel, from_customer=False, sent=sent)


def _sent(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the object with the content at its top level. In standby, the request to Graph is one level deeper, and the
    definition of its template beside it (docs/meta-platform.md 3)."""
    request = mapping(obj, "message")
    if not text(request, "type"):
        return obj
    frame = {"definition" if key == "template" else key: each for key, each in obj.items() if key != "message"}
    return {**frame, **request, "id": obj.get("id"), "timestamp": obj.get("timestamp")}


def read_old_message(context: BodyContext, obj: Mapping[str, Any], them: Person) -> Message:
    """Returns a message from the imported history with this person. It is the business's own if it names a recipient or the number
    as its sender, or nobody."""
    sender = person(obj, wa_id="from", bsuid="from_user_id")
    own = bool(obj.get("to") or obj.get("to_user_id")) or _is_own(context, sender)
    # The thread and the message may name different identifiers of the person. A sender who is not the number is the person.
    is_other = bool(context.own_number and (sender.wa_id or sender.bsuid))
    status = text(mapping(obj, "history_context"), "status").lower() or None
    return _message(
        context,
        obj,
        _kind(obj),
        them,
        channel=Channel.HISTORY,
        from_customer=not own and (is_other or _is_same(sender, them)),
        status=status,
    )


def read_old_media(context: BodyContext, obj: Mapping[str, Any]) -> Message:
    """Returns a media message of imported history, which comes apart from its thread. If the business sent it, it may name
    nobody, and is known by its id only."""
    if obj.get("to") or obj.get("to_user_id"):
        return read_echo(context, obj, Channel.HISTORY)
    if _is_own(context, person(obj, wa_id="from", bsuid="from_user_id")):
        return _message(context, obj, _kind(obj), None, channel=Channel.HISTORY, from_customer=False)
    return read_message(context, obj, Channel.HISTORY)


def _is_same(one: Person, other: Person) -> bool:
    if one.bsuid and one.bsuid == other.bsuid:
        return True
    return bool(one.wa_id and other.wa_id) and same_person_key(one.wa_id or "") == same_person_key(other.wa_id or "")


def _is_own(context: BodyContext, sender: Person) -> bool:
    return bool(sender.wa_id and context.own_number and same_person_key(sender.wa_id) == same_person_key(context.own_number))


def read_call(context: BodyContext, obj: Mapping[str, Any]) -> Message:
    """Returns a customer's call as a message: at its start, or at its end if nobody answered. A call opens the window as a
    message does.

    Of some missed calls Meta reports the end only, so start and end are the same message. A voicemail comes later as a message
    with the call's own id, so the id of this message is the call's id and an event (docs/meta-platform.md 1.4).
    """
    caller = completed(person(obj, wa_id="from", bsuid="from_user_id"), context.people)
    call = _message(context, obj, "call", caller)
    return replace(call, wamid=f"{call.wamid[: MAX_WAMID - 8]}:connect")


def is_customers_call(context: BodyContext, obj: Mapping[str, Any]) -> bool:
    """Returns whether a customer, who is named, made the call. If Meta does not say who did, it is the one who offers a session,
    or who is not the number itself."""
    caller = completed(person(obj, wa_id="from", bsuid="from_user_id"), context.people)
    if not (caller.wa_id or caller.bsuid) and is_missed_call(obj):
        return False
    if direction := text(obj, "direction"):
        return direction == "USER_INITIATED"
    return not _is_own(context, caller) if is_missed_call(obj) else text(mapping(obj, "session"), "sdp_type") == "offer"


def _message(
    context: BodyContext,
    obj: Mapping[str, Any],
    kind: str,
    them: Person | None,
    *,
    channel: Channel = Channel.LIVE,
    from_customer: bool = True,
    status: str | None = None,
    identity_change: IdentityChange | None = None,
    sent: Mapping[str, Any] | None = None,
) -> Message:
    """`them` is None if nobody is named and need not be. `sent` is the object with the content, if it is not `obj`."""
    wamid = identifier(obj, "id", MAX_WAMID)
    if wamid is None:
        raise InvalidObject("The message has no id.")
    if them and not (them.wa_id or them.bsuid):
        raise InvalidObject("The message names nobody who wrote or received it.")
    said = sent or obj
    content = mapping(said, kind)
    return Message(
        **context.common(obj),
        wamid=wamid,
        timestamp=seconds(obj.get("timestamp")),
        kind=kind,
        content=content_of(kind, said),
        person=them or Person(),
        from_customer=from_customer,
        channel=channel,
        payload=said,
        status=status,
        group_id=identifier(obj, "group_id", MAX_WAMID),
        quoted_wamid=_quoted(mapping(said, "context")),
        target_wamid=_target(kind, content),
        shared_wa_id=_shared_wa_id(obj) if kind == "contacts" else None,
        identity_change=identity_change,
    )


def _kind(obj: Mapping[str, Any]) -> str:
    """Returns Meta's `type`. If it is missing, returns the one kind whose content is there."""
    kind = obj.get("type")
    if isinstance(kind, str) and len(kind) <= MAX_KIND_LENGTH and is_visible(kind) and kind != "unknown":
        return kind
    found = [each for each in READERS if each not in NO_CONTENT and isinstance(obj.get(each), dict | list)]
    return found[0] if len(found) == 1 else "unknown"


def _quoted(context: Mapping[str, Any]) -> str | None:
    """Returns the id of the quoted message. One that is too long is not the id of any message: the quoting message is kept."""
    try:
        return identifier(context, "id", MAX_WAMID) or identifier(context, "message_id", MAX_WAMID)
    except InvalidObject:
        return None


def _target(kind: str, content: Mapping[str, Any]) -> str | None:
    if kind == "reaction":
        return identifier(content, "message_id", MAX_WAMID)
    if kind in ("edit", "revoke"):
        return identifier(content, "original_message_id", MAX_WAMID)
    return None


def _shared_wa_id(obj: Mapping[str, Any]) -> str | None:
    """Returns the sender's own phone if they tapped the button that asks for it. Any other card says nothing about its sender
    (docs/meta-platform.md 5.5)."""
    for card in objects(obj, "contacts"):
        if card.get("origin", obj.get("origin")) == "contact_request":  # since May 2026 on the card, before on the message
            for phone in objects(card, "phones"):
                return identifier(phone, "wa_id") or digits(text(phone, "phone"))[:MAX_ID] or None
    return None


def _system(obj: Mapping[str, Any], sender: Person) -> tuple[Person, IdentityChange | None]:
    """Returns the person of a system message, with their earlier identifiers, and the new ones if it has any
    (docs/meta-platform.md 5.4)."""
    system = mapping(obj, "system")
    if "change" not in text(system, "type") or text(system, "type") == "customer_identity_changed":
        return sender, None
    new = Person(
        wa_id=identifier(system, "wa_id") or identifier(system, "new_wa_id"),
        bsuid=identifier(system, "user_id", MAX_BSUID),
        parent_bsuid=identifier(system, "parent_user_id", MAX_BSUID),
    )
    said = _CHANGED.search(text(system, "body"))
    said_wa_id, said_bsuid = _change_in_words(said[1]) if said else (None, None)
    former = sender.bsuid if sender.bsuid != new.bsuid else None
    old = Person(
        wa_id=sender.wa_id if sender.wa_id and sender.wa_id != new.wa_id else said_wa_id,
        bsuid=identifier(system, "previous_user_id", MAX_BSUID) or former or said_bsuid,
        parent_bsuid=identifier(system, "previous_parent_user_id", MAX_BSUID),
    )
    if not (old.wa_id or old.bsuid):
        return new, None
    # The parent BSUID is that of the person now: only the other identifiers find their contact.
    return replace(old, parent_bsuid=new.parent_bsuid), IdentityChange(old, new) if new.wa_id or new.bsuid else None


def _change_in_words(written: str) -> tuple[str | None, str | None]:
    if is_bsuid(written) and len(written) <= MAX_BSUID:
        return None, written
    phone = written.removeprefix("+")
    return (phone, None) if phone.isdigit() and len(phone) <= 20 else (None, None)
