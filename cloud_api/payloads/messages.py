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

LONGEST_KIND = 32
NO_CONTENT = ("unknown", "unsupported", "call", "template", "system")
"""Kinds that are not concluded from a key of the message, because the key says nothing or something else."""
_CHANGED = re.compile(r"changed (?:number )?from (\S+) to (\S+)")


def read_message(place: BodyContext, thing: Mapping[str, Any], channel: Channel = Channel.LIVE) -> Message:
    """Returns a customer's message. Raises Refused without an id or a sender."""
    kind = _kind(thing)
    sender = person(thing, wa_id="from", bsuid="from_user_id", parent="from_parent_user_id")
    change = None
    if kind == "system":
        sender, change = _system(thing, sender)
    else:
        sender = completed(sender, place.people)
    return _message(place, thing, kind, sender, channel=channel, identity_change=change)


def read_echo(place: BodyContext, thing: Mapping[str, Any], channel: Channel = Channel.PHONE_APP) -> Message:
    """Returns a message of the business to the person whom it names. Raises Refused without an id or a recipient."""
    sent = _sent(thing)
    receiver = person(sent, wa_id="to", bsuid="to_user_id", parent="to_parent_user_id")
    if not (receiver.wa_id or receiver.bsuid):
        receiver = person(sent, wa_id="to", bsuid="recipient")
    receiver = completed(receiver, place.people)
    return _message(place, thing, _kind(sent), receiver, channel=channel, from_customer=False, sent=sent)


