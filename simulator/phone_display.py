"""A conversation as the customer's phone shows it. The stand-in's objects are Meta's, and may have any shape that Graph took."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

from django.utils.translation import gettext as _

from chats.message_templates.variables import fill_variables
from chats.models import MessageTemplate
from cloud_api.payloads.texts import content_of, mapping, objects, text
from organizations.models import PhoneNumber
from simulator.forms import FAULTS

Object = Mapping[str, Any]
Definitions = Mapping[tuple[str, str], Sequence[Object]]
"""The components of templates, by name and language."""

HERE = ("delivered", "read", "played")
MEDIA = ("image", "video", "audio", "document", "sticker")
TICKS = {"sent": "check", "delivered": "check-check", "read": "check-check", "played": "check-check"}
EARLIEST = datetime.fromtimestamp(0, UTC)
MOST_RECEIVED = 20
ANSWERED_BY_TAPPING = {"button": "button_reply", "list": "list_reply"}


@dataclass(frozen=True, slots=True)
class Tap:
    """Something that the customer may tap; `kind` is the type of the answer that it sends."""

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
class Face:
    """What a message shows."""

    words: str = ""
    header: str = ""
    footer: str = ""
    file: File | None = None
    taps: Sequence[Tap] = ()
    labels: Sequence[str] = ()
    """Buttons that lead out of the chat, which the simulator does not follow."""
    icon: str = ""


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message on the customer's phone; `is_mine` is the customer's own."""

    wamid: str
    seq: int
    is_mine: bool
    at: datetime
    kind: str
    face: Face
    line: str
    """What it says, in one line."""
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
        """Whether the business has not been told that the customer saw it."""
        return not self.is_mine and self.status == "delivered"

    @property
    def may_edit(self) -> bool:
        return self.is_mine and self.kind == "text" and not self.is_revoked


@dataclass(frozen=True, slots=True)
class Customer:
    """One made-up person, for the list."""

    key: str
    name: str
    wa_id: str
    username: str
    last: str
    last_at: datetime | None
    unread: int

    @property
    def tint_number(self) -> int:
        """For a colour that stays with the person."""
        return crc32(self.key.encode())

    @property
    def hides_phone(self) -> bool:
        return not self.wa_id


def customers(told: Iterable[Object]) -> list[Customer]:
    """Those who wrote or were written to last come first."""
    everybody = [_customer(each) for each in told]
    return sorted(everybody, key=lambda each: (each.last_at is None, -(each.last_at or EARLIEST).timestamp()))


def _customer(told: Object) -> Customer:
    last = mapping(told, "last")
    return Customer(
        key=text(told, "key"),
        name=text(told, "name"),
        wa_id=text(told, "wa_id"),
        username=text(told, "username"),
        last=_line(last) if last and _is_here(last) else "",
        last_at=_time(last) if last else None,
        unread=int(told.get("unread") or 0),
    )


@dataclass(frozen=True, slots=True)
class Received:
    """A message as Graph got it; `body` is its JSON, to be read."""

    wamid: str
    at: datetime
    kind: str
    words: str
    body: str


def received(sent: Sequence[Object]) -> list[Received]:
    """The latest, the last first."""
    return [_received(each) for each in reversed(sent[-MOST_RECEIVED:])]


def _received(told: Object) -> Received:
    body = mapping(told, "request")
    kind = text(body, "type")
    written = json.dumps(body, indent=2, ensure_ascii=False)
    return Received(text(told, "wamid"), _time(told), kind, content_of(kind, body), written)


def _time(told: Object) -> datetime:
    return datetime.fromtimestamp(float(told.get("at") or 0), UTC)


@dataclass(frozen=True, slots=True)
class ActiveFault:
    """What goes wrong now; `times` None: until it is cleared."""

    name: str
    times: int | None
    seconds: float | None


def active_faults(told: Iterable[Object]) -> list[ActiveFault]:
    return [_active(each) for each in told]


def _active(told: Object) -> ActiveFault:
    kind, _colon, code = text(told, "kind").partition(":")
    name = next((str(fault.name) for fault in FAULTS if fault.kind == kind), kind)
    return ActiveFault(f"{name}: {code}" if code else name, told.get("times"), told.get("seconds") if kind == "slow" else None)


def definitions_of(number: PhoneNumber) -> Definitions:
    """Of the number's account."""
    rows = MessageTemplate.objects.filter(organization=number.organization_id, waba_id=number.waba_id)
    return {(row.name, row.language): row.components for row in rows.only("name", "language", "components")}


def conversation(messages: Iterable[Object], definitions: Definitions) -> list[Bubble]:
    """What the customer's phone has."""
    shown = [each for each in messages if _is_here(each)]
    known = {text(each, "wamid"): each for each in shown}
    return [_bubble(each, known, definitions) for each in shown]


