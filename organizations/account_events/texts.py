"""Account events as sentences for staff, and a number's quality and limit as Meta last reported them."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from cloud_api.errors import code_of, meaning_of, meta_words
from cloud_api.payloads.fields import seconds
from organizations.models import AccountEvent
from organizations.text_display import GroupedInt

QUALITY_FIELD = "phone_number_quality_update"
LIMIT_FIELD = "business_capability_update"
"""The limit of all numbers of an account (docs/meta-platform.md 2)."""
MAX_QUOTED = 300
"""Characters that a sentence quotes of one text of a webhook."""

COLOURS = {"GREEN": "green", "YELLOW": "yellow", "RED": "red", "FLAGGED": "red", "UNFLAGGED": "green"}
LIMITS = ("max_daily_conversations_per_business", "max_daily_conversation_per_phone", "current_limit")
"""Keys with the limit. The first one is the newest."""
_TIER = re.compile(r"(?:TIER_)?([1-9]\d{0,6})(K?)")


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
    words = (_text(value, key).upper() for key in LIMITS)
    return next((limit for limit in map(_tier, words) if limit is not None), None)


def _tier(word: str) -> int | None:
    if word in ("TIER_UNLIMITED", "-1"):
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
    return _with_limit(str(QUALITY_SENTENCES.get(event, "")), value)


def _describe_limits(event: str, value: Mapping[str, Any]) -> str:
    return _with_limit(gettext("The limits of the account have changed."), value)


def _with_limit(sentence: str, value: Mapping[str, Any]) -> str:
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
    "IN_APPEAL": _("The template “%(name)s” is being looked at once more."),
    "REINSTATED": _("The template “%(name)s” may be used again."),
    "ARCHIVED": _("The template “%(name)s” was archived, because it has not been used."),
    "UNARCHIVED": _("The template “%(name)s” is no longer archived."),
    "LOCKED": _("The template “%(name)s” is locked: it cannot be changed."),
    "LIMIT_EXCEEDED": _("The account has too many templates for the template “%(name)s”."),
    "PENDING_DELETION": _("The template “%(name)s” is being deleted."),
    "DELETED": _("The template “%(name)s” was deleted."),
}


def _describe_template(event: str, value: Mapping[str, Any]) -> str:
    sentence = str(TEMPLATE_SENTENCES.get(event, "")) % {"name": _text(value, "message_template_name")}
    details = _text(_mapping(value.get("rejection_info")), "reason") or _text(_mapping(value.get("other_info")), "description")
    sentence = _with_date(sentence, _mapping(value.get("disable_info")).get("disable_date"))
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
    "VERIFIED_ACCOUNT": _("The account is verified."),
    "PHONE_NUMBER_ADDED": _("A number was added to the account."),
    "PHONE_NUMBER_REMOVED": _("A number was removed from the account."),
    "AD_ACCOUNT_LINKED": _("An ad account was linked to the account."),
    "MM_LITE_TERMS_SIGNED": _("The terms of Meta's marketing messages were accepted."),
    "BUSINESS_PRIMARY_LOCATION_COUNTRY_UPDATE": _("Meta has set the country of the business, on which prices depend."),
    "AUTH_INTL_PRICE_ELIGIBILITY_UPDATE": _("International prices apply to codes for signing in that are sent abroad."),
    "VOLUME_BASED_PRICING_TIER_UPDATE": _("The account has another price now, because of how many messages it has sent."),
    "PARTNER_CLIENT_CERTIFICATION_NEEDED": _("Meta asks a partner to verify the business."),
    "PARTNER_CLIENT_CERTIFICATION_STATUS_UPDATE": _("The verification of the business by a partner has changed."),
    "PARTNER_ADDED": _("A partner got access to the account."),
    "PARTNER_REMOVED": _("A partner lost access to the account."),
    "PARTNER_APP_INSTALLED": _("A partner's app was added to the account."),
    "PARTNER_APP_UNINSTALLED": _("A partner's app was removed from the account."),
    "ACCOUNT_OFFBOARDED": _("The account was disconnected."),
    "ACCOUNT_RECONNECTED": _("The account was connected again."),
}


BAN_SENTENCES = {
    "DISABLE": _("Meta has disabled the account."),
    "SCHEDULE_FOR_DISABLE": _("Meta is going to disable the account."),
    "REINSTATE": _("The account may be used again: Meta has lifted the ban."),
}
RESTRICTIONS = {
    "RESTRICTED_BIZ_INITIATED_MESSAGING": _("writing first"),
    "RESTRICTED_CUSTOMER_INITIATED_MESSAGING": _("answering customers"),
    "RESTRICTED_ADD_PHONE_NUMBER_ACTION": _("adding numbers"),
    "RESTRICTED_UTILITY_TEMPLATES": _("utility templates"),
    "RESTRICTED_DIRECT_SEND_UTILITY_TEMPLATES": _("utility templates"),
    "RESTRICTED_BUSINESS_INITIATED_CALLING": _("calls"),
    "RESTRICTED_USER_INITIATED_CALLING": _("calls"),
    "RESTRICTED_USER_INITIATED_CALLING_CALL_BUTTON_HIDDEN": _("calls"),
    "RESTRICTED_BIZ_INITIATED_AND_USER_INITIATED_CALLING": _("calls"),
}


def _describe_account(event: str, value: Mapping[str, Any]) -> str:
    sentence, ban = str(ACCOUNT_SENTENCES.get(event, "")), _mapping(value.get("ban_info"))
    if event == "DISABLED_UPDATE":
        return _with_date(str(BAN_SENTENCES.get(_text(ban, "waba_ban_state").upper(), sentence)), ban.get("waba_ban_date"))
    if event == "ACCOUNT_RESTRICTION":
        return _with_restrictions(sentence, value.get("restriction_info"))
    reasons = (("violation_info", "violation_type"), ("disconnection_info", "reason"))
    return _with_reason(sentence, next(filter(None, (_text(_mapping(value.get(key)), name) for key, name in reasons)), ""))


def _with_restrictions(sentence: str, restrictions: object) -> str:
    """Adds what is restricted, and until when."""
    listed = [_mapping(each) for each in (restrictions[:20] if isinstance(restrictions, list) else [restrictions])]
    kinds = filter(None, (_text(each, "restriction_type") for each in listed))
    words = list(dict.fromkeys(str(RESTRICTIONS.get(kind.upper(), _plain(kind))) for kind in kinds))
    if words:
        sentence = gettext("%(sentence)s Restricted: %(what)s.") % {"sentence": sentence, "what": ", ".join(words)}
    last = max(filter(None, (_day(each.get("expiration")) for each in listed)), default=None)
    if last is None:
        return sentence
    return gettext("%(sentence)s Until %(day)s.") % {"sentence": sentence, "day": date_format(last, "DATE_FORMAT")}


REVIEW_SENTENCES = {
    "APPROVED": _("Meta has reviewed the account and approved it."),
    "REJECTED": _("Meta has reviewed the account and rejected it."),
    "PENDING": _("Meta is reviewing the account."),
    "DEFERRED": _("Meta has put off its review of the account."),
}


def _describe_review(event: str, value: Mapping[str, Any]) -> str:
    return _with_reason(str(REVIEW_SENTENCES.get(event, "")), _text(value, "rejection_reason"))


SECURITY_SENTENCES = {
    "PIN_CHANGED": _("The PIN of the number's two-step verification was changed."),
    "PIN_RESET_REQUEST": _("Somebody has asked Meta to turn off the number's two-step verification."),
    "PIN_REQUEST_SUCCESS": _("The number's two-step verification was turned off."),
}


def _describe_security(event: str, value: Mapping[str, Any]) -> str:
    return str(SECURITY_SENTENCES.get(event, ""))


USERNAME_SENTENCES = {
    "APPROVED": _("The username “%(name)s” was approved."),
    "RESERVED": _("The username “%(name)s” is reserved."),
    "DELETED": _("The number has no username any more."),
}


def _describe_username(event: str, value: Mapping[str, Any]) -> str:
    return str(USERNAME_SENTENCES.get(event, "")) % {"name": _text(value, "username")}


def _describe_alert(event: str, value: Mapping[str, Any]) -> str:
    alert = _mapping(value.get("alert_info")) or value  # in bodies of Meta's own test button it is the value itself
    words = _text(alert, "alert_description") or _plain(_text(alert, "alert_type"))
    return gettext("WhatsApp has a notice about the account. Meta says: %(words)s") % {"words": words} if words else ""


def _describe_flow(event: str, value: Mapping[str, Any]) -> str:
    words = _text(value, "message")
    return gettext("WhatsApp has a notice about a form. Meta says: %(words)s") % {"words": words} if words else ""


PAYMENT_SENTENCES = {
    "PAYMENT_CAPTURED": _("The payment “%(reference)s” was made."),
    "PAYMENT_PENDING": _("The payment “%(reference)s” is pending."),
    "PAYMENT_FAILED": _("The payment “%(reference)s” failed."),
    "PAYMENT_CANCELED": _("The payment “%(reference)s” was canceled."),
}


def _describe_payment_or_error(event: str, value: Mapping[str, Any]) -> str:
    if sentence := PAYMENT_SENTENCES.get(event):
        return str(sentence) % {"reference": _text(_mapping(value.get("payment")), "reference_id")}
    return _describe_error(event, value)


def _describe_history(event: str, value: Mapping[str, Any]) -> str:
    if event == "HISTORY_DECLINED":
        return _describe_error("ERROR", value)
    progress = _text(_mapping(value.get("metadata")), "progress")
    return gettext("Earlier chats of the phone app are being imported: %(percent)s%%.") % {"percent": progress} if progress else ""


def _describe_settings(event: str, value: Mapping[str, Any]) -> str:
    return gettext("Settings of the number were changed at Meta.")


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
    "account_review_update": _describe_review,
    "account_settings_update": _describe_settings,
    LIMIT_FIELD: _describe_limits,
    "security": _describe_security,
    "business_username_update": _describe_username,
    "business_username_updates": _describe_username,
    "flows": _describe_flow,
    "history": _describe_history,
    "messages": _describe_payment_or_error,
    "calls": _describe_error,
}


def _with_reason(sentence: str, reason: str) -> str:
    if not sentence or not reason or reason.upper() == "NONE":
        return sentence
    return gettext("%(sentence)s Meta's reason: %(reason)s.") % {"sentence": sentence, "reason": _plain(reason).rstrip(".")}


def _plain(word: str) -> str:
    """Returns a constant of Meta's as words. A sentence stays as it is."""
    return word.replace("_", " ").capitalize() if word.isupper() else word


def _with_date(sentence: str, written: object) -> str:
    day = _day(written)
    if not sentence or day is None:
        return sentence
    return gettext("%(sentence)s Date: %(day)s.") % {"sentence": sentence, "day": date_format(day, "DATE_FORMAT")}


def _day(written: object) -> date | None:
    """Returns the day of one of Meta's times. It may be in seconds, an ISO time, or a date such as April 17, 2025."""
    if moment := seconds(written):
        return localtime(datetime.fromtimestamp(moment, UTC)).date()
    if not isinstance(written, str) or not 8 <= len(written) <= 40:
        return None
    try:
        at = datetime.fromisoformat(written)
        return localtime(at).date() if at.tzinfo else at.date()
    except (ValueError, OverflowError):
        pass
    try:
        return datetime.strptime(written, "%B %d, %Y").replace(tzinfo=UTC).date()
    except ValueError:
        return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    return str(found)[:MAX_QUOTED] if isinstance(found, str | int) else ""
