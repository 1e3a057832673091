"""Meta's error codes (docs/meta-platform.md 9.2): what each one means in plain words, who can resolve it, and when to retry.

The same code may come as the response to a request, later in a status `failed`, or with an inbound message that Meta does not
pass on. The words are in English. They are translated where they are shown.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


def _(words: str) -> str:
    """Marks a text for translation. It is translated where it is shown."""
    return words


class Remedy(StrEnum):
    """What can resolve an error. The letters are the classes of docs/meta-platform.md 9.2."""

    SOON = "A"
    """A retry soon may succeed."""
    LATER = "B"
    """A retry after hours may succeed."""
    ADMINISTRATOR = "C"
    """An administrator must fix the account, the number or the template. Nothing is sent until then."""
    NONE = "D"
    """Final for this message to this person."""
    CONTENT = "E"
    """The message itself is wrong."""


class Scope(StrEnum):
    """What waits for a retry."""

    RECIPIENT = "recipient"
    """The conversation."""
    NUMBER = "number"
    """Everything that the number sends."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and when the hub retries. `first` is in seconds. `tries` counts the retries, not the first attempt."""

    first: float
    factor: float
    tries: int
    scope: Scope = Scope.RECIPIENT

    def wait(self, attempt: int) -> float | None:
        """Returns the seconds before retry number `attempt`, counted from 0. None if there are no more retries."""
        return self.first * self.factor**attempt if attempt < self.tries else None


@dataclass(frozen=True, slots=True)
class ErrorMeaning:
    """The meaning of an error in words for staff, and its consequences."""

    words: str
    remedy: Remedy
    retry: Retry | None = None
    """None: the hub does not retry."""
    stops_number: bool = False
    """Graph would refuse everything that the number sends until a person resolves the error."""


# Codes with consequences beyond the one message.
TOKEN_REFUSED = 190
TOKEN_CODES = frozenset({0, 102, TOKEN_REFUSED})
"""Graph does not accept the access token for any call: it has expired, was revoked, or is not a token. 102 is Graph's code for a
session that has ended."""
NUMBER_MISSING = 33
CONTENT_REFUSED = 100
OBJECT_MISSING_SUBCODE = 33
"""Of code 100: the object that the URL of the request names does not exist, or the token gives no access to it."""
TOO_MANY_CALLS = 80007
WINDOW_CLOSED = 131047
MARKETING_STOPPED = 131050
FILE_NOT_GIVEN = 131052
"""A customer's file cannot be downloaded. More than 100 MB is one of several reasons, which the details name
(docs/meta-platform.md 3, 9.2)."""
FILE_REFUSED = 131053

A, B, C, D, E = Remedy
_PERMISSION = _("The connection to WhatsApp lacks a permission. An administrator has to renew it.")
_TOO_MANY = _("Too many requests to WhatsApp. Sending resumes shortly.")
_TROUBLE = _("WhatsApp had a problem with it. Trying again may help.")
_DOWN = _("WhatsApp was not available. Trying again may help.")
_NOT_REGISTERED = _("The number is not correctly registered with WhatsApp. An administrator has to look.")
_REFUSED = _("WhatsApp refused the content of this message.")
_FORM = _("The form is blocked or limited by WhatsApp.")
_SHORTLY = Retry(first=2, factor=2, tries=6)
_CALL_RATE = Retry(first=60, factor=2, tries=7, scope=Scope.NUMBER)
_IN_GROUP = ErrorMeaning(_("WhatsApp refused this for the group."), E)
_TOKEN_EXPIRED = ErrorMeaning(
    _("The connection to WhatsApp expired. An administrator has to renew the access token."), C, stops_number=True
)
_NO_PERMISSION = ErrorMeaning(_PERMISSION, C, stops_number=True)

