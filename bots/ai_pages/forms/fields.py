"""Fields that several forms have."""

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import formats
from django.utils.translation import gettext_lazy as _

from bots.ai_pages.money import MILLION

MAX_MONEY = 1_000_000
"""In units of the currency."""
SMALLEST_GROUPED = r"[1-9]\d{0,2}"
"""What stands before the first separator of thousands: 0.150 is not a grouped number."""


class TextField(forms.CharField):
    """A text of several lines. Lines end with a line feed only, so that the page and the server count alike."""

    def __init__(self, *, rows: int = 3, **options: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": rows, "dir": "auto"}), **options)

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value) or "").replace("\r\n", "\n").replace("\r", "\n")


class LinesField(TextField):
    """Texts, one a line. The cleaned value is a list without empty and repeated lines."""

    def __init__(self, *, max_lines: int, max_line: int, **options: Any) -> None:
        super().__init__(**options)
        self.max_lines, self.max_line = max_lines, max_line

    def clean(self, value: Any) -> list[str]:
        lines = [" ".join(line.split()) for line in super().clean(value).split("\n")]
        found = list(dict.fromkeys(line for line in lines if line))
        if len(found) > self.max_lines:
            raise ValidationError(_("At most %(limit)s lines.") % {"limit": self.max_lines})
        if any(len(line) > self.max_line for line in found):
            raise ValidationError(_("A line has at most %(limit)s characters.") % {"limit": self.max_line})
        return found


class NumberField(forms.IntegerField):
    """A whole number in a range, for which a phone shows digits."""

    def __init__(self, label: Any, lowest: int, highest: int, **options: Any) -> None:
        widget = forms.NumberInput(attrs={"inputmode": "numeric"})
        super().__init__(label=label, min_value=lowest, max_value=highest, widget=widget, **options)


class MoneyField(forms.DecimalField):
    """An amount as the reader writes it: 1.234,50 in Portuguese. The cleaned value is in millionths of the unit."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            min_value=Decimal(0),
            max_value=Decimal(MAX_MONEY),
            decimal_places=6,
            localize=True,
            widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
            **options,
        )

    def to_python(self, value: Any) -> Any:
        return super().to_python(_without_groups(value.strip()) if isinstance(value, str) else value)

    def clean(self, value: Any) -> Any:
        amount = super().clean(value)
        return int(amount * MILLION) if amount is not None else 0

    def prepare_value(self, value: Any) -> Any:
        """Returns a stored amount as it is typed."""
        if not isinstance(value, int):
            return value
        amount = Decimal(value) / MILLION
        return formats.number_format(amount, decimal_pos=max(2, -int(amount.normalize().as_tuple().exponent)), use_l10n=True)


def _without_groups(typed: str) -> str:
    """Returns the number without separators of thousands, if it has them in the places of the active language."""
    group, decimal = re.escape(formats.get_format("THOUSAND_SEPARATOR")), re.escape(formats.get_format("DECIMAL_SEPARATOR"))
    is_grouped = re.fullmatch(rf"{SMALLEST_GROUPED}(?:{group}\d{{3}})+(?:{decimal}\d*)?", typed)
    return re.sub(group, "", typed) if is_grouped else typed
