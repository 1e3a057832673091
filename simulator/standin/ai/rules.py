"""The answer of a model that does what it should: it answers from the knowledge in its system prompt, and calls a person otherwise.

The first rule that applies decides:

    branch        `choose_branch` is offered: the branch that shares most words with what the user wrote, or `unsure`
    result        a tool was called: its result, or a person if it failed
    person        the user asks for a person: `hand_over`
    greeting      nothing but a greeting: the model greets. Thanks likewise, and `done` if it is offered
    name, label   the user says a name, or words of a label: `set_field`, `set_label` with the answer
    web call      the description of a tool fits the question better than the knowledge: the tool
    knowledge     the sentences that fit the question
    unknown       `hand_over`
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cloud_api.payloads.texts import mapping
from simulator.standin.ai.arguments import arguments_of
from simulator.standin.ai.chats import Chat, Tool
from simulator.standin.ai.completions import Call, Completion, call_of
from simulator.standin.ai.words import Language, fitting_sentences, knowledge_of, language_of, plain_words, stems

REPLY, HAND_OVER, SET_LABEL, SET_FIELD = "reply", "hand_over", "set_label", "set_field"
CHOOSE_BRANCH, DONE = "choose_branch", "done"
OWN_TOOLS = frozenset({REPLY, HAND_OVER, SET_LABEL, SET_FIELD, CHOOSE_BRANCH, DONE})
UNSURE = "unsure"
MAX_RESULT = 500
"""Characters of a tool's result that are repeated."""

PERSON = frozenset(plain_words("pessoa atendente humano humana persona agente asesor person human agent representative operador"))
GREETINGS = frozenset(
    plain_words("oi oii ola bom boa dia tarde noite tudo bem hola buenos buenas dias tardes noches hi hello good morning")
)
THANKS = frozenset(plain_words("obrigado obrigada valeu muito gracias muchas thanks thank you very much so isso tchau"))
_NAME = re.compile(
    r"\b(?:meu nome é|me chamo|me llamo|mi nombre es|my name is)\s+([^\W\d_]+(?: [A-ZÀ-Ý][^\W\d_]+)*)", re.IGNORECASE
)

Words = Mapping[Language, str]

HELLO: Words = {"pt": "Olá! Como posso ajudar?", "es": "¡Hola! ¿En qué puedo ayudarle?", "en": "Hello! How can I help you?"}
WELCOME: Words = {"pt": "De nada! Conte com a gente.", "es": "¡De nada! Estamos para ayudarle.", "en": "You are welcome!"}
NICE: Words = {
    "pt": "Prazer, %s! Como posso ajudar?",
    "es": "Mucho gusto, %s. ¿En qué puedo ayudarle?",
    "en": "Nice to meet you, %s!",
}
GREETED: Words = {"pt": "Olá! ", "es": "¡Hola! ", "en": "Hello! "}
FOREIGN: Words = {"pt": "Encontrei isto: ", "es": "Esto es lo que sé: ", "en": "This is what I know: "}
CALLING: Words = {
    "pt": "Não sei responder isso. Vou chamar uma pessoa.",
    "es": "No sé responder eso. Voy a llamar a una persona.",
    "en": "I cannot answer that. I will call a person.",
}
ASKED = "The customer asked for a person."
UNKNOWN = "The knowledge has no answer."
FAILED = "A tool failed."


def answer(chat: Chat) -> Completion:
    """Returns the answer to a request."""
    if CHOOSE_BRANCH in chat.tools:
        return _call(chat, CHOOSE_BRANCH, branch=_branch(chat))
    language = language_of(chat.question)
    if results := [each for each in chat.results if each.name not in OWN_TOOLS and each.name in chat.tools]:
        return _answer_result(chat, results[-1].content)
    words = frozenset(plain_words(chat.question))
    if words & PERSON:
        return hand_over(chat, ASKED)
    if words and words <= GREETINGS:
        return reply(chat, [HELLO[language]])
    if words and words <= THANKS:
        return _call(chat, DONE) if DONE in chat.tools else reply(chat, [WELCOME[language]])
    if found := _NAME.search(chat.question):
        return reply(chat, [NICE[language] % found[1]], *_set_name(chat, found[1]))
    return _answer_question(chat, language)


