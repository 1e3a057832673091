"""Message texts as WhatsApp shows them: *bold*, _italic_, ~struck~, code, lists, quotes, and safe links.

`_blocks` finds the marks of lines, `_inline` the marks within a line. `as_html` renders them, `as_plain` removes them.
"""

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

from django.utils.html import Urlizer, escape
from django.utils.safestring import SafeString, mark_safe

MAX_LENGTH = 10_000
"""Characters of a text that are shown. WhatsApp's own texts have at most 4,096."""

_FENCE = re.compile(r"```(?P<code>.+?)```", re.DOTALL)
_CODE = re.compile(r"```([^\n]+?)```|(?<![`\w])`([^`\n]+)`(?![`\w])")
_STARTS = {
    "ul": re.compile(r"[*-] +(?=\S)"),
    "ol": re.compile(r"\d{1,4}\. +(?=\S)"),
    "blockquote": re.compile(r"> *(?=\S)"),
}
"""How a line of a list or a quote begins. WhatsApp has no nested lists."""
_MARKS = re.compile(
    r"(?<![*\w])\*(?=[^\s*])(?P<strong>[^*\n]*[^\s*])\*(?![*\w])"
    r"|(?<![_\w])_(?=[^\s_])(?P<em>[^_\n]*[^\s_])_(?![_\w])"
    r"|(?<![~\w])~(?=[^\s~])(?P<del>[^~\n]*[^\s~])~(?![~\w])"
)
_MARK_CHARACTERS = frozenset("*_~`>")
_MAY_LINK = re.compile(r"[.:@]\S")
"""In each line with a link or an e-mail address. Most lines have none, and looking for links takes most of the time."""
_LINK = re.compile(r"<a .*?</a>", re.DOTALL)
_PLACEHOLDER = re.compile("\0([0-9]+)\0")


class _Urlizer(Urlizer):
    url_template = '<a class="link" href="{href}" target="_blank" rel="noopener noreferrer nofollow">{url}</a>'


@dataclass(frozen=True)
class _Style:
    """How links and marks of a line are rendered. Both functions take and return escaped text. `mark` takes the HTML element
    first."""

    link: Callable[[str], str]
    mark: Callable[[str, str], str]
    max_link: int | None
    """Characters that are shown of a link."""


@dataclass(frozen=True)
class _Block:
    """Consecutive lines of one HTML element. `tag` is empty for plain lines. Lines of code contain no other marks."""

    tag: str
    lines: list[str]


_HTML = _Style(link=lambda link: link, mark=lambda tag, inside: f"<{tag}>{inside}</{tag}>", max_link=80)
_PLAIN = _Style(link=lambda link: link.partition(">")[2].removesuffix("</a>"), mark=lambda tag, inside: inside, max_link=None)


def as_html(text: str) -> SafeString:
    """Returns the escaped text with its marks and links as HTML. Only http, https and mailto become links."""
    return mark_safe("".join(map(_block_html, _blocks(_shorten(text)))))  # noqa: S308  each part was escaped


def as_plain(text: str) -> str:
    """Returns the text without marks. Lines of lists begin with a dash or their number. A text that consists of marks only is
    returned unchanged."""
    shown = _shorten(text)
    if _MARK_CHARACTERS.isdisjoint(shown):
        return shown
    plain = "\n".join(map(_block_plain, _blocks(shown)))
    return plain if plain.strip() else shown


def _shorten(text: str) -> str:
    return (text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}…").replace("\0", "")


def _blocks(text: str) -> Iterator[_Block]:
    """Yields code of several lines, and between it lists, quotes and plain lines."""
    end = 0
    for fence in _FENCE.finditer(text):
        if "\n" not in fence["code"]:
            continue  # code within a line
        yield from _lines(text[end : fence.start()].removesuffix("\n"))
        yield _Block("pre", [fence["code"].strip("\n")])
        end = fence.end()
    yield from _lines(text[end:].removeprefix("\n") if end else text)


def _lines(text: str) -> Iterator[_Block]:
    if text:
        for tag, lines in groupby(text.split("\n"), key=_tag_of):
            yield _Block(tag, list(lines))


def _tag_of(line: str) -> str:
    return next((tag for tag, start in _STARTS.items() if start.match(line)), "")


def _block_html(block: _Block) -> str:
    tag, lines = block.tag, block.lines
    if tag == "pre":
        return f"<pre><code>{escape(lines[0])}</code></pre>"
    if not tag:
        rendered = "\n".join(_inline(line, _HTML) for line in lines)
        return rendered + ("" if lines[-1] else "\n")  # browsers do not show a line break just before a block
    contents = [_inline(_without_start(tag, line), _HTML) for line in lines]
    start = f' start="{int(lines[0].partition(".")[0])}"' if tag == "ol" else ""
    inside = "\n".join(contents) if tag == "blockquote" else "".join(f"<li>{each}</li>" for each in contents)
    return f"<{tag}{start}>{inside}</{tag}>"


def _block_plain(block: _Block) -> str:
    if block.tag == "pre":
        return block.lines[0]
    return "\n".join(_line_plain(block.tag, line) for line in block.lines)


def _line_plain(tag: str, line: str) -> str:
    starts = {"ul": "- ", "ol": f"{line.partition('.')[0]}. "}
    return starts.get(tag, "") + html.unescape(_inline(_without_start(tag, line) if tag else line, _PLAIN))


def _without_start(tag: str, line: str) -> str:
    return _STARTS[tag].sub("", line, count=1)


def _inline(line: str, style: _Style) -> str:
    """Returns the line as escaped text with links and marks."""
    rendered: list[str] = []

    def hide(part: str) -> str:
        """Replaces a rendered part by a placeholder, so that later steps find no marks in it."""
        rendered.append(part)
        return f"\0{len(rendered) - 1}\0"

    def restore(text: str) -> str:
        return _PLACEHOLDER.sub(lambda match: restore(rendered[int(match[1])]), text)

    # Links first, then code, which contains no marks, then the marks.
    if _MAY_LINK.search(line):
        escaped = str(_Urlizer()(line, trim_url_limit=style.max_link, nofollow=False, autoescape=True))
        linked = _LINK.sub(lambda link: hide(style.link(link[0])), escaped)
    else:
        linked = html.escape(line)
    coded = _CODE.sub(lambda code: hide(style.mark("code", code[1] or code[2])), linked)
    return restore(_render_marks(coded, style))


def _render_marks(escaped: str, style: _Style) -> str:
    """Renders marks, and marks within marks. No mark contains another one of its kind, so there are at most three levels."""

    def render(mark: re.Match[str]) -> str:
        return style.mark(mark.lastgroup or "", _render_marks(mark[mark.lastgroup or 0], style))

    return _MARKS.sub(render, escaped)
