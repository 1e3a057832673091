"""The text of a message, or the words for its kind."""

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chats.media.message_files import FILE_KINDS
from chats.models import Message, Origin
from cloud_api.payloads.texts import FORM_SENT, MISSED_CALL, mapping, text

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
    "reaction_removed": _("Removed a reaction"),
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
    "reaction_removed": "smile",
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
CALL_PERMISSION = {
    "call permission: accept": _("Allows you to call"),
    "call permission: reject": _("Does not allow you to call"),
}
SENDERS = {
    Origin.STAFF: ("user", _("Team")),
    Origin.BOT: ("bot", _("Bot")),
    Origin.AUTOMATIC: ("zap", _("Automatic")),
    Origin.API: ("code", _("API")),
    Origin.PHONE_APP: ("smartphone", _("Phone app")),
    Origin.STANDBY: ("sparkles", _("Meta Business Agent")),
}
AI = ("bot", _("AI"))
"""The sender of a message that an AI wrote."""


def message_text(message: Message) -> str:
    """Returns the text of the message, or the label of its kind if it has none."""
    content = (message.edited_content or message.content).strip()
    if message.kind == "text":
        return content
    if message.kind == "reaction" and content != "reaction removed":
        return gettext("Reacted with %(emoji)s") % {"emoji": content}
    is_placeholder = content in (message.kind, "reaction removed") or content in PLACEHOLDER_CONTENTS
    if message.kind in META_TEXT_KINDS or is_placeholder:
        kind = shown_kind(message)
        return str(KIND_LABELS.get(kind, kind))
    if message.kind == "interactive" and content.startswith("payment method: "):
        return gettext("Payment method: %(words)s") % {"words": content.removeprefix("payment method: ")}
    return str(CALL_PERMISSION.get(content, content)) if message.kind == "interactive" else content


def shown_kind(message: Message) -> str:
    """Returns the kind, with voice messages, missed calls, forms and removed reactions as kinds of their own."""
    own = {
        ("audio", "voice message"): "voice",
        ("call", MISSED_CALL): "missed_call",
        ("interactive", FORM_SENT): "form",
        ("reaction", "reaction removed"): "reaction_removed",
    }
    return own.get((message.kind, message.content), message.kind)


def written_text(message: Message) -> str:
    """Returns the text of a business's message as it was written. Empty if it has none or was deleted. A file name is no text."""
    if message.is_user_message or message.revoked_at:
        return ""
    if message.kind in FILE_KINDS:
        payload = message.payload if isinstance(message.payload, dict) else {}
        return text(mapping(payload, message.kind), "caption").strip()
    content = (message.edited_content or message.content).strip()
    return "" if content == message.kind or (message.kind != "text" and content in PLACEHOLDER_CONTENTS) else content
