"""Models of bots, flows, remote bots, AIs and the automatic messages of numbers."""

from bots.models.ai import AiConnection, AiProof, AiProofAnswer, AiUsage
from bots.models.bots import Bot, BotFile, BotKind, BotVersion
from bots.models.flows import BotConversation, BotDryRun, BotWebCall, StepCount
from bots.models.numbers import AutomaticMessages, AutomaticMessageSent, ContactSwitch
from bots.models.remote_bots import BotCircuit, BotRequest, WebhookSecret

__all__ = [
    "AiConnection",
    "AiProof",
    "AiProofAnswer",
    "AiUsage",
    "AutomaticMessageSent",
    "AutomaticMessages",
    "Bot",
    "BotCircuit",
    "BotConversation",
    "BotDryRun",
    "BotFile",
    "BotKind",
    "BotRequest",
    "BotVersion",
    "BotWebCall",
    "ContactSwitch",
    "StepCount",
    "WebhookSecret",
]
