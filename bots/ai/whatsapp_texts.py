"""Texts of models as WhatsApp shows them."""

import re

_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_HEADING = re.compile(r"^#{1,6}[ \t]+(\S.*)$", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\[\]\n]+)\]\((https?://[^()\s]+)\)")


def as_whatsapp(text: str) -> str:
    """Returns the text with WhatsApp's marks. Models write Markdown, even if asked not to."""
    text = _LINK.sub(lambda found: found[2] if found[1] == found[2] else f"{found[1]}: {found[2]}", text)
    text = _BOLD.sub(r"*\1*", text)
    return _HEADING.sub(_heading, text).strip()


def _heading(found: re.Match[str]) -> str:
    title = found[1].rstrip(" \t#")
    return title if title.startswith("*") else f"*{title}*"
