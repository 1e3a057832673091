"""Account events as sentences for staff, and a number's quality and limit as Meta last reported them."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from cloud_api.errors import code_of, meaning_of, meta_words
from organizations.models import AccountEvent
from organizations.text_display import GroupedInt

QUALITY_FIELD = "phone_number_quality_update"
MAX_QUOTED = 300
"""Characters that a sentence quotes of one text of a webhook."""

COLOURS = {"GREEN": "green", "YELLOW": "yellow", "RED": "red", "FLAGGED": "red", "UNFLAGGED": "green"}
_TIER = re.compile(r"TIER_(\d{1,6})(K?)")


@dataclass(frozen=True, slots=True)
class Quality:
    """A number's quality rating, and its limit: to how many people a day it may write first. 0 is no limit."""

    colour: str = ""
    limit: int | None = None

    @property
    def words(self) -> str:
        return {"green": gettext("high"), "yellow": gettext("medium"), "red": gettext("low")}.get(self.colour, "")

    @property
    def limit_words(self) -> str:
        return "" if self.limit is None else _people_a_day(self.limit)


def latest_quality(latest_first: Iterable[AccountEvent]) -> Quality:
    """Returns the quality and the limit that the latest events report. An event reports one of them, or both."""
    colour, limit = "", None
    for event in latest_first:
        value = _mapping(event.value)
        colour = colour or _colour(value)
        limit = _limit(value) if limit is None else limit
    return Quality(colour, limit)


def _colour(value: Mapping[str, Any]) -> str:
    words = (_text(value, key).upper() for key in ("new_quality_score", "quality_rating", "event"))
    return next((COLOURS[word] for word in words if word in COLOURS), "")


def _limit(value: Mapping[str, Any]) -> int | None:
    words = (_text(value, key).upper() for key in ("max_daily_conversations_per_business", "current_limit"))
    return next((limit for limit in map(_tier, words) if limit is not None), None)


def _tier(word: str) -> int | None:
    if word == "TIER_UNLIMITED":
        return 0
    match = _TIER.fullmatch(word)
    return int(match[1]) * (1000 if match[2] else 1) if match else None


def _people_a_day(limit: int) -> str:
    if not limit:
        return gettext("no daily limit")
    return ngettext("%(count)s person a day", "%(count)s people a day", limit) % {"count": GroupedInt(limit)}


def describe_event(event: AccountEvent) -> str:
    """Returns one sentence about the event, or Meta's own words if its kind is unknown."""
    value = _mapping(event.value)
    describe = DESCRIPTIONS.get(event.field)
    if sentence := describe(event.event.upper(), value) if describe else "":
        return sentence
    words = f"{event.field} {event.event}".strip().replace("_", " ")
    return gettext("WhatsApp reported something that this hub has no words for. Meta's words: %(words)s") % {"words": words}


QUALITY_SENTENCES = {
    "FLAGGED": _("The number's quality has become low: people block or report it."),
    "UNFLAGGED": _("The number's quality is good again."),
    "UPGRADE": _("The number may write to more people a day."),
    "DOWNGRADE": _("The number may write to fewer people a day."),
    "ONBOARDING": _("The number was connected to the Cloud API."),
    "THROUGHPUT_UPGRADE": _("The number may send more messages a second."),
}


def _describe_quality(event: str, value: Mapping[str, Any]) -> str:
    sentence = str(QUALITY_SENTENCES.get(event, ""))
    limit = _limit(value)
    if not sentence or limit is None:
        return sentence
    return gettext("%(sentence)s Its limit: %(limit)s.") % {"sentence": sentence, "limit": _people_a_day(limit)}


NAME_SENTENCES = {
    "APPROVED": _("The display name “%(name)s” was approved."),
    "REJECTED": _("The display name “%(name)s” was rejected."),
    "DEFERRED": _("The decision about the display name “%(name)s” was put off."),
    "PENDING": _("The display name “%(name)s” is being looked at."),
}


def _describe_name(event: str, value: Mapping[str, Any]) -> str:
    sentence = str(NAME_SENTENCES.get(event, "")) % {"name": _text(value, "requested_verified_name")}
    return _with_reason(sentence, _text(value, "rejection_reason"))


TEMPLATE_SENTENCES = {
    "APPROVED": _("The template “%(name)s” was approved."),
    "REJECTED": _("The template “%(name)s” was rejected."),
    "PAUSED": _("The template “%(name)s” is paused."),
    "DISABLED": _("The template “%(name)s” was disabled for good."),
    "FLAGGED": _("The template “%(name)s” will soon be disabled: its quality is low."),
    "PENDING": _("The template “%(name)s” is being looked at."),
    "REINSTATED": _("The template “%(name)s” may be used again."),
    "PENDING_DELETION": _("The template “%(name)s” is being deleted."),
    "DELETED": _("The template “%(name)s” was deleted."),
}


