"""What each model does (docs/simulator.md). All but `simulated` do something wrong on purpose."""

import re
from collections.abc import Callable, Mapping

from simulator.standin.ai.arguments import arguments_of
from simulator.standin.ai.chats import Chat
from simulator.standin.ai.completions import Call, Completion, call_of
from simulator.standin.ai.rules import OWN_TOOLS, SET_FIELD, SET_LABEL, answer, reply

PREFIX = "simulated"
DEFAULT_SECONDS = 5.0
MAX_SECONDS = 60
PARAGRAPH = (
    "A loja fica no centro e recebe flores frescas todos os dias, que chegam de produtores da região e são escolhidas à mão por "
    "quem trabalha aqui há muitos anos. "
)
PAGES = 10
PAGE = 3_000
"""Characters."""
MESSAGES = 12
ENGLISH = (
    "Good morning, we would be happy to help you with your order. The shop is open from nine in the morning to six in the evening."
)
FRENCH = "Bonjour, nous serions ravis de vous aider pour votre commande. Le magasin est ouvert de neuf à dix-huit heures."
REFUSAL = "I'm sorry, I can't assist with that request."
UNKNOWN_TOOL = "delete_everything"

_SLOW = re.compile(rf"{PREFIX}-slow(?:-([0-9]{{1,2}}))?")


def delay_of(model: str) -> float | None:
    """Returns how many seconds a slow model takes, or None of another model."""
    slow = _SLOW.fullmatch(model)
    if slow is None:
        return None
    return float(min(int(slow[1]), MAX_SECONDS)) if slow[1] else DEFAULT_SECONDS


def complete(model: str, chat: Chat) -> Completion:
    """Returns what the model answers. It is one of `MODELS`, or slow."""
    return MODELS.get(model, answer)(chat)


def _refuse(_chat: Chat) -> Completion:
    return Completion(refusal=REFUSAL)


def _filter(_chat: Chat) -> Completion:
    return Completion("", finish_reason="content_filter")


def _call_unknown_tool(chat: Chat) -> Completion:
    """Calls a tool that is not offered. After its result it answers."""
    if chat.results:
        return answer(chat)
    return Completion(None, (call_of(UNKNOWN_TOOL, {"confirm": True}),), finish_reason="tool_calls")


def _send_bad_arguments(chat: Chat) -> Completion:
    """Calls the first tool with arguments that are not JSON. After its result it answers."""
    if chat.results:
        return answer(chat)
    name = next(iter(chat.tools), "reply")
    return Completion(None, (Call(name, '{"messages": ["Olá'),), finish_reason="tool_calls")


def _loop(chat: Chat) -> Completion:
    """Calls the same tool for ever: a web call if one is offered."""
    loopable = [name for name in chat.tools if name not in OWN_TOOLS] or [
        name for name in (SET_LABEL, SET_FIELD) if name in chat.tools
    ]
    if not loopable:
        return Completion(None, (call_of("look_up", {}),), finish_reason="tool_calls")
    tool = chat.tools[loopable[0]]
    return Completion(None, (call_of(tool.name, arguments_of(tool, chat.question)),), finish_reason="tool_calls")


def _answer_ten_pages(chat: Chat) -> Completion:
    return reply(chat, [(PARAGRAPH * (PAGES * PAGE // len(PARAGRAPH) + 1))[: PAGES * PAGE]])


def _answer_nothing(_chat: Chat) -> Completion:
    return Completion("")


def _answer_many(chat: Chat) -> Completion:
    return reply(chat, [f"Mensagem {number} de {MESSAGES}." for number in range(1, MESSAGES + 1)])


def _leak(chat: Chat) -> Completion:
    return reply(chat, [chat.system or "I have no instructions."])


MODELS: Mapping[str, Callable[[Chat], Completion]] = {
    PREFIX: answer,
    f"{PREFIX}-refuse": _refuse,
    f"{PREFIX}-filter": _filter,
    f"{PREFIX}-unknown-tool": _call_unknown_tool,
    f"{PREFIX}-bad-arguments": _send_bad_arguments,
    f"{PREFIX}-loop": _loop,
    f"{PREFIX}-long": _answer_ten_pages,
    f"{PREFIX}-english": lambda chat: reply(chat, [ENGLISH]),
    f"{PREFIX}-french": lambda chat: reply(chat, [FRENCH]),
    f"{PREFIX}-empty": _answer_nothing,
    f"{PREFIX}-many": _answer_many,
    f"{PREFIX}-leak": _leak,
}
"""Models that answer in OpenAI's format. `api` has those that do not."""
