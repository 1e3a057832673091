"""The OpenAPI document as the page shows it: operations by tag, and the objects that they take and return."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

REFERENCE = "#/components/schemas/"
METHODS = ("get", "post", "patch", "delete")


@dataclass(frozen=True)
class Field:
    """A parameter, or a field of an object. `type_name` is in words. `object_name` is the object that it holds, or empty."""

    name: str
    type_name: str
    object_name: str
    is_required: bool
    description: str


@dataclass(frozen=True)
class Operation:
    """One method of one URL. `request` and `response` are names of objects, or empty."""

    operation_id: str
    method: str
    path: str
    description: str
    parameters: list[Field]
    request: str
    response: str
    problems: str


@dataclass(frozen=True)
class ApiObject:
    """An object of a request or a response. `kinds` are the objects of which it is one."""

    name: str
    description: str
    fields: list[Field]
    kinds: list[str]
    values: list[str]


@dataclass(frozen=True)
class Reference:
    """What the page shows."""

    operations: dict[str, list[Operation]]
    """By tag."""
    objects: list[ApiObject]


def read_reference(document: Mapping[str, Any]) -> Reference:
    """Returns what the page shows of the document."""
    operations: dict[str, list[Operation]] = {}
    for tag, operation in _operations(document):
        operations.setdefault(tag, []).append(operation)
    schemas = document["components"]["schemas"]
    return Reference(dict(sorted(operations.items())), [_object(name, schemas[name]) for name in sorted(schemas)])


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, Operation]]:
    for path, methods in document["paths"].items():
        for method in METHODS:
            if described := methods.get(method):
                yield described["tags"][0], _operation(method, path, described)


def _operation(method: str, path: str, described: Mapping[str, Any]) -> Operation:
    success, *problems = sorted(described["responses"])
    return Operation(
        operation_id=described["operationId"],
        method=method.upper(),
        path=path,
        description=described.get("description", ""),
        parameters=[
            _field(each["name"], each["schema"], is_required=each.get("required", False), description=each.get("description", ""))
            for each in described.get("parameters", [])
        ],
        request=_object_of(described.get("requestBody", {})),
        response=_object_of(described["responses"][success]),
        problems=", ".join(problems),
    )


def _object_of(body: Mapping[str, Any]) -> str:
    content: Mapping[str, Any] = next(iter(body.get("content", {}).values()), {})
    return _object_name(content.get("schema", {}))


def _object(name: str, schema: Mapping[str, Any]) -> ApiObject:
    required = schema.get("required", [])
    return ApiObject(
        name=name,
        description=schema.get("description", ""),
        fields=[
            _field(field, inner, is_required=field in required, description=inner.get("description", ""))
            for field, inner in schema.get("properties", {}).items()
        ],
        kinds=[_object_name(each) for each in schema.get("oneOf", [])],
        values=[str(each) for each in schema.get("enum", [])],
    )


def _field(name: str, schema: Mapping[str, Any], *, is_required: bool, description: str) -> Field:
    return Field(name, _type_name(schema), _object_name(schema), is_required, description)


def _object_name(schema: Mapping[str, Any]) -> str:
    """Returns the name of the object that a value is, or that it has in a list."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(REFERENCE)
    inner = [schema["items"]] if "items" in schema else [*schema.get("allOf", []), *schema.get("oneOf", [])]
    return next(filter(None, map(_object_name, inner)), "")


def _type_name(schema: Mapping[str, Any]) -> str:
    """Returns the type in words, such as “string, date-time or null”. Of objects only whether there are several."""
    if "items" in schema:
        return f"list of {_type_name(schema['items']) or 'objects'}"
    types = schema.get("type", "")
    types = [types] if isinstance(types, str) else list(types)
    if any(each.get("type") == "null" for each in schema.get("oneOf", [])):
        types.append("null")
    words = ", ".join(filter(None, [" or ".join(filter(None, types)), schema.get("format", "")]))
    if "const" in schema:
        return f"{words}: {schema['const']}"
    if "enum" in schema:
        return f"{words}: {', '.join(str(each) for each in schema['enum'])}"
    return words
