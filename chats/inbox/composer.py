"""What staff may write in the composer, and the messages that an answer consists of."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from chats.media.submitted_files import SubmittedFile
from chats.models import Message, Origin
from chats.outbox.message_queue import WINDOW_MARGIN, queue_message
from cloud_api import messages
from contacts.models import Contact
from organizations.models import User

REACTION_LIMIT = timedelta(days=30)
"""The age up to which a message accepts reactions (docs/meta-platform.md 8.2)."""
RESEND_NAMESPACE = uuid.UUID("6b1f3a52-6f0c-4f0e-9f53-0d3a1c7b5e21")
"""Namespace of the tokens of resent messages. The same message gets the same token, so two clicks resend it once."""


class ComposerMode(StrEnum):
    """What the composer of a conversation accepts."""

    FREE = "free"
    """Everything."""
    TEMPLATE = "template"
    """Message templates only, because the service window is closed."""
    OFF = "off"
    """Nothing, because the number is inactive."""


def mode_of(contact: Contact, now: datetime) -> ComposerMode:
    """Returns what the composer accepts at `now`."""
    if not contact.create_for_phone_number.activate:
        return ComposerMode.OFF
    return ComposerMode.FREE if contact.is_window_open(now, margin=WINDOW_MARGIN) else ComposerMode.TEMPLATE


class TokenReused(Exception):
    """An answer with this token is stored already, with another content."""


@dataclass(frozen=True, kw_only=True)
class StaffAnswer:
    """What one form of the composer contains: a text, files, or both."""

    text: str = ""
    files: Sequence[SubmittedFile] = ()
    quoted: Message | None = None


def queue_answer(*, contact: Contact, answer: StaffAnswer, token: uuid.UUID, by: User, now: datetime) -> list[Message]:
    """Queues the messages of the answer, in order, and returns them. The text becomes the caption of the first file that can have
    one, or else a message after the files. Raises InvalidMessage before a message is stored, WindowClosed and TokenReused."""
    drafts = list(_drafts(answer))
    queued = []
    for index, (draft, file) in enumerate(drafts):
        message = queue_message(
            contact=contact,
            message=draft,
            token=uuid.uuid5(token, str(index)) if index else token,
            origin=Origin.STAFF,
            now=now,
            by=by,
            quoted=None if index else answer.quoted,
            file=file,
        )
        if (message.contact_id, message.kind, message.payload.get(message.kind)) != (
            contact.pk,
            draft["type"],
            draft[draft["type"]],
        ):
            raise TokenReused
        queued.append(message)
    return queued


def _drafts(answer: StaffAnswer) -> Iterator[tuple[dict[str, Any], SubmittedFile | None]]:
    text = answer.text
    for file in answer.files:
        caption, text = (text, "") if file.kind not in messages.WITHOUT_CAPTION else ("", text)
        # Without a media ID: the outbox uploads the file and adds it.
        yield messages.media(file.kind, caption=caption, filename=file.file_name, voice=file.voice), file
    if text or not answer.files:
        yield messages.text(text), None


def may_react(message: Message, now: datetime) -> bool:
    """Returns whether the message accepts reactions at `now`."""
    return message.is_user_message and bool(message.wamid) and not message.revoked_at and now - message.create_in < REACTION_LIMIT


def queue_reaction(*, message: Message, emoji: str, token: uuid.UUID, by: User, now: datetime) -> Message:
    """Queues a reaction to a customer's message. An empty emoji removes the earlier one. Raises WindowClosed."""
    reaction = messages.reaction(message.wamid or "", emoji)
    return queue_message(contact=message.contact, message=reaction, token=token, origin=Origin.STAFF, now=now, by=by)


def resend_token(message: Message) -> uuid.UUID:
    """Returns the token for resending the message, always the same one."""
    return uuid.uuid5(RESEND_NAMESPACE, f"{message.phone_number_id} {message.name}")
