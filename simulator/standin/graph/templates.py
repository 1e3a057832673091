"""Graph's checks of message templates: when one is created, and when one is sent (docs/meta-platform.md 8.2, 8.4)."""

from collections.abc import Iterable, Mapping
from typing import Any

from cloud_api.payloads.texts import mapping, objects, text
from cloud_api.template_checks import TemplateProblem, check_filled, structure_problems, template_problems
from cloud_api.template_variables import VARIABLE, variables_of
from simulator.standin.errors import ErrorResponse, bad_parameter, invalid, missing
from simulator.standin.graph.request_checks import FileOf, as_error_response, check_file
from simulator.standin.state.identifiers import new_id
from simulator.standin.state.world import Template

Content = Mapping[str, Any]

STATUSES = ("APPROVED", "PENDING", "REJECTED", "PAUSED", "DISABLED")
FILES = ("IMAGE", "VIDEO", "DOCUMENT")
NAMED = "NAMED"
NAME_EXISTS = 2388024
UNKNOWN_NAME = 2593002


def new_template(waba_id: str, definition: Content, *, status: str = "PENDING") -> Template:
    """Returns a template as it was sent, without checking its texts. Raises ErrorResponse if its structure is not valid."""
    _raise_first(structure_problems(definition))
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
    """Checks a new template as Graph does. Raises ErrorResponse."""
    _raise_first(template_problems(definition))


def _raise_first(problems: Iterable[TemplateProblem]) -> None:
    for problem in problems:
        part = problem.field if problem.button is None else f"buttons[{problem.button}] {problem.field}"
        raise bad_parameter(f"Param {part}: {problem.words}")


def name_exists() -> ErrorResponse:
    return bad_parameter("Content in this language already exists for this template name.", subcode=NAME_EXISTS)


def unknown_name() -> ErrorResponse:
    return bad_parameter("There is no message template of this name.", subcode=UNKNOWN_NAME)


def check_parameters(template: Template | None, sent: Content, file_of: FileOf) -> None:
    """Checks that the parameters of a message fill the approved template. Raises ErrorResponse."""
    if template is None or template.status in ("PENDING", "REJECTED"):
        name, language = text(sent, "name"), text(mapping(sent, "language"), "code")
        raise ErrorResponse(132001, f"template name ({name}) does not exist in {language}")
    if template.status == "PAUSED":
        raise ErrorResponse(132015, "The template is paused because of its quality.")
    if template.status == "DISABLED":
        raise ErrorResponse(132016, "The template is disabled because of its quality.")
    parameters = objects(sent, "components")
    for component in template.components:
        match text(component, "type").upper():
            case "BODY":
                _check_fields(template, text(component, "text"), _parameters(parameters, "body"), "body")
            case "HEADER":
                _check_header(template, component, _parameters(parameters, "header"), file_of)
            case "BUTTONS":
                _check_buttons(component, parameters)


def _parameters(parameters: list[Content], kind: str) -> list[Content]:
    return [
        each for component in parameters if text(component, "type").lower() == kind for each in objects(component, "parameters")
    ]


def _check_fields(template: Template, words: str, parameters: list[Content], where: str) -> None:
    expected = set(variables_of(words))
    if len(parameters) != len(expected):
        raise ErrorResponse(
            132000,
            f"{where}: number of localizable_params ({len(parameters)}) does not match the expected number ({len(expected)})",
        )
    if template.parameter_format == NAMED and {text(each, "parameter_name") for each in parameters} != expected:
        raise ErrorResponse(132012, f"{where}: the names of the parameters do not match those of the template")
    values = {text(each, "parameter_name") or str(index): text(each, "text") for index, each in enumerate(parameters, 1)}
    filled_text = VARIABLE.sub(lambda found: values.get(found[1], found[0]), words)
    with as_error_response():
        check_filled(filled_text if where == "header" else "", filled_text if where == "body" else "")


def _check_header(template: Template, header: Content, parameters: list[Content], file_of: FileOf) -> None:
    kind = text(header, "format").upper() or "TEXT"
    if kind == "TEXT":
        _check_fields(template, text(header, "text"), parameters, "header")
        return
    if len(parameters) != 1 or text(parameters[0], "type").upper() != kind:
        raise ErrorResponse(132012, f"header: Format mismatch, expected {kind}, received {'NONE' if not parameters else 'another'}")
    if kind in FILES:
        check_file(kind.lower(), mapping(parameters[0], kind.lower()), file_of)


def _check_buttons(component: Content, parameters: list[Content]) -> None:
    buttons = objects(component, "buttons")
    filled = {text(each, "index"): each for each in parameters if text(each, "type").lower() == "button"}
    if any(not index.isdecimal() or int(index[:4]) >= len(buttons) for index in filled):
        raise invalid("buttons: there is no button of this index")
    for index, button in enumerate(buttons):
        is_filled_in = text(button, "type").upper() == "COPY_CODE" or VARIABLE.search(text(button, "url"))
        if is_filled_in and not objects(filled.get(str(index), {}), "parameters"):
            raise missing(f"buttons: Button at index {index} requires a parameter")


def shown(template: Template) -> dict[str, Any]:
    """Returns the template as Graph lists it."""
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
