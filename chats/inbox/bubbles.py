"""Messages as the thread shows them: each becomes a Bubble, with the template and the texts to draw it.

Payloads from Meta may have any shape, so every value of them is checked. A message of an unknown kind becomes a card that opens the
API object.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chats.conversations.reactions_and_edits import ACTION_KINDS
from chats.inbox.bot_traces import trace_words
from chats.inbox.composer import may_react
from chats.inbox.selectors import Thread
from chats.inbox.text_formatting import as_plain
from chats.media.file_display import describe_file
from chats.media.message_files import FILE_KINDS, key_of
from chats.models import Attachment, Message, MessageStatus, Origin, SendProblem
from chats.outbox.message_queue import can_resend as can_be_sent_again
from cloud_api.errors import codes_of, has_text, meaning_of, meta_words
from cloud_api.payloads.texts import FORM_SENT, MISSED_CALL, card_name, chosen_reply, is_visible, mapping, objects, text
from organizations.models import User

Body = dict[str, Any]

GROUP_SECONDS = 300
"""Messages of one sender within so many seconds are drawn together."""

KIND_LABELS = {
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
    "missed_call": _("Missed call"),
    "form": _("Answers in a form"),
    "unknown": _("Message that WhatsApp does not pass on"),
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
    "missed_call": "phone-off",
    "form": "list-checks",
    "media_placeholder": "image",
}
PLACEHOLDER_CONTENTS = {"voice message", "audio", "media", "call", MISSED_CALL, FORM_SENT, "opened the chat", "message deleted"}
"""The `content` of messages without a text of their own, apart from the kind's name: see cloud_api.payloads.texts."""
META_TEXT_KINDS = ("unsupported", "unknown", "system")
"""Kinds whose `content` is a text of Meta's in English."""
UNSUPPORTED_LABELS = {
    "gif": _("GIF"),
    "group_invite": _("Invitation to a group"),
    "hsm": _("Message template"),
    "image": _("Photo"),
    "interactive": _("Message with buttons"),
    "keep_in_chat": _("A message was kept"),
    "link_preview": _("Link preview"),
    "list": _("Message with a list"),
    "location": _("Location"),
    "order": _("Order"),
    "pin": _("A message was pinned"),
    "poll_creation": _("Poll"),
    "poll_update": _("Vote in a poll"),
    "product": _("Product"),
    "reaction": _("Reaction"),
}
"""By `unsupported.type` (docs/meta-platform.md 3)."""
CALL_PERMISSION = {
    "call permission: accept": _("Allows you to call"),
    "call permission: reject": _("Does not allow you to call"),
}
NOTICES = {
    "user_changed_number": _("The customer has another phone number now."),
    "customer_changed_number": _("The customer has another phone number now."),
    "user_changed_user_id": _("The customer has another WhatsApp user ID now."),
    "customer_identity_changed": _("The customer's security code has changed: they have a new phone or installed WhatsApp anew."),
}
"""By `system.type`."""

STATUS_ICONS = {
    MessageStatus.QUEUED: "clock",
    MessageStatus.SENDING: "clock",
    MessageStatus.UNCERTAIN: "circle-help",
    MessageStatus.SENT: "check",
    MessageStatus.DELIVERED: "check-check",
    MessageStatus.READ: "check-check",
    MessageStatus.PLAYED: "check-check",
    MessageStatus.FAILED: "triangle-alert",
}
PENDING_LABELS = {
    MessageStatus.QUEUED: _("waiting to be sent"),
    MessageStatus.SENDING: _("being sent"),
}
SENDERS = {
    Origin.STAFF: ("user", _("Team")),
    Origin.BOT: ("bot", _("Bot")),
    Origin.AUTOMATIC: ("zap", _("Automatic")),
    Origin.API: ("code", _("API")),
    Origin.PHONE_APP: ("smartphone", _("Phone app")),
    Origin.STANDBY: ("sparkles", _("Meta Business Agent")),
}

FORMATTED_KEYS = {"text": "words", "form": "words", "order": "words", "media": "caption"}
"""By template of the content: the key of the text that the template formats with WhatsApp's marks."""


@dataclass(frozen=True)
class MessagePreview:
    """A message in one line, for lists and quotes."""

    icon: str
    words: str


