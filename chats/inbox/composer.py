"""Answers of staff as the composer sends them: what may be written now, and one answer as the messages that it takes."""

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
"""How old a message may be for a reaction to reach it (docs/meta-platform.md 8.2)."""
RESEND_NAMESPACE = uuid.UUID("6b1f3a52-6f0c-4f0e-9f53-0d3a1c7b5e21")
"""Names the tokens of messages that are sent again, so that two clicks send one."""


class ComposerMode(StrEnum):
    """What the composer of a conversation is."""

    FREE = "free"
    """Anything may be written."""
    TEMPLATE = "template"
    """The customer service window is closed: a message template only."""
    OFF = "off"
    """The number is switched off: nothing."""


def mode_of(contact: Contact, now: datetime) -> ComposerMode:
    """The contact comes with its number."""
    if not contact.create_for_phone_number.activate:
        return ComposerMode.OFF
    return ComposerMode.FREE if contact.is_window_open(now, margin=WINDOW_MARGIN) else ComposerMode.TEMPLATE


class TokenReused(Exception):
    """The token has written something else before: whoever sends the answer again has changed it meanwhile."""


@dataclass(frozen=True, kw_only=True)
class StaffAnswer:
    """What somebody wrote, as one thing: a text, files, or both."""

    text: str = ""
    files: Sequence[SubmittedFile] = ()
    quoted: Message | None = None


def queue_answer(*, contact: Contact, answer: StaffAnswer, token: uuid.UUID, by: User, now: datetime) -> list[Message]:
    """Queue the messages that the answer takes, in order. The text is the caption of the first file that can have one, else a
    message of its own after the files. Raises InvalidMessage before anything is written, WindowClosed and TokenReused."""
    drafts = list(_drafts(answer))
    written = []
    for place, (draft, file) in enumerate(drafts):
        message = queue_message(
            contact=contact,
            message=draft,
            token=uuid.uuid5(token, str(place)) if place else token,
            origin=Origin.STAFF,
            now=now,
            by=by,
            quoted=None if place else answer.quoted,
            file=file,
        )
        if (message.contact_id, message.kind, message.payload.get(message.kind)) != (
            contact.pk,
            draft["type"],
            draft[draft["type"]],
        ):
            raise TokenReused
        written.append(message)
    return written


def _drafts(answer: StaffAnswer) -> Iterator[tuple[dict[str, Any], SubmittedFile | None]]:
    text = answer.text
    for file in answer.files:
        caption, text = (text, "") if file.kind not in messages.WITHOUT_CAPTION else ("", text)
        yield _of_file(file, caption), file
    if text or not answer.files:
        yield messages.text(text), None


def _of_file(file: SubmittedFile, caption: str) -> dict[str, Any]:
    """Without a media id, which the outbox puts in."""
    return messages.media(file.kind, caption=caption, filename=file.file_name, voice=file.voice)


def may_react(message: Message, now: datetime) -> bool:
    """Whether a reaction to the message can arrive, as far as the message is concerned."""
    return message.is_user_message and bool(message.wamid) and not message.revoked_at and now - message.create_in < REACTION_LIMIT


def queue_reaction(*, message: Message, emoji: str, token: uuid.UUID, by: User, now: datetime) -> Message:
    """Put an emoji on a customer's message, or with none take ours back. Raises WindowClosed."""
    reaction = messages.reaction(message.wamid or "", emoji)
    return queue_message(contact=message.contact, message=reaction, token=token, origin=Origin.STAFF, now=now, by=by)


def resend_token(message: Message) -> uuid.UUID:
    """The same whenever the message is sent again."""
    return uuid.uuid5(RESEND_NAMESPACE, f"{message.phone_number_id} {message.name}")
