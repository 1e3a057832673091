"""What Meta says of a template, in plain words."""

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
    """The status in a word; Meta's own where the hub has none."""
    names = dict(MessageTemplate.Status.choices)
    return names.get(template.status, template.status.lower())


def category_name(template: MessageTemplate) -> Any:
    """The category in a word; Meta's own where the hub has none."""
    names = dict(MessageTemplate.Category.choices)
    return names.get(template.category, template.category.lower())


def status_text(template: MessageTemplate) -> Any:
    """What its status means for whoever wants to send it; nothing if it may be sent."""
    if template.is_sendable:
        return ""
    return STATUS_TEXTS.get(template.status, _("WhatsApp does not take this template now."))


def reason_text(template: MessageTemplate) -> Any:
    """Why it was rejected, paused or disabled; nothing where Meta has not said."""
    return REASON_TEXTS.get(template.reason, template.reason)


def is_metas_reason(template: MessageTemplate) -> bool:
    """Whether the reason is in Meta's own words, which are English."""
    return bool(template.reason) and template.reason not in REASON_TEXTS


def quality_text(template: MessageTemplate) -> Any:
    """Nothing where Meta has no opinion yet."""
    return QUALITY_TEXTS.get(template.quality, "")


def language_text(language: str) -> Any:
    """The language's name; Meta's code where that is all there is."""
    return NAMES.get(language, language)


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
"""Those that a new template may be in; Meta knows more."""
NAMES = dict(LANGUAGES)
