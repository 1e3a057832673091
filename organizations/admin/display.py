"""HTML of the admin's cells and fields: times, links, states and JSON."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, cast

from django.contrib import admin
from django.db.models import DateTimeField, Model
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext

from organizations.text_display import printable

EMPTY = "—"


def format_time(time: datetime | None) -> str:
    """Returns a time to the second, in the hub's time zone."""
    if time is None:
        return EMPTY
    local = timezone.localtime(time)
    return f"{date_format(local, 'SHORT_DATE_FORMAT')} {local:%H:%M:%S}"


def time_column(model: type[Model], name: str) -> Callable[[Any, Any], str]:
    """Returns a method of an admin class that shows this column of the model as `format_time` does. Django shows times in another
    style."""
    field = cast("DateTimeField[Any, Any]", model._meta.get_field(name))

    @admin.display(description=field.verbose_name, ordering=name)
    def column(_admin: object, row: Model) -> str:
        return format_time(getattr(row, name))

    return column


def list_link(model: str, text: object, **query: object) -> SafeString:
    """Returns a link to an admin list, such as `chats_message`, filtered by `query`."""
    url = reverse(f"admin:{model}_changelist", query=query)
    return format_html('<a href="{}">{}</a>', url, text)


def row_link(model: str, pk: object, text: object) -> SafeString:
    """Returns a link to the page of one row, such as a `chats_message`."""
    return format_html('<a href="{}">{}</a>', reverse(f"admin:{model}_change", args=[pk]), text)


def badge(value: str, label: object) -> SafeString:
    """Returns a state as a coloured word."""
    return format_html('<span class="hub-badge hub-{}">{}</span>', value, label)


def preformatted(text: str) -> SafeString:
    """Returns the text unchanged, also if it contains characters that UTF-8 cannot encode."""
    return format_html('<pre class="hub-text">{}</pre>', printable(text))


def indented_json(value: object) -> SafeString:
    """Returns JSON, indented."""
    return preformatted(json.dumps(value, indent=2, ensure_ascii=False))


def compact_json(value: object) -> SafeString:
    """Returns JSON on one line, for a table cell."""
    return format_html("<code>{}</code>", json.dumps(value, ensure_ascii=True))


def html_table(headings: Sequence[object], rows: Iterable[Sequence[object]]) -> SafeString:
    """Returns a read-only table of rows that belong to the one that is shown."""
    cells = [(format_html_join("", "<td>{}</td>", ((cell or EMPTY,) for cell in row)),) for row in rows]
    if not cells:
        return SafeString(EMPTY)
    return format_html(
        '<div class="hub-table"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
        format_html_join("", "<th>{}</th>", ((capfirst(str(heading)),) for heading in headings)),
        format_html_join("", "<tr>{}</tr>", cells),
    )


def webhook_url(path: str) -> SafeString:
    """Returns a path of the webhook. The browser turns it into an absolute URL with a copy button."""
    return format_html('<code class="hub-address" data-copy="{}">{}</code>', gettext("Copy"), path)