def reply(chat: Chat, texts: Sequence[str], *calls: Call) -> Completion:
    """Returns these messages: by `reply` where it is offered, otherwise as text."""
    if REPLY not in chat.tools and chat.forced not in chat.tools:
        return Completion("\n\n".join(texts), calls, finish_reason="tool_calls" if calls else "stop")
    tool = chat.tools.get(chat.forced) or chat.tools[REPLY]
    said = list(texts)
    arguments = arguments_of(tool, chat.question, messages=said, message=said, text=said, content=said)
    return Completion(None, (*calls, call_of(tool.name, arguments)), finish_reason="tool_calls")


def hand_over(chat: Chat, reason: str) -> Completion:
    """Calls a person, or says so where the tool is not offered."""
    if HAND_OVER not in chat.tools:
        return reply(chat, [CALLING[language_of(chat.question)]])
    return _call(chat, HAND_OVER, reason=reason, summary=" ".join(chat.question.split())[:300])


def _call(chat: Chat, name: str, **known: Any) -> Completion:
    arguments = arguments_of(chat.tools[name], chat.question, **known)
    return Completion(None, (call_of(name, arguments),), finish_reason="tool_calls")


def _answer_question(chat: Chat, language: Language) -> Completion:
    knowledge = knowledge_of(chat.system)
    sentences = fitting_sentences(knowledge, chat.question)
    shared = max((_shared(each, chat.question) for each in sentences), default=0)
    called = {each.name for each in chat.results}
    tools = [each for each in chat.tools.values() if each.name not in OWN_TOOLS | called]
    tool = max(tools, key=lambda each: _shared_by_tool(each, chat.question), default=None)
    if tool and _shared_by_tool(tool, chat.question) > shared:
        return _call(chat, tool.name)
    if not sentences:
        return hand_over(chat, UNKNOWN)
    is_greeted = plain_words(chat.question)[0] in GREETINGS
    is_foreign = language_of(" ".join(sentences)) != language
    opening = (GREETED[language] if is_greeted else "") + (FOREIGN[language] if is_foreign else "")
    return reply(chat, [opening + " ".join(sentences)], *_label(chat))


def _shared(text: str, question: str) -> int:
    return len(stems(text) & stems(question))


def _shared_by_tool(tool: Tool, question: str) -> int:
    return _shared(f"{tool.name.replace('_', ' ')} {tool.description}", question)


def _set_name(chat: Chat, name: str) -> list[Call]:
    if SET_FIELD not in chat.tools:
        return []
    return [call_of(SET_FIELD, arguments_of(chat.tools[SET_FIELD], name, name=name, field="name", value=name))]


def _label(chat: Chat) -> list[Call]:
    """Returns the call that sets the label whose words are in the question, if there is one."""
    if SET_LABEL not in chat.tools:
        return []
    properties = mapping(chat.tools[SET_LABEL].schema, "properties")
    names = [str(name) for each in properties for name in mapping(properties, each).get("enum") or ()]
    found = [name for name in names if stems(name) and stems(name) <= stems(chat.question)]
    return [call_of(SET_LABEL, dict.fromkeys(properties, found[0]))] if found else []


def _branch(chat: Chat) -> str:
    """Returns the name of the branch that fits what the user wrote. Its description is a line that begins with the name."""
    tool = chat.tools[CHOOSE_BRANCH]
    properties = mapping(tool.schema, "properties")
    names = [str(name) for each in properties for name in mapping(properties, each).get("enum") or () if name != UNSURE]
    lines = f"{tool.description}\n{json.dumps(properties, ensure_ascii=False)}\n{chat.system}".splitlines()
    described = {name: " ".join([name, *(line for line in lines if line.strip(' -*•`"').startswith(name))]) for name in names}
    shared = {name: _shared(description, chat.question) for name, description in described.items()}
    best = max(shared, key=lambda name: shared[name], default=UNSURE)
    return best if shared.get(best) else UNSURE


def _answer_result(chat: Chat, content: str) -> Completion:
    """Repeats the values of a tool's result."""
    try:
        result = json.loads(content)
    except ValueError:
        result = content
    if "error" in (result if isinstance(result, dict) else plain_words(content)[:3]):
        return hand_over(chat, FAILED)
    values = _values(result)
    return reply(chat, [", ".join(values)[:MAX_RESULT]]) if values else hand_over(chat, FAILED)


def _values(result: Any) -> list[str]:
    if isinstance(result, dict):
        return [f"{name}: {value}" for name, each in result.items() for value in _values(each)]
    if isinstance(result, list):
        return [value for each in result for value in _values(each)]
    return [] if result in (None, "") else [str(result)]