ERRORS: dict[int, ErrorMeaning] = {
    0: ErrorMeaning(_("The connection to WhatsApp has to be renewed by an administrator."), C, stops_number=True),
    1: ErrorMeaning(_TROUBLE, A, Retry(first=2, factor=1, tries=2)),
    2: ErrorMeaning(_DOWN, A, _SHORTLY),
    3: _NO_PERMISSION,
    4: ErrorMeaning(_TOO_MANY, B, _CALL_RATE),
    10: _NO_PERMISSION,
    17: ErrorMeaning(_TOO_MANY, B, _CALL_RATE),
    32: ErrorMeaning(_TOO_MANY, B, _CALL_RATE),
    33: ErrorMeaning(
        _("This WhatsApp number no longer exists at Meta, or the connection may not use it. An administrator has to look."),
        C,
        stops_number=True,
    ),
    100: ErrorMeaning(_REFUSED, E),
    102: _TOKEN_EXPIRED,
    190: _TOKEN_EXPIRED,
    368: ErrorMeaning(_("WhatsApp has temporarily blocked this account for breaking its rules."), C, stops_number=True),
    613: ErrorMeaning(_TOO_MANY, B, _CALL_RATE),
    80007: ErrorMeaning(_TOO_MANY, B, _CALL_RATE),
    130429: ErrorMeaning(_("Sending was too fast for WhatsApp."), A, Retry(first=1, factor=2, tries=8, scope=Scope.NUMBER)),
    130472: ErrorMeaning(_("WhatsApp is holding back marketing messages to this person. It was not sent."), D),
    130497: ErrorMeaning(_("This business may not message people in that country."), D),
    131000: ErrorMeaning(_("WhatsApp failed to process it. Trying again may help."), A, Retry(first=2, factor=2, tries=3)),
    131005: _NO_PERMISSION,
    131008: ErrorMeaning(_("Something is missing in this message."), E),
    131009: ErrorMeaning(_("WhatsApp refused a value in this message."), E),
    131016: ErrorMeaning(_DOWN, A, _SHORTLY),
    131021: ErrorMeaning(_("It was addressed to your own number."), E),
    131026: ErrorMeaning(
        _("It could not be delivered. The person may not use WhatsApp on this number, or cannot receive it."),
        D,
    ),
    131030: ErrorMeaning(_("This is a test number: the recipient has to be put on Meta's list of allowed ones first."), C),
    131031: ErrorMeaning(_("The WhatsApp account is locked."), C, stops_number=True),
    131037: ErrorMeaning(_("The number's display name still awaits WhatsApp's approval."), C, stops_number=True),
    131042: ErrorMeaning(_("Billing at Meta needs attention: messages are stopped."), C, stops_number=True),
    131045: ErrorMeaning(_NOT_REGISTERED, C, stops_number=True),
    131047: ErrorMeaning(_("More than 24 hours had passed since the customer wrote. Only a template can be sent now."), D),
    131048: ErrorMeaning(
        _("WhatsApp limits this number after complaints."), B, Retry(first=3600, factor=2, tries=3, scope=Scope.NUMBER)
    ),
    131049: ErrorMeaning(_("WhatsApp withheld this marketing message."), D),
    131050: ErrorMeaning(_("The customer has turned off marketing messages."), D),
    131051: ErrorMeaning(_("WhatsApp does not offer this kind of message to businesses."), E),
    131052: ErrorMeaning(_("The customer's file could not be fetched. Ask for it another way."), D),
    131053: ErrorMeaning(_("The file was refused: its type, its size or its link."), E),
    131055: ErrorMeaning(_("It was sent in a way that does not suit this message."), E),
    131056: ErrorMeaning(_("Too many messages to this person in a short time."), A, Retry(first=1, factor=4, tries=6)),
    131057: ErrorMeaning(
        _("The number was being updated by WhatsApp. Trying again may help."),
        A,
        Retry(first=60, factor=2, tries=4, scope=Scope.NUMBER),
    ),
    131060: ErrorMeaning(
        _(
            "WhatsApp did not pass on the content of this message. If the number is in the WhatsApp Business app too, it can be "
            "read there; otherwise ask the customer to send it again."
        ),
        D,
    ),
    131062: ErrorMeaning(_("This message needs the person's phone number, which WhatsApp does not share."), E),
    131063: ErrorMeaning(_("Marketing messages cannot be sent this way from this account."), C),
    131064: ErrorMeaning(_("Sending is limited for this account."), C, stops_number=True),
    132000: ErrorMeaning(_("Not all fields of the template were filled."), E),
    132001: ErrorMeaning(_("The template was not found, or is not approved in this language."), E),
    132005: ErrorMeaning(_("The template's text became too long."), E),
    132007: ErrorMeaning(_("The template's content breaks a rule of WhatsApp's."), E),
    132008: ErrorMeaning(_("A field of the template has the wrong format."), E),
    132012: ErrorMeaning(_("A field of the template has the wrong format."), E),
    132015: ErrorMeaning(_("This template is paused by WhatsApp for its quality."), C),
    132016: ErrorMeaning(_("This template is permanently disabled by WhatsApp for its quality."), C),
    132018: ErrorMeaning(_("A field of the template has the wrong format."), E),
    132068: ErrorMeaning(_FORM, C),
    132069: ErrorMeaning(_FORM, C),
    133004: ErrorMeaning(_DOWN, A, _SHORTLY),
    134011: ErrorMeaning(_("The terms of payment have to be accepted at Meta first."), C),
    134100: ErrorMeaning(_("It was sent in a way that does not suit this message."), E),
    134101: ErrorMeaning(
        _("The template is still being prepared by WhatsApp. Trying again in ten minutes may help."),
        B,
        Retry(first=600, factor=1, tries=3),
    ),
    134102: ErrorMeaning(_("Marketing messages cannot be sent this way from this account."), C),
    135000: ErrorMeaning(_REFUSED, E),
    137000: ErrorMeaning(_("The customer's security code has changed and has to be confirmed first."), D),
    2593107: ErrorMeaning(_("The phone app's data had been asked for before."), C),
    2593108: ErrorMeaning(_("The phone app's data were asked for too late."), C),
    2593109: ErrorMeaning(_("The phone app's owner did not share its history."), C),
}
ERRORS |= dict.fromkeys(
    (133000, 133005, 133006, 133008, 133009, 133010, 133015, 133016), ErrorMeaning(_NOT_REGISTERED, C, stops_number=True)
)
ERRORS |= dict.fromkeys((131020, 131041, 131059), _IN_GROUP)

