"""Values in what customers write: numbers, dates, e-mail addresses, documents and phone numbers, in a normal form.

Each reader returns the value of a text as a string, or None if the text does not contain exactly one.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from validate_docbr import CNPJ, CPF

from bots.flows.texts import cut, fold, readable, visible
from cloud_api.wa_ids import NotAPhoneNumber, formatted, read_phone_number

MAX_VALUE = 1000
"""Characters of a variable."""
TODAY = "today"
MAX_DIGITS, MAX_DECIMALS = 15, 6

_NUMBER = re.compile(r"(?<![\w.,])[-+−]?\d+(?:[.,]\d+)*(?!\w)", re.ASCII)
_GROUPS = re.compile(r"\d{1,3}(?:[.,]\d{3})+", re.ASCII)
_DAY = re.compile(r"(?<![\d/.-])(\d{1,2})\s?[/.-]\s?(\d{1,2})(?:\s?[/.-]\s?(\d{4}|\d{2}))?(?![\d/])", re.ASCII)
_ISO_DAY = re.compile(r"(?<!\d)(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)", re.ASCII)
_DAY_IN_WORDS = re.compile(r"(?<!\w)(\d{1,2})o? (?:de )?([a-z]{3,10})(?: (?:de |del )?(\d{4}))?(?!\w)", re.ASCII)
_EMAIL = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.IGNORECASE | re.ASCII
)
_CPF = re.compile(r"(?<![\d.])\d{3}[. ]?\d{3}[. ]?\d{3}[-./ ]?\d{2}(?![\d])", re.ASCII)
_CNPJ = re.compile(r"(?<!\w)[A-Z0-9]{2}[. ]?[A-Z0-9]{3}[. ]?[A-Z0-9]{3}[/ ]?[A-Z0-9]{4}[- ]?\d{2}(?!\w)", re.IGNORECASE | re.ASCII)
_CEP = re.compile(r"(?<![\d.-])\d{2}\.?\d{3}[- ]?\d{3}(?![\d-])", re.ASCII)
_MONTHS = (
    ("janeiro", "enero", "january"),
    ("fevereiro", "febrero", "february"),
    ("marco", "marzo", "march"),
    ("abril", "april"),
    ("maio", "mayo", "may"),
    ("junho", "junio", "june"),
    ("julho", "julio", "july"),
    ("agosto", "august"),
    ("setembro", "septiembre", "september"),
    ("outubro", "octubre", "october"),
    ("novembro", "noviembre", "november"),
    ("dezembro", "diciembre", "december"),
)
_NEAR_DAYS = {"hoje": 0, "hoy": 0, "today": 0, "amanha": 1, "manana": 1, "tomorrow": 1, "depois de amanha": 2, "pasado manana": 2}


def read_number(text: str) -> Decimal | None:
    """Returns the only number in the text: 1.234,56 and 1,234.56 and 12,5 and R$ 1.000 are read as people mean them in Brazil."""
    found = _NUMBER.findall(unicodedata.normalize("NFKC", visible(text)[:MAX_VALUE]))
    if len(found) != 1:
        return None
    sign, digits = ("-" if found[0][0] in "-−" else ""), found[0].lstrip("-+−")
    whole, decimals = _divided(digits)
    if not whole.isdigit():
        if not _GROUPS.fullmatch(whole) or len({letter for letter in whole if not letter.isdigit()}) > 1:
            return None
        whole = _digits(whole)
    if len(whole) > MAX_DIGITS or len(decimals) > MAX_DECIMALS:
        return None
    return Decimal(f"{sign}{whole}.{decimals or 0}")


def _divided(digits: str) -> tuple[str, str]:
    """Returns what stands before and after the decimal mark. A mark that occurs twice, and a point before three digits, is none."""
    index = max(digits.rfind("."), digits.rfind(","))
    if index < 0:
        return digits, ""
    whole, mark, decimals = digits[:index], digits[index], digits[index + 1 :]
    is_thousand = mark == "." and len(decimals) == 3 and whole.isdigit() and len(whole) < 4 and whole.strip("0") != ""
    return (digits, "") if mark in whole or is_thousand else (whole, decimals)


def read_date(text: str, today: date) -> date | None:
    """Returns the only date in the text: 24/12/2026, 24.12.26, 24/12 (the next one), 2026-12-24, 24 de dezembro, amanhã."""
    text = visible(text)[:MAX_VALUE]
    folded = fold(text)
    if folded in _NEAR_DAYS:
        return today + timedelta(days=_NEAR_DAYS[folded])
    days = [(year, int(month), int(day)) for year, month, day in _ISO_DAY.findall(text)]
    if not days:
        days = [(year, int(month), int(day)) for day, month, year in _DAY.findall(text)]
    if not days:
        days = [(year, _month(name), int(day)) for day, name, year in _DAY_IN_WORDS.findall(folded) if _month(name)]
    return _calendar_date(*days[0], today) if len(days) == 1 else None


def _month(name: str) -> int:
    """Returns the number of a month, 0 if it is none. Three letters are enough."""
    return next((index for index, names in enumerate(_MONTHS, 1) if any(each.startswith(name) for each in names)), 0)


def _calendar_date(written_year: str, month: int, day: int, today: date) -> date | None:
    """Returns the date. Of a year without its century the nearest to today, without a year the next such day."""
    if not written_year:
        candidates = (_date(year, month, day) for year in range(today.year, today.year + 9))
        return next((each for each in candidates if each and each >= today), None)
    year = int(written_year)
    if len(written_year) == 2:
        year += today.year - today.year % 100
        year -= 100 if year > today.year + 20 else 0
    return _date(year, month, day)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _only(found: Iterable[str]) -> str | None:
    """Returns the only different value, None if there is none or several."""
    different = set(found)
    return different.pop() if len(different) == 1 else None


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text, flags=re.ASCII)


def _email(text: str) -> str | None:
    words = (word.strip("<>()[],;:\"'").rstrip(".!?") for word in text.split() if "@" in word)
    found = _only(words)
    if not found or len(found) > 254 or not _EMAIL.fullmatch(found) or ".." in found:
        return None
    local, _at, domain = found.rpartition("@")
    return None if local.startswith(".") or local.endswith(".") else f"{local}@{domain.lower()}"


def _cpf(text: str) -> str | None:
    found = _only(map(_digits, _CPF.findall(text)))
    return found if found and CPF().validate(found) else None


def _cnpj(text: str) -> str | None:
    candidates = {re.sub(r"[^A-Z0-9]", "", each.upper()) for each in _CNPJ.findall(text)}
    return _only(each for each in candidates if CNPJ().validate(each))


def _cep(text: str) -> str | None:
    found = _only(map(_digits, _CEP.findall(text)))
    return found if found and found.strip("0") else None


def _phone(text: str) -> str | None:
    try:
        return read_phone_number(text)[0]
    except NotAPhoneNumber:
        return None


def fits_range(value: Decimal, least: Any, most: Any) -> bool:
    """Returns whether the number is between the limits of the flow: JSON numbers, or absent. Other values do not limit."""
    low, high = (Decimal(str(limit)) if isinstance(limit, int | float) else None for limit in (least, most))
    return (low is None or value >= low) and (high is None or value <= high)


def fits_dates(value: date, first: Any, last: Any, today: date) -> bool:
    """Returns whether the date is between the limits of the flow: ISO dates, the word today, or absent."""
    since, until = limit_date(first, today), limit_date(last, today)
    return (since is None or value >= since) and (until is None or value <= until)


def limit_date(limit: Any, today: date) -> date | None:
    """Returns the date of a limit, None if there is none, or it is no date."""
    if limit == TODAY:
        return today
    try:
        return date.fromisoformat(limit) if isinstance(limit, str) else None
    except ValueError:
        return None


def plain_number(value: Decimal) -> str:
    """Returns the number with a decimal point and without zeros that say nothing: 12.5."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text if text.strip("-0") else "0"


