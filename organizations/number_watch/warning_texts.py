"""Warnings about numbers in words, for pages and mails."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext

from organizations.models import NumberWarning, WarningKind


@dataclass(frozen=True, slots=True)
class WarningText:
    """What is wrong, in one sentence, and what to do about it."""

    sentence: str
    advice: str


def describe_warning(warning: NumberWarning) -> WarningText:
    """Returns the words in the current language, with times in the current time zone."""
    kind = WarningKind(warning.kind)
    if kind == WarningKind.SILENCE:
        sentence = gettext("Nothing has come from WhatsApp since %(time)s, although customers usually write at this time.")
        advice = gettext(
            "Check in Meta's panel that the callback URL is this hub's, and that Meta can reach it. It may also be a quiet day."
        )
    elif kind == WarningKind.NO_STATUS:
        sentence = ngettext(
            "WhatsApp accepted %(count)s message, and has not said for ten minutes whether it arrived.",
            "WhatsApp accepted %(count)s messages, and has not said for ten minutes whether they arrived.",
            warning.messages,
        )
        advice = gettext(
            "Check in Meta's panel that webhooks arrive and that the account is in order. The messages are not sent again by "
            "themselves."
        )
    elif kind == WarningKind.PHONE_APP:
        sentence = gettext("There has been no sign of the WhatsApp Business app on your phone since %(time)s.")
        advice = gettext("Meta disconnects a number after about 14 days without it. Open the app on the phone.")
    else:
        sentence = gettext("The access token expires on %(time)s.")
        advice = gettext(
            "After that nothing is sent, and files of customers cannot be fetched. Make a new access token in Meta's business "
            "settings and paste it here."
        )
    return WarningText(sentence % {"time": _in_words(warning.happened_at), "count": warning.messages}, advice)


def _in_words(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")
