"""Message texts as WhatsApp shows them: *bold*, _italic_, ~struck~ and `code`, links that are safe to follow, line breaks."""

import re

from django.utils.html import Urlizer
from django.utils.safestring import SafeString, mark_safe

LONGEST = 10_000
"""Letters shown of one text; WhatsApp's own end at 4,096."""

_MARKS = (
    (re.compile(r"```(.+?)```", re.DOTALL), r"<code>\1</code>"),
    (re.compile(r"(?<![`\w])`([^`\n]+)`(?![`\w])"), r"<code>\1</code>"),
    (re.compile(r"(?<![*\w])\*(?=\S)([^*\n]*\S)\*(?![*\w])"), r"<strong>\1</strong>"),
    (re.compile(r"(?<![_\w])_(?=\S)([^_\n]*\S)_(?![_\w])"), r"<em>\1</em>"),
    (re.compile(r"(?<![~\w])~(?=\S)([^~\n]*\S)~(?![~\w])"), r"<del>\1</del>"),
)
_LINK = re.compile(r"(<a .*?</a>)", re.DOTALL)


class _Urlizer(Urlizer):
    url_template = '<a class="link" href="{href}" target="_blank" rel="noopener noreferrer nofollow">{url}</a>'


def as_html(text: str) -> SafeString:
    """The text, escaped, with its marks and links; http, https and mailto alone become links."""
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    escaped = _Urlizer()(shown, trim_url_limit=80, nofollow=False, autoescape=True)
    parts = _LINK.split(escaped)
    return mark_safe("".join(part if place % 2 else _marked(part) for place, part in enumerate(parts)))  # noqa: S308  escaped


def _marked(escaped: str) -> str:
    for mark, replacement in _MARKS:
        escaped = mark.sub(replacement, escaped)
    return escaped
