"""A published bot on a number, and customers who write to it."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bots.ai.tests.model_server import ModelServer
from bots.answering.tests.ai.ai_bots import publish_ai
from bots.answering.tests.programs.webhook_program import Program, publish_program, run_program
from bots.models import Bot, BotVersion
from bots.web_requests.allow_list import AllowList
from chats.models import Message
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, User
from webhooks.tests.bodies import NUMBER, body, message, text_body, value

MENU: dict[str, Any] = {
    "format": 1,
    "name": "Atendimento",
    "start": "menu",
    "settings": {"silence_seconds": 0},
    "steps": [
        {
            "id": "menu",
            "type": "send",
            "title": "Menu",
            "message": {
                "type": "buttons",
                "text": "Olá, {{first_name}}! Como podemos ajudar?",
                "buttons": [{"id": "prices", "title": "Preços"}, {"id": "hours", "title": "Horário"}],
            },
            "next": "choice",
        },
        {"id": "choice", "type": "wait", "title": "Escolha", "next": "branch", "timeout": {"minutes": 30, "next": "bye"}},
        {
            "id": "branch",
            "type": "branch",
            "title": "Qual?",
            "cases": [{"when": {"type": "choice", "id": "prices"}, "next": "prices", "label": "Preços"}],
            "otherwise": "person",
        },
        {"id": "prices", "type": "send", "title": "Preços", "message": {"type": "text", "text": "Custa R$ 10."}, "next": "end"},
        {"id": "person", "type": "hand_over", "title": "Pessoa", "note": "Não escolheu.", "message": None},
        {"id": "bye", "type": "send", "title": "Tchau", "message": {"type": "text", "text": "Até logo!"}, "next": "end"},
        {"id": "end", "type": "end", "title": "Fim"},
    ],
}


@pytest.fixture
def number(numbers: dict[str, PhoneNumber]) -> PhoneNumber:
    return numbers[NUMBER]


@pytest.fixture
def publish(organization: Organization, number: PhoneNumber) -> Callable[..., Bot]:
    """Publishes a flow as the bot of the number, whose new contacts it answers."""

    def publish_flow(flow: dict[str, Any] = MENU) -> Bot:
        bot, _ = Bot.objects.get_or_create(organization=organization, key="atendimento", defaults={"name": flow["name"]})
        bot.published = BotVersion.objects.create(bot=bot, number=bot.versions.count() + 1, document=flow)
        bot.save()
        since = timezone.now() - timedelta(days=3)
        PhoneNumber.objects.filter(pk=number.pk).update(default_bot=bot.key, default_profile="bot", answers_since=since)
        return bot

    return publish_flow


@pytest.fixture
def ana_of_the_team(organization: Organization) -> User:
    return User.objects.create_user("ana@example.com", "uma-senha-longa-7", name="Ana Souza")


def now() -> int:
    return int(time.time())


def tap(wamid: str, choice: str, title: str, at: int) -> bytes:
    reply = {"type": "button_reply", "button_reply": {"id": choice, "title": title}}
    return body(value(messages=[message(wamid, at) | {"type": "interactive", "interactive": reply}]))


def text(wamid: str, words: str, at: int | None = None) -> bytes:
    return text_body(wamid, now() if at is None else at, text=words)


def sent_texts() -> list[str]:
    """Returns the texts of the hub's messages, in order."""
    rows = Message.objects.filter(is_user_message=False).exclude(message_status="withdrawn").order_by("create_in", "pk")
    return [row.content for row in rows]


def customer() -> Contact:
    return Contact.objects.get()


@pytest.fixture
def program(settings: Any) -> Iterator[Program]:
    """A program of the organization, which the operator has opened."""
    with run_program() as running:
        settings.BOT_ALLOWED_ADDRESSES = AllowList.parse([running.url.removeprefix("http://").removesuffix("/bot")])
        yield running


@pytest.fixture
def webhook_bot(organization: Organization, number: PhoneNumber, program: Program) -> Bot:
    """A published bot that asks the program."""
    return publish_program(organization, number, program.url, hub_url="https://hub.example")


@pytest.fixture
def model(settings: Any) -> Iterator[ModelServer]:
    """A model of the organization's own, which the operator has opened."""
    server = ModelServer()
    settings.BOT_ALLOWED_ADDRESSES = server.allowed
    yield server
    server.close()


@pytest.fixture
def ai(organization: Organization, number: PhoneNumber, model: ModelServer) -> Bot:
    """A published AI that asks the model."""
    return publish_ai(organization, number, model)
