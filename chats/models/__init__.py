"""What this room keeps: conversations, what is to be sent, files, message templates and canned replies."""

from chats.models.canned_replies import CannedReply, OwnCannedReply
from chats.models.conversations import RANKS, Message, MessageStatus, Origin, StatusEvent, UnmatchedStatus
from chats.models.files import Attachment
from chats.models.message_templates import MessageTemplate
from chats.models.sending import NumberPace, Outgoing, ReadReceipt, SendProblem, Turn
from chats.models.text_search import ChangedText, IndexedWord, TextIndexProgress, WordSpan

__all__ = [
    "RANKS",
    "Attachment",
    "CannedReply",
    "ChangedText",
    "IndexedWord",
    "Message",
    "MessageStatus",
    "MessageTemplate",
    "NumberPace",
    "Origin",
    "Outgoing",
    "OwnCannedReply",
    "ReadReceipt",
    "SendProblem",
    "StatusEvent",
    "TextIndexProgress",
    "Turn",
    "UnmatchedStatus",
    "WordSpan",
]