def _is_here(message: Object) -> bool:
    """What the business sends is on its way for a while, or never comes."""
    return message.get("from_customer") is True or text(message, "status") in HERE


def _bubble(message: Object, known: Mapping[str, Object], definitions: Definitions) -> Bubble:
    kind, payload = text(message, "type"), mapping(message, "payload")
    quoted = _quoted_wamid(message)
    return Bubble(
        wamid=text(message, "wamid"),
        seq=int(message.get("seq") or 0),
        is_mine=message.get("from_customer") is True,
        at=_time(message),
        kind=kind,
        face=_face(kind, payload, message, definitions),
        line=_line(message),
        quoted=_line(known[quoted]) if quoted in known else "",
        reactions=[str(emoji) for emoji in mapping(message, "reactions").values()],
        is_edited=bool(message.get("edited")),
        is_revoked=bool(message.get("revoked")),
        status=text(message, "status"),
    )


def _quoted_wamid(message: Object) -> str:
    context = mapping(mapping(message, "payload"), "context")
    return text(context, "id") or text(context, "message_id")


def _line(message: Object) -> str:
    return content_of(text(message, "type"), mapping(message, "payload"))


def _face(kind: str, payload: Object, message: Object, definitions: Definitions) -> Face:
    if kind == "template":
        return _template_face(mapping(payload, "template"), definitions)
    if kind == "interactive" and mapping(payload, "interactive").get("action"):
        return _interactive_face(mapping(payload, "interactive"))
    if kind in MEDIA:
        return _file_face(kind, mapping(payload, kind), mapping(message, "media"))
    if kind == "unsupported":
        return Face(_("Something that WhatsApp does not pass on (a poll)"), icon="circle-help")
    icons = {"location": "map-pin", "contacts": "contact", "button": "circle-check", "interactive": "circle-check"}
    return Face(content_of(kind, payload), icon=icons.get(kind, ""))


def _file_face(kind: str, content: Object, media: Object) -> Face:
    name = text(content, "filename") or text(media, "name")
    file = File(text(content, "id") or text(media, "id"), kind, text(media, "mime_type") or text(content, "mime_type"), name)
    return Face(text(content, "caption"), file=file)


def _interactive_face(content: Object) -> Face:
    kind, action, header = text(content, "type"), mapping(content, "action"), mapping(content, "header")
    choices = [mapping(each, "reply") for each in objects(action, "buttons")]
    choices += [row for section in objects(action, "sections") for row in objects(section, "rows")]
    answer = ANSWERED_BY_TAPPING.get(kind, "")
    label = text(mapping(action, "parameters"), "display_text") or text(mapping(action, "parameters"), "flow_cta")
    return Face(
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
    """What fills a template, as Graph was given it."""

    body: dict[str, str] = field(default_factory=dict)
    header: dict[str, str] = field(default_factory=dict)
    file: File | None = None
    payloads: dict[str, str] = field(default_factory=dict)
    """Of quick replies, by the button's index."""


def _template_face(content: Object, definitions: Definitions) -> Face:
    values = _values(objects(content, "components"))
    definition = definitions.get((text(content, "name"), text(mapping(content, "language"), "code")))
    if definition is None:
        return Face("\n".join([text(content, "name"), *values.body.values()]), file=values.file)
    parts = {text(each, "type").upper(): each for each in definition}
    buttons = list(enumerate(objects(parts.get("BUTTONS", {}), "buttons")))
    return Face(
        words=fill_variables(text(parts.get("BODY", {}), "text"), values.body),
        header=fill_variables(text(parts.get("HEADER", {}), "text"), values.header),
        footer=text(parts.get("FOOTER", {}), "text"),
        file=values.file,
        taps=[_quick_reply(place, each, values) for place, each in buttons if _is_quick_reply(each)],
        labels=[text(each, "text") for _place, each in buttons if not _is_quick_reply(each)],
    )


def _is_quick_reply(button: Object) -> bool:
    return text(button, "type").upper() == "QUICK_REPLY"


def _quick_reply(place: int, button: Object, values: _Values) -> Tap:
    title = text(button, "text")
    return Tap("button", values.payloads.get(str(place), title), title)


def _values(components: Iterable[Object]) -> _Values:
    values = _Values()
    for component in components:
        kind, parameters = text(component, "type").lower(), objects(component, "parameters")
        if kind == "button":
            values.payloads |= {text(component, "index"): text(each, "payload") for each in parameters if text(each, "payload")}
        else:
            values.file = next(filter(None, map(_header_file, parameters)), values.file)
            texts = {text(each, "parameter_name") or str(place): text(each, "text") for place, each in enumerate(parameters, 1)}
            (values.header if kind == "header" else values.body).update(texts)
    return values
