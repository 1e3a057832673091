"""An AI to test with."""

from typing import Any

from django.utils import timezone

from bots.ai.settings import AiSettings, Parameter, Tool
from bots.models import AiConnection, Bot
from bots.publishing.services import create_ai
from organizations.models import Organization

KEY = "sk-segredo-1234567890"
CLOSED_PORT = "http://127.0.0.1:9/v1"
"""No server listens there, and no allow-list opens it."""
TOOL = Tool(
    name="order_status",
    description="Finds the status of an order.",
    url="https://example.com/orders/{{order}}",
    headers={"Authorization": "Bearer header-secret"},
    parameters=(Parameter(name="order", description="five digits"),),
    example='{"status": "saiu para entrega"}',
)


def create_example_ai(organization: Organization, *, base_url: str = CLOSED_PORT, **settings: Any) -> Bot:
    """Creates an AI of a bakery, with a key and one web call. It is not published."""
    values = {"name": "Lia", "model": "m-1", "who": "Você é a Lia, da padaria.", "tools": (TOOL,)} | settings
    connection = AiConnection(base_url=base_url, api_key=KEY, timeout_seconds=5)
    return create_ai(organization=organization, settings=AiSettings(**values), connection=connection, by=None, now=timezone.now())
