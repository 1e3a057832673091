"""What an AI reads of a conversation: the last messages of the session, and nothing else. Notes, other contacts and secrets are
never read here."""

from collections.abc import Sequence

from bots.ai.questions import PastMessage
from bots.ai.settings import AiSettings
from bots.ai.tokens import estimate_tokens
from bots.flows.customer_answers import read_message
from chats.conversations.reactions_and_edits import ACTION_KINDS
from chats.models import Message, MessageStatus
from contacts.models import Contact

NOT_SENT = (MessageStatus.WITHDRAWN, MessageStatus.FAILED)
COLUMNS = ("kind", "content", "edited_content", "payload", "is_user_message")
WRITTEN_KINDS = ("text", "template", "interactive", "button")
"""Kinds of the business's messages whose text is read. Of a file it is the caption only."""


def read_history(contact: Contact, settings: AiSettings) -> list[PastMessage]:
    """Returns the last messages of the contact's session, the oldest first, within the limits of the settings. The last one is
    always there. It is the customer's: what the hub has sent since, such as a greeting, stands before it."""
    if contact.session_id is None:
        return []
    rows = Message.objects.filter(contact=contact, session_id=contact.session_id, revoked_at=None, group_id="")
    rows = rows.exclude(kind__in=(*ACTION_KINDS, "system", "call")).exclude(message_status__in=NOT_SENT)
    latest = rows.order_by("-create_in", "-pk").only(*COLUMNS)[: max(1, settings.history_messages)]
    history: list[PastMessage] = []
    left = settings.history_tokens
    for message in _with_the_customer_first([_past_message(row) for row in latest]):
        left -= estimate_tokens(message.text)
        if left < 0 and history:
            break
        history.append(message)
    return history[::-1]


def _with_the_customer_first(latest: Sequence[PastMessage]) -> list[PastMessage]:
    """Returns the messages, the latest first, beginning with the customer's last ones."""
    speakers = [each.speaker for each in latest]
    if "customer" not in speakers:
        return list(latest)
    start = speakers.index("customer")
    end = next((index for index in range(start, len(latest)) if speakers[index] != "customer"), len(latest))
    return [*latest[start:end], *latest[:start], *latest[end:]]


def _past_message(row: Message) -> PastMessage:
    if row.edited_content is not None and row.kind == "text":
        text = row.edited_content
    elif row.is_user_message or row.kind not in WRITTEN_KINDS:
        text = read_message(row.kind, row.content, row.payload).text
    else:
        text = row.content
    return PastMessage("customer" if row.is_user_message else "business", row.kind, text)
