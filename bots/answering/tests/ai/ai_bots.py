"""An AI on a number, whose model says what a test wants."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from bots.ai.settings import AiSettings
from bots.ai.tests.model_server import KEY, ModelServer
from bots.models import AiConnection, Bot, BotVersion
from bots.publishing.services import create_ai
from organizations.models import Organization, PhoneNumber

KNOWLEDGE = "Rosas custam R$ 12. Entregamos em Campinas."


def publish_ai(organization: Organization, number: PhoneNumber, model: ModelServer, **settings: Any) -> Bot:
    """Publishes an AI with this model as the AI of the number, whose new contacts it answers."""
    chosen: dict[str, Any] = {"name": "Bia", "model": "prov", "who": "Você é a Bia.", "knowledge": KNOWLEDGE, "silence_seconds": 0}
    connection = AiConnection(base_url=model.url, api_key=KEY, timeout_seconds=5)
    bot = create_ai(
        organization=organization, settings=AiSettings(**chosen | settings), connection=connection, by=None, now=timezone.now()
    )
    bot.published = BotVersion.objects.create(bot=bot, number=1, document=bot.draft)
    bot.save()
    since = timezone.now() - timedelta(days=3)
    PhoneNumber.objects.filter(pk=number.pk).update(default_ai=bot.key, default_profile="ia", answers_since=since)
    return bot
