"""A webhook bot of an organization, and requests in its log."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from bots.models import Bot, BotRequest
from bots.publishing.services import create_webhook_bot
from bots.publishing.tests.conftest import NOON, admin, english, foreign_number, member, number, padaria
from bots.webhook_bots.settings import WebhookSettings
from organizations.models import Organization

__all__ = ["admin", "english", "foreign_number", "member", "number", "padaria"]

URL = "https://bot.example.com/hub"


@pytest.fixture
def bot(padaria: Organization) -> Bot:
    settings = WebhookSettings(name="Programa", url=URL, hub_url="https://hub.example")
    return create_webhook_bot(organization=padaria, settings=settings, by=None, now=NOON)


AddRequest = Callable[..., BotRequest]


@pytest.fixture
def add_request(bot: Bot) -> AddRequest:
    """Adds an answered request to the log."""

    def add(**columns: Any) -> BotRequest:
        usual = {"bot": bot, "state": "done", "outcome": "answered", "status": 200, "create_in": NOON}
        return BotRequest.objects.create(key=uuid.uuid4(), **usual | columns)

    return add
