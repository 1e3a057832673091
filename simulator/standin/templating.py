"""Message templates: what Meta checks when one is made, and when one is sent (reference 8.2 and 8.4)."""

import re
from collections.abc import Mapping
from typing import Any

from cloud_api.payloads.contents import mapping, objects, text
from simulator.standin.checking import FileOf, check_file
from simulator.standin.identifiers import new_id
from simulator.standin.refusals import Refusal, bad_parameter, invalid, missing
from simulator.standin.world import Template

Content = Mapping[str, Any]

CATEGORIES = ("MARKETING", "UTILITY", "AUTHENTICATION")
STATUSES = ("APPROVED", "PENDING", "REJECTED", "PAUSED", "DISABLED")
FILES = ("IMAGE", "VIDEO", "DOCUMENT")
NAMED = "NAMED"
ALREADY_THERE = 2388024
NOT_THERE = 2593002

_NAME = re.compile(r"[a-z0-9_]{1,512}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2,4})?")
_FIELD = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def new_template(waba_id: str, definition: Content, *, status: str = "PENDING") -> Template:
    """Raises Refusal."""
    name, language, category = (text(definition, key) for key in ("name", "language", "category"))
    if not _NAME.fullmatch(name):
        raise bad_parameter("Param name must be of lower-case letters, digits and underscores, at most 512.")
    if not _LANGUAGE.fullmatch(language):
        raise bad_parameter("Param language must be a language code, such as pt_BR.")
    if category.upper() not in CATEGORIES:
        raise bad_parameter(f"Param category must be one of {{{', '.join(CATEGORIES)}}}.")
    components = objects(definition, "components")
    bodies = [each for each in components if text(each, "type").upper() == "BODY"]
    if len(bodies) != 1 or (not text(bodies[0], "text") and category.upper() != "AUTHENTICATION"):
        raise bad_parameter("Param components must have one component of type BODY with its text.")
    return Template(
        id=new_id(),
        waba_id=waba_id,
        name=name,
        language=language,
        category=category.upper(),
        status=status,
        components=[dict(each) for each in components],
        parameter_format=NAMED if text(definition, "parameter_format").upper() == NAMED else "POSITIONAL",
    )


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
    expected = set(_FIELD.findall(words))
    if len(given) != len(expected):
        raise Refusal(
            132000, f"{where}: number of localizable_params ({len(given)}) does not match the expected number ({len(expected)})"
        )
    for each in given:
        if text(each, "type") == "text" and not text(each, "text"):
            raise missing("Parameter of type text is missing text value")
    if template.parameter_format == NAMED and {text(each, "parameter_name") for each in given} != expected:
        raise Refusal(132012, f"{where}: the names of the parameters do not match those of the template")


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
        is_filled_in = text(button, "type").upper() == "COPY_CODE" or _FIELD.search(text(button, "url"))
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
        "quality_score": {"score": "UNKNOWN"},
    } | ({"rejected_reason": template.reason} if template.status == "REJECTED" else {})
