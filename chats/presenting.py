"""A thread as people read it: each message becomes a Bubble, which says what to draw and with which words. What Meta sends may have
any shape: nothing here believes it, and what is not understood is shown as a card that opens the raw object."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chats.actions import ACTIONS
from chats.composing import may_react
from chats.media.finding import key_of
from chats.media.showing import shown
from chats.models import Attachment, Message, MessageStatus, Origin
from chats.selectors import Thread
from chats.writing import may_be_sent_again
from cloud_api.errors import explained
from cloud_api.payloads.contents import mapping, objects, text

Body = dict[str, Any]

GROUPED_FOR = 300
"""Seconds within which messages of one sender belong together."""

KIND_WORDS = {
    "image": _("Photo"),
    "video": _("Video"),
    "audio": _("Audio"),
    "voice": _("Voice message"),
    "document": _("Document"),
    "sticker": _("Sticker"),
    "location": _("Location"),
    "contacts": _("Contact card"),
    "order": _("Order"),
    "template": _("Message template"),
    "button": _("Button chosen"),
    "interactive": _("Choice"),
    "reaction": _("Reaction"),
    "edit": _("Edited a message"),
    "revoke": _("Deleted a message"),
    "call": _("Call"),
    "request_welcome": _("Opened the chat"),
    "system": _("Notice of WhatsApp's"),
    "media_placeholder": _("Media"),
    "unsupported": _("Message that WhatsApp does not pass on"),
}
ICONS = {
    "image": "image",
    "video": "video",
    "audio": "mic",
    "voice": "mic",
    "document": "file-text",
    "sticker": "sticker",
    "location": "map-pin",
    "contacts": "contact",
    "order": "shopping-cart",
    "template": "file-text",
    "reaction": "smile",
    "edit": "pencil",
    "revoke": "ban",
    "call": "phone",
    "media_placeholder": "image",
}
SAID_FOR_NOTHING = {"voice message", "audio", "media", "call", "opened the chat", "message deleted"}
"""What stands in `content` where a message has no words of its own, beside the kind's name: see cloud_api.payloads.contents."""

TICKS = {
    MessageStatus.QUEUED: "clock",
    MessageStatus.SENDING: "clock",
    MessageStatus.UNCERTAIN: "circle-help",
    MessageStatus.SENT: "check",
    MessageStatus.DELIVERED: "check-check",
    MessageStatus.READ: "check-check",
    MessageStatus.PLAYED: "check-check",
    MessageStatus.FAILED: "triangle-alert",
}
UNDER_WAY = {
    MessageStatus.QUEUED: _("waiting to be sent"),
    MessageStatus.SENDING: _("being sent"),
}
SENDERS = {
    Origin.STAFF: ("user", _("Person")),
    Origin.BOT: ("bot", _("Bot")),
    Origin.AUTOMATIC: ("zap", _("Automatic message")),
    Origin.API: ("code", _("API")),
    Origin.PHONE_APP: ("smartphone", _("Phone app")),
    Origin.STANDBY: ("sparkles", _("Meta Business Agent")),
}


@dataclass(frozen=True)
class Preview:
    """A message in one line."""

    icon: str
    words: str


@dataclass(frozen=True)
class Bubble:
    """One message and how to draw it. `part` is the template below chats/kinds/ that draws its content."""

    message: Message
    part: str
    body: Body
    new_day: str = ""
    new_session: bool = False
    first_unread: bool = False
    joined: bool = False
    """It belongs with the one before: the same sender, moments later."""
    quoted: Message | None = None
    quotes_unknown: bool = False
    failure: str = ""
    may_be_sent_again: bool = False
    was_sent_again: bool = False
    may_react: bool = False
    reaction_failure: str = ""
    """Why our latest reaction to it did not arrive."""
    referral: Mapping[str, str] = field(default_factory=dict)
    forwarded: str = ""

    @property
    def is_notice(self) -> bool:
        """A line in the middle, which nobody said."""
        return self.part == "notice"

    @property
    def tick(self) -> str:
        return "" if self.message.is_user_message else TICKS.get(MessageStatus(self.message.message_status), "clock")

    @property
    def status_words(self) -> str:
        status = MessageStatus(self.message.message_status)
        return str(UNDER_WAY.get(status, status.label))

    @property
    def is_uncertain(self) -> bool:
        """Nobody knows whether it arrived, and a person has to decide."""
        return self.message.message_status == MessageStatus.UNCERTAIN

    @property
    def sender(self) -> tuple[str, Any] | None:
        """An icon and a word for who sent it, where that is not the customer, nor unknown as in imported history."""
        known = None if self.message.is_user_message else SENDERS.get(Origin(self.message.origin))
        author = self.message.written_by
        return (known[0], author.name or author.email) if known and author else known

    @property
    def reactions(self) -> list[str]:
        return list(self.message.reactions.values()) if isinstance(self.message.reactions, dict) else []

    @property
    def is_history(self) -> bool:
        return self.message.origin == Origin.HISTORY