RANGES: list[tuple[range, ErrorMeaning]] = [
    (range(200, 300), _NO_PERMISSION),
    (range(131201, 131216), _IN_GROUP),
    (range(138000, 139000), ErrorMeaning(_("The call could not be made."), D)),
    (range(139000, 139005), ErrorMeaning(_FORM, C)),
    (range(139100, 139104), ErrorMeaning(_("Blocking or unblocking this person did not work."), E)),
    (range(147001, 147006), ErrorMeaning(_("The business's username was refused by WhatsApp."), C)),
]
"""Codes with the same meaning for the reader."""

UNKNOWN = ErrorMeaning(_("WhatsApp could not deliver it."), D)

GENERIC_CODES = {0, 1, 100, 131000, 131008, 131009, 135000}
"""Known codes that only say that something is wrong. Meta's own words have the reason."""
MAX_REASON_LENGTH = 1000
"""Characters of Meta's own words that are shown."""
_CODE = re.compile(r"[0-9]{1,9}")


def meaning_of(code: int) -> ErrorMeaning:
    """Returns the meaning of a code; for an unknown code, that the message failed."""
    if code in ERRORS:
        return ERRORS[code]
    return next((meaning for codes, meaning in RANGES if code in codes), UNKNOWN)


def can_be_resent(code: int) -> bool:
    """Returns whether a message that failed with this code may succeed if a person sends it again, perhaps after somebody has
    resolved the error."""
    return meaning_of(code).remedy in (Remedy.SOON, Remedy.LATER, Remedy.ADMINISTRATOR)


def code_of(error: object) -> int | None:
    """Returns the code of one of Meta's error objects, None if it has none. The code may be a number or digits in a string."""
    return read_code(error.get("code")) if isinstance(error, Mapping) else None


def read_code(value: object) -> int | None:
    """Returns a code that is a number or a string of digits, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    written = str(value).strip().removesuffix(".0")
    return int(written) if _CODE.fullmatch(written) else None


def has_text(code: int) -> bool:
    """Returns whether the catalogue describes this code."""
    return meaning_of(code) is not UNKNOWN


def codes_of(errors: Iterable[object]) -> list[int]:
    """Returns the codes of the errors that have one."""
    return [code for code in map(code_of, errors) if code is not None]


def meta_words(error: object) -> str:
    """Returns Meta's own words about an error, in English, if they say more than the catalogue does about its code. Otherwise
    returns an empty string.

    A title or a message says no more than its code (docs/meta-platform.md 9.2). They count only if the catalogue has no words
    for the code.
    """
    if not isinstance(error, Mapping):
        return ""
    particular = error.get("error_data")
    details = particular.get("details") if isinstance(particular, Mapping) else particular
    titles = _texts(error.get(key) for key in ("title", "error_user_title", "message"))
    said = _texts([details, error.get("details"), error.get("error_user_msg")])
    code = code_of(error)
    if code is None or not has_text(code) or code in GENERIC_CODES:
        return _joined([*titles, *said])
    stock = {title.casefold() for title in titles}
    return _joined(text for text in said if text.casefold() not in stock)


def _texts(values: Iterable[object]) -> list[str]:
    """Returns the values that are strings, each as one line without a full stop at its end."""
    lines = (" ".join(value.split()).rstrip(".") for value in values if isinstance(value, str))
    return [line for line in lines if line]


def _joined(texts: Iterable[str]) -> str:
    """Joins these texts, each once, without texts that another one contains."""
    plain = list(dict.fromkeys(texts))
    texts = [text for text in plain if not any(text != other and text in other for other in plain)]
    return ". ".join(texts)[:MAX_REASON_LENGTH] + ("." if texts else "")