@dataclass(frozen=True)
class Bubble:
    """A message as the template draws it. `part` is the template below chats/kinds/ for its content `body`."""

    message: Message
    part: str
    body: Body
    new_day: str = ""
    new_session: bool = False
    first_unread: bool = False
    joined: bool = False
    """Whether it is drawn together with the message before: same sender, within `GROUP_SECONDS`."""
    quoted: Message | None = None
    quotes_unknown: bool = False
    failure: str = ""
    failure_details: str = ""
    """Meta's English text about the failure, if it contains more than `failure`."""
    is_final: bool = False
    """Whether it failed and cannot be resent."""
    written: str = ""
    """Its text, to be used again. Empty if it has none."""
    may_be_sent_again: bool = False
    was_sent_again: bool = False
    doubt: str = ""
    """Why it is uncertain whether it arrived. Staff has to decide."""
    may_react: bool = False
    reaction_failure: str = ""
    """Why the business's latest reaction to it failed."""
    reaction_details: str = ""
    is_reaction_uncertain: bool = False
    """Whether the business's latest reaction to it is uncertain."""
    referral: Mapping[str, str] = field(default_factory=dict)
    forwarded: str = ""
    product: str = ""
    """The product that the customer asks about, by its SKU in the business's catalogue."""
    trace: Sequence[str] = ()
    """Why the bot sent it."""

    @property
    def is_notice(self) -> bool:
        """Whether it is drawn as a centred line, because it is a notice and has no sender."""
        return self.part == "notice"

    @property
    def is_withdrawn(self) -> bool:
        """Whether it is a bot's message that never left, because a person was faster."""
        return self.message.message_status == MessageStatus.WITHDRAWN

    @property
    def tick(self) -> str:
        if self.message.is_user_message or self.is_withdrawn:
            return ""
        return STATUS_ICONS.get(MessageStatus(self.message.message_status), "clock")

    @property
    def status_words(self) -> str:
        status = MessageStatus(self.message.message_status)
        return str(PENDING_LABELS.get(status, status.label))

    @property
    def is_uncertain(self) -> bool:
        return bool(self.doubt)

    @property
    def sender(self) -> tuple[str, Any] | None:
        """The icon and name of the sender. None for customers, and for imported history, whose sender is unknown."""
        known = None if self.message.is_user_message else SENDERS.get(Origin(self.message.origin))
        author = self.message.written_by
        return (known[0], author.name or author.email) if known and author else known

    @property
    def reactions(self) -> list[str]:
        return list(self.message.reactions.values()) if isinstance(self.message.reactions, dict) else []

    @property
    def is_history(self) -> bool:
        return self.message.origin == Origin.HISTORY


def preview(message: Message) -> MessagePreview:
    """Returns the message in one line."""
    if message.revoked_at:
        return MessagePreview("ban", gettext("Deleted message"))
    return MessagePreview(ICONS.get(_kind(message), ""), _plain_text(message))


def _plain_text(message: Message) -> str:
    """Returns the message's text without the marks that the thread formats. Other texts, such as file names, stay unchanged."""
    words = message_text(message)
    plain = as_plain(words)
    if plain == words or message.kind in ("text", "edit"):
        return plain
    # This reads the payload, which the queries of lists defer, but only of the few messages with marks.
    part, body = bubble_content(message)
    return plain if body.get(FORMATTED_KEYS.get(part, "")) == words else words


def author_label(message: Message, reader: User) -> str:
    """Returns the author of the business's message in one word. Empty for the customer's messages."""
    if message.is_user_message:
        return ""
    author = message.written_by
    if author == reader:
        return gettext("You")
    if author:
        return next(iter(author.name.split()), author.email)
    known = SENDERS.get(Origin(message.origin))
    return str(known[1]) if known else ""


def message_text(message: Message) -> str:
    """Returns the text of the message, or the label of its kind if it has none."""
    content = (message.edited_content or message.content).strip()
    if message.kind == "text":
        return content
    if message.kind == "reaction" and content != "reaction removed":
        return gettext("Reacted with %(emoji)s") % {"emoji": content}
    is_placeholder = content in (message.kind, "reaction removed") or content in PLACEHOLDER_CONTENTS
    if message.kind in META_TEXT_KINDS or is_placeholder:
        kind = _kind(message)
        return str(KIND_LABELS.get(kind, kind))
    if message.kind == "interactive" and content.startswith("payment method: "):
        return gettext("Payment method: %(words)s") % {"words": content.removeprefix("payment method: ")}
    return str(CALL_PERMISSION.get(content, content)) if message.kind == "interactive" else content


def _kind(message: Message) -> str:
    """Returns the kind, with voice messages, missed calls and forms as kinds of their own."""
    own = {("audio", "voice message"): "voice", ("call", MISSED_CALL): "missed_call", ("interactive", FORM_SENT): "form"}
    return own.get((message.kind, message.content), message.kind)


