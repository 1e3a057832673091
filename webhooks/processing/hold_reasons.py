"""Why webhooks and their items are held or dead: stored in English, shown in the language of whoever looks."""

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

REASONS = (
    _("The body is empty."),
    _("The body is nested too deep."),
    _("The body is not UTF-8 text"),
    _("The body is not JSON"),
    _("The body is JSON, but not an object."),
    _("The body is not about WhatsApp"),
    _("The body has no entries."),
    _("The entry has no list of changes."),
    _("The change has no value."),
    _("It is not an object."),
    _("An id is too long"),
    _("The message has no id."),
    _("The message names nobody who wrote or received it."),
    _("The status names no message, or says nothing of it."),
    _("It does not say which user ID became which."),
    _("The address book entry names nobody."),
    _("The preference names nobody."),
    _("It names neither a number nor an account."),
    _("It names an account with several numbers, and not which of them it is for."),
    _("It names nobody, and its message is not known"),
    _("It is applied once its number is connected."),
    _("It is applied once a number of its account is connected."),
    _("It is applied once its number and organization are active."),
    _("It is applied once it is proven whose the number is."),
    _("Its number was being moved."),
    _("The secret that signed it is not that of the number's organization."),
    _("The hub does not find it in the body any more."),
    _("With it there would be more unapplied items than the hub keeps. Apply it again once there are fewer."),
)


def translate_reason(reason: str) -> str:
    """The reason, translated; what follows a known sentence is a detail and stays as it is."""
    for known in REASONS:
        if reason.startswith(known):
            return gettext(known) + reason[len(known) :]
    return reason
