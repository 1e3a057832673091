"""A web call that the model may make."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.formsets import BaseFormSet
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from bots.ai.settings import Parameter, Tool
from bots.ai.tools import BUILT_IN
from bots.ai_pages.forms.fields import TextField
from bots.flows.texts import fill, names_in
from bots.publishing.settings_checks import tool_problem
from bots.web_requests.errors import RequestFailed
from bots.web_requests.exchanges import Request, check_request
from organizations.text_display import parse_exact_json

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
MAX_PARAMETERS = 10
MAX_HEADERS = 20
_BRACES = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


class ToolForm(forms.Form):
    """Everything of a tool but its parameters."""

    name = forms.CharField(
        label=_("Name"),
        max_length=40,
        help_text=_("Small letters without accents, digits and _, such as order_status. The AI sees it."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    description = TextField(
        label=_("What is it for?"),
        max_length=500,
        rows=2,
        help_text=_("The AI decides by this text when to use it. For example: finds the status of an order by its number."),
    )
    method = forms.ChoiceField(
        label=_("Method"), choices=[("GET", "GET"), ("POST", "POST")], help_text=_("GET only reads. POST sends something.")
    )
    url = forms.CharField(
        label=_("Web address"),
        max_length=2_000,
        help_text=_("Values that the AI fills in stand in double braces: https://example.com/orders/{{order}}"),
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )
    headers = TextField(
        label=_("Headers"),
        max_length=4_000,
        required=False,
        rows=2,
        help_text=_("One a line, such as Authorization: Bearer abc. Only administrators see them, and the AI never does."),
    )
    body = TextField(
        label=_("Body (JSON)"),
        max_length=8_000,
        required=False,
        rows=4,
        help_text=_('What a POST sends, such as {"order": "{{order}}"}.'),
    )
    example = TextField(
        label=_("Example of an answer"),
        max_length=4_000,
        required=False,
        rows=4,
        help_text=_("Proofs use it: a proof makes no web call."),
    )

    def clean_url(self) -> str:
        """Placeholders are stored without spaces, because a URL has none."""
        return _BRACES.sub(r"{{\1}}", str(self.cleaned_data["url"]))

    def clean_headers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for line in filter(None, map(str.strip, str(self.cleaned_data["headers"]).split("\n"))):
            name, colon, value = line.partition(":")
            if not colon or not name.strip() or not value.strip():
                raise ValidationError(_("Write a header as Name: value, one a line."))
            found[name.strip()] = value.strip()
        if len(found) > MAX_HEADERS:
            raise ValidationError(_("At most %(limit)s lines.") % {"limit": MAX_HEADERS})
        try:
            check_request(Request("GET", "", {name: fill(value, lambda _name: "x") for name, value in found.items()}))
        except RequestFailed:
            raise ValidationError(_("One of these headers is set by the hub, or has a letter that is not allowed.")) from None
        return found

    def clean_body(self) -> Any:
        typed = str(self.cleaned_data["body"])
        if not typed:
            return None
        try:
            body = parse_exact_json(typed)
        except (ValueError, RecursionError):
            raise ValidationError(_("This is not JSON. Texts and names stand in straight quotation marks.")) from None
        if not isinstance(body, dict | list):
            raise ValidationError(_("The JSON must be an object or a list."))
        return body


class ParameterForm(forms.Form):
    """A value that the AI fills in. A row without a name is not stored."""

    name = forms.CharField(label=_("Name"), max_length=40, required=False)
    description = forms.CharField(label=_("What it is"), max_length=200, required=False)
    is_required = forms.BooleanField(label=_("Always needed"), required=False, initial=True)

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"]).strip()
        if name and not NAME.fullmatch(name):
            raise ValidationError(_("Small letters without accents, digits and _, beginning with a letter."))
        return name


class ParameterFormSet(BaseFormSet):  # type: ignore[type-arg]
    """The rows of parameters."""

    def clean(self) -> None:
        names = [form.cleaned_data["name"] for form in self.forms if form.cleaned_data.get("name")]
        if len(set(names)) != len(names):
            raise ValidationError(_("Two of these have the same name."))


def _parameter_rows(data: Any, initial: list[dict[str, Any]]) -> "BaseFormSet[ParameterForm]":
    rows = forms.formset_factory(
        ParameterForm,
        formset=ParameterFormSet,
        extra=0 if initial else 1,
        max_num=MAX_PARAMETERS,
        absolute_max=MAX_PARAMETERS + 10,
        validate_max=True,
    )
    return rows(data, initial=initial, prefix="parameters")


class ToolForms:
    """The form of a tool and the rows of its parameters. `taken` are the names of the AI's other tools."""

    def __init__(self, data: Any = None, *, organization_id: int, taken: Collection[str] = (), tool: Tool | None = None) -> None:
        self._organization_id, self._taken = organization_id, taken
        rows = [_initial_parameter(each) for each in tool.parameters] if tool else []
        self.form = ToolForm(data, initial=_initial(tool) if tool else None)
        self.rows = _parameter_rows(data, rows)

    @cached_property
    def is_valid(self) -> bool:
        """Whether the tool can be stored."""
        is_valid = all([self.form.is_valid(), self.rows.is_valid()])
        if "name" in self.form.cleaned_data:
            self._check_name(self.form.cleaned_data["name"])
        if is_valid:
            self._check_call()
        return not self.form.errors and is_valid

    def _check_name(self, name: str) -> None:
        if not NAME.fullmatch(name):
            self.form.add_error("name", _("Small letters without accents, digits and _, beginning with a letter."))
        elif name in BUILT_IN:
            self.form.add_error("name", _("Every AI already has a tool with this name. Choose another one."))
        elif name in self._taken:
            self.form.add_error("name", _("Another web call has this name."))

    def _check_call(self) -> None:
        values, names = dict(self.form.cleaned_data), {each.name for each in self._parameters}
        if values["method"] == "GET" and values["body"] is not None:
            self.form.add_error("body", _("A GET request has no body."))
        if problem := tool_problem(self._organization_id, values["url"]):
            self.form.add_error("url", str(problem))
        for field, texts in (("url", [values["url"]]), ("headers", values["headers"].values()), ("body", _texts(values["body"]))):
            for unknown in dict.fromkeys(name for text in texts for name in names_in(text) if name not in names):
                words = gettext("“%(name)s” is none of the values below. Add it there.")
                self.form.add_error(field, words % {"name": unknown[:40]})

    @property
    def _parameters(self) -> tuple[Parameter, ...]:
        rows = [form.cleaned_data for form in self.rows.forms if form.cleaned_data.get("name")]
        return tuple(Parameter(name=row["name"], description=row["description"], is_required=row["is_required"]) for row in rows)

    @property
    def tool(self) -> Tool:
        """The tool that was typed, if it is valid."""
        return Tool(**self.form.cleaned_data, parameters=self._parameters)


def _initial(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "method": tool.method,
        "url": tool.url,
        "headers": "\n".join(f"{name}: {value}" for name, value in tool.headers.items()),
        "body": "" if tool.body is None else json.dumps(tool.body, ensure_ascii=False, indent=2),
        "example": tool.example,
    }


def _initial_parameter(parameter: Parameter) -> dict[str, Any]:
    return {"name": parameter.name, "description": parameter.description, "is_required": parameter.is_required}


def _texts(value: Any) -> Iterator[str]:
    """Yields all strings of a JSON value, except the keys."""
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _texts(each)
