"""WhatsApp ids, and the only reader of phone numbers that people type or paste (docs/meta-platform.md 6).

A wa_id from Meta is never rewritten: numbers are compared, not converted. Brazilian mobiles have a ninth digit that many wa_ids
lack, Mexican numbers an old trunk 1, Argentine numbers a 9 after the country code.

Typed numbers are read with the numbering plans of Google's library. Trunk zeros, local prefixes and invisible marks are not part
of a number. A country is a region code of ISO 3166, such as BR.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType, ValidationResult

BRAZIL = "BR"
MAX_TYPED_LENGTH = 100
"""In characters, including everything between the digits."""
MIN_DIGITS_WITHOUT_PLUS = 11
"""Digits of a foreign number that is recognized without its +. With fewer digits, a local number without an area code may look
like one."""

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

_MARKS = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0]"
)
"""Invisible characters: marks of direction, joiners, variation selectors, fillers (Default_Ignorable_Code_Point)."""
_SCHEME = re.compile(r"\s*(?:tel|whatsapp):", re.IGNORECASE)
_CARRIER = re.compile(r"0[xX]{2}(?=\s*\d)")
"""How Brazilians write the position of the carrier's code: (0xx61) 3321-4400."""
_SHAPE = re.compile(r"[\s(]*\+?[\d\s()./\-\u2010-\u2015\u2212]*", re.ASCII)
_SPACES = re.compile(r"\s")
_ROUNDED = re.compile(r"\d[.,]?\d*E\+?\d", re.IGNORECASE | re.ASCII)
_OLD_MEXICAN = re.compile(r"(?:01|04[45]|1)(\d{10})")
"""Prefixes that Mexico abolished in 2019, and that people still write."""
_AR_BOTH = re.compile(r"9(\d{12})")
"""The 9 of a call from abroad, followed most likely by the 15 of a local one."""


class PhoneProblem(StrEnum):
    """Why a text is not a phone number."""

    LETTERS = "letters"
    """It has characters that do not belong in a phone number, or is far too long."""
    ROUNDED = "rounded"
    """A spreadsheet has written it as 5.56E+12."""
    INCOMPLETE = "incomplete"
    """No numbering plan contains it: the area code or country code is missing, or there is a digit too many."""
    AMBIGUOUS = "ambiguous"
    """It begins with digits that are the country's code, and an area code of that country too."""


class NotAPhoneNumber(ValueError):
    """The text is not a phone number."""

    def __init__(self, problem: PhoneProblem) -> None:
        super().__init__(problem.value)
        self.problem = problem


def same_person_key(wa_id: str) -> str:
    """Returns the number without its optional digit, so that two forms of one mobile are equal. Two wa_ids with the same key may
    still be two persons, which only a person can decide."""
    for pattern, shorter in _OPTIONAL:
        if match := pattern.fullmatch(wa_id):
            return match.expand(shorter)
    return wa_id


def variants(wa_id: str) -> tuple[str, ...]:
    """Returns the wa_id and, if there is one, the other form of the same mobile, with or without its optional digit."""
    for pattern, other in (*_OPTIONAL, *_INSERTED):
        if match := pattern.fullmatch(wa_id):
            return wa_id, match.expand(other)
    return (wa_id,)


def read_phone_number(typed: str, *, country: str = BRAZIL, is_international: bool = False) -> tuple[str, ...]:
    """Returns the possible wa_ids of a number that somebody in `country` typed in any usual form, the most likely first.

    Digits without + are a number of the country if they can be one, otherwise a foreign number with its country code. With
    `is_international` it is the other way round. Raises NotAPhoneNumber.
    """
    text = _plain(typed)
    if not is_international and _may_have_own_code(text, country):
        raise NotAPhoneNumber(PhoneProblem.AMBIGUOUS)
    for reading in _readings(text, country, is_international=is_international):
        if _is_valid(reading):
            return variants(_wa_id(reading))
    if text.startswith("+") or is_international:  # the numbering plan may be newer than the library
        number = _parsed(f"+{_digits(text)}", None)
        if number and _is_possible(number):
            return variants(_wa_id(number))
    raise NotAPhoneNumber(PhoneProblem.INCOMPLETE)


def candidates(typed: str, *, country: str = BRAZIL) -> tuple[str, ...]:
    """Like `read_phone_number`, but returns no wa_ids if the text is not a phone number."""
    try:
        return read_phone_number(typed, country=country)
    except NotAPhoneNumber:
        return ()


def beginnings(typed: str, *, country: str = BRAZIL) -> tuple[str, ...]:
    """Returns how `same_person_key` of a number may begin if these are its first digits: with a digit that may turn out to be
    optional, and without it."""
    text = _MARKS.sub("", typed[:MAX_TYPED_LENGTH]).strip(" (\t\u00a0")
    raw = _digits(text)  # may have the country code already
    found = [same_person_key(candidate) for candidate in candidates(typed, country=country)]
    if text.startswith("+") or raw.startswith("00"):
        unfinished = [_without_trunk_zeros(raw.lstrip("0"))]
    else:
        unfinished = [f"{calling_code(country)}{raw.lstrip('0')}"] if raw.lstrip("0") else []
    for digits in [*unfinished, raw]:
        for opening, kept in ((r"(55\d\d)9", r"\1"), (r"521", "52"), (r"549", "54")):
            if match := re.match(opening, digits):
                found.append(match.expand(kept) + digits[match.end() :])
    return tuple(dict.fromkeys(filter(None, [*found, *unfinished, raw])))


