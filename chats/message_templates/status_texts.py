"""Statuses, qualities, reasons and languages of templates, as texts."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from chats.models import MessageTemplate

STATUS_TEXTS = {
    "PENDING": _("WhatsApp is still reviewing this template."),
    "REJECTED": _("WhatsApp has rejected this template."),
    "PAUSED": _("WhatsApp has paused this template because of its quality."),
    "DISABLED": _("WhatsApp has disabled this template for good."),
    "IN_APPEAL": _("WhatsApp is reviewing this template once more."),
    "PENDING_DELETION": _("This template is being deleted."),
    "ARCHIVED": _("This template is archived."),
}
REASON_TEXTS = {
    "ABUSIVE_CONTENT": _("WhatsApp finds its content abusive or misleading."),
    "CATEGORY_NOT_AVAILABLE": _("This category is not available to the account."),
    "INCORRECT_CATEGORY": _("Its content belongs to another category."),
    "INVALID_FORMAT": _("Its format breaks a rule, most often about variables."),
    "PROMOTIONAL": _("Its content is an offer, which belongs to the category marketing."),
    "SCAM": _("WhatsApp takes it for a fraud."),
    "TAG_CONTENT_MISMATCH": _("Its content does not fit its category or language."),
}
QUALITY_TEXTS = {"GREEN": _("high"), "YELLOW": _("medium"), "RED": _("low")}


def status_name(template: MessageTemplate) -> Any:
    """Returns the name of the status; Meta's own in lower case if the hub has none."""
    names = dict(MessageTemplate.Status.choices)
    return names.get(template.status, template.status.lower())


def category_name(template: MessageTemplate) -> Any:
    """Returns the name of the category; Meta's own in lower case if the hub has none."""
    names = dict(MessageTemplate.Category.choices)
    return names.get(template.category, template.category.lower())


def status_text(template: MessageTemplate) -> Any:
    """Returns why its status does not allow sending it, as a sentence; an empty string if it may be sent."""
    if template.is_sendable:
        return ""
    return STATUS_TEXTS.get(template.status, _("WhatsApp does not take this template now."))


def reason_text(template: MessageTemplate) -> Any:
    """Returns why it was rejected, paused or disabled; an empty string if Meta gave no reason."""
    return REASON_TEXTS.get(template.reason, template.reason)


def is_metas_reason(template: MessageTemplate) -> bool:
    """Returns whether `reason_text` is Meta's own text, which is English."""
    return bool(template.reason) and template.reason not in REASON_TEXTS


def quality_text(template: MessageTemplate) -> Any:
    """Returns the quality in a word; an empty string if Meta has not rated it yet."""
    return QUALITY_TEXTS.get(template.quality, "")


def language_text(language: str) -> Any:
    """Returns the name of the language; Meta's code if the hub has no name."""
    return LANGUAGE_NAMES.get(language, language)


LANGUAGES = [
    ("pt_BR", _("Portuguese (Brazil)")),
    ("en", _("English")),
    ("en_US", _("English (United States)")),
    ("en_GB", _("English (United Kingdom)")),
    ("es", _("Spanish")),
    ("es_AR", _("Spanish (Argentina)")),
    ("es_ES", _("Spanish (Spain)")),
    ("es_MX", _("Spanish (Mexico)")),
    ("pt_PT", _("Portuguese (Portugal)")),
    ("fr", _("French")),
    ("de", _("German")),
    ("it", _("Italian")),
]
"""Languages of new templates. Meta has more."""
LANGUAGE_NAMES = dict(LANGUAGES)
