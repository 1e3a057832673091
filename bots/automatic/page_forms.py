"""All forms of the page of automatic messages together: what was typed as columns, and what of it is wrong."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext, override
from django.utils.translation import gettext_noop as _

from bots.automatic.business_hours import BusinessHours, Period
from bots.automatic.calendar_words import WORDS, customers_language
from bots.automatic.forms import ClosedDays, DayForm, MessageForm, RulesForm, closed_day_initial
from bots.automatic.services import hours_of
from bots.files.stored_files import FileDetails
from bots.models import AutomaticMessages
from contacts.consent.words import MarketingWords, words_of
from organizations.models import Organization, PhoneNumber

PART_NAMES = {
    "greeting": _("Greeting"),
    "away": _("Outside business hours"),
    "handed_over": _("Talking to a person"),
    "handed_over_away": _("Talking to a person"),
    "reminder": _("Reminder before the window closes"),
    "opted_out": _("Marketing messages"),
}
"""The headings of messages on the page."""
SWITCHED = {
    "greeting": "greeting_is_on",
    "away": "away_is_on",
    "reminder": "reminder_is_on",
    "opted_out": "opted_out_is_on",
}
"""Messages that must not be empty while they are on."""
RULES = (
    *("greeting_is_on", "away_is_on", "handed_over_is_on", "reminder_is_on", "reminder_minutes", "opted_out_is_on"),
    *("holidays", "holiday_state", "person_words", "loop_answers", "loop_minutes"),
)
NUMBER_COLUMNS = ("bot_returns", "bot_returns_minutes", "hand_back_word", "late_after_minutes")
SUGGESTIONS = {
    "greeting": _("Hello, {{first_name}}! This is {{organization}}. How can we help you?"),
    "away": _("Hello, {{first_name}}! We are closed at the moment. Our hours: {{hours}}. We answer {{next_opening}}."),
    "reminder": _("{{first_name}}, can we still help you? Answer here and we go on from where we stopped."),
    "opted_out": _("All right! You will get no more offers and news from us here. Write VOLTAR if you want them again."),
}
"""Texts to start from, in the language of the customers."""
USUAL_DAY = ((time(8), time(18)),)
USUAL_WEEK: tuple[tuple[Period, ...], ...] = (*[USUAL_DAY] * 5, ((time(8), time(12)),), ())
"""Hours to start from, for a number that was always open."""


@dataclass(frozen=True, slots=True)
class WrongField:
    """A field that is wrong: the id of its element, the part of the page that it belongs to, and what is wrong."""

    id: str
    part: str
    words: str


class AutomaticForms:
    """The forms of one number. Without `data`, they show what is stored. `files` are the organization's stored files by their keys,
    `refusals` say why files that were uploaded for messages are not stored."""

    def __init__(
        self,
        number: PhoneNumber,
        stored: AutomaticMessages,
        data: Any = None,
        *,
        today: date,
        files: Mapping[str, FileDetails] | None = None,
        refusals: Mapping[str, str] | None = None,
    ) -> None:
        self._stored, self._organization = stored, number.organization
        hours = hours_of(stored, number.organization)
        self.rules = RulesForm(data, country=number.organization.country, initial=_initial_rules(number, stored, hours))
        self.messages = {
            name: MessageForm(
                data,
                stored=getattr(stored, name),
                suggested=_suggestion(name, number.organization),
                files=files,
                refusal=(refusals or {}).get(name, ""),
                prefix=name,
            )
            for name in AutomaticMessages.MESSAGES
        }
        days = WORDS.get(get_language() or "", WORDS["pt-br"]).days
        self.days = [
            DayForm(data, label=capfirst(day), periods=periods, prefix=f"day{index}")
            for index, (day, periods) in enumerate(zip(days, hours.weekly or USUAL_WEEK, strict=True))
        ]
        rows = [closed_day_initial(day, name, today=today) for day, name in hours.closed_days.items()]
        self.closed_days = ClosedDays(data, initial=rows, prefix="closed")

    @cached_property
    def is_valid(self) -> bool:
        """Whether everything can be saved. A message that is on must have a text. The hours of days count only if they are used."""
        valid = [self.rules.is_valid(), *(form.is_valid() for form in self.messages.values()), self.closed_days.is_valid()]
        for name, switch in SWITCHED.items():
            if self.rules.cleaned_data.get(switch):
                self.messages[name].require()
                valid.append(not self.messages[name].errors)
        if self.rules.cleaned_data.get("opening") == "hours":
            valid += [day.is_valid() for day in self.days]
        return all(valid)

    @cached_property
    def columns(self) -> dict[str, Any]:
        """The columns of AutomaticMessages. For a value that is wrong, the stored one."""
        rules, messages = self.rules, self.messages
        self.is_valid  # noqa: B018  validates all forms
        columns = {name: rules.cleaned_data[name] for name in RULES if name in rules.cleaned_data}
        columns |= {name: form.message for name, form in messages.items() if not form.errors}
        if rules.cleaned_data.get("opening") == "always":
            columns["hours"] = []
        elif rules.cleaned_data.get("opening") == "hours" and all(day.is_valid() for day in self.days):
            columns["hours"] = [day.stored_periods for day in self.days]
        if self.closed_days.is_valid():
            columns["closed_days"] = [row for form in self.closed_days if (row := form.stored)]
        return columns

    @property
    def number_columns(self) -> dict[str, Any]:
        """The columns of the number itself."""
        if not self.rules.is_bound:
            return {}
        self.is_valid  # noqa: B018  validates all forms
        return {name: self.rules.cleaned_data[name] for name in NUMBER_COLUMNS if name in self.rules.cleaned_data}

    @property
    def marketing_words(self) -> MarketingWords | None:
        """The words that stop and resume marketing messages, of valid forms. None if the page was loaded before it had them."""
        if not {"stop_words", "resume_words"} <= set(self.rules.data):
            return None
        return MarketingWords(tuple(self.rules.cleaned_data["stop_words"]), tuple(self.rules.cleaned_data["resume_words"]))

    @cached_property
    def typed(self) -> AutomaticMessages:
        """What would be saved now, or what is stored if nothing was typed. Not saved."""
        if not self.rules.is_bound:
            return self._stored
        values = {field.attname: getattr(self._stored, field.attname) for field in AutomaticMessages._meta.concrete_fields}
        return AutomaticMessages(**values | self.columns)

    @cached_property
    def hours(self) -> BusinessHours:
        """The business hours that were typed."""
        return hours_of(self.typed, self._organization)

    def wrong_fields(self) -> Iterator[WrongField]:
        """Yields each field that is wrong, with its first error."""
        if not self.rules.is_bound:
            return
        for form, part in self._parts():
            for name, errors in form.errors.items():
                is_field = name in form.fields
                label = part or (form.fields[name].label if is_field else "")
                yield WrongField(form[name].id_for_label if is_field else f"{form.prefix}-error", str(label or ""), str(errors[0]))
        for error in self.closed_days.non_form_errors():
            yield WrongField("closed-days", "", str(error))

    def _parts(self) -> Iterator[tuple[forms.Form, str]]:
        """Yields each form with the name of its part of the page. The fields of the rules have names of their own."""
        yield self.rules, ""
        for name, form in self.messages.items():
            yield form, gettext(PART_NAMES[name])
        for day in self.days:
            yield day, day.label
        for row in self.closed_days:
            yield row, gettext("Other days on which you are closed")


def _suggestion(name: str, organization: Organization) -> str:
    with override(customers_language(organization.country)):
        return gettext(SUGGESTIONS[name]) if name in SUGGESTIONS else ""


def _initial_rules(number: PhoneNumber, stored: AutomaticMessages, hours: BusinessHours) -> Mapping[str, Any]:
    initial: dict[str, Any] = {name: getattr(stored, name) for name in RULES}
    initial |= {name: getattr(number, name) for name in NUMBER_COLUMNS}
    initial["opening"] = "always" if hours.is_always_open else "hours"
    words = words_of(number.marketing_words, timezone.now())
    initial["stop_words"], initial["resume_words"] = ", ".join(words.stop), ", ".join(words.resume)
    initial["person_words"] = ", ".join(stored.person_words)
    return initial