def build_bubbles(thread: Thread, *, first_unread: int | None = None) -> list[Bubble]:
    """Returns the thread's messages as bubbles. `first_unread` is the id of the first unread message."""
    before, reactions = thread.before, _our_reactions(thread)
    bubbles = []
    for message in thread.messages:
        if _is_shown_elsewhere(message, thread):
            continue
        bubble = _bubble(message, before, thread, first_unread)
        if reaction := reactions.get(message.wamid or ""):
            bubble = _with_reaction(bubble, reaction, _errors(reaction, thread))
        bubbles.append(bubble)
        before = message
    return bubbles


def _with_reaction(bubble: Bubble, reaction: Message, errors: list[Any]) -> Bubble:
    """Returns the bubble with the state of `reaction`, the business's latest reaction to its message."""
    return replace(
        bubble,
        reaction_failure=_failure(reaction, errors),
        reaction_details=_failure_details(reaction, errors),
        is_reaction_uncertain=bool(_doubt(reaction)),
    )


def _our_reactions(thread: Thread) -> dict[str, Message]:
    """Returns the business's latest reaction to each message, by the message's wamid."""
    return {each.target_wamid or "": each for each in thread.messages if each.kind == "reaction" and not each.is_user_message}


def _is_shown_elsewhere(message: Message, thread: Thread) -> bool:
    """Returns whether the message is a reaction, edit or deletion whose target is stored. Its target shows it."""
    return message.kind in ACTION_KINDS and (message.target_wamid or "") in thread.referred


def _bubble(message: Message, before: Message | None, thread: Thread, first_unread: int | None) -> Bubble:
    part, body = bubble_content(message, thread.files.get(key_of(message), ()))
    day = timezone.localdate(message.create_in)
    is_new_day = before is None or timezone.localdate(before.create_in) != day
    is_new_session = before is not None and before.session_id != message.session_id
    is_first_unread = message.pk == first_unread
    quoted = thread.referred.get(message.quoted_wamid)
    payload = message.payload if isinstance(message.payload, dict) else {}
    errors, product = _errors(message, thread), _product(payload)
    may_be_sent_again = message.pk not in thread.resent and can_be_sent_again(message, errors)
    return Bubble(
        message=message,
        part=part,
        body=body,
        new_day=day_label(day) if is_new_day else "",
        new_session=is_new_session,
        first_unread=is_first_unread,
        joined=not (is_new_day or is_new_session or is_first_unread) and _is_joined(before, message),
        quoted=quoted,
        quotes_unknown=bool(message.quoted_wamid) and quoted is None and not product,
        failure=_failure(message, errors),
        failure_details=_failure_details(message, errors),
        doubt=_doubt(message),
        may_be_sent_again=may_be_sent_again,
        is_final=_is_final(message) and not may_be_sent_again and message.pk not in thread.resent,
        written=written_text(message),
        was_sent_again=message.pk in thread.resent,
        may_react=may_react(message, timezone.now()),
        referral=_referral(payload),
        forwarded=_forwarded(payload),
        product=product,
        trace=trace_words(message, KIND_LABELS),
    )


def _is_final(message: Message) -> bool:
    """Returns whether the message failed, except deleted messages and imported history."""
    return message.message_status == MessageStatus.FAILED and message.origin != Origin.HISTORY and not message.revoked_at


def written_text(message: Message) -> str:
    """Returns the text of a business's message as it was written. Empty if it has none or was deleted. A file name is no text."""
    if message.is_user_message or message.revoked_at:
        return ""
    if message.kind in FILE_KINDS:
        payload = message.payload if isinstance(message.payload, dict) else {}
        return text(mapping(payload, message.kind), "caption").strip()
    content = (message.edited_content or message.content).strip()
    return "" if content == message.kind or (message.kind != "text" and content in PLACEHOLDER_CONTENTS) else content


def _product(payload: Mapping[str, Any]) -> str:
    referred = mapping(mapping(payload, "context"), "referred_product")
    return (text(referred, "product_retailer_id") or text(referred, "catalog_id"))[:200]


def day_label(day: date) -> str:
    """Returns “Today”, “Yesterday”, or the date."""
    passed = (timezone.localdate() - day).days
    if passed in (0, 1):
        return gettext("Yesterday") if passed else gettext("Today")
    return date_format(day, "DATE_FORMAT")


def _is_joined(before: Message | None, message: Message) -> bool:
    return (
        before is not None
        and before.is_user_message == message.is_user_message
        and (before.origin, before.written_by_id) == (message.origin, message.written_by_id)
        and (message.create_in - before.create_in).total_seconds() < GROUP_SECONDS
    )


