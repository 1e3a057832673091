"""Reads a body from the outside in: entries, changes, and the objects of each change, according to its field
(docs/meta-platform.md 2).

A problem stays with its object: the object becomes an Unreadable at its position, and its neighbours are read.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from cloud_api.payloads.fields import (
    MAX_BSUID,
    MAX_WAMID,
    BodyContext,
    InvalidObject,
    completed,
    digits,
    identifier,
    people,
    person,
    seconds,
)
from cloud_api.payloads.items import (
    AccountEvent,
    AddressBookEntry,
    Channel,
    EmptyItem,
    IdentityChange,
    IdentityUpdate,
    Item,
    MarketingPreference,
    Person,
    Status,
    UnreadableBody,
)
from cloud_api.payloads.json_values import decode
from cloud_api.payloads.messages import (
    is_customers_call,
    read_call,
    read_echo,
    read_message,
    read_old_media,
    read_old_message,
)
from cloud_api.payloads.persons import MARK, is_erased
from cloud_api.payloads.texts import is_missed_call, is_visible, mapping, text

OBJECT = "whatsapp_business_account"
MARK_BYTES = f'"{MARK}'.encode()
"""How a mark of an erased person begins in a body."""
FRAME = ("messaging_product", "metadata", "contacts")
"""Keys of a change's value that are not content."""

HANDOVERS = ("control_passed", "control_taken", "pass_thread_control", "take_thread_control", "request_thread_control")
PARTICIPANT = ("recipient_participant_user_id", "recipient_participant_id", "participant_recipient_id")

JsonObject = Mapping[str, Any]
Read = Callable[[BodyContext, JsonObject], Item]


def parse(body: bytes) -> list[Item]:
    """Returns the items of a body that have something to apply, in order. Raises UnreadableBody if it is not a WhatsApp webhook,
    and nothing else."""
    return [item for item in iterate(body) if not isinstance(item, EmptyItem)]


def iterate(body: bytes) -> Iterator[Item]:
    """Yields the items of a body one by one, because the largest bodies may have millions. In place of items of erased persons
    there are empty ones. Raises UnreadableBody before the first item."""
    items = entries(decode(body))
    return (_emptied(item) if is_erased(item) else item for item in items) if MARK_BYTES in body else items


def entries(root: Any) -> Iterator[Item]:
    """Yields the items of a decoded body. Raises UnreadableBody before the first item."""
    if not isinstance(root, dict):
        raise UnreadableBody("The body is JSON, but not an object.")
    if root.get("object") != OBJECT:
        raise UnreadableBody(f"The body is not about WhatsApp: its object is not {OBJECT}.")
    if not isinstance(root.get("entry"), list):
        raise UnreadableBody("The body has no entries.")
    return _entries(root["entry"])


def _entries(entries: list[Any]) -> Iterator[Item]:
    for number, entry in enumerate(entries):
        context = BodyContext(str(number), "")
        if not isinstance(entry, dict) or not isinstance(entry.get("changes"), list):
            yield context.unreadable("The entry has no list of changes.", entry)
            continue
        try:
            waba_id = identifier(entry, "id")
        except InvalidObject as error:
            yield context.unreadable(str(error), entry)
            continue
        for index, change in enumerate(entry["changes"]):
            yield from _change(BodyContext(f"{number}.{index}", "", waba_id=waba_id, time=seconds(entry.get("time"))), change)


def _change(context: BodyContext, change: Any) -> Iterator[Item]:
    if not isinstance(change, dict) or not isinstance(change.get("value"), dict):
        yield context.unreadable("The change has no value.", change)
        return
    value = change["value"]
    field = text(change, "field")[:64]
    try:
        number = identifier(mapping(value, "metadata"), "phone_number_id")
        number = number or identifier(mapping(value, "recipient"), "phone_number_id")
        number = number or identifier(mapping(value, "phone_number_settings"), "phone_number_id")
        if number is None and value.get("entity_type") == "PHONE_NUMBER":
            number = identifier(value, "entity_id")
    except InvalidObject as error:
        yield context.unreadable(str(error), value)
        return
    own_number = digits(text(mapping(value, "metadata"), "display_phone_number"))
    context = BodyContext(context.position, field, number, context.waba_id, context.time, people(value), own_number)
    found = False
    for item in READERS.get(field, _account_event)(context, value):
        found = True
        yield item
    if not found and any(content for key, content in value.items() if key not in FRAME):
        yield from _account_event(context, value)
    elif not found:
        yield EmptyItem(**context.common(value))


def _emptied(item: Item) -> EmptyItem:
    return EmptyItem(position=item.position, field=item.field, phone_number_id=item.phone_number_id, waba_id=item.waba_id)


