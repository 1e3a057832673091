"""What an AI may use."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from bots.ai_pages.forms.fields import MoneyField, NumberField
from bots.ai_pages.money import SYMBOLS
from bots.models import AiConnection

CURRENCIES = [(code, code if symbol == code else f"{code} ({symbol})") for code, symbol in SYMBOLS.items()]


class LimitForm(forms.Form):
    """The limits of an AI and the prices of its tokens. The names are columns of `AiConnection`."""

    messages_per_answer = NumberField(
        _("Messages in one answer"), 1, 10, help_text=_("An answer with more is not sent: a person is called.")
    )
    answers_per_session = NumberField(
        _("Answers in one conversation"), 1, 500, help_text=_("After that a person is called for the rest of the conversation.")
    )
    answers_per_contact_day = NumberField(
        _("Answers to one contact in a day"), 1, 1_000, help_text=_("After that a person is called until the next day.")
    )
    tokens_per_day = NumberField(
        _("Tokens in a day"),
        1_000,
        1_000_000_000,
        help_text=_("Input and output together. Used up: a person is called in every conversation until the next day."),
    )
    micros_per_day = MoneyField(
        label=_("Money in a day"),
        required=False,
        help_text=_("Used up: a person is called in every conversation until the next day. Empty or 0: no limit of money."),
    )
    input_micros = MoneyField(
        label=_("Price of one million input tokens"), required=False, help_text=_("From the price list of the service.")
    )
    output_micros = MoneyField(
        label=_("Price of one million output tokens"), required=False, help_text=_("From the price list of the service.")
    )
    currency = forms.ChoiceField(label=_("Currency"), choices=CURRENCIES)

    @staticmethod
    def initial_of(connection: AiConnection) -> dict[str, Any]:
        """Returns the stored limits."""
        return {name: getattr(connection, name) for name in LimitForm.base_fields}

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        has_prices = values.get("input_micros") or values.get("output_micros")
        if values.get("micros_per_day") and not has_prices:
            self.add_error("micros_per_day", _("Enter the prices too: without them the hub cannot count the money."))
        return values