def _describe_template(event: str, value: Mapping[str, Any]) -> str:
    sentence = str(TEMPLATE_SENTENCES.get(event, "")) % {"name": _text(value, "message_template_name")}
    details = _text(_mapping(value.get("rejection_info")), "reason") or _text(_mapping(value.get("other_info")), "description")
    return _with_reason(sentence, details or _text(value, "reason"))


def _describe_template_quality(event: str, value: Mapping[str, Any]) -> str:
    scores = {"GREEN": gettext("high"), "YELLOW": gettext("medium"), "RED": gettext("low")}
    score = scores.get(_text(value, "new_quality_score").upper(), gettext("not known yet"))
    return gettext("The quality of the template “%(name)s” is now: %(score)s.") % {
        "name": _text(value, "message_template_name"),
        "score": score,
    }


def _describe_template_text(event: str, value: Mapping[str, Any]) -> str:
    return gettext("The text of the template “%(name)s” was changed.") % {"name": _text(value, "message_template_name")}


def _describe_template_category(event: str, value: Mapping[str, Any]) -> str:
    return gettext("The category of the template “%(name)s” changes to %(category)s.") % {
        "name": _text(value, "message_template_name"),
        "category": (_text(value, "correct_category") or _text(value, "new_category")).lower(),
    }


ACCOUNT_SENTENCES = {
    "ACCOUNT_DELETED": _("The WhatsApp account was deleted."),
    "ACCOUNT_RESTRICTION": _("The account is restricted: it may not do everything for a while."),
    "ACCOUNT_VIOLATION": _("Meta says that the account has broken a rule."),
    "DISABLED_UPDATE": _("The account's ban has changed."),
    "PARTNER_ADDED": _("A partner got access to the account."),
    "PARTNER_REMOVED": _("A partner lost access to the account."),
    "PARTNER_APP_INSTALLED": _("A partner's app was added to the account."),
    "PARTNER_APP_UNINSTALLED": _("A partner's app was removed from the account."),
    "ACCOUNT_OFFBOARDED": _("The account was disconnected."),
    "ACCOUNT_RECONNECTED": _("The account was connected again."),
}


def _describe_account(event: str, value: Mapping[str, Any]) -> str:
    sentence = str(ACCOUNT_SENTENCES.get(event, ""))
    restrictions = value.get("restriction_info")
    ends = [_day(_mapping(each).get("expiration")) for each in restrictions[:20]] if isinstance(restrictions, list) else []
    last = max(filter(None, ends), default=None)
    if not sentence or last is None:
        return _with_reason(sentence, _text(_mapping(value.get("violation_info")), "violation_type"))
    return gettext("%(sentence)s Until %(day)s.") % {"sentence": sentence, "day": date_format(localtime(last), "DATE_FORMAT")}


def _describe_alert(event: str, value: Mapping[str, Any]) -> str:
    described = _text(_mapping(value.get("alert_info")), "alert_description")
    if not described:
        return ""
    return gettext("WhatsApp has a notice about the account. Meta says: %(words)s") % {"words": described}


def _describe_error(event: str, value: Mapping[str, Any]) -> str:
    """An error about the number or the account as a whole."""
    code = code_of(value)
    if event != "ERROR" or code is None:
        return ""
    sentence, words = f"{gettext(meaning_of(code).words)} ({code})", meta_words(value)
    return gettext("%(sentence)s Meta says: %(words)s") % {"sentence": sentence, "words": words} if words else sentence


DESCRIPTIONS: dict[str, Callable[[str, Mapping[str, Any]], str]] = {
    QUALITY_FIELD: _describe_quality,
    "phone_number_name_update": _describe_name,
    "message_template_status_update": _describe_template,
    "message_template_quality_update": _describe_template_quality,
    "message_template_components_update": _describe_template_text,
    "template_category_update": _describe_template_category,
    "account_update": _describe_account,
    "account_alerts": _describe_alert,
    "messages": _describe_error,
    "calls": _describe_error,
}


def _with_reason(sentence: str, reason: str) -> str:
    if not sentence or not reason or reason.upper() == "NONE":
        return sentence
    plain = reason.replace("_", " ").capitalize() if reason.isupper() else reason
    return gettext("%(sentence)s Meta's reason: %(reason)s.") % {"sentence": sentence, "reason": plain.rstrip(".")}


def _day(seconds: object) -> datetime | None:
    if not isinstance(seconds, int) or not 0 < seconds < 2**33:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    return str(found)[:MAX_QUOTED] if isinstance(found, str | int) else ""