def _errors(message: Message, thread: Thread) -> list[Any]:
    """Returns Meta's errors, from Graph's response and from statuses."""
    return [*(message.errors or ()), *thread.failures.get(message.wamid or "", ())]


def _failure(message: Message, errors: Iterable[Any]) -> str:
    """Returns why the message failed, with Meta's code. Empty if it did not fail."""
    if message.message_status != MessageStatus.FAILED:
        return ""
    for code in codes_of(errors):
        return f"{gettext(meaning_of(code).words)} ({code})"
    if words := _send_problem_text(message):
        return words
    was_reached = not message.errors
    return gettext("WhatsApp could not deliver it.") if was_reached else gettext("WhatsApp could not be reached.")


def _failure_details(message: Message, errors: Iterable[Any]) -> str:
    """Returns Meta's text about the failure if it contains more than the hub's text."""
    if message.message_status != MessageStatus.FAILED:
        return ""
    # Errors with a problem or reason are the hub's own.
    meta_errors = (error for error in errors if isinstance(error, dict) and "problem" not in error and "reason" not in error)
    return next(filter(None, map(meta_words, meta_errors)), "")


def _doubt(message: Message) -> str:
    """Returns why it is uncertain whether the message arrived. Empty if it is not uncertain."""
    if message.message_status != MessageStatus.UNCERTAIN:
        return ""
    return _send_problem_text(message) or gettext("WhatsApp did not answer. The message may have arrived.")


def _send_problem_text(message: Message) -> str:
    """Returns the text of the message's send problem. Empty if it has none."""
    problems = [error.get("problem") for error in message.errors or () if isinstance(error, dict)]
    return next((str(SendProblem(problem).label) for problem in problems if problem in SendProblem.values), "")


def _referral(payload: Mapping[str, Any]) -> Mapping[str, str]:
    """Returns the ad or post from which the customer came. Empty if there is none."""
    referral = mapping(payload, "referral")
    found = {key: text(referral, key)[:500] for key in ("headline", "body", "source_url", "source_type")}
    return {**found, "source_url": safe_url(found["source_url"])} if any(found.values()) else {}


def _forwarded(payload: Mapping[str, Any]) -> str:
    context = mapping(payload, "context")
    if context.get("frequently_forwarded") is True:
        return gettext("Forwarded many times")
    return gettext("Forwarded") if context.get("forwarded") is True else ""


def safe_url(url: str) -> str:
    """Returns the URL if it is safe to follow, else an empty text."""
    return url if url.startswith(("https://", "http://")) and not set(url) & set(" \t\r\n\"'<>\\") else ""


def bubble_content(message: Message, files: Sequence[Attachment] = ()) -> tuple[str, Body]:
    """Returns the template of a message's content, and its context. `files`: the message's, downloaded or not."""
    if message.revoked_at:
        return "revoked", {}
    payload = message.payload if isinstance(message.payload, dict) else {}
    builder = CONTENT_BUILDERS.get(message.kind)
    if builder is _choice:
        part, body = _choice(message, payload)
        return part, body | {"files": [_file_of_form(file) for file in files]}
    if builder is _media or files:
        part, body = _media(message, payload)
        return part, body | describe_file(files[0] if files else None)
    return builder(message, payload) if builder else _unsupported(message, payload)