def preview(message: Message) -> Preview:
    """The message in one line, for lists and quotations."""
    if message.revoked_at:
        return Preview("ban", gettext("Deleted message"))
    return Preview(ICONS.get(_kind(message), ""), words_of(message))


def words_of(message: Message) -> str:
    """What the message says; where it has no words of its own, what it is."""
    said = (message.edited_content or message.content).strip()
    if message.kind == "reaction" and said != "reaction removed":
        return gettext("Reacted with %(emoji)s") % {"emoji": said}
    if said in (message.kind, "reaction removed") or said in SAID_FOR_NOTHING:
        kind = _kind(message)
        return str(KIND_WORDS.get(kind, kind))
    return said


def _kind(message: Message) -> str:
    return "voice" if message.kind == "audio" and message.content == "voice message" else message.kind


def present(thread: Thread, *, first_unread: int | None = None) -> list[Bubble]:
    """The thread's messages as bubbles. `first_unread` is the id of the first message that nobody has read."""
    before, reactions = thread.before, _failed_reactions(thread)
    bubbles = []
    for message in thread.messages:
        if _is_shown_elsewhere(message, thread):
            continue
        bubble = _bubble(message, before, thread, first_unread)
        bubbles.append(replace(bubble, reaction_failure=reactions.get(message.wamid or "", "")))
        before = message
    return bubbles


def _failed_reactions(thread: Thread) -> dict[str, str]:
    """By the wamid of the message reacted to, why our latest reaction to it did not arrive."""
    latest = {each.target_wamid or "": each for each in thread.messages if each.kind == "reaction" and not each.is_user_message}
    return {wamid: _failure(each, _errors(each, thread)) for wamid, each in latest.items()}


def _is_shown_elsewhere(message: Message, thread: Thread) -> bool:
    """Reactions, edits and deletions are shown on what they act on, if that is known."""
    return message.kind in ACTIONS and (message.target_wamid or "") in thread.referred


def _bubble(message: Message, before: Message | None, thread: Thread, first_unread: int | None) -> Bubble:
    part, body = content_of(message, thread.files.get(key_of(message)))
    day = _day(message.create_in)
    is_new_day = before is None or _day(before.create_in) != day
    is_new_session = before is not None and before.session_id != message.session_id
    is_first_unread = message.pk == first_unread
    quoted = thread.referred.get(message.quoted_wamid)
    payload = message.payload if isinstance(message.payload, dict) else {}
    return Bubble(
        message=message,
        part=part,
        body=body,
        new_day=day_words(day) if is_new_day else "",
        new_session=is_new_session,
        first_unread=is_first_unread,
        joined=not (is_new_day or is_new_session or is_first_unread) and _belongs_with(before, message),
        quoted=quoted,
        quotes_unknown=bool(message.quoted_wamid) and quoted is None,
        failure=_failure(message, errors := _errors(message, thread)),
        may_be_sent_again=message.pk not in thread.resent and may_be_sent_again(message, errors),
        was_sent_again=message.pk in thread.resent,
        may_react=may_react(message, timezone.now()),
        referral=_referral(payload),
        forwarded=_forwarded(payload),
    )


def _day(moment: datetime) -> date:
    return timezone.localtime(moment).date()


def day_words(day: date) -> str:
    """Today, yesterday, or the date."""
    passed = (timezone.localdate() - day).days
    if passed in (0, 1):
        return gettext("Yesterday") if passed else gettext("Today")
    return date_format(day, "DATE_FORMAT")


def _belongs_with(before: Message | None, message: Message) -> bool:
    return (
        before is not None
        and before.is_user_message == message.is_user_message
        and (before.origin, before.written_by_id) == (message.origin, message.written_by_id)
        and (message.create_in - before.create_in).total_seconds() < GROUPED_FOR
    )


def _errors(message: Message, thread: Thread) -> list[Any]:
    """Meta's, whether Graph answered with them or a status told them."""
    return [*(message.errors or ()), *thread.failures.get(message.wamid or "", ())]


def _failure(message: Message, errors: Iterable[Any]) -> str:
    """Why it failed, in plain words; the code, for whoever looks it up, and Meta's own words where the code is a strange one."""
    if message.message_status != MessageStatus.FAILED:
        return ""
    for error in errors:
        if isinstance(error, dict) and isinstance(code := error.get("code"), int):
            return f"{gettext(explained(code).words)} ({code})"
    was_reached = not message.errors
    return gettext("WhatsApp could not deliver it.") if was_reached else gettext("WhatsApp could not be reached.")


def _referral(payload: Mapping[str, Any]) -> Mapping[str, str]:
    """The ad or post that the person came from."""
    told = mapping(payload, "referral")
    found = {key: text(told, key)[:500] for key in ("headline", "body", "source_url", "source_type")}
    return {**found, "source_url": web_address(found["source_url"])} if any(found.values()) else {}