def _each(context: BodyContext, value: JsonObject, key: str, read: Read) -> Iterator[Item]:
    """Yields the objects in the list at the key, each read separately."""
    values = value.get(key)
    if values is None:
        return
    if not isinstance(values, list):
        yield context.at(key).unreadable(f"{key} is not a list.", values)
        return
    for index, obj in enumerate(values):
        inner = context.at(key, index)
        if not isinstance(obj, dict):
            yield inner.unreadable("It is not an object.", obj)
            continue
        try:
            yield read(inner, obj)
        except InvalidObject as error:
            yield inner.unreadable(str(error), obj)


def _messages(context: BodyContext, value: JsonObject) -> Iterator[Item]:
    yield from _each(context, value, "messages", read_echo if "echoes" in context.field else read_message)
    yield from _each(context, value, "message_echoes", read_echo)
    yield from _each(context, value, "statuses", _status)
    yield from _each(context, value, "errors", _event("error"))


def _standby(context: BodyContext, value: JsonObject) -> Iterator[Item]:
    """Reads messages, echoes and statuses one level deeper, while Meta Business Agent has the conversation. Older bodies do not
    have that level."""
    held = mapping(value, "standby") or value
    context = replace(context, people=context.people or people(held))
    yield from _each(context, held, "messages", partial(read_message, channel=Channel.STANDBY))
    yield from _each(context, held, "message_echoes", partial(read_echo, channel=Channel.STANDBY))
    yield from _each(context, held, "statuses", _status)


def _history(context: BodyContext, value: JsonObject) -> Iterator[Item]:
    """Reads earlier chats in threads. Their media come as separate messages."""
    chunks = value.get("history")
    for index, chunk in enumerate(chunks if isinstance(chunks, list) else ()):
        inner = context.at("history", index)
        if not isinstance(chunk, dict):
            yield inner.unreadable("It is not an object.", chunk)
            continue
        yield from _each(inner, chunk, "errors", _event("history_declined"))
        threads = chunk.get("threads")
        if not threads and "errors" not in chunk:
            yield _account_item(inner, chunk, "history_progress")
        for number, thread in enumerate(threads if isinstance(threads, list) else ()):
            yield from _thread(inner.at("threads", number), thread)
    yield from _each(context, value, "messages", read_old_media)
    yield from _each(context, value, "message_echoes", partial(read_echo, channel=Channel.HISTORY))


def _thread(context: BodyContext, thread: Any) -> Iterator[Item]:
    if not isinstance(thread, dict):
        yield context.unreadable("It is not an object.", thread)
        return
    try:
        them = _partner(thread)
    except InvalidObject as error:
        yield context.unreadable(str(error), thread)
        return
    yield from _each(context, thread, "messages", lambda inner, obj: read_old_message(inner, obj, completed(them, context.people)))


def _partner(thread: JsonObject) -> Person:
    context = mapping(thread, "context")
    known = person(context, wa_id="wa_id", bsuid="user_id", parent="parent_user_id")
    name = text(context, "username").removeprefix("@")[:64] or None
    written = identifier(thread, "id", MAX_WAMID)
    phone = written if written and written.isdigit() and len(written) <= 20 else None
    return Person(wa_id=known.wa_id or phone, bsuid=known.bsuid, parent_bsuid=known.parent_bsuid, username=name)


def _status(context: BodyContext, obj: JsonObject) -> Item:
    status = text(obj, "status").lower()
    if text(obj, "type") in ("call", "payment"):
        return _account_item(context, obj, f"{text(obj, 'type')}_{status}")
    wamid = identifier(obj, "id", MAX_WAMID)
    if wamid is None or not status:
        raise InvalidObject("The status names no message, or says nothing of it.")
    named = (identifier(obj, key, MAX_BSUID) for key in PARTICIPANT)
    errors = obj.get("errors")
    return Status(
        **context.common(obj),
        wamid=wamid,
        status=status[:32],
        timestamp=seconds(obj.get("timestamp")),
        participant=next(filter(None, named), ""),
        recipient=_recipient(obj),
        callback_data=text(obj, "biz_opaque_callback_data")[:512] or None,
        pricing=dict(mapping(obj, "pricing")) or None,
        conversation=dict(mapping(obj, "conversation")) or None,
        errors=errors if isinstance(errors, list) else [],
    )


def _recipient(obj: JsonObject) -> Person:
    """Returns the recipient. The id of a group is not a person."""
    if obj.get("recipient_type") == "group":
        return Person()
    return person(obj, wa_id="recipient_id", bsuid="recipient_user_id", parent="recipient_parent_user_id")


def _calls(context: BodyContext, value: JsonObject) -> Iterator[Item]:
    yield from _each(context, value, "calls", _call)
    yield from _each(context, value, "statuses", _status)
    if not value.get("calls"):  # a call contains its errors
        yield from _each(context, value, "errors", _event("error"))


