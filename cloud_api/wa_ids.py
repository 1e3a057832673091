"""WhatsApp ids and the numbers people write (reference 6). A wa_id of Meta's is never rewritten; numbers are compared, not
converted.

Brazilian mobiles have a ninth digit that many wa_ids lack, Mexican ones an old trunk 1, Argentine ones a 9 after the country code.
"""

import re

import phonenumbers

_BR_WITH_NINE = re.compile(r"55(\d\d)9([6-9]\d{7})")
_BR_WITHOUT = re.compile(r"55(\d\d)([6-9]\d{7})")
_MX_WITH_ONE = re.compile(r"521(\d{10})")
_MX_WITHOUT = re.compile(r"52(\d{10})")
_AR_WITH_NINE = re.compile(r"549(\d{10})")
_AR_WITHOUT = re.compile(r"54(\d{10})")

_OPTIONAL = (
    (_BR_WITH_NINE, r"55\1\2"),
    (_MX_WITH_ONE, r"52\1"),
    (_AR_WITH_NINE, r"54\1"),
)
_INSERTED = (
    (_BR_WITHOUT, r"55\g<1>9\2"),
    (_MX_WITHOUT, r"521\1"),
    (_AR_WITHOUT, r"549\1"),
)


def same_person_key(wa_id: str) -> str:
    """The number without its optional digit: equal for two ways of writing one mobile. Two wa_ids with one key may still be two
    persons; that is for a person to decide."""
    for pattern, shorter in _OPTIONAL:
        if match := pattern.fullmatch(wa_id):
            return match.expand(shorter)
    return wa_id


def candidates(typed: str, *, country: str = "55") -> tuple[str, ...]:
    """The wa_ids that a number may have, typed by somebody in `country` in any usual way; the likeliest first, none for no
    digits."""
    digits = _international(typed, country)
    if not digits:
        return ()
    for pattern, other in (*_OPTIONAL, *_INSERTED):
        if match := pattern.fullmatch(digits):
            return digits, match.expand(other)
    return (digits,)


def beginnings(typed: str, *, country: str = "55") -> tuple[str, ...]:
    """What `same_person_key` of a number may begin with whose first digits these are: with what may yet turn out to be the optional
    digit, and without."""
    raw = "".join(letter for letter in typed if letter in "0123456789")  # the country code may be there already
    found = [same_person_key(candidate) for candidate in candidates(typed, country=country)]
    for digits in (_international(typed, country), raw):
        for opening, kept in ((r"(55\d\d)9", r"\1"), (r"521", "52"), (r"549", "54")):
            if match := re.match(opening, digits):
                found.append(match.expand(kept) + digits[match.end() :])
    return tuple(dict.fromkeys(filter(None, [*found, raw])))


def _international(typed: str, country: str) -> str:
    digits = "".join(letter for letter in typed if letter in "0123456789")
    if typed.strip().startswith("+"):
        return digits
    if digits.startswith("00"):
        return digits[2:]
    national = digits.removeprefix("0")
    if digits != national or (len(national) <= 11 and not (national.startswith(country) and len(national) > 11)):
        return country + national if national else ""
    return digits


def formatted(wa_id: str) -> str:
    """The number as people read it, +55 61 8150-0586; what is no number stays as it is."""
    if not (wa_id.isascii() and wa_id.isdigit()):
        return wa_id
    if match := _BR_WITHOUT.fullmatch(wa_id):  # which no numbering plan has any more, only WhatsApp
        return f"+55 {match[1]} {match[2][:4]}-{match[2][4:]}"
    try:
        number = phonenumbers.parse(f"+{wa_id}")
    except phonenumbers.NumberParseException:
        return f"+{wa_id}"
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL))
