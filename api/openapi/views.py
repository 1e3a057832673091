"""The URL of the OpenAPI document, and the page that shows it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from api.openapi.document import document_json, openapi_document
from api.openapi.reference import read_reference
from organizations.permissions import Access, for_admins


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """The document. It says nothing about any organization, so it needs no key."""
    response = HttpResponse(document_json(), content_type="application/json")
    patch_cache_control(response, no_cache=True)
    return response


@for_admins
@require_safe
def reference(request: HttpRequest, access: Access) -> HttpResponse:
    """The page with all operations and objects. It needs neither scripts nor another server."""
    context = {"reference": read_reference(openapi_document()), "section": "settings", "part": "api_keys"}
    return render(request, "api/reference.html", context)
