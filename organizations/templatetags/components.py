"""Markup that pages of all apps repeat. The page /design/ shows each component.

An attribute of HTML is given with underscores: `data_copy=number` becomes `data-copy="…"`, and `data_dismiss=True` becomes an
attribute without a value. `classes` are added to those that every component of the kind has.
"""

from typing import Any

from django import template
from django.forms.utils import flatatt
from django.template import Context
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

register = template.Library()

TONES = {
    "neutral": "badge-soft",
    "info": "badge-soft badge-info",
    "success": "badge-soft badge-success",
    "warning": "badge-soft badge-warning",
    "error": "badge-soft badge-error",
}
"""Classes of a badge, by what it says: neither good nor bad, in progress, good, needs attention, failed."""


@register.inclusion_tag("components/badge.html")
def badge(label: object, tone: str = "neutral", *, icon: str = "") -> dict[str, Any]:
    """A word about the state of something. Raises KeyError for an unknown tone."""
    return {"label": label, "classes": TONES[tone], "icon_name": icon}


@register.inclusion_tag("components/icon_button.html")
def icon_button(
    icon: str,
    label: str,
    *,
    has_title: bool = False,
    shortcut: str = "",
    icon_size: str = "size-4",
    classes: str = "",
    type: str = "button",
    **attributes: object,
) -> dict[str, Any]:
    """A square button that shows an icon only. Screen readers read `label`; with `has_title`, everybody else sees it too when the
    mouse is on the button. `shortcut` is the key that does the same."""
    return {
        "icon_name": icon,
        "icon_size": icon_size,
        "label": label,
        "has_title": has_title or shortcut,
        "shortcut": shortcut,
        "classes": classes,
        "type": type,
        "attributes": _attributes(attributes),
    }


@register.inclusion_tag("components/post_button.html")
def post_button(
    url: str, label: str, *, icon: str = "", icon_only: str = "", classes: str = "h-11", confirm: str = ""
) -> dict[str, Any]:
    """A button that posts to `url`. With `confirm`, the browser asks that question first. With `icon_only`, it shows this icon, and
    only screen readers read `label`."""
    return {
        "url": url,
        "label": label,
        "icon_name": icon or icon_only,
        "is_icon_only": icon_only,
        "classes": classes,
        "confirm": confirm,
    }


@register.simple_block_tag(takes_context=True)
def post_form(context: Context, content: str, url: str, *, confirm: str = "", **attributes: object) -> SafeString:
    """A form that posts to `url`, by htmx and, in browsers without JavaScript, as a plain form. With `confirm`, the browser asks
    that question first."""
    values = {"url": url, "content": content, "confirm": confirm, "attributes": _attributes(attributes)}
    return render_to_string("components/post_form.html", values | {"csrf_token": context.get("csrf_token")})


@register.inclusion_tag("components/back_link.html")
def back_link(url: str, label: str) -> dict[str, Any]:
    """A link above a page's title to the page that it belongs to."""
    return {"url": url, "label": label}


@register.inclusion_tag("components/more_rows.html")
def more_rows(*, id: str, url: str, part_url: str, searched: str = "") -> dict[str, Any]:
    """The last row of a list that has further ones: a link to the page at `url`, which htmx replaces by the rows at `part_url` when
    it comes into sight. `searched` says how far back a search has looked."""
    return {"id": id, "url": url, "part_url": part_url, "searched": searched}


@register.simple_block_tag
def empty_state(
    content: str, icon: str, title: str, *, is_first: bool = False, size: str = "size-8", classes: str = "gap-3 p-8"
) -> SafeString:
    """What stands where a list has no rows: an icon, what is the case, and inside the block what to do about it. `is_first`:
    nothing was added yet, as opposed to nothing found."""
    values = {"content": content, "icon_name": icon, "title": title, "is_first": is_first, "size": size, "classes": classes}
    return render_to_string("components/empty_state.html", values)


@register.simple_block_tag
def dialog(content: str, id: str, *, labelled_by: str = "", label: str = "", is_closable: bool = True) -> SafeString:
    """A modal window. A button with `data-open-dialog` and this id opens it. It is named by the element `labelled_by`, or by
    `label`. `is_closable`: a click beside the window closes it."""
    values = {"content": content, "id": id, "labelled_by": labelled_by, "label": label, "is_closable": is_closable}
    return render_to_string("components/dialog.html", values)


def _attributes(attributes: dict[str, object]) -> SafeString:
    return flatatt({name.replace("_", "-"): value for name, value in attributes.items()})