def _forwarded(payload: Mapping[str, Any]) -> str:
    context = mapping(payload, "context")
    if context.get("frequently_forwarded") is True:
        return gettext("Forwarded many times")
    return gettext("Forwarded") if context.get("forwarded") is True else ""


def web_address(address: str) -> str:
    """The address if it is safe to follow, else nothing."""
    return address if address.startswith(("https://", "http://")) and not set(address) & set(" \t\r\n\"'<>\\") else ""


def content_of(message: Message, file: Attachment | None = None) -> tuple[str, Body]:
    """The template that draws a message's content, and what it draws. `file`: the message's, whether it is here already or not."""
    if message.revoked_at:
        return "revoked", {}
    payload = message.payload if isinstance(message.payload, dict) else {}
    drawn = DRAWN.get(message.kind)
    if drawn is _media or file:
        part, body = _media(message, payload)
        return part, body | shown(file)
    return drawn(message, payload) if drawn else ("unknown", {"words": words_of(message)})


def _text(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    return "text", {"words": words_of(message)}


def _media(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    media = mapping(payload, message.kind)
    kind = "media_placeholder" if message.kind == "unsupported" else _kind(message)
    template = text(mapping(payload, "template"), "name")[:100]
    return "media", {
        "icon": ICONS.get(kind, "image"),
        "word": KIND_WORDS.get(kind, kind),
        "file_name": text(media, "filename")[:200],
        "caption": words_of(message) if template else (message.edited_content or text(media, "caption")).strip(),
        "template": template,
    }


def _location(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    place = mapping(payload, "location")
    at = [_coordinate(place, "latitude", 90), _coordinate(place, "longitude", 180)]
    map_address = ""
    if None not in at:
        map_address = f"https://www.openstreetmap.org/?mlat={at[0]}&mlon={at[1]}#map=16/{at[0]}/{at[1]}"
    words = {key: text(place, key)[:500] for key in ("name", "address")}
    return "location", {**words, "at": [each for each in at if each is not None], "map": map_address}


def _coordinate(place: Mapping[str, Any], key: str, most: int) -> float | None:
    try:
        value = float(text(place, key))
    except ValueError:
        return None
    return value if -most <= value <= most else None


def _cards(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    cards = [
        {
            "name": text(mapping(card, "name"), "formatted_name")[:200],
            "company": text(mapping(card, "org"), "company")[:200],
            "phones": [text(each, "phone")[:40] or text(each, "wa_id")[:40] for each in objects(card, "phones")[:5]],
            "emails": [text(each, "email")[:200] for each in objects(card, "emails")[:5]],
        }
        for card in objects(payload, "contacts")[:20]
    ]
    return ("cards", {"cards": cards}) if cards else _text(message, payload)


def _choice(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    """What a customer chose; what the business offered; the answers in a form."""
    chosen = mapping(payload, "interactive")
    for reply in ("button_reply", "list_reply"):
        if reply in chosen:
            about = text(mapping(chosen, reply), "description")[:300]
            return "choice", {"words": words_of(message), "about": about}
    if "nfm_reply" in chosen:
        return "form", {"words": words_of(message)}
    action = mapping(chosen, "action")
    buttons = [text(mapping(each, "reply"), "title") for each in objects(action, "buttons")[:10]]
    rows = [text(row, "title") for section in objects(action, "sections")[:10] for row in objects(section, "rows")[:10]]
    return "text", {"words": words_of(message), "offered": [each[:100] for each in (*buttons, *rows) if each]}


def _button(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    return "choice", {"words": words_of(message), "about": ""}


def _order(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    order = mapping(payload, "order")
    items = [
        {
            "product": text(item, "product_retailer_id")[:100] or "?",
            "quantity": text(item, "quantity")[:20],
            "price": f"{text(item, 'item_price')[:20]} {text(item, 'currency')[:5]}".strip(),
        }
        for item in objects(order, "product_items")[:30]
    ]
    return ("order", {"items_ordered": items, "words": text(order, "text")}) if items else _text(message, payload)


def _template(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    return "text", {"words": words_of(message), "template": text(mapping(payload, "template"), "name")[:100] or "…"}


def _notice(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    return "notice", {"icon": ICONS.get(message.kind, "message-circle"), "words": words_of(message)[:500]}


DRAWN: dict[str, Callable[[Message, Mapping[str, Any]], tuple[str, Body]]] = {
    "text": _text,
    **dict.fromkeys(("image", "video", "audio", "document", "sticker", "media_placeholder", "voice"), _media),
    "location": _location,
    "contacts": _cards,
    "interactive": _choice,
    "button": _button,
    "order": _order,
    "template": _template,
    **dict.fromkeys(("system", "request_welcome", "call", *ACTIONS), _notice),
}
