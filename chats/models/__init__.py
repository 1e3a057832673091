"""Models of conversations, bot turns, the outbox, files, message templates, canned replies, the text index, exports and proposed
messages. `files` also has DownloadProblem, new_stored_name and stored_name."""

from chats.models.bot_turns import BotTurn, BotTurnMessage
from chats.models.canned_replies import CannedReply, OwnCannedReply
from chats.models.conversations import RANKS, Message, MessageStatus, Origin, StatusEvent, UnmatchedStatus
from chats.models.exports import Export, ExportPart, ExportProblem
from chats.models.files import Attachment
from chats.models.message_templates import MessageTemplate
from chats.models.outbox import NumberRateLimit, QueuedMessage, ReadReceipt, SendProblem, SendQueue
from chats.models.proposals import ProposedMessage
from chats.models.text_search import ChangedText, IndexedWord, TextIndexProgress, WordSpan

__all__ = [
    "RANKS",
    "Attachment",
    "BotTurn",
    "BotTurnMessage",
    "CannedReply",
    "ChangedText",
    "Export",
    "ExportPart",
    "ExportProblem",
    "IndexedWord",
    "Message",
    "MessageStatus",
    "MessageTemplate",
    "NumberRateLimit",
    "Origin",
    "OwnCannedReply",
    "ProposedMessage",
    "QueuedMessage",
    "ReadReceipt",
    "SendProblem",
    "SendQueue",
    "StatusEvent",
    "TextIndexProgress",
    "UnmatchedStatus",
    "WordSpan",
]
