"""The OpenAPI document, which is the same for everybody."""

from functools import cache
from typing import Any

from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer


@cache
def openapi_document() -> dict[str, Any]:
    """Returns the OpenAPI 3.1 document. It is made once in a process, because that takes longer than a request may."""
    with translation.override("en"):
        document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return document


@cache
def document_json() -> bytes:
    """Returns the document as JSON."""
    return bytes(OpenApiJsonRenderer().render(openapi_document()))
