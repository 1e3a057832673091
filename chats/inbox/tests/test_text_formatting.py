"""Message texts as WhatsApp shows them: what becomes which mark-up, and what no text can do."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chats.inbox.text_formatting import MAX_LENGTH, as_html

SHOWN = {
    "plain": ("Oi, tudo bem?", "Oi, tudo bem?"),
    "bold": ("*Oi* mundo", "<strong>Oi</strong> mundo"),
    "all three": ("*_~Oi~_*", "<strong><em><del>Oi</del></em></strong>"),
    "marks that cross": ("*a _b* c_", "<strong>a _b</strong> c_"),
    "no mark inside a word": ("2*3*4 e snake_case_name", "2*3*4 e snake_case_name"),
    "no mark around spaces": ("* não *", "<ul><li>não *</li></ul>"),
    "code": ("use `*x*` aqui", "use <code>*x*</code> aqui"),
    "monospace in a line": ("use ```a_b_c``` aqui", "use <code>a_b_c</code> aqui"),
    "a block of code": ("veja\n```\nif a < b:\n  *x*\n```\npronto", "veja<pre><code>if a &lt; b:\n  *x*</code></pre>pronto"),
    "a block that is not closed": ("```\na\nb", "```\na\nb"),
    "a list with dashes": ("Temos:\n- pão\n- *bolo*", "Temos:<ul><li>pão</li><li><strong>bolo</strong></li></ul>"),
    "a list with stars": ("* pão\n* bolo\nfim", "<ul><li>pão</li><li>bolo</li></ul>fim"),
    "a list with numbers": ("1. pão\n2. bolo", '<ol start="1"><li>pão</li><li>bolo</li></ol>'),
    "a list that begins elsewhere": ("7. pão", '<ol start="7"><li>pão</li></ol>'),
    "a quote": ("> você disse\n> isto\nNão", "<blockquote>você disse\nisto</blockquote>Não"),
    "an empty line before a list": ("Temos:\n\n- pão", "Temos:\n\n<ul><li>pão</li></ul>"),
    "prices and hyphens are no lists": ("-5 °C\n1.5 kg\n12.\n-", "-5 °C\n1.5 kg\n12.\n-"),
    "a link": (
        "veja https://exemplo.com/a_b_c.",
        'veja <a class="link" href="https://exemplo.com/a_b_c" target="_blank" rel="noopener noreferrer nofollow">'
        "https://exemplo.com/a_b_c</a>.",
    ),
    "a link within bold": (
        "*veja https://e.com agora*",
        '<strong>veja <a class="link" href="https://e.com" target="_blank" rel="noopener noreferrer nofollow">https://e.com</a>'
        " agora</strong>",
    ),
    "HTML": ("<b>*x*</b>\n- <i>\n> <u>", "&lt;b&gt;<strong>x</strong>&lt;/b&gt;<ul><li>&lt;i&gt;</li></ul>"
             "<blockquote>&lt;u&gt;</blockquote>"),
    "HTML in code": ("`<script>`\n```\n<script>\n```", "<code>&lt;script&gt;</code><pre><code>&lt;script&gt;</code></pre>"),
    "no script as a link": ("javascript:alert(1)", "javascript:alert(1)"),
    "what stands for a held part": ("\x000\x00 *a*", "0 <strong>a</strong>"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "html"), SHOWN.values(), ids=SHOWN)
def test_a_text_becomes_what_whatsapp_shows(text: str, html: str) -> None:
    assert as_html(text) == html


HOSTILE = [
    *("*_~" * 3000, "*" * 9999, "_a " * 3300, "*a_b~c" * 1600),
    *("`" * 9999, "```\n" * 2500),
    *("> " * 5000, "- " * 5000, "> - 1. " * 1500, "1. a\n" * 2000, "* a\n> b\n" * 1200),
    *("http://a " * 1100, "\x00" * 9999, "<" * 9999),
]


@pytest.mark.parametrize("text", HOSTILE, ids=[each[:6] for each in HOSTILE])
def test_hostile_nesting_is_bounded_in_time_and_depth(text: str) -> None:
    began = time.thread_time()  # others may use the processor meanwhile
    html = as_html(text)
    assert time.thread_time() - began < 0.5
    assert depth_of(html) <= 6


@given(st.text(st.sampled_from("*_~`>-1. \na<&\"'\0"), max_size=80))
def test_whatever_is_written_every_element_is_closed_where_it_was_opened(text: str) -> None:
    html = as_html(text)
    depth_of(html)
    assert "\0" not in html


def depth_of(html: str) -> int:
    """How deep its elements are nested; AssertionError if one is closed that is not the last that was opened."""
    opened: list[str] = []
    deepest = 0
    for part in html.split("<")[1:]:
        tag = part.partition(">")[0]
        if tag.startswith("/"):
            assert opened.pop() == tag[1:]
        else:
            opened.append(tag.split()[0])
            deepest = max(deepest, len(opened))
    assert opened == []
    return deepest


def test_a_text_longer_than_whatsapp_sends_ends_with_an_ellipsis() -> None:
    assert as_html("x" * (MAX_LENGTH + 5)) == "x" * MAX_LENGTH + "…"
