"""Message texts as WhatsApp shows them: *bold*, _italic_, ~struck~, code, lists and quotes; and links that are safe to follow.

One reader finds the marks: `_blocks` those of lines, `_inline` those within a line. `as_html` draws them, `as_plain` leaves them
out.
"""

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

from django.utils.html import Urlizer, escape
from django.utils.safestring import SafeString, mark_safe

LONGEST = 10_000
"""Letters shown of one text; WhatsApp's own end at 4,096."""

_FENCE = re.compile(r"```(?P<code>.+?)```", re.DOTALL)
_CODE = re.compile(r"```([^\n]+?)```|(?<![`\w])`([^`\n]+)`(?![`\w])")
_STARTS = {
    "ul": re.compile(r"[*-] +(?=\S)"),
    "ol": re.compile(r"\d{1,4}\. +(?=\S)"),
    "blockquote": re.compile(r"> *(?=\S)"),
}
"""How a line of a list or a quote begins. WhatsApp has no list within a list."""
_MARKS = re.compile(
    r"(?<![*\w])\*(?=[^\s*])(?P<strong>[^*\n]*[^\s*])\*(?![*\w])"
    r"|(?<![_\w])_(?=[^\s_])(?P<em>[^_\n]*[^\s_])_(?![_\w])"
    r"|(?<![~\w])~(?=[^\s~])(?P<del>[^~\n]*[^\s~])~(?![~\w])"
)
_LETTERS_OF_MARKS = frozenset("*_~`>")
_LINK = re.compile(r"<a .*?</a>", re.DOTALL)
_HELD = re.compile("\0([0-9]+)\0")


class _Urlizer(Urlizer):
    url_template = '<a class="link" href="{href}" target="_blank" rel="noopener noreferrer nofollow">{url}</a>'


@dataclass(frozen=True)
class _Style:
    """How the parts of a line are written. Each takes and returns escaped text; `mark` takes the name of its element first."""

    link: Callable[[str], str]
    mark: Callable[[str, str], str]
    longest_link: int | None


@dataclass(frozen=True)
class _Block:
    """Consecutive lines that belong together. `tag` is their element; empty for plain lines. Lines of code have no other marks."""

    tag: str
    lines: list[str]


_DRAWN = _Style(link=lambda link: link, mark=lambda tag, inside: f"<{tag}>{inside}</{tag}>", longest_link=80)
_BARE = _Style(link=lambda link: link.partition(">")[2].removesuffix("</a>"), mark=lambda tag, inside: inside, longest_link=None)


def as_html(text: str) -> SafeString:
    """The text, escaped, with its marks and links; http, https and mailto alone become links."""
    return mark_safe("".join(map(_drawn, _blocks(_shown(text)))))  # noqa: S308  each part is escaped where it is made


def as_plain(text: str) -> str:
    """The text as `as_html` shows it, but as plain text: without marks. Lines of lists begin with a dash or their number. A text of
    which nothing would be left stays as it is."""
    shown = _shown(text)
    if _LETTERS_OF_MARKS.isdisjoint(shown):
        return shown
    plain = "\n".join(map(_bare, _blocks(shown)))
    return plain if plain.strip() else shown


def _shown(text: str) -> str:
    return (text if len(text) <= LONGEST else f"{text[:LONGEST]}…").replace("\0", "")


def _blocks(text: str) -> Iterator[_Block]:
    """Code of several lines as it stands, and between it lists, quotes and plain lines."""
    end = 0
    for fence in _FENCE.finditer(text):
        if "\n" not in fence["code"]:
            continue  # a part of its line
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


def _drawn(block: _Block) -> str:
    tag, lines = block.tag, block.lines
    if tag == "pre":
        return f"<pre><code>{escape(lines[0])}</code></pre>"
    if not tag:
        written = "\n".join(_inline(line, _DRAWN) for line in lines)
        return written + ("" if lines[-1] else "\n")  # a line break just before a block is not seen
    contents = [_inline(_without_start(tag, line), _DRAWN) for line in lines]
    start = f' start="{int(lines[0].partition(".")[0])}"' if tag == "ol" else ""
    inside = "\n".join(contents) if tag == "blockquote" else "".join(f"<li>{each}</li>" for each in contents)
    return f"<{tag}{start}>{inside}</{tag}>"


def _bare(block: _Block) -> str:
    if block.tag == "pre":
        return block.lines[0]
    return "\n".join(_bare_line(block.tag, line) for line in block.lines)


def _bare_line(tag: str, line: str) -> str:
    starts = {"ul": "- ", "ol": f"{line.partition('.')[0]}. "}
    return starts.get(tag, "") + html.unescape(_inline(_without_start(tag, line) if tag else line, _BARE))


def _without_start(tag: str, line: str) -> str:
    return _STARTS[tag].sub("", line, count=1)


def _inline(line: str, style: _Style) -> str:
    """Links first, then code, in which nothing else counts, then the other marks: what is made already is held out of the way."""
    held: list[str] = []

    def hold(written: str) -> str:
        held.append(written)
        return f"\0{len(held) - 1}\0"

    def restored(text: str) -> str:
        return _HELD.sub(lambda match: restored(held[int(match[1])]), text)

    escaped = str(_Urlizer()(line, trim_url_limit=style.longest_link, nofollow=False, autoescape=True))
    linked = _LINK.sub(lambda link: hold(style.link(link[0])), escaped)
    coded = _CODE.sub(lambda code: hold(style.mark("code", code[1] or code[2])), linked)
    return restored(_marked(coded, style))


def _marked(escaped: str, style: _Style) -> str:
    """Marks in marks too. No mark holds another of its kind, so there are three levels at most, whatever somebody sends."""

    def write(mark: re.Match[str]) -> str:
        return style.mark(mark.lastgroup or "", _marked(mark[mark.lastgroup or 0], style))

    return _MARKS.sub(write, escaped)
