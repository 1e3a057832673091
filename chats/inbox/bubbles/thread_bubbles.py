"""The messages of a thread as bubbles: each with the template and the texts to draw it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chats.conversations.reactions_and_edits import ACTION_KINDS
from chats.inbox.bubbles.bot_traces import is_by_ai, trace_words
from chats.inbox.bubbles.contents import Body, bubble_content
from chats.inbox.bubbles.failures import doubt_words, failure_details, failure_words
from chats.inbox.bubbles.message_texts import AI, KIND_LABELS, SENDERS, written_text
from chats.inbox.composer import may_react
from chats.inbox.fragments import fingerprint
from chats.inbox.selectors import Thread
from chats.media.message_files import key_of
from chats.models import Message, MessageStatus, Origin
from chats.outbox.message_queue import can_resend as can_be_sent_again
from cloud_api.payloads.texts import mapping, text

GROUP_SECONDS = 300
"""Messages of one sender within so many seconds are drawn together."""

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
        known = AI if is_by_ai(self.message) else known
        author, key_name = self.message.written_by, self.message.api_key_name
        if known and key_name:
            return known[0], f"{known[1]} · {key_name}"
        return (known[0], author.name or author.email) if known and author else known

    @property
    def has_actions(self) -> bool:
        """Whether staff can do something about it with a form, whose token is the user's own."""
        return self.is_final or self.is_uncertain or self.may_be_sent_again

    @property
    def fingerprint(self) -> str:
        """Changes with everything that the template shows of the bubble."""
        return fingerprint(self.sender, *(getattr(self, each.name) for each in fields(self)))

    @property
    def reactions(self) -> list[str]:
        return list(self.message.reactions.values()) if isinstance(self.message.reactions, dict) else []


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
        reaction_failure=failure_words(reaction, errors),
        reaction_details=failure_details(reaction, errors),
        is_reaction_uncertain=bool(doubt_words(reaction)),
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
        failure=failure_words(message, errors),
        failure_details=failure_details(message, errors),
        doubt=doubt_words(message),
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
        and _writer(before) == _writer(message)
        and (message.create_in - before.create_in).total_seconds() < GROUP_SECONDS
    )


def _writer(message: Message) -> tuple[Any, ...]:
    return message.origin, message.written_by_id, message.api_key_name


def _errors(message: Message, thread: Thread) -> list[Any]:
    """Returns Meta's errors, from Graph's response and from statuses."""
    return [*(message.errors or ()), *thread.failures.get(message.wamid or "", ())]


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
