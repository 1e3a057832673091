"""What templates of all rooms need: icons, times, numbers as people read them, initials."""

import functools
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django import template
from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, urlize
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from cloud_api.errors import explained
from cloud_api.wa_ids import formatted
from organizations import mail, stopping
from organizations.models import Organization, PhoneNumber
from organizations.number_states import NumberState
from organizations.showing import Grouped
from organizations.storage import quota_of, used_by

register = template.Library()

ICONS = Path(settings.BASE_DIR) / "templates" / "icons"
TINTS = 6


@register.simple_tag
def mail_is_configured() -> bool:
    """Whether e-mails of this hub reach people."""
    return mail.is_configured()


@register.filter
def grouped(number: int) -> Grouped:
    """With separators of thousands, also within a sentence."""
    return Grouped(number)


@register.simple_tag
def icon(name: str, classes: str = "icon") -> SafeString:
    """An icon of `templates/icons` in the text's colour; it says nothing to screen readers, words beside it do."""
    return format_html(
        '<svg class="{} shrink-0" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"'
        ' stroke-linejoin="round" aria-hidden="true">{}</svg>',
        classes,
        _shapes(name),
    )


@functools.cache
def _shapes(name: str) -> SafeString:
    source = (ICONS / f"{name}.svg").read_text()
    inside = source[source.index(">", source.index("<svg")) + 1 : source.rindex("</svg>")]
    return mark_safe(re.sub(r"\s+", " ", inside).strip())  # noqa: S308  our own files


@register.simple_tag
def storage_use(organization: Organization) -> SafeString:
    """How much of its storage the organization uses, in words; in red where there is no room left. One query."""
    used, quota = used_by(organization), quota_of(organization)
    words = gettext("Storage: %(used)s of %(quota)s") % {"used": filesizeformat(used), "quota": filesizeformat(quota)}
    return format_html('<span class="{}">{}</span>', "text-error" if used >= quota else "quiet", words)


@register.simple_tag
def ago(moment: datetime | None) -> SafeString | str:
    """How long ago it was, in a word; the title has the whole date. The browser keeps it current."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        moment.isoformat(timespec="seconds"),
        date_format(local, "DATETIME_FORMAT"),
        _in_a_word(local, timezone.localtime()),
    )


@register.simple_tag
def searched_back_to(moment: datetime | None) -> str:
    """How far back a search has looked."""
    if moment is None:
        return gettext("Searched back to those without messages.")
    return gettext("Searched back to %(day)s.") % {"day": date_format(timezone.localtime(moment), "DATE_FORMAT")}


def _in_a_word(moment: datetime, now: datetime) -> str:
    """“now”, minutes, hours and days are as hub.js writes them."""
    passed = max(now - moment, timedelta())
    if passed < timedelta(minutes=1):
        return gettext("now")
    if passed < timedelta(hours=1):
        return _ago(f"{passed.seconds // 60} min")
    if passed < timedelta(days=1):
        return _ago(f"{passed.seconds // 3600} h")
    if passed < timedelta(days=7):
        return _ago(f"{passed.days} d")
    return date_format(moment, "SHORT_DATE_FORMAT" if moment.year != now.year else _day_and_month())


def _ago(time: str) -> str:
    return gettext("{time} ago").replace("{time}", time)


def _day_and_month() -> str:
    # Translators: day and month of a date this year, as Django's date filter writes it
    return gettext("M j")


@register.simple_tag
def moment(value: datetime | None, style: str = "SHORT_DATETIME_FORMAT") -> SafeString | str:
    """The time in the viewer's zone."""
    if value is None:
        return "—"
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(timespec="seconds"),
        date_format(local, "DATETIME_FORMAT"),
        date_format(local, style),
    )


@register.simple_tag
def stopped_numbers(organization: Organization) -> list[tuple[PhoneNumber, NumberState]]:
    """The organization's numbers that may not send, and the state of each: see `organizations.stopping`."""
    return stopping.stopped_numbers(organization, now=timezone.now())


@register.filter
def error_words(code: int | None) -> str:
    """What an error code of Meta's means, for staff."""
    return gettext(explained(code or 0).words)


@register.filter
def phone(wa_id: str | None) -> str:
    """A wa_id as people read numbers: +55 61 8150-0586."""
    return str(formatted(wa_id or ""))


@register.filter
def initials(name: object) -> str:
    """The first letters of the first and the last word; a sign where there are none."""
    words = re.findall(r"[^\W\d_]+", str(name))
    if not words:
        return "#"
    letters: str = words[0][0] + (words[-1][0] if len(words) > 1 else "")
    return letters.upper()


@register.filter
def tint(pk: int) -> str:
    """The class of a colour that stays with the row."""
    return f"tint tint-{pk % TINTS}"


@register.filter
def epoch(value: datetime | None) -> str:
    """Milliseconds since 1970, for the browser; empty for none."""
    return str(int(value.timestamp() * 1000)) if value else ""


@register.simple_tag(takes_context=True)
def query(context: Any, **changes: object) -> str:
    """The address's parameters with these changed; None or an empty text takes one away. Begins with “?”."""
    parameters = context["request"].GET.copy()
    for name, value in changes.items():
        parameters.pop(name, None)
        if value not in (None, ""):
            parameters[name] = str(value)
    return f"?{parameters.urlencode()}"


@register.filter
def element(pk: int, prefix: str) -> str:
    """The selector or id of a row's element."""
    return f"{prefix}{pk}"


@register.filter
def plain_html(text: str) -> SafeString:
    """Text that staff wrote, with links that are safe to follow."""
    return mark_safe(urlize(text, nofollow=True, autoescape=True).replace("<a ", '<a class="link" target="_blank" '))  # noqa: S308
