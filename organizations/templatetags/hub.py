"""Tags and filters for templates of all apps: icons, times, phone numbers, initials."""

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

from cloud_api.errors import TOO_MANY_CALLS, meaning_of
from cloud_api.wa_ids import formatted
from organizations import mail
from organizations.models import NumberWarning, Organization, PhoneNumber
from organizations.number_watch.warning_texts import WarningText, describe_warning
from organizations.number_watch.warnings import open_warnings
from organizations.numbers import suspension
from organizations.numbers.states import NumberState
from organizations.storage import quota_of, storage_used
from organizations.text_display import GroupedInt

register = template.Library()

ICONS = Path(settings.BASE_DIR) / "templates" / "icons"
TINTS = 6


@register.simple_tag
def mail_is_configured() -> bool:
    """Whether e-mails of this hub reach people."""
    return mail.is_configured()


@register.filter
def grouped(number: int) -> GroupedInt:
    """Returns the number with thousands separators, also for `blocktranslate count`."""
    return GroupedInt(number)


@register.simple_tag
@functools.lru_cache(maxsize=1_000)
def icon(name: str, classes: str = "icon") -> SafeString:
    """An icon of `templates/icons` in the colour of the text. Screen readers ignore it, so a label must say what it means."""
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
    """How much of its storage the organization uses, as text; in red if the quota is used up. One query."""
    used, quota = storage_used(organization), quota_of(organization)
    words = gettext("Storage: %(used)s of %(quota)s") % {"used": filesizeformat(used), "quota": filesizeformat(quota)}
    return format_html('<span class="{}">{}</span>', "text-error" if used >= quota else "quiet", words)


@register.simple_tag
def ago(moment: datetime | None) -> SafeString | str:
    """How long ago `moment` was, in short; the title has the whole date. static/hub/pages/times.js updates it."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        moment.isoformat(timespec="seconds"),
        date_format(local, "DATETIME_FORMAT"),
        _short_age(local, timezone.localtime()),
    )


@register.simple_tag
def searched_back_to(moment: datetime | None) -> str:
    """How far back a search has looked."""
    if moment is None:
        return gettext("Searched back to those without messages.")
    return gettext("Searched back to %(day)s.") % {"day": date_format(timezone.localtime(moment), "DATE_FORMAT")}


def _short_age(moment: datetime, now: datetime) -> str:
    """The same format for “now”, minutes, hours and days as in static/hub/pages/times.js."""
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
    """The organization's numbers that may not send, and the state of each: see `organizations.numbers.suspension`."""
    return suspension.stopped_numbers(organization, now=timezone.now())


@register.simple_tag(takes_context=True)
def number_warnings(context: Any) -> list[tuple[NumberWarning, WarningText]]:
    """The open warnings about the organization's numbers, and each in words. They are read once for a page, which may show them in
    its banner and below."""
    request = context["request"]
    if not hasattr(request, "number_warnings"):
        found = open_warnings(context["access"].organization)
        request.number_warnings = [(warning, describe_warning(warning)) for warning in found]
    return list(request.number_warnings)


@register.filter
def about(warnings: list[tuple[NumberWarning, WarningText]], number: PhoneNumber) -> list[tuple[NumberWarning, WarningText]]:
    """Those of the warnings that are about the number."""
    return [(warning, words) for warning, words in warnings if warning.number_id == number.pk]


@register.filter
def error_words(code: int | None) -> str:
    """The meaning of an error code of Meta's, for staff. None: HTTP status 429 without a code has paused the number."""
    return gettext(meaning_of(TOO_MANY_CALLS if code is None else code).words)


@register.filter
def phone(wa_id: str | None) -> str:
    """A wa_id in the usual format of phone numbers: +55 61 8150-0586."""
    return str(formatted(wa_id or ""))


@register.filter
def initials(name: object) -> str:
    """The first letters of the first and the last word; “#” if there are none."""
    words = re.findall(r"[^\W\d_]+", str(name))
    if not words:
        return "#"
    letters: str = words[0][0] + (words[-1][0] if len(words) > 1 else "")
    return letters.upper()


@register.filter
def tint(pk: int) -> str:
    """The classes of a colour that depends on the id only."""
    return f"tint tint-{pk % TINTS}"


@register.filter
def epoch(value: datetime | None) -> str:
    """Milliseconds since 1970, for the browser; empty for none."""
    return str(int(value.timestamp() * 1000)) if value else ""


@register.simple_tag(takes_context=True)
def query(context: Any, **changes: object) -> str:
    """The query string of the request with these changes, beginning with “?”. None or an empty text removes a parameter."""
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
