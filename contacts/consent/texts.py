"""The consent ledger in words."""

from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from contacts.consent.purposes import MARKETING, purpose_label
from contacts.consent.selectors import MarketingRefusal
from contacts.models import ConsentDecision

Source = ConsentDecision.Source
REFUSALS = {
    Source.PREFERENCE: _("Wants no marketing messages since %(since)s: turned off in WhatsApp."),
    Source.REFUSAL: _("Wants no marketing messages since %(since)s: WhatsApp refused one, because the customer turned them off."),
    Source.WORD: _("Wants no marketing messages since %(since)s: the customer wrote a word that stops them."),
    Source.STAFF: _("Wants no marketing messages since %(since)s: recorded by your team."),
    Source.API: _("Wants no marketing messages since %(since)s: recorded by another system."),
    Source.IMPORT: _("Wants no marketing messages since %(since)s: in a file that was imported."),
    Source.BOT: _("Wants no marketing messages since %(since)s: the customer answered so to a bot."),
}
RESUMED = {
    Source.PREFERENCE: _("Turned marketing messages on again in WhatsApp"),
    Source.WORD: _("Wrote a word that resumes marketing messages"),
}
STOPPED = {
    Source.PREFERENCE: _("Turned marketing messages off in WhatsApp"),
    Source.REFUSAL: _("WhatsApp refused a marketing message: the customer turned them off"),
    Source.WORD: _("Wrote a word that stops marketing messages"),
}


def refusal_text(refusal: MarketingRefusal) -> str:
    """Returns since when and why a contact gets no marketing messages, as a sentence."""
    since = date_format(timezone.localtime(refusal.since), "SHORT_DATETIME_FORMAT")
    sentence: Any = REFUSALS.get(refusal.source) if refusal.source else _("Wants no marketing messages since %(since)s.")
    return str(sentence) % {"since": since}


def decision_text(decision: ConsentDecision) -> str:
    """Returns what the person decided, with the purpose."""
    texts = STOPPED if decision.withdrawn else RESUMED
    if decision.purpose == MARKETING and decision.source in texts:
        return str(texts[Source(decision.source)])
    return consent_text(decision.purpose, withdrawn=decision.withdrawn)


def consent_text(purpose: str, *, withdrawn: bool) -> str:
    """Returns a decision about a purpose in words."""
    words = gettext("Withdrew: %(purpose)s") if withdrawn else gettext("Agreed: %(purpose)s")
    return words % {"purpose": purpose_label(purpose)}
