"""Problem documents (RFC 9457). Each has a code that never changes, and a sentence for people. Those about values of a request also
name each field and the rule that it breaks."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions, serializers
from rest_framework.response import Response

from cloud_api.payloads.json_values import clean
from jobs.transactions import is_temporary

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:whatsapp-hub:problem:"
NOT_FOUND = "There is no such object, or it belongs to another organization."
INVALID = "Some values of the request are not accepted. “errors” names each of them."
AWAY = "The database does not answer. Try again in a few seconds."


class Problem(exceptions.APIException):
    """A problem with members of its own. Subclasses and callers set status and code."""

    def __init__(
        self, detail: str, *, code: str, status: HTTPStatus, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail, code)
        self.status_code = status
        self.code = code
        self.headers = dict(headers or {})
        self.members = members


class Conflict(Problem):
    """409: the request is right, but the state of an object does not allow it now."""

    def __init__(self, detail: str, *, code: str, **members: Any) -> None:
        super().__init__(detail, code=code, status=HTTPStatus.CONFLICT, **members)


class InvalidFieldSerializer(serializers.Serializer):
    """A value of a request that is not accepted."""

    field = serializers.CharField(help_text="The field or parameter, such as `sections.0.rows.1.title`.")
    rule = serializers.CharField(help_text="The rule that the value breaks, such as `required`, `unknown` or `max_length`.")
    detail = serializers.CharField(help_text="The rule as a sentence.")


class ProblemSerializer(serializers.Serializer):
    """A problem document (RFC 9457)."""

    type = serializers.CharField(help_text="Identifies the kind of problem: `urn:whatsapp-hub:problem:` and its code.")
    title = serializers.CharField(help_text="The phrase of the HTTP status.")
    status = serializers.IntegerField(help_text="The HTTP status.")
    detail = serializers.CharField(help_text="What is wrong, and what to do, as a sentence.")
    code = serializers.CharField(help_text="The kind of problem. Programs compare this, never the sentences.")
    errors = InvalidFieldSerializer(many=True, required=False, help_text="The values that are not accepted.")
    window_closed_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Of `window_closed`: when the window closed. Null: it was never open."
    )
    marketing_stopped_at = serializers.DateTimeField(
        required=False, help_text="Of `marketing_refused`: since when the customer accepts no marketing messages."
    )
    marketing_source = serializers.CharField(
        required=False,
        allow_null=True,
        help_text="Of `marketing_refused`: where that decision comes from, as `source` of a consent. Null: not known.",
    )
    contact = serializers.CharField(required=False, help_text="Of `contact_exists`: the id of the contact that has this phone.")
    numbers = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Of `bot_in_use`: the ids of the numbers that name the bot."
    )
    problems = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Of `cannot_publish`: what keeps the bot from being published."
    )
    meta_code = serializers.IntegerField(required=False, allow_null=True, help_text="Of `meta_refused`: the code of Meta's error.")


def problem_response(failure: Exception, context: Mapping[str, Any]) -> Response | None:
    """REST framework's exception handler. Returns None for errors of the hub itself, which become a plain 500."""
    problem = _as_api_exception(failure)
    if problem is None:
        return None
    status = HTTPStatus(problem.status_code)
    is_invalid = isinstance(problem, exceptions.ValidationError)
    code = "invalid" if is_invalid else _code(problem)
    document = problem_document(status, code=code, detail=INVALID if is_invalid else str(problem.detail))
    if is_invalid:
        document["errors"] = list(_invalid_fields(problem.detail))
    document |= getattr(problem, "members", {})
    # A document may quote a name or a value of the request, with characters that no response can contain.
    return Response(clean(document), status=status, headers=_headers(problem), content_type=MEDIA_TYPE)


def problem_document(status: HTTPStatus, *, code: str, detail: str) -> dict[str, Any]:
    """Returns the members that every problem document has."""
    type_name = TYPE + code.replace("_", "-")
    return {"type": type_name, "title": status.phrase, "status": status.value, "detail": detail, "code": code}


def _as_api_exception(failure: Exception) -> exceptions.APIException | None:
    if isinstance(failure, exceptions.APIException):
        return failure
    if isinstance(failure, Http404):
        return exceptions.NotFound(NOT_FOUND)
    if isinstance(failure, PermissionDenied):
        return exceptions.PermissionDenied("You may not do this.")
    if is_temporary(failure):
        return Problem(AWAY, code="unavailable", status=HTTPStatus.SERVICE_UNAVAILABLE)
    return None


def _code(problem: exceptions.APIException) -> str:
    codes = problem.get_codes()
    return codes if isinstance(codes, str) else "invalid"


def _headers(problem: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(problem, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    wait = getattr(problem, "wait", None)
    if wait is not None:
        headers["Retry-After"] = str(int(wait))
    if isinstance(problem, Problem) and problem.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "5"
    return headers | getattr(problem, "headers", {})


def _invalid_fields(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Yields each invalid value of REST framework's nested lists and dictionaries, with the path to it."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            part = "" if name == "non_field_errors" else str(name)
            yield from _invalid_fields(inner, ".".join(filter(None, (path, part))))
    elif isinstance(detail, list) and all(isinstance(each, str) for each in detail):
        yield from ({"field": path, "rule": getattr(each, "code", "") or "invalid", "detail": str(each)} for each in detail)
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            yield from _invalid_fields(inner, f"{path}.{index}" if path else str(index))
    else:
        yield {"field": path, "rule": getattr(detail, "code", "") or "invalid", "detail": str(detail)}
