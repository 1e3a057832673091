"""What the pages of bots have in common."""

from django.http import HttpResponse

FRAME = {"section": "settings", "part": "bots"}
"""Where the pages are in the navigation."""


def file_response(content: bytes, name: str) -> HttpResponse:
    """Returns the file of a flow for download."""
    response = HttpResponse(content, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
