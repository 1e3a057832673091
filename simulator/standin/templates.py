"""Message templates: what Meta checks when one is made, and when one is sent (docs/meta-platform.md 8.2, 8.4)."""

from collections.abc import Iterable, Mapping
from typing import Any

from cloud_api.payloads.texts import mapping, objects, text
from cloud_api.template_checks import TemplateProblem, check_filled, structure_problems, template_problems
from cloud_api.template_variables import VARIABLE, variables_of
from simulator.standin.errors import Refusal, bad_parameter, invalid, missing
from simulator.standin.identifiers import new_id
from simulator.standin.request_checks import FileOf, as_refusal, check_file
from simulator.standin.world import Template

Content = Mapping[str, Any]

STATUSES = ("APPROVED", "PENDING", "REJECTED", "PAUSED", "DISABLED")
FILES = ("IMAGE", "VIDEO", "DOCUMENT")
NAMED = "NAMED"
ALREADY_THERE = 2388024
NOT_THERE = 2593002


def new_template(waba_id: str, definition: Content, *, status: str = "PENDING") -> Template:
    """A template as it was given, its words unchecked. Raises Refusal for what is no template at all."""
    _refuse_first(structure_problems(definition))
    return Template(
        id=new_id(),
        waba_id=waba_id,
        name=text(definition, "name"),
        language=text(definition, "language"),
        category=text(definition, "category").upper(),
        status=status,
        components=[dict(each) for each in objects(definition, "components")],
        parameter_format=NAMED if text(definition, "parameter_format").upper() == NAMED else "POSITIONAL",
    )


def check_template(definition: Content) -> None:
    """What Graph checks when it is asked for a new template. Raises Refusal."""
    _refuse_first(template_problems(definition))


def _refuse_first(problems: Iterable[TemplateProblem]) -> None:
    for problem in problems:
        part = problem.field if problem.button is None else f"buttons[{problem.button}] {problem.field}"
        raise bad_parameter(f"Param {part}: {problem.words}")


def already_there() -> Refusal:
    return bad_parameter("Content in this language already exists for this template name.", subcode=ALREADY_THERE)


def not_there() -> Refusal:
    return bad_parameter("There is no message template of this name.", subcode=NOT_THERE)


def check_parameters(template: Template | None, sent: Content, file_of: FileOf) -> None:
    """Whether what is sent fills the template as it was approved. Raises Refusal."""
    if template is None or template.status in ("PENDING", "REJECTED"):
        name, language = text(sent, "name"), text(mapping(sent, "language"), "code")
        raise Refusal(132001, f"template name ({name}) does not exist in {language}")
    if template.status == "PAUSED":
        raise Refusal(132015, "The template is paused because of its quality.")
    if template.status == "DISABLED":
        raise Refusal(132016, "The template is disabled because of its quality.")
    given = objects(sent, "components")
    for component in template.components:
        match text(component, "type").upper():
            case "BODY":
                _check_fields(template, text(component, "text"), _parameters(given, "body"), "body")
            case "HEADER":
                _check_header(template, component, _parameters(given, "header"), file_of)
            case "BUTTONS":
                _check_buttons(component, given)


def _parameters(given: list[Content], kind: str) -> list[Content]:
    return [each for component in given if text(component, "type").lower() == kind for each in objects(component, "parameters")]


def _check_fields(template: Template, words: str, given: list[Content], where: str) -> None:
    expected = set(variables_of(words))
    if len(given) != len(expected):
        raise Refusal(
            132000, f"{where}: number of localizable_params ({len(given)}) does not match the expected number ({len(expected)})"
        )
    if template.parameter_format == NAMED and {text(each, "parameter_name") for each in given} != expected:
        raise Refusal(132012, f"{where}: the names of the parameters do not match those of the template")
    values = {text(each, "parameter_name") or str(index): text(each, "text") for index, each in enumerate(given, 1)}
    written = VARIABLE.sub(lambda found: values.get(found[1], found[0]), words)
    with as_refusal():
        check_filled(written if where == "header" else "", written if where == "body" else "")


def _check_header(template: Template, header: Content, given: list[Content], file_of: FileOf) -> None:
    kind = text(header, "format").upper() or "TEXT"
    if kind == "TEXT":
        _check_fields(template, text(header, "text"), given, "header")
        return
    if len(given) != 1 or text(given[0], "type").upper() != kind:
        raise Refusal(132012, f"header: Format mismatch, expected {kind}, received {'NONE' if not given else 'another'}")
    if kind in FILES:
        check_file(kind.lower(), mapping(given[0], kind.lower()), file_of)


def _check_buttons(component: Content, given: list[Content]) -> None:
    buttons = objects(component, "buttons")
    filled = {text(each, "index"): each for each in given if text(each, "type").lower() == "button"}
    if any(not index.isdecimal() or int(index[:4]) >= len(buttons) for index in filled):
        raise invalid("buttons: there is no button of this index")
    for index, button in enumerate(buttons):
        is_filled_in = text(button, "type").upper() == "COPY_CODE" or VARIABLE.search(text(button, "url"))
        if is_filled_in and not objects(filled.get(str(index), {}), "parameters"):
            raise missing(f"buttons: Button at index {index} requires a parameter")


def shown(template: Template) -> dict[str, Any]:
    """The template as Graph lists it."""
    return {
        "id": template.id,
        "name": template.name,
        "language": template.language,
        "status": template.status,
        "category": template.category,
        "components": template.components,
        "parameter_format": template.parameter_format,
        "quality_score": {"score": "UNKNOWN", "date": int(template.rated_at)},
    } | ({"rejected_reason": template.reason} if template.status == "REJECTED" else {})
