"""Organizations with numbers and members, and flows."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from bots.models import Bot
from bots.publishing.services import create_bot
from contacts.conftest import sign_in
from organizations.models import Organization, PhoneNumber, Role

NOON = datetime(2026, 11, 18, 15, tzinfo=UTC)
"""Noon in São Paulo, on a Wednesday."""


def flow(*steps: dict[str, Any], name: str = "Atendimento", **settings: Any) -> dict[str, Any]:
    """Returns a flow of these steps, or a menu with two buttons, a question, a web call and a person."""
    chosen = list(steps or MENU)
    return {"format": 1, "name": name, "start": chosen[0]["id"], "settings": settings, "steps": chosen}


def text(step_id: str, words: str, following: str | None = None) -> dict[str, Any]:
    step = {"id": step_id, "type": "send", "message": {"type": "text", "text": words}}
    return step | ({"next": following} if following else {})


MENU: list[dict[str, Any]] = [
    {
        "id": "welcome",
        "type": "send",
        "title": "Boas-vindas",
        "message": {
            "type": "buttons",
            "text": "Olá, {{first_name}}!",
            "buttons": [{"id": "order", "title": "Pedido"}, {"id": "hours", "title": "Horário"}],
        },
        "next": "choice",
    },
    {"id": "choice", "type": "wait", "next": "menu", "timeout": {"minutes": 30, "next": "bye"}},
    {
        "id": "menu",
        "type": "branch",
        "title": "Menu",
        "cases": [
            {"when": {"type": "choice", "id": "order"}, "next": "number"},
            {"when": {"type": "choice", "id": "hours"}, "next": "open"},
        ],
        "otherwise": "person",
    },
    {
        "id": "number",
        "type": "ask",
        "message": {"type": "text", "text": "Qual o número do pedido?"},
        "variable": "order",
        "answer": {"kind": "number"},
        "invalid": {"type": "text", "text": "Só o número, por favor."},
        "next": "status",
    },
    {
        "id": "status",
        "type": "call",
        "method": "GET",
        "url": "https://example.com/orders/{{order}}",
        "save": [{"path": "state", "variable": "state"}],
        "example": {"state": "a caminho"},
        "next": "told",
        "failed": "person",
    },
    text("told", "O pedido {{order}} está {{state}}.", "end"),
    {
        "id": "open",
        "type": "branch",
        "cases": [{"when": {"type": "hours", "open": True}, "next": "yes"}],
        "otherwise": "no",
    },
    text("yes", "Estamos abertos.", "end"),
    text("no", "Estamos fechados.", "end"),
    text("bye", "Até logo!", "end"),
    {"id": "person", "type": "hand_over", "title": "Pessoa", "note": "Escreveu outra coisa"},
    {"id": "end", "type": "end"},
]


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Texts that are translated outside of pages are in English."""
    with translation.override("en"):
        yield


@pytest.fixture
def padaria(transactional_db: None) -> Organization:
    return Organization.objects.create(organization_name="Padaria")


@pytest.fixture
def number(padaria: Organization) -> PhoneNumber:
    return PhoneNumber.objects.create(organization=padaria, phone_number_id="5243", wa_id="556133214400")


@pytest.fixture
def foreign_number(transactional_db: None) -> PhoneNumber:
    barbearia = Organization.objects.create(organization_name="Barbearia")
    return PhoneNumber.objects.create(organization=barbearia, phone_number_id="9999", wa_id="5511973310042")


@pytest.fixture
def member(padaria: Organization) -> Client:
    return sign_in(padaria)


@pytest.fixture
def admin(padaria: Organization) -> Client:
    return sign_in(padaria, Role.USER_ADMIN)


@pytest.fixture
def make_bot(padaria: Organization) -> Callable[..., Bot]:
    """Creates a bot whose draft is this flow."""

    def make(document: dict[str, Any] | None = None, *, name: str = "Atendimento", organization: Organization = padaria) -> Bot:
        return create_bot(organization=organization, name=name, flow=document or flow(), by=None, now=NOON)

    return make


@pytest.fixture
def bot(make_bot: Callable[..., Bot]) -> Bot:
    return make_bot()