def _call(context: BodyContext, obj: JsonObject) -> Item:
    event = text(obj, "event")
    if (event == "connect" or is_missed_call(obj)) and is_customers_call(context, obj):
        return read_call(context, obj)
    return _account_item(context, obj, f"call_{event.removeprefix('call_')}")


def _group(context: BodyContext, obj: JsonObject) -> Item:
    failed = " failed" if obj.get("errors") else ""
    return _account_item(context, obj, f"{text(obj, 'type')}{failed}")


def _automatic_event(context: BodyContext, obj: JsonObject) -> Item:
    return _account_item(context, obj, text(obj, "event_name"))


def _user_id_update(context: BodyContext, obj: JsonObject) -> Item:
    ids, phone = mapping(obj, "user_id"), identifier(obj, "wa_id")
    old = Person(wa_id=phone, bsuid=identifier(ids, "previous", MAX_BSUID))
    new = Person(wa_id=phone, bsuid=identifier(ids, "current", MAX_BSUID))
    if not (old.bsuid and new.bsuid):
        raise InvalidObject("It does not say which user ID became which.")
    return IdentityUpdate(**context.common(obj), change=IdentityChange(old, new), timestamp=seconds(obj.get("timestamp")))


def _state_sync(context: BodyContext, obj: JsonObject) -> Item:
    contact = mapping(obj, "contact")
    known = person(contact, wa_id="phone_number", bsuid="user_id", parent="parent_user_id")
    phone = digits(known.wa_id or "") or None
    if not (phone or known.bsuid):
        raise InvalidObject("The address book entry names nobody.")
    name = next(filter(is_visible, (text(contact, "full_name"), text(contact, "first_name"))), "")[:255] or None
    return AddressBookEntry(
        **context.common(obj),
        person=replace(known, wa_id=phone, name=name),
        removed=text(obj, "action") == "remove",
        timestamp=seconds(mapping(obj, "metadata").get("timestamp")),
    )


def _preference(context: BodyContext, obj: JsonObject) -> Item:
    choice = text(obj, "value").lower()
    if choice not in ("stop", "resume", "signup") or text(obj, "category") != "marketing_messages":
        return _account_item(context, obj, "user_preference")
    who = completed(person(obj, wa_id="wa_id", bsuid="user_id", parent="parent_user_id"), context.people)
    if not (who.wa_id or who.bsuid):
        raise InvalidObject("The preference names nobody.")
    return MarketingPreference(**context.common(obj), person=who, stopped=choice == "stop", timestamp=seconds(obj.get("timestamp")))


def _event(name: str) -> Read:
    return lambda context, obj: _account_item(context, obj, name)


def _account_item(context: BodyContext, obj: JsonObject, event: str) -> AccountEvent:
    timestamp = seconds(obj.get("timestamp")) or context.time
    return AccountEvent(**context.common(obj), event=event.lower()[:100], timestamp=timestamp)


def _account_event(context: BodyContext, value: JsonObject) -> Iterator[Item]:
    """Reads an event of an account or a number as a whole, in a known or unknown field."""
    try:
        waba_id = identifier(mapping(value, "waba_info"), "waba_id") or context.waba_id
    except InvalidObject as error:
        yield context.unreadable(str(error), value)
        return
    yield AccountEvent(
        position=context.position,
        field=context.field,
        phone_number_id=context.phone_number_id,
        waba_id=waba_id,
        raw=value,
        event=_word(value).lower()[:100],
        timestamp=seconds(value.get("timestamp")) or context.time,
        display_phone_number=(text(value, "display_phone_number") or text(value, "phone_number"))[:64] or None,
    )


def _word(value: JsonObject) -> str:
    """Returns Meta's word for the event. For a change of a template's category, it is the new category."""
    words = ("event", "decision", "status", "type", "new_quality_score", "correct_category", "new_category")
    said = [text(value, key) for key in words] + [text(mapping(value, "alert_info"), "alert_type")]
    return next(filter(None, [*said, *(key for key in HANDOVERS if key in value)]), "")


def _listed(key: str, read: Read) -> Callable[[BodyContext, JsonObject], Iterator[Item]]:
    return lambda context, value: _each(context, value, key, read)


READERS: dict[str, Callable[[BodyContext, JsonObject], Iterator[Item]]] = {
    "messages": _messages,
    "message_echoes": _messages,
    "smb_message_echoes": _messages,
    "standby": _standby,
    "history": _history,
    "calls": _calls,
    "user_id_update": _listed("user_id_update", _user_id_update),
    "smb_app_state_sync": _listed("state_sync", _state_sync),
    "user_preferences": _listed("user_preferences", _preference),
    "automatic_events": _listed("automatic_events", _automatic_event),
    "group_lifecycle_update": _listed("groups", _group),
    "group_participants_update": _listed("groups", _group),
    "group_settings_update": _listed("groups", _group),
    "group_status_update": _listed("groups", _group),
}
