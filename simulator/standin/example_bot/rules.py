"""The answer to a customer's messages (docs/bots.md): the first rule whose words occur in them, or whose button was tapped."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cloud_api.payloads.texts import text
from simulator.standin.ai.words import plain_words

Content = dict[str, Any]

LATER = "later"
HOURS = "Atendemos de segunda a sábado, das 9h às 18h."
DELIVERY = "Entregamos em Brasília no mesmo dia, para pedidos até as 15h."
PROMISE = "Aqui está a resposta que prometi. 🌷"
MENU = {
    "type": "buttons",
    "text": "Olá! Sou o bot de exemplo. Como posso ajudar?",
    "buttons": [
        {"id": "hours", "title": "Horários"},
        {"id": "delivery", "title": "Entrega"},
        {"id": "person", "title": "Atendente"},
    ],
}
FILE_KINDS = frozenset({"image", "video", "audio", "document", "sticker"})
ANSWERS: Mapping[str, Content] = {
    "person": {"messages": ["Vou chamar uma pessoa."], "hand_over": "Pediu uma pessoa ao bot de exemplo."},
    "hours": {"messages": [HOURS]},
    "delivery": {"messages": [DELIVERY, "Quer saber mais alguma coisa?"]},
    "label": {"messages": ["Anotei o pedido de orçamento."], "labels": {"add": ["Orçamento"]}},
    "silence": {"messages": []},
    LATER: {"later": True},
    "file": {"messages": ["Recebi o seu arquivo. Uma pessoa vai olhar."], "hand_over": "Mandou um arquivo."},
    "menu": {"messages": [MENU]},
}
CHOICES: Mapping[str, str] = {
    "person": "person",
    **dict.fromkeys(("atendente", "pessoa", "humano", "persona", "person"), "person"),
    "hours": "hours",
    **dict.fromkeys(("horario", "horarios", "abre", "abrem", "aberto", "funcionamento"), "hours"),
    "delivery": "delivery",
    **dict.fromkeys(("entrega", "entregam", "entregas"), "delivery"),
    **dict.fromkeys(("depois", LATER), LATER),
    **dict.fromkeys(("orcamento",), "label"),
    **dict.fromkeys(("nada", "silencio"), "silence"),
}
"""The rule of each button and word. A person comes first."""
_NAME = re.compile(r"\bmeu nome é\s+([^\n.,!]{1,60})", re.IGNORECASE)


def answer(request: Mapping[str, Any]) -> Content:
    """Returns the answer to a request. `later` means that it comes by a call-back."""
    given = request.get("messages")
    messages = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    said = "\n".join(text(each, "text") for each in messages)
    if name := _NAME.search(said):
        return {"messages": [f"Prazer, {name[1].strip()}!"], "fields": {"name": name[1].strip()}}
    return ANSWERS[_rule(messages, said)]


def _rule(messages: Sequence[Mapping[str, Any]], said: str) -> str:
    """Returns the rule of the last button that was tapped, or that of the words."""
    tapped = [choice for each in messages if (choice := text(each, "choice_id")) in CHOICES]
    words = set(plain_words(said))
    found = tapped[-1:] or [word for word in CHOICES if word in words]
    if found:
        return CHOICES[found[0]]
    return "file" if any(text(each, "kind") in FILE_KINDS for each in messages) else "menu"
