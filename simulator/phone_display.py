"""The conversation as the customer's phone shows it. The stand-in's objects are Meta's, and may have any form that Graph
accepted."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chats.inbox.bubbles.message_texts import KIND_LABELS, PLACEHOLDER_CONTENTS
from chats.message_templates.variables import fill_variables
from chats.models import MessageTemplate
from cloud_api.payloads.texts import content_of, mapping, objects, text
from organizations.models import PhoneNumber
from simulator.forms import FAULTS

Object = Mapping[str, Any]
Definitions = Mapping[tuple[str, str], Sequence[Object]]
"""The components of templates by name and language."""

DELIVERED = ("delivered", "read", "played")
MEDIA = ("image", "video", "audio", "document", "sticker")
TICKS = {"sent": "check", "delivered": "check-check", "read": "check-check", "played": "check-check"}
EARLIEST = datetime.fromtimestamp(0, UTC)
MAX_RECEIVED = 20
SENT_LABELS: Mapping[Any, Any] = {**KIND_LABELS, "text": gettext_lazy("Text"), "interactive": gettext_lazy("Message with buttons")}
"""Kinds of messages that the hub sends. Some have other words than those of customers."""
REPLY_TYPES = {"button": "button_reply", "list": "list_reply"}


@dataclass(frozen=True, slots=True)
class Tap:
    """A button or row that the customer may tap. `kind` is the type of the reply that it sends."""

    kind: str
    id: str
    title: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class File:
    id: str
    kind: str
    mime_type: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class BubbleContent:
    """What a bubble shows."""

    words: str = ""
    header: str = ""
    footer: str = ""
    file: File | None = None
    taps: Sequence[Tap] = ()
    labels: Sequence[str] = ()
    """Buttons that lead to other apps. The simulator does not follow them."""
    icon: str = ""


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message on the customer's phone. `is_mine`: it is the customer's own."""

    wamid: str
    seq: int
    is_mine: bool
    at: datetime
    kind: str
    content: BubbleContent
    line: str
    """The content in one line."""
    quoted: str = ""
    reactions: Sequence[str] = ()
    is_edited: bool = False
    is_revoked: bool = False
    status: str = ""

    @property
    def element(self) -> str:
        return f"phone-message-{self.seq}"

    @property
    def tick(self) -> str:
        return TICKS.get(self.status, "clock") if self.is_mine else ""

    @property
    def awaits_reading(self) -> bool:
        """Whether the business has not received a status “read” yet."""
        return not self.is_mine and self.status == "delivered"

    @property
    def may_edit(self) -> bool:
        return self.is_mine and self.kind == "text" and not self.is_revoked


@dataclass(frozen=True, slots=True)
class Customer:
    """A made-up customer, for the list."""

    key: str
    name: str
    wa_id: str
    username: str
    last: str
    last_at: datetime | None
    unread: int

    @property
    def tint_number(self) -> int:
        """Selects a colour that is always the same for a customer."""
        return crc32(self.key.encode())

    @property
    def hides_phone(self) -> bool:
        return not self.wa_id


def customers(items: Iterable[Object], definitions: Definitions) -> list[Customer]:
    """Returns the customers with the latest messages first."""
    unsorted = [_customer(each, definitions) for each in items]
    return sorted(unsorted, key=lambda each: (each.last_at is None, -(each.last_at or EARLIEST).timestamp()))


def _customer(item: Object, definitions: Definitions) -> Customer:
    last = mapping(item, "last")
    return Customer(
        key=text(item, "key"),
        name=text(item, "name"),
        wa_id=text(item, "wa_id"),
        username=text(item, "username"),
        last=_line(last, definitions) if last and _is_delivered(last) else "",
        last_at=_time(last) if last else None,
        unread=int(item.get("unread") or 0),
    )


@dataclass(frozen=True, slots=True)
class AcceptedMessage:
    """A message that Graph accepted. `body` is the request's JSON, for display."""

    wamid: str
    at: datetime
    kind: object
    words: str
    body: str


