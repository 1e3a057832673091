"""Amounts of money as people read them. Stored amounts are millionths of the currency's unit."""

from decimal import Decimal

from django.utils.formats import number_format

MILLION = 1_000_000
SYMBOLS = {
    "BRL": "R$",
    "USD": "US$",
    "EUR": "€",
    "GBP": "£",
    "ARS": "ARS",
    "BOB": "Bs",
    "CLP": "CLP",
    "COP": "COP",
    "MXN": "MXN",
    "PEN": "S/",
    "PYG": "₲",
    "UYU": "UYU",
}
"""Currencies that an AI may be paid in, with what stands before an amount."""
CENT = MILLION // 100


def money_text(micros: int, currency: str) -> str:
    """Returns an amount in the format of the active language. Less than a cent is shown with four decimals."""
    decimals = 4 if 0 < micros < CENT else 2
    amount = number_format(Decimal(micros) / MILLION, decimal_pos=decimals, force_grouping=True)
    return f"{SYMBOLS.get(currency, currency)} {amount}"
