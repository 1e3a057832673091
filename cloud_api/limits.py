"""WhatsApp's limits for one value of a message or a template (docs/meta-platform.md 8.2), and the error for a value that it
refuses.

Lengths are in characters. The checks read API objects, which may contain anything: the simulator receives them from outside.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

PARAMETER_WRONG = 100
PARAMETER_MISSING = 131008
VALUE_INVALID = 131009
MEDIA_REFUSED = 131053
"""Meta's codes for the findings of these checks (docs/meta-platform.md 9.2)."""

MAX_LINK = 2048


def _(words: str) -> str:
    """Marks a text for translation. It is translated where it is shown."""
    return words


EMPTY = _("This must not be empty.")
TOO_LONG = _("At most %(limit)s characters.")
TOO_MANY = _("At most %(limit)s of these.")


class InvalidMessage(ValueError):
    """WhatsApp would refuse this message. `field` names the part, as the builder's argument does. `words` are in English, are to
    be translated and may contain %(limit)s. `code` is Graph's code for it."""

    def __init__(self, field: str, words: str, *, limit: int | str = "", code: int = VALUE_INVALID) -> None:
        super().__init__(f"{field}: {words % {'limit': limit}}")
        self.field = field
        self.words = words
        self.limit = limit
        self.code = code


def check_text(field: str, value: object, most: int | None = None, *, required: bool = True, code: int = VALUE_INVALID) -> str:
    """Returns the text if it has at most `most` characters. None counts as empty. `code` is Meta's code for a text that is too
    long. Raises InvalidMessage."""
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise InvalidMessage(field, _("This must be text."))
    if required and not value.strip():
        raise InvalidMessage(field, EMPTY, code=PARAMETER_MISSING)
    if most is not None and len(value) > most:
        raise InvalidMessage(field, TOO_LONG, limit=most, code=code)
    return value


def check_count(field: str, values: Sequence[Any], most: int) -> None:
    """Raises InvalidMessage if there are no values, or more than `most`."""
    if not values:
        raise InvalidMessage(field, EMPTY, code=PARAMETER_MISSING)
    if len(values) > most:
        raise InvalidMessage(field, TOO_MANY, limit=most)


def check_link(field: str, value: object) -> None:
    """Raises InvalidMessage if the value is not an http or https URL."""
    if not check_text(field, value, MAX_LINK).startswith(("https://", "http://")):
        raise InvalidMessage(field, _("An address begins with https:// or http://."))


def check_ids(field: str, ids: Iterable[str]) -> None:
    """Raises InvalidMessage if two ids are equal, or one has spaces around it. A customer's reply contains the id of its button
    or row."""
    found = list(ids)
    if any(each != each.strip() for each in found):
        raise InvalidMessage(field, _("An ID must not begin or end with a space."))
    if len(set(found)) < len(found):
        raise InvalidMessage(field, _("Two of these have the same ID."))


def check_titles(field: str, titles: Iterable[str]) -> None:
    """Raises InvalidMessage if two titles read the same."""
    found = [" ".join(each.split()) for each in titles]
    if len(set(found)) < len(found):
        raise InvalidMessage(field, _("Two of these say the same."))


_PICTOGRAPHS = (
    "\u231a\u231b\u2328\u23cf\u23e9-\u23f3\u23f8-\u23fa\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2604\u260e\u2611\u2614\u2615"
    "\u2618\u261d\u2620\u2622\u2623\u2626\u262a\u262e\u262f\u2638-\u263a\u2640\u2642\u2648-\u2653\u265f\u2660\u2663\u2665\u2666"
    "\u2668\u267b\u267e\u267f\u2692-\u2697\u2699\u269b\u269c\u26a0\u26a1\u26a7\u26aa\u26ab\u26b0\u26b1\u26bd\u26be\u26c4\u26c5\u26c8"
    "\u26ce\u26cf\u26d1\u26d3\u26d4\u26e9\u26ea\u26f0-\u26f5\u26f7-\u26fa\u26fd\u2702\u2705\u2708-\u270d\u270f\u2712\u2714\u2716"
    "\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757\u2763\u2764\u2795-\u2797\u27a1\u27b0\u27bf\u2934\u2935"
    "\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\U0001f000-\U0001faff"
)
"""The characters that Unicode's emoji-data.txt (17.0) lists as emoji, without letters, digits, arrows and signs such as ™ that
are drawn as text."""
_EMOJI = re.compile(f"[{_PICTOGRAPHS}]|.[\ufe0f\u20e3]")
_FORMATTING = re.compile(r"\*|(?<!\w)(_|~)(?=[^\s_~]).*?(?<=\S)\1(?!\w)|`")
_LINE_BREAK = re.compile(r"[\n\r\x0b\x0c\x85\u2028\u2029]")


def has_emoji(text: str) -> bool:
    """Returns whether phones draw one of the characters as a picture."""
    return _EMOJI.search(text) is not None


def has_formatting(text: str) -> bool:
    """Returns whether the text has WhatsApp's marks for bold, italic, strikethrough or monospace."""
    return _FORMATTING.search(text) is not None


def has_line_break(text: str) -> bool:
    return _LINE_BREAK.search(text) is not None
