"""The rows of each lane."""

from typing import Any

from bots.models import AiProofAnswer, BotConversation, BotDryRun, BotRequest, BotWebCall, ContactSwitch
from chats.models import Attachment, BotTurn, Export, ReadReceipt, SendQueue
from contacts.models import ContactImport
from events.models import EventQueue
from organizations.models import Mail
from privacy.models import Erasure, PersonExport
from webhooks.models import HeldItem, Webhook

LANE_ROWS: dict[str, Any] = {
    "webhooks": Webhook.objects.filter(queue_id__gte=0),
    "large-webhooks": Webhook.objects.filter(queue_id__lt=0),
    "held": HeldItem.objects.all(),
    "bots": BotTurn.objects.all(),
    "bot-timers": BotConversation.objects.all(),
    "bot-calls": BotWebCall.objects.all(),
    "bot-requests": BotRequest.objects.all(),
    "outbox": SendQueue.objects.all(),
    "receipts": ReadReceipt.objects.all(),
    "files": Attachment.objects.all(),
    "mail": Mail.objects.all(),
    "contact-imports": ContactImport.objects.all(),
    "exports": Export.objects.all(),
    "bot-dry-runs": BotDryRun.objects.all(),
    "contact-switches": ContactSwitch.objects.all(),
    "ai-proofs": AiProofAnswer.objects.all(),
    "events": EventQueue.objects.all(),
    "erasures": Erasure.objects.all(),
    "person-exports": PersonExport.objects.all(),
}
"""Not from `whatsapp_hub.lanes`, because web processes do not load the packages of the workers."""
