"""Forms of steps: a form that is saved as it is shown changes nothing, whatever the step has."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from bots.editor.forms.fields import Part, fields_in, read_fields
from bots.editor.forms.step_forms import FORMS, FormContext, form_context, form_of
from bots.editor.steps.conditions import CONDITIONS, new_condition
from bots.editor.steps.messages import MEDIA_KINDS, MESSAGE_TYPES, convert_message
from bots.editor.steps.step_types import new_step
from bots.files.stored_files import FileDetails

TEMPLATES = (("pronto|pt_BR", "pronto (pt_BR)"),)
OUTPUT = {"next": None}


def submitted(parts: Sequence[Part]) -> dict[str, list[str]]:
    """Returns what a browser sends of a form that was not touched."""
    posted: dict[str, list[str]] = {}
    for each in fields_in(parts):
        if each.kind in ("switch", "presence"):
            values = ["1"] if each.value is True else []
        elif each.kind == "kinds":
            values = [value for value, _ in each.options if value in each.value]
        elif each.kind == "file":
            values = []  # no new file was chosen
        elif each.options:
            options = [value for value, _ in each.options]
            values = [each.value if each.value in options else options[0]]
        else:
            values = [str(each.value).replace("\n", "\r\n")]
        if values:
            posted[each.path] = values
    return posted


def without_empty(value: Any) -> Any:
    """Returns the value without what is empty or off, which means the same as what is not there."""
    if isinstance(value, dict):
        return {key: without_empty(each) for key, each in value.items() if each or (isinstance(each, int) and each is not False)}
    return [without_empty(each) for each in value] if isinstance(value, list) else value


def unchanged(step: dict[str, Any], context: FormContext) -> bool:
    parts = form_of(step, context)
    read = read_fields(step, parts, submitted(parts))
    assert without_empty(read.step) == without_empty(step)
    return not read.new_targets


def alone(step: dict[str, Any]) -> FormContext:
    return form_context({"steps": [step]}, TEMPLATES)


def send(message: dict[str, Any]) -> dict[str, Any]:
    return new_step("send", "s1") | {"message": message}


def branch(*conditions: dict[str, Any]) -> dict[str, Any]:
    return new_step("branch", "s1") | {"cases": [{"when": each, **OUTPUT} for each in conditions]}


@pytest.mark.parametrize("kind", FORMS)
def test_a_new_step(kind: str) -> None:
    step = new_step(kind, "s1")
    assert unchanged(step, alone(step))
    assert unchanged(step | {"title": "Um nome"}, alone(step))


def messages() -> Iterator[dict[str, Any]]:
    text = {"type": "text", "text": " Oi!\n\n  Tudo bem? "}
    for kind in MESSAGE_TYPES:
        yield convert_message(text, kind)
    rows = [{"id": "b1", "title": "Bolos", "description": "de milho"}, {"id": "b2", "title": "Pães"}]
    yield {"type": "list", "text": "Escolha", "button": "Ver", "rows": rows}
    yield {"type": "buttons", "text": "Escolha", "buttons": [{"id": "b1", "title": "Sim"}, {"id": "b2", "title": "Não"}]}
    yield {"type": "link", "text": "Veja", "title": "Abrir", "url": "https://example.com/a?b=c"}
    for language in ("pt_BR", "en"):  # the second is not stored any more
        yield {"type": "template", "name": "pronto", "language": language, "values": ["{nome}", "12"]}
    for kind in MEDIA_KINDS:
        yield {"type": "media", "kind": kind, "link": "https://example.com/a.bin"}
        yield {"type": "media", "kind": kind, "file": "chave"}
    yield {"type": "media", "kind": "document", "link": "https://example.com/a.pdf", "caption": "Segue", "filename": "a.pdf"}


@pytest.mark.parametrize("message", list(messages()), ids=lambda message: message["type"])
def test_a_message(message: dict[str, Any]) -> None:
    step = send(message)
    assert unchanged(step, alone(step))


def test_a_stored_file_is_shown_and_stays() -> None:
    step = send({"type": "media", "kind": "image", "file": "chave", "caption": "Olhe"})
    details = FileDetails(key="chave", kind="image", file_name="bolo.png", size=12)
    context = form_context({"steps": [step]}, files={"chave": details})

    (shown,) = (each for each in fields_in(form_of(step, context)) if each.kind == "file")
    assert shown.file == details
    assert unchanged(step, context)


CONDITIONS_WITH_VALUES = [
    {"type": "choice", "id": "b1"},
    {"type": "choice", "id": "of a button that was deleted"},
    {"type": "keyword", "words": ["preço", "tabela de preços"], "whole": True, "variable": "assunto"},
    {"type": "number", "min": 1.5, "max": 1_000, "variable": "idade"},
    {"type": "date", "from": "2026-01-01", "to": "today", "variable": "dia"},
    {"type": "kind", "kinds": ["image", "of a later version"]},
    {"type": "hours", "open": False},
    {"type": "variable", "name": "nome", "is": "Ana {sobrenome}"},
    {"type": "variable", "name": "nome", "empty": True},
    {"type": "field", "name": "phone", "empty": False},
    {"type": "field", "name": "language", "is": "pt_BR"},
    {"type": "label", "label": "Cliente", "has": False},
    {"type": "pattern", "pattern": "^[0-9]+$", "variable": "cep"},
]


@pytest.mark.parametrize("when", [*map(new_condition, CONDITIONS), *CONDITIONS_WITH_VALUES], ids=lambda when: when["type"])
def test_a_condition(when: dict[str, Any]) -> None:
    step = branch(when, when)
    assert unchanged(step, alone(step))
