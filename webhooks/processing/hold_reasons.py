"""Why webhooks and their items are held or dead: stored as a code, shown in the language of the reader.

The column `reason` contains `code` or `code: detail`. Errors of Python are stored and shown as they are. Rows that are older than
the codes contain the English sentence. It is translated too.
"""

from enum import StrEnum

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _


class Reason(StrEnum):
    """The stored codes."""

    # of the parser
    BODY_EMPTY = "body_empty"
    BODY_TOO_DEEP = "body_too_deep"
    BODY_NOT_UTF8 = "body_not_utf8"
    BODY_NOT_JSON = "body_not_json"
    BODY_NOT_AN_OBJECT = "body_not_an_object"
    BODY_NOT_WHATSAPP = "body_not_whatsapp"
    BODY_WITHOUT_ENTRIES = "body_without_entries"
    ENTRY_WITHOUT_CHANGES = "entry_without_changes"
    CHANGE_WITHOUT_VALUE = "change_without_value"
    NOT_AN_OBJECT = "not_an_object"
    ID_TOO_LONG = "id_too_long"
    MESSAGE_WITHOUT_ID = "message_without_id"
    MESSAGE_WITHOUT_PERSON = "message_without_person"
    STATUS_INCOMPLETE = "status_incomplete"
    USER_ID_UPDATE_INCOMPLETE = "user_id_update_incomplete"
    ADDRESS_BOOK_WITHOUT_PERSON = "address_book_without_person"
    PREFERENCE_WITHOUT_PERSON = "preference_without_person"
    # of the router
    NAMES_NO_NUMBER = "names_no_number"
    SEVERAL_NUMBERS = "several_numbers"
    NUMBER_NOT_CONNECTED = "number_not_connected"
    ACCOUNT_NOT_CONNECTED = "account_not_connected"
    INACTIVE = "inactive"
    UNPROVEN = "unproven"
    FOREIGN_SIGNATURE = "foreign_signature"
    # of the pipeline
    MESSAGE_UNKNOWN = "message_unknown"
    NUMBER_MOVED = "number_moved"
    NOT_IN_BODY = "not_in_body"
    TOO_MANY_ITEMS = "too_many_items"


SENTENCES = {
    Reason.BODY_EMPTY: _("The body is empty."),
    Reason.BODY_TOO_DEEP: _("The body is nested too deep."),
    Reason.BODY_NOT_UTF8: _("The body is not UTF-8 text"),
    Reason.BODY_NOT_JSON: _("The body is not JSON"),
    Reason.BODY_NOT_AN_OBJECT: _("The body is JSON, but not an object."),
    Reason.BODY_NOT_WHATSAPP: _("The body is not about WhatsApp"),
    Reason.BODY_WITHOUT_ENTRIES: _("The body has no entries."),
    Reason.ENTRY_WITHOUT_CHANGES: _("The entry has no list of changes."),
    Reason.CHANGE_WITHOUT_VALUE: _("The change has no value."),
    Reason.NOT_AN_OBJECT: _("It is not an object."),
    Reason.ID_TOO_LONG: _("An id is too long"),
    Reason.MESSAGE_WITHOUT_ID: _("The message has no id."),
    Reason.MESSAGE_WITHOUT_PERSON: _("The message names nobody who wrote or received it."),
    Reason.STATUS_INCOMPLETE: _("The status names no message, or says nothing of it."),
    Reason.USER_ID_UPDATE_INCOMPLETE: _("It does not say which user ID became which."),
    Reason.ADDRESS_BOOK_WITHOUT_PERSON: _("The address book entry names nobody."),
    Reason.PREFERENCE_WITHOUT_PERSON: _("The preference names nobody."),
    Reason.NAMES_NO_NUMBER: _("It names neither a number nor an account."),
    Reason.SEVERAL_NUMBERS: _("It names an account with several numbers, and not which of them it is for."),
    Reason.NUMBER_NOT_CONNECTED: _("It is applied once its number is connected."),
    Reason.ACCOUNT_NOT_CONNECTED: _("It is applied once a number of its account is connected."),
    Reason.INACTIVE: _("It is applied once its number and organization are active."),
    Reason.UNPROVEN: _("It is applied once it is proven whose the number is."),
    Reason.FOREIGN_SIGNATURE: _("The secret that signed it is not that of the number's organization."),
    Reason.MESSAGE_UNKNOWN: _("It names nobody, and its message is not known"),
    Reason.NUMBER_MOVED: _("Its number was being moved."),
    Reason.NOT_IN_BODY: _("The hub does not find it in the body any more."),
    Reason.TOO_MANY_ITEMS: _(
        "With it there would be more unapplied items than the hub keeps. Apply it again once there are fewer."
    ),
}
"""A sentence without a full stop is followed by a colon and a detail."""
CODES = {sentence: code for code, sentence in SENTENCES.items()}


def code_of_sentence(reason: str) -> str:
    """Returns the code, with the detail, of a sentence of `cloud_api.payloads`, which does not know the codes."""
    sentence, separator, detail = reason.partition(": ")
    return f"{CODES[sentence]}{separator}{detail}" if sentence in CODES else reason


def translate_reason(reason: str) -> str:
    """Returns the stored reason in the active language. A detail stays as it is."""
    code, separator, detail = code_of_sentence(reason).partition(": ")
    if code not in SENTENCES:
        return reason
    return gettext(SENTENCES[Reason(code)]) + separator + detail
