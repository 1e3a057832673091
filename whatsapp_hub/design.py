"""The page /design/, for developers and in DEBUG only: every component in its variants, and the tokens of frontend/hub.css."""

import re
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, path

from organizations.templatetags.components import TONES

STYLES = Path(settings.BASE_DIR) / "frontend" / "hub.css"
TOKEN = re.compile(r"^ +--((?:color|text|radius|spacing|shadow)-[\w-]+): ([^;]+); /\* (.+?) \*/$", re.MULTILINE)


class Token(NamedTuple):
    """A named value of the style sheet. The value of a colour is the light theme's."""

    name: str
    value: str
    meaning: str


def tokens() -> dict[str, list[Token]]:
    """The tokens that have a meaning in frontend/hub.css, by their kind: color, text, radius, spacing, shadow."""
    found: dict[str, list[Token]] = {}
    for name, value, meaning in TOKEN.findall(STYLES.read_text()):
        found.setdefault(name.partition("-")[0], []).append(Token(name, value, meaning))
    return found


def design(request: HttpRequest) -> HttpResponse:
    if "further" in request.GET:
        return render(request, "design/_rows.html", {"rows": ["Caio Reis"]})
    return render(request, "design/design.html", {"tokens": tokens(), "tones": TONES, "rows": ["Ana Souza", "Bia Lima"]})


urlpatterns: list[URLPattern | URLResolver] = [path("design/", design, name="design")]
