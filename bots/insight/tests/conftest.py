"""A bot with a published version."""

from copy import deepcopy
from typing import Any

import pytest

from bots.models import Bot, BotVersion
from organizations.models import Organization

FLOW: dict[str, Any] = {
    "format": 1,
    "name": "Atendimento",
    "start": "welcome",
    "steps": [
        {"id": "welcome", "type": "send", "title": "Boas-vindas", "message": {"type": "text", "text": "Oi!"}, "next": "choice"},
        {"id": "choice", "type": "wait", "title": "Escolha", "next": "which"},
        {
            "id": "which",
            "type": "branch",
            "cases": [{"when": {"type": "keyword", "words": ["preços"]}, "next": "prices"}],
            "otherwise": "person",
        },
        {"id": "prices", "type": "send", "title": "Preços", "message": {"type": "text", "text": "R$ 10"}, "next": None},
        {"id": "person", "type": "hand_over", "title": "", "note": "", "message": None},
    ],
}


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return Bot.objects.create(organization=organization, key="atendimento", name="Atendimento", draft=FLOW)


@pytest.fixture
def version(bot: Bot) -> BotVersion:
    version = BotVersion.objects.create(bot=bot, number=1, document=deepcopy(FLOW))
    bot.published = version
    bot.save()
    return version
