"""Phone numbers in forms: read with the country of the organization, or refused with an explanation."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from cloud_api.wa_ids import NotAPhoneNumber, PhoneProblem, read_phone_number

PHONE_PROBLEMS: dict[PhoneProblem, Any] = {
    PhoneProblem.LETTERS: _("A phone number has digits only, and signs between them."),
    PhoneProblem.ROUNDED: _("The spreadsheet has rounded the number. Format the column as text, and write the numbers again."),
    PhoneProblem.AMBIGUOUS: _("This number can be read with a country code and without. Write it with + and the country code."),
    PhoneProblem.INCOMPLETE: _(
        "This is no complete phone number. Write area code and number, with + and country code if it is a foreign one."
    ),
}
"""What is wrong, and what to do."""


def clean_phone(typed: str, *, country: str) -> tuple[str, ...]:
    """Returns the wa_ids that a typed phone number may have, the most likely first, for use in forms. Raises ValidationError."""
    try:
        return read_phone_number(typed, country=country)
    except NotAPhoneNumber as error:
        raise ValidationError(PHONE_PROBLEMS[error.problem]) from None
