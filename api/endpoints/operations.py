"""The description of one operation, for the OpenAPI document."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema

from api.errors.problems import MEDIA_TYPE, ProblemSerializer

ALWAYS = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS)


def operation(
    operation_id: str,
    *,
    response: Any,
    request: Any = None,
    status: HTTPStatus = HTTPStatus.OK,
    query: Any = None,
    parameters: Sequence[Any] = (),
    problems: Sequence[HTTPStatus] = (),
    tag: str,
    examples: Sequence[OpenApiExample] = (),
) -> Callable[[Any], Any]:
    """Returns a decorator for a method of a view. The method's docstring is the description. `response` is a serializer, None for
    no body, or serializers by status and media type."""
    codes = {*ALWAYS, *problems}
    if request is not None:
        codes |= {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE}
    success = response if isinstance(response, dict) else {status.value: response}
    responses = success | {(code.value, MEDIA_TYPE): ProblemSerializer for code in sorted(codes)}
    return extend_schema(
        operation_id=operation_id,
        request=request,
        responses=responses,
        parameters=[*([query] if query else []), *parameters],
        tags=[tag],
        examples=list(examples),
    )
