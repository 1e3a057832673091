"""Conditions of branches: their types, what a new one contains, and how they read in one line."""

import copy
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

CONDITIONS: dict[str, str | Promise] = {
    "choice": _("tapped a button or row"),
    "keyword": _("wrote one of these words"),
    "number": _("wrote a number"),
    "date": _("wrote a date"),
    "kind": _("sent a picture, audio, …"),
    "hours": _("business hours"),
    "variable": _("a stored value"),
    "field": _("something about the contact"),
    "label": _("a label of the contact"),
    "pattern": _("pattern (regular expression)"),
}
NEW: dict[str, dict[str, Any]] = {
    "choice": {"id": ""},
    "keyword": {"words": []},
    "number": {},
    "date": {},
    "kind": {"kinds": ["image"]},
    "hours": {"open": True},
    "variable": {"name": "", "is": ""},
    "field": {"name": "name", "empty": False},
    "label": {"label": "", "has": True},
    "pattern": {"pattern": ""},
}
FIELDS: dict[str, str | Promise] = {
    "name": _("name"),
    "phone": _("phone"),
    "username": _("username"),
    "language": _("language"),
}
KINDS: dict[str, str | Promise] = {
    "text": _("text"),
    "image": _("picture"),
    "audio": _("audio"),
    "video": _("video"),
    "document": _("document"),
    "sticker": _("sticker"),
    "location": _("location"),
    "contacts": _("contact card"),
}


def new_condition(kind: str) -> dict[str, Any]:
    """Returns a condition of this type. Raises KeyError for an unknown type."""
    return {"type": kind, **copy.deepcopy(NEW[kind])}


def condition_words(when: dict[str, Any], choices: dict[str, str]) -> str:
    """Returns a condition in a few words. `choices` are the titles of buttons and rows by id."""
    kind = when["type"]
    if kind == "choice":
        return choices.get(when["id"]) or when["id"] or gettext("button?")
    if kind == "keyword":
        return ", ".join(when["words"][:3]) or gettext("words?")
    if kind in ("number", "date"):
        return _range_words(when, *(("min", "max") if kind == "number" else ("from", "to")))
    if kind == "hours":
        return gettext("business open") if when["open"] else gettext("business closed")
    if kind in ("variable", "field"):
        return _value_words(when)
    if kind == "label":
        name = when["label"] or gettext("label?")
        return name if when.get("has", True) else gettext("not %(name)s") % {"name": name}
    if kind == "kind":
        return ", ".join(str(KINDS.get(each, each)) for each in when["kinds"])
    return str(when.get("pattern") or gettext("pattern?"))


def _range_words(when: dict[str, Any], low: str, high: str) -> str:
    start, end = when.get(low), when.get(high)
    if start is None and end is None:
        return gettext("any number") if when["type"] == "number" else gettext("any date")
    if start is None or end is None:
        return f"≥ {start}" if end is None else f"≤ {end}"
    return f"{start} – {end}"


def _value_words(when: dict[str, Any]) -> str:
    name = str(FIELDS.get(when["name"], when["name"])) if when["type"] == "field" else when["name"] or "?"
    if "is" in when:
        return f"{name} = {when['is']}"
    return gettext("%(name)s empty") % {"name": name} if when.get("empty", True) else gettext("%(name)s filled") % {"name": name}