def _sent(thing: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the object with the content. In standby, the request to Graph is one level deeper (docs/meta-platform.md 3)."""
    request = mapping(thing, "message")
    if not text(request, "type"):
        return thing
    return {**request, "id": thing.get("id"), "timestamp": thing.get("timestamp"), "definition": thing.get("template")}


def read_old_message(place: BodyContext, thing: Mapping[str, Any], them: Person) -> Message:
    """Returns a message from the imported history with this person. It is the business's own if it names a recipient or another
    sender."""
    sender = person(thing, wa_id="from", bsuid="from_user_id")
    own = bool(thing.get("to") or thing.get("to_user_id")) or _is_own(place, sender)
    same = (sender.wa_id and sender.wa_id == them.wa_id) or (sender.bsuid and sender.bsuid == them.bsuid)
    status = text(mapping(thing, "history_context"), "status").lower() or None
    return _message(
        place,
        thing,
        _kind(thing),
        them,
        channel=Channel.HISTORY,
        from_customer=not own and bool(same),
        status=status,
    )


def read_old_media(place: BodyContext, thing: Mapping[str, Any]) -> Message:
    """Returns a media message of imported history, which comes apart from its thread. If the business sent it, it may name
    nobody, and is known by its id only."""
    if thing.get("to") or thing.get("to_user_id"):
        return read_echo(place, thing, Channel.HISTORY)
    if _is_own(place, person(thing, wa_id="from", bsuid="from_user_id")):
        return _message(place, thing, _kind(thing), None, channel=Channel.HISTORY, from_customer=False)
    return read_message(place, thing, Channel.HISTORY)


def _is_own(place: BodyContext, sender: Person) -> bool:
    return bool(sender.wa_id and place.own_number and same_person_key(sender.wa_id) == same_person_key(place.own_number))


def read_call(place: BodyContext, thing: Mapping[str, Any]) -> Message:
    """Returns a customer's call as a message: at its start, or at its end if nobody answered. A call opens the window as a
    message does.

    Of some missed calls Meta reports the end only, so start and end are the same message. A voicemail comes later as a message
    with the call's own id, so the id of this message is the call's id and an event (docs/meta-platform.md 1.4).
    """
    caller = completed(person(thing, wa_id="from", bsuid="from_user_id"), place.people)
    call = _message(place, thing, "call", caller)
    return replace(call, wamid=f"{call.wamid[: MAX_WAMID - 8]}:connect")


def is_customers_call(place: BodyContext, thing: Mapping[str, Any]) -> bool:
    """Returns whether a customer, who is named, made the call. If Meta does not say who did, it is the one who offers a session,
    or who is not the number itself."""
    caller = completed(person(thing, wa_id="from", bsuid="from_user_id"), place.people)
    if not (caller.wa_id or caller.bsuid) and is_missed_call(thing):
        return False
    if direction := text(thing, "direction"):
        return direction == "USER_INITIATED"
    return not _is_own(place, caller) if is_missed_call(thing) else text(mapping(thing, "session"), "sdp_type") == "offer"


def _message(
    place: BodyContext,
    thing: Mapping[str, Any],
    kind: str,
    them: Person | None,
    *,
    channel: Channel = Channel.LIVE,
    from_customer: bool = True,
    status: str | None = None,
    identity_change: IdentityChange | None = None,
    sent: Mapping[str, Any] | None = None,
) -> Message:
    """`them` is None if nobody is named and need not be. `sent` is the object with the content, if it is not `thing`."""
    wamid = identifier(thing, "id", MAX_WAMID)
    if wamid is None:
        raise InvalidObject("The message has no id.")
    if them and not (them.wa_id or them.bsuid):
        raise InvalidObject("The message names nobody who wrote or received it.")
    said = sent or thing
    content, context = mapping(said, kind), mapping(said, "context")
    return Message(
        **place.common(thing),
        wamid=wamid,
        timestamp=seconds(thing.get("timestamp")),
        kind=kind,
        content=content_of(kind, said),
        person=them or Person(),
        from_customer=from_customer,
        channel=channel,
        status=status,
        group_id=identifier(thing, "group_id", MAX_WAMID),
        quoted_wamid=identifier(context, "id", MAX_WAMID) or identifier(context, "message_id", MAX_WAMID),
        target_wamid=_target(kind, content),
        shared_wa_id=_shared_wa_id(thing) if kind == "contacts" else None,
        identity_change=identity_change,
    )


def _kind(thing: Mapping[str, Any]) -> str:
    """Returns Meta's `type`. If it is missing, returns the one kind whose content is there."""
    kind = thing.get("type")
    if isinstance(kind, str) and len(kind) <= LONGEST_KIND and is_visible(kind) and kind != "unknown":
        return kind
    told = [each for each in READERS if each not in NO_CONTENT and isinstance(thing.get(each), dict | list)]
    return told[0] if len(told) == 1 else "unknown"


def _target(kind: str, content: Mapping[str, Any]) -> str | None:
    if kind == "reaction":
        return identifier(content, "message_id", MAX_WAMID)
    if kind in ("edit", "revoke"):
        return identifier(content, "original_message_id", MAX_WAMID)
    return None


def _shared_wa_id(thing: Mapping[str, Any]) -> str | None:
    """Returns the sender's own phone if they tapped the button that asks for it. Any other card says nothing about its sender
    (docs/meta-platform.md 5.5)."""
    for card in objects(thing, "contacts"):
        if card.get("origin", thing.get("origin")) == "contact_request":  # since May 2026 on the card, before on the message
            for phone in objects(card, "phones"):
                return identifier(phone, "wa_id") or digits(text(phone, "phone"))[:MAX_ID] or None
    return None


def _system(thing: Mapping[str, Any], sender: Person) -> tuple[Person, IdentityChange | None]:
    """Returns the person of a system message, with their earlier identifiers, and the new ones if it has any
    (docs/meta-platform.md 5.4)."""
    system = mapping(thing, "system")
    if "change" not in text(system, "type") or text(system, "type") == "customer_identity_changed":
        return sender, None
    new = Person(
        wa_id=identifier(system, "wa_id") or identifier(system, "new_wa_id"),
        bsuid=identifier(system, "user_id", MAX_BSUID),
        parent_bsuid=identifier(system, "parent_user_id", MAX_BSUID),
    )
    said = _CHANGED.search(text(system, "body"))
    said_wa_id, said_bsuid = _told_in_words(said[1]) if said else (None, None)
    former = sender.bsuid if sender.bsuid != new.bsuid else None
    old = Person(
        wa_id=sender.wa_id if sender.wa_id and sender.wa_id != new.wa_id else said_wa_id,
        bsuid=identifier(system, "previous_user_id", MAX_BSUID) or former or said_bsuid,
        parent_bsuid=identifier(system, "previous_parent_user_id", MAX_BSUID),
    )
    if not (old.wa_id or old.bsuid):
        return new, None
    return old, IdentityChange(old, new) if new.wa_id or new.bsuid else None


def _told_in_words(written: str) -> tuple[str | None, str | None]:
    if is_bsuid(written) and len(written) <= MAX_BSUID:
        return None, written
    return (written, None) if written.isdigit() and len(written) <= 20 else (None, None)