def accepted_messages(sent: Sequence[Object], definitions: Definitions) -> list[AcceptedMessage]:
    """Returns the latest messages, the last one first."""
    return [_accepted_message(each, definitions) for each in reversed(sent[-MAX_RECEIVED:])]


def _accepted_message(item: Object, definitions: Definitions) -> AcceptedMessage:
    body = mapping(item, "request")
    kind = text(body, "type")
    label = SENT_LABELS.get(kind, kind)
    written = json.dumps(body, indent=2, ensure_ascii=False)
    return AcceptedMessage(text(item, "wamid"), _time(item), label, _words(kind, body, definitions), written)


def _time(item: Object) -> datetime:
    return datetime.fromtimestamp(float(item.get("at") or 0), UTC)


@dataclass(frozen=True, slots=True)
class ActiveFault:
    """A fault that is set now. `times` None: until it is cleared."""

    name: str
    times: int | None
    seconds: float | None


def active_faults(items: Iterable[Object]) -> list[ActiveFault]:
    return [_active(each) for each in items]


def _active(item: Object) -> ActiveFault:
    kind, _colon, code = text(item, "kind").partition(":")
    name = next((str(fault.name) for fault in FAULTS if fault.kind == kind), kind)
    return ActiveFault(f"{name}: {code}" if code else name, item.get("times"), item.get("seconds") if kind == "slow" else None)


def definitions_of(number: PhoneNumber) -> Definitions:
    """Returns the templates of the number's account."""
    rows = MessageTemplate.objects.filter(organization=number.organization_id, waba_id=number.waba_id)
    return {(row.name, row.language): row.components for row in rows.only("name", "language", "components")}


def conversation(messages: Iterable[Object], definitions: Definitions) -> list[Bubble]:
    """Returns the messages that the customer's phone shows."""
    shown = [each for each in messages if _is_delivered(each)]
    known = {text(each, "wamid"): each for each in shown}
    return [_bubble(each, known, definitions) for each in shown]


def _is_delivered(message: Object) -> bool:
    """Whether the customer's phone has the message. A message of the business arrives later, or never."""
    return message.get("from_customer") is True or text(message, "status") in DELIVERED


def _bubble(message: Object, known: Mapping[str, Object], definitions: Definitions) -> Bubble:
    kind, payload = text(message, "type"), mapping(message, "payload")
    quoted = _quoted_wamid(message)
    return Bubble(
        wamid=text(message, "wamid"),
        seq=int(message.get("seq") or 0),
        is_mine=message.get("from_customer") is True,
        at=_time(message),
        kind=kind,
        content=_bubble_content(kind, payload, message, definitions),
        line=_line(message, definitions),
        quoted=_line(known[quoted], definitions) if quoted in known else "",
        reactions=[str(emoji) for emoji in mapping(message, "reactions").values()],
        is_edited=bool(message.get("edited")),
        is_revoked=bool(message.get("revoked")),
        status=text(message, "status"),
    )


def _quoted_wamid(message: Object) -> str:
    context = mapping(mapping(message, "payload"), "context")
    return text(context, "id") or text(context, "message_id")


def _line(message: Object, definitions: Definitions) -> str:
    kind, payload = text(message, "type"), mapping(message, "payload")
    return _words(kind, payload, definitions) or str(KIND_LABELS.get(kind, ""))


def _words(kind: str, payload: Object, definitions: Definitions) -> str:
    """Returns the text of a message in one line. Empty if it has none of its own."""
    if kind == "template":
        return _template_content(mapping(payload, "template"), definitions).words
    words = content_of(kind, payload)
    return "" if words == kind or words in PLACEHOLDER_CONTENTS else words