READERS: Mapping[str, Callable[[str], str | None]] = {
    "email": _email,
    "cpf": _cpf,
    "cnpj": _cnpj,
    "cep": _cep,
    "phone": _phone,
}


def read_answer(answer: Mapping[str, Any], text: str, today: date) -> str | None:
    """Returns the value of a customer's text for a step that asks for an `answer`, in its normal form. None if it does not fit.

    Digits of a CPF, a CEP or a phone, capital letters and digits of a CNPJ, an ISO date, a number with a decimal point.
    """
    kind, least, most = answer["kind"], answer.get("min"), answer.get("max")
    if kind == "text":
        text = readable(text)
        return cut(text, MAX_VALUE) if text and fits_range(Decimal(len(text)), least, most) else None
    if kind == "number":
        number = read_number(text)
        return plain_number(number) if number is not None and fits_range(number, least, most) else None
    if kind == "date":
        day = read_date(text, today)
        return day.isoformat() if day and fits_dates(day, least, most, today) else None
    return READERS[kind](visible(text))


def shown(kind: str, value: str) -> str:
    """Returns the normal form of a value as people read it. `kind` is that of the step which asked for it."""
    return SHOWN[kind](value) if kind in SHOWN and value else value


def _shown_date(value: str) -> str:
    day = limit_date(value, date.min)
    return day.strftime("%d/%m/%Y") if day else value


SHOWN: Mapping[str, Callable[[str], str]] = {
    "cpf": lambda value: str(CPF().mask(value)) if len(value) == 11 else value,
    "cnpj": lambda value: str(CNPJ().mask(value)) if len(value) == 14 else value,
    "cep": lambda value: f"{value[:5]}-{value[5:]}",
    "date": _shown_date,
    "number": lambda value: value.replace(".", ","),
    "phone": formatted,
}