def _unsupported(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    """A message that WhatsApp does not pass on, or of a kind that the hub does not know: its kind, and Meta's reason."""
    errors = objects(payload, "errors")
    kind = text(mapping(payload, "unsupported"), "type")
    body = {
        "title": UNSUPPORTED_LABELS.get(kind) or (KIND_LABELS["unsupported"] if errors or message.kind in META_TEXT_KINDS else ""),
        "words": next((gettext(meaning_of(code).words) for code in codes_of(errors) if has_text(code)), ""),
        "details": next(filter(None, map(meta_words, errors)), ""),
        "said": "" if errors or message.kind in META_TEXT_KINDS else message_text(message),
    }
    return "unknown", body


def _text(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    written = text(mapping(payload, "text"), "body")
    if message.kind == "text" and payload and not is_visible(written) and not message.edited_content:
        return "text", {"words": "", "is_empty": True}
    return "text", {"words": message_text(message)}


def _file_of_form(file: Attachment) -> Body:
    """A file of a form's answers, drawn like a message with a file. `query` selects it among the message's files."""
    body = {"icon": ICONS.get(file.kind, "file-text"), "word": KIND_LABELS.get(file.kind, file.kind), "file_name": file.file_name}
    return body | {"query": f"?position={file.position}"} | describe_file(file)


def _media(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    media = mapping(payload, message.kind)
    kind = "media_placeholder" if message.kind == "unsupported" else _kind(message)
    template = text(mapping(payload, "template"), "name")[:100]
    return "media", {
        "icon": ICONS.get(kind, "image"),
        "word": KIND_LABELS.get(kind, kind),
        "file_name": text(media, "filename")[:200],
        "caption": message_text(message) if template else (message.edited_content or text(media, "caption")).strip(),
        "template": template,
    }


def _location(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    location = mapping(payload, "location")
    at = [_coordinate(location, "latitude", 90), _coordinate(location, "longitude", 180)]
    map_url = ""
    if None not in at:
        map_url = f"https://www.openstreetmap.org/?mlat={at[0]}&mlon={at[1]}#map=16/{at[0]}/{at[1]}"
    words = {key: text(location, key)[:500] for key in ("name", "address")}
    return "location", {**words, "at": [each for each in at if each is not None], "map": map_url}


def _coordinate(location: Mapping[str, Any], key: str, limit: int) -> float | None:
    try:
        value = float(text(location, key))
    except ValueError:
        return None
    return value if -limit <= value <= limit else None


def _cards(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    cards = [
        {
            "name": card_name(card)[:200],
            "company": text(mapping(card, "org"), "company")[:200],
            "phones": [text(each, "phone")[:40] or text(each, "wa_id")[:40] for each in objects(card, "phones")[:5]],
            "emails": [text(each, "email")[:200] for each in objects(card, "emails")[:5]],
        }
        for card in objects(payload, "contacts")[:20]
    ]
    return ("cards", {"cards": cards}) if cards else _text(message, payload)


def _choice(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    """A customer's choice, the choices that the business offered, or a form's answers."""
    interactive = mapping(payload, "interactive")
    if "nfm_reply" in interactive:
        return "form", {"words": "" if message.content == FORM_SENT else message_text(message)}
    if errors := objects(payload, "errors"):
        words = next((gettext(meaning_of(code).words) for code in codes_of(errors) if has_text(code)), "")
        details = next(filter(None, map(meta_words, errors)), "")
        return "unknown", {"title": KIND_LABELS["interactive"], "words": words, "details": details, "said": ""}
    if reply := chosen_reply(interactive):
        return "choice", {"words": message_text(message), "about": text(reply, "description")[:300]}
    action = mapping(interactive, "action")
    buttons = [text(mapping(each, "reply"), "title") for each in objects(action, "buttons")[:10]]
    rows = [text(row, "title") for section in objects(action, "sections")[:10] for row in objects(section, "rows")[:10]]
    return "text", {"words": message_text(message), "offered": [each[:100] for each in (*buttons, *rows) if each]}


def _button(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    return "choice", {"words": message_text(message), "about": ""}


def _order(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    order = mapping(payload, "order")
    items = [
        {
            "product": text(item, "product_retailer_id")[:100] or "?",
            "quantity": text(item, "quantity")[:20],
            "price": f"{_price(item)} {text(item, 'currency')[:5]}".strip(),
        }
        for item in objects(order, "product_items")[:30]
    ]
    return ("order", {"items_ordered": items, "words": text(order, "text")}) if items else _text(message, payload)


def _price(item: Mapping[str, Any]) -> str:
    """Returns the price in the user's number format. A text that is no number stays as Meta sent it."""
    written = text(item, "item_price")[:20]
    try:
        return number_format(Decimal(written), decimal_pos=2, force_grouping=True)
    except (InvalidOperation, ValueError, OverflowError):
        return written


def _template(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    return "text", {"words": message_text(message), "template": text(mapping(payload, "template"), "name")[:100] or "…"}


def _notice(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    notice = NOTICES.get(text(mapping(payload, "system"), "type"))
    return "notice", {"icon": ICONS.get(_kind(message), "message-circle"), "words": str(notice or _plain_text(message))[:500]}


CONTENT_BUILDERS: dict[str, Callable[[Message, Mapping[str, Any]], tuple[str, Body]]] = {
    "text": _text,
    **dict.fromkeys(("image", "video", "audio", "document", "sticker", "media_placeholder", "voice"), _media),
    "location": _location,
    "contacts": _cards,
    "interactive": _choice,
    "button": _button,
    "order": _order,
    "template": _template,
    **dict.fromkeys(("system", "request_welcome", "call", *ACTION_KINDS), _notice),
}
