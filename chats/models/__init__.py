"""What this room keeps: conversations, what is to be sent, files, message templates and canned replies."""

from chats.models.canned_replies import CannedReply
from chats.models.conversations import RANKS, Message, MessageStatus, Origin, StatusEvent
from chats.models.files import Attachment
from chats.models.message_templates import MessageTemplate
from chats.models.sending import NumberPace, Outgoing, ReadReceipt, Turn

__all__ = [
    "RANKS",
    "Attachment",
    "CannedReply",
    "Message",
    "MessageStatus",
    "MessageTemplate",
    "NumberPace",
    "Origin",
    "Outgoing",
    "ReadReceipt",
    "StatusEvent",
    "Turn",
]