def _bubble_content(kind: str, payload: Object, message: Object, definitions: Definitions) -> BubbleContent:
    if kind == "template":
        return _template_content(mapping(payload, "template"), definitions)
    if kind == "interactive" and mapping(payload, "interactive").get("action"):
        return _interactive_content(mapping(payload, "interactive"))
    if kind in MEDIA:
        return _file_content(kind, mapping(payload, kind), mapping(message, "media"))
    if kind == "unsupported":
        return BubbleContent(_("Something that WhatsApp does not pass on (a poll)"), icon="circle-help")
    icons = {"location": "map-pin", "contacts": "contact", "button": "circle-check", "interactive": "circle-check"}
    return BubbleContent(content_of(kind, payload), icon=icons.get(kind, ""))


def _file_content(kind: str, content: Object, media: Object) -> BubbleContent:
    name = text(content, "filename") or text(media, "name")
    file = File(text(content, "id") or text(media, "id"), kind, text(media, "mime_type") or text(content, "mime_type"), name)
    return BubbleContent(text(content, "caption"), file=file)


def _interactive_content(content: Object) -> BubbleContent:
    kind, action, header = text(content, "type"), mapping(content, "action"), mapping(content, "header")
    choices = [mapping(each, "reply") for each in objects(action, "buttons")]
    choices += [row for section in objects(action, "sections") for row in objects(section, "rows")]
    answer = REPLY_TYPES.get(kind, "")
    label = text(mapping(action, "parameters"), "display_text") or text(mapping(action, "parameters"), "flow_cta")
    return BubbleContent(
        words=text(mapping(content, "body"), "text"),
        header=text(header, "text"),
        footer=text(mapping(content, "footer"), "text"),
        file=_header_file(header),
        taps=[Tap(answer, text(each, "id"), text(each, "title"), text(each, "description")) for each in choices if answer],
        labels=[label or text(action, "name")] if not choices else [],
    )


def _header_file(header: Object) -> File | None:
    kind = text(header, "type")
    return File(text(mapping(header, kind), "id"), kind) if kind in MEDIA else None


@dataclass(slots=True)
class _Values:
    """The parameters that fill a template, as Graph accepted them."""

    body: dict[str, str] = field(default_factory=dict)
    header: dict[str, str] = field(default_factory=dict)
    file: File | None = None
    payloads: dict[str, str] = field(default_factory=dict)
    """Payloads of quick replies by the button's index."""


def _template_content(content: Object, definitions: Definitions) -> BubbleContent:
    values = _values(objects(content, "components"))
    definition = definitions.get((text(content, "name"), text(mapping(content, "language"), "code")))
    if definition is None:
        return BubbleContent("\n".join([text(content, "name"), *values.body.values()]), file=values.file)
    parts = {text(each, "type").upper(): each for each in definition}
    buttons = list(enumerate(objects(parts.get("BUTTONS", {}), "buttons")))
    return BubbleContent(
        words=fill_variables(text(parts.get("BODY", {}), "text"), values.body),
        header=fill_variables(text(parts.get("HEADER", {}), "text"), values.header),
        footer=text(parts.get("FOOTER", {}), "text"),
        file=values.file,
        taps=[_quick_reply(index, each, values) for index, each in buttons if _is_quick_reply(each)],
        labels=[text(each, "text") for _index, each in buttons if not _is_quick_reply(each)],
    )


def _is_quick_reply(button: Object) -> bool:
    return text(button, "type").upper() == "QUICK_REPLY"


def _quick_reply(index: int, button: Object, values: _Values) -> Tap:
    title = text(button, "text")
    return Tap("button", values.payloads.get(str(index), title), title)


def _values(components: Iterable[Object]) -> _Values:
    values = _Values()
    for component in components:
        kind, parameters = text(component, "type").lower(), objects(component, "parameters")
        if kind == "button":
            values.payloads |= {text(component, "index"): text(each, "payload") for each in parameters if text(each, "payload")}
        else:
            values.file = next(filter(None, map(_header_file, parameters)), values.file)
            texts = {text(each, "parameter_name") or str(index): text(each, "text") for index, each in enumerate(parameters, 1)}
            (values.header if kind == "header" else values.body).update(texts)
    return values