@lru_cache(maxsize=4096)
def formatted(wa_id: str) -> str:
    """Returns the number as people read it, +55 61 8150-0586, with the same digits. Anything else is returned unchanged."""
    if not (wa_id.isascii() and wa_id.isdigit()):
        return wa_id
    if match := _BR_WITHOUT.fullmatch(wa_id):  # only WhatsApp still has this form, no numbering plan does
        return f"+55 {match[1]} {match[2][:4]}-{match[2][4:]}"
    if match := _MX_WITH_ONE.fullmatch(wa_id):  # the same
        return f"+52 1 {formatted(f'52{match[1]}').removeprefix('+52 ')}"
    number = _parsed(f"+{wa_id}", None)
    if number is None:
        return f"+{wa_id}"
    shown = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return str(shown) if _digits(shown) == wa_id else f"+{wa_id}"


@lru_cache(maxsize=512)
def calling_code(country: str) -> str:
    """Returns the country code of the country's numbers, 0 for an unknown country."""
    return str(phonenumbers.country_code_for_region(country))


@lru_cache(maxsize=512)
def example_number(country: str) -> str:
    """Returns a number of the country as people write it, as an example."""
    number = phonenumbers.example_number(country)
    return formatted(_wa_id(number)) if number else ""


def _plain(typed: str) -> str:
    """Returns the digits and the characters between them, starting with + if that comes first. Raises NotAPhoneNumber for any
    other text."""
    if len(typed) > MAX_TYPED_LENGTH:
        raise NotAPhoneNumber(PhoneProblem.LETTERS)
    text = _CARRIER.sub("0", _SCHEME.sub("", _MARKS.sub("", typed), count=1), count=1)
    if _ROUNDED.search(text):
        raise NotAPhoneNumber(PhoneProblem.ROUNDED)
    text = _SPACES.sub(" ", text)
    if not _SHAPE.fullmatch(text):
        raise NotAPhoneNumber(PhoneProblem.LETTERS)
    return text.lstrip(" (")


def _readings(text: str, country: str, *, is_international: bool) -> Iterator[PhoneNumber]:
    """Yields the possible meanings of the text, the most likely first."""
    digits = _digits(text)
    national = (digits, country)
    if text.startswith("+"):
        ways: list[tuple[str, str | None]] = [(f"+{digits.removeprefix('00')}", None)]
    elif digits.startswith("00"):
        ways = [(f"+{digits[2:]}", None), national]  # in some countries 00 is not the international prefix
    elif is_international or _has_own_code(digits, country):
        ways = [(f"+{digits}", None), national]
    else:
        ways = [national, *([(f"+{digits}", None)] if len(digits) >= MIN_DIGITS_WITHOUT_PLUS else [])]
    yield from filter(None, (_parsed(*way) for way in ways))


def _has_own_code(digits: str, country: str) -> bool:
    """Returns whether the digits are a mobile of the country with its country code, which could be a landline without it. German
    area codes begin with 49 too, but are written with their trunk zero."""
    if len(digits) < MIN_DIGITS_WITHOUT_PLUS or not digits.startswith(calling_code(country)):
        return False
    national = _parsed(digits, country)
    if national is None or _wa_id(national) == digits or phonenumbers.number_type(national) == PhoneNumberType.MOBILE:
        return False
    whole = _parsed(f"+{digits}", None)
    return whole is not None and phonenumbers.number_type(whole) == PhoneNumberType.MOBILE


def _may_have_own_code(text: str, country: str) -> bool:
    """Whether digits without a + are a landline of the country both with its code and without. One without is written with a trunk
    zero in most countries, which a spreadsheet drops. Where nobody writes one, as in Brazil, the digits are a number without it."""
    digits = _digits(text)
    if not digits.startswith(calling_code(country)) or text.startswith("+") or _has_own_code(digits, country):
        return False
    national, whole = _parsed(digits, country), _parsed(f"+{digits}", None)
    if not (national and whole) or _wa_id(national) == digits or phonenumbers.number_type(national) == PhoneNumberType.MOBILE:
        return False
    written = _digits(phonenumbers.format_number(national, phonenumbers.PhoneNumberFormat.NATIONAL))
    return written != _national(national) and phonenumbers.is_valid_number(national) and phonenumbers.is_valid_number(whole)


def _parsed(digits: str, country: str | None) -> PhoneNumber | None:
    """Returns the number in the library's normal form, without trunk zeros and local prefixes."""
    try:
        number = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return None
    code, national = number.country_code or 0, _national(number)
    if code == 52 and (match := _OLD_MEXICAN.fullmatch(national)):
        return phonenumbers.parse(f"+52{match[1]}")
    if code == 54 and (match := _AR_BOTH.fullmatch(national)):
        return phonenumbers.parse(f"+54{match[1]}")
    return number


def _national(number: PhoneNumber) -> str:
    return str(phonenumbers.national_significant_number(number))


def _wa_id(number: PhoneNumber) -> str:
    return f"{number.country_code}{_national(number)}"


def _is_valid(number: PhoneNumber) -> bool:
    """Returns whether a numbering plan contains the number, with or without its optional digit."""
    if phonenumbers.is_valid_number(number):
        return True
    others = (_parsed(f"+{each}", None) for each in variants(_wa_id(number))[1:])
    return any(phonenumbers.is_valid_number(each) for each in others if each)


def _is_possible(number: PhoneNumber) -> bool:
    if number.country_code == 55 and len(_national(number)) < 10:
        return False  # a number without its area code looks like a service number
    return bool(phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE)


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter in "0123456789")


def _without_trunk_zeros(digits: str) -> str:
    """Returns the first digits of an international number without a zero that people write after the country code. Italian
    numbers keep their zero."""
    for length in (1, 2, 3):
        code, rest = digits[:length], digits[length:]
        if code.isdigit() and int(code) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            return digits if code == "39" else code + rest.lstrip("0")
    return digits
