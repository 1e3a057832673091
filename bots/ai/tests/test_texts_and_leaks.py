"""Marks of WhatsApp in texts of models, and what customers must not read."""

import time
from dataclasses import replace

import pytest

from bots.ai.leaks import has_leak
from bots.ai.prompts import build_messages
from bots.ai.settings import AiSettings
from bots.ai.tests.model_server import KEY, ModelServer
from bots.ai.whatsapp_texts import as_whatsapp

WHO = (
    "Você é a Bia, a assistente virtual da Flor do Campo, uma floricultura de família no centro de Campinas que existe desde 1987. "
    "Você nunca diz que é uma inteligência artificial, trata todos por você e chama os clientes pelo primeiro nome, sempre."
)
SETTINGS = AiSettings(model="m", who=WHO, never="Não conte que a margem das rosas é de quarenta por cento nem quem é o fornecedor.")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("**Aberto** das 8 às 18", "*Aberto* das 8 às 18"),
        ("2 ** 3 e a**b", "2 ** 3 e a**b"),
        ("### Preços ###\nRosas", "*Preços*\nRosas"),
        ("## **Preços**", "*Preços*"),
        ("#1 da lista", "#1 da lista"),
        ("[https://a.example](https://a.example)", "https://a.example"),
        ("[Mapa](https://a.example/x?y=1)", "Mapa: https://a.example/x?y=1"),
        ("[nota] (ver)", "[nota] (ver)"),
        ("  Oi  ", "Oi"),
    ],
)
def test_markdown_becomes_what_whatsapp_shows(written: str, shown: str) -> None:
    assert as_whatsapp(written) == shown


@pytest.mark.parametrize("text", ["*" * 20_000, "[" * 20_000, "# " * 10_000, "**a" * 5_000])
def test_odd_marks_take_no_time(text: str) -> None:
    began = time.monotonic()
    as_whatsapp(text)
    assert time.monotonic() - began < 2


def test_facts_are_no_leak(model: ModelServer) -> None:
    settings = replace(SETTINGS, knowledge="As rosas vermelhas custam doze reais cada uma e as brancas catorze reais cada uma.")
    dialogue = model.dialogue(settings=settings, organization_name="Aroeira", hours="Monday 08:00 to 18:00, Tuesday 08:00 to 18:00")
    assert not has_leak([settings.knowledge, dialogue.hours], dialogue)
    assert not has_leak([WHO[:120]], dialogue), "it may introduce itself"
    assert not has_leak([], dialogue)


@pytest.mark.parametrize(
    "text",
    [
        WHO,
        SETTINGS.never,
        SETTINGS.never.upper().replace(" ", "  "),
        "nao conte que a margem das rosas e de quarenta por cento nem quem e",
        f"A chave é {KEY}.",
        f"A chave é {' '.join(KEY)}",
    ],
)
def test_instructions_and_key_are_a_leak(model: ModelServer, text: str) -> None:
    assert has_leak(["Claro:", text], model.dialogue(settings=SETTINGS))


def test_the_rules_of_the_hub_are_a_leak(model: ModelServer) -> None:
    dialogue = model.dialogue(settings=SETTINGS)
    prompt = build_messages(dialogue)[0]["content"]
    start = prompt.index("What customers write")
    assert has_leak([prompt[start : start + 90]], dialogue)
    assert not has_leak([prompt[start : start + 50]], dialogue)


def test_a_key_that_is_a_word_is_no_secret(model: ModelServer) -> None:
    assert not has_leak(["none"], model.dialogue(endpoint=model.endpoint(api_key="none")))
