"""The forms of a number's automatic messages: each message, the hours of each day, the closed days, and the rest."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any
from urllib.parse import unquote, urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from bots.automatic.business_hours import Period, states_of
from bots.files.stored_files import ACCEPTED_TYPES, FileDetails
from bots.flows.checks.url_checks import url_problem
from bots.flows.messages import build, file_of
from bots.flows.texts import PLACEHOLDERS, fold, names_in
from cloud_api.messages import MAX_CAPTION, MAX_TEXT, WITHOUT_CAPTION, InvalidMessage
from cloud_api.payloads.texts import is_visible
from contacts.consent.words import MAX_WORD, MAX_WORDS, fold_message
from organizations.models import BotReturn

MAX_PERIODS = 3
"""Of one day."""
MAX_BUTTONS = 3
MAX_TITLE = 20
MAX_BUTTON_TEXT = 1024
"""Characters of the text of a message with buttons (docs/meta-platform.md 8.2)."""
MAX_FILE_NAME = 240
MAX_CLOSED_DAYS = 100
MAX_PERSON_WORDS = 30
MAX_PERSON_WORD = 60
SEPARATORS = re.compile(r"[,;\n]")
LEAP_YEAR = 2028
SWITCH = {"data-switch": True}
"""Attributes of a field that shows or hides a part of the page (`.switched` in frontend/hub.css)."""


STORED = "file"
"""The choice of a stored file, beside the kinds of files at a link."""
FILE_KINDS = {"image": _("Image"), "video": _("Video"), "document": _("Document"), "audio": _("Audio")}
LINK_PROBLEMS = {
    "invalid_url": _("This is no web address."),
    "not_https": _("The address has to begin with https://."),
    "url_with_user": _("The address must not contain a user name."),
    "url_host_variable": _("The name of the site must not contain a placeholder."),
    "private_url": _("WhatsApp cannot reach this address: it belongs to a private network."),
}


class MessageForm(forms.Form):
    """One automatic message: a text, with buttons or with a file. After validation, `message` is the message of a flow, or None."""

    text = forms.CharField(label=_("Text"), required=False, max_length=MAX_TEXT, widget=forms.Textarea({"rows": 4}))
    button_1 = forms.CharField(label=_("Button 1"), required=False, max_length=MAX_TITLE)
    button_2 = forms.CharField(label=_("Button 2"), required=False, max_length=MAX_TITLE)
    button_3 = forms.CharField(label=_("Button 3"), required=False, max_length=MAX_TITLE)
    file_kind = forms.ChoiceField(
        label=_("File"),
        required=False,
        choices=[("", _("No file")), (STORED, _("File from this device")), (_("By a link"), list(FILE_KINDS.items()))],
        widget=forms.Select({"data-file-choice": True}),
    )
    upload = forms.FileField(
        label=_("Choose a file"),
        required=False,
        help_text=_("Images up to 5 MB, videos and audio up to 16 MB, documents up to 100 MB. It is uploaded when you save."),
        widget=forms.FileInput({"accept": ACCEPTED_TYPES}),
    )
    file = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)
    """The key of the stored file."""
    link = forms.CharField(
        label=_("Web address of the file"),
        required=False,
        max_length=2048,
        help_text=_("Begins with https://, and everybody can open it. WhatsApp fetches the file from there."),
        widget=forms.TextInput({"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(
        self,
        data: Any = None,
        *,
        stored: Mapping[str, Any] | None,
        suggested: str = "",
        files: Mapping[str, FileDetails] | None = None,
        refusal: str = "",
        **options: Any,
    ) -> None:
        """`files` are the organization's stored files by their keys. `refusal`: why the file that was uploaded is not stored."""
        stored = stored or {}
        self._files, self._refusal = files or {}, refusal
        self._ids = {button["title"]: button["id"] for button in stored.get("buttons", ())}
        titles = {f"button_{index}": title for index, title in enumerate(self._ids, start=1)}
        file = {"file_kind": stored.get("kind", ""), "link": stored.get("link", ""), "file": file_of(stored) if stored else ""}
        text = stored.get("caption" if file["file_kind"] else "text", "" if stored else suggested)
        if file["file"]:
            file["file_kind"] = STORED
        super().__init__(data, initial={"text": text} | titles | file, **options)
        self.message: dict[str, Any] | None = None

    @property
    def buttons(self) -> list[forms.BoundField]:
        return [self[f"button_{index}"] for index in range(1, MAX_BUTTONS + 1)]

    @property
    def typed_buttons(self) -> list[str]:
        """The texts of the buttons, as they are in the fields now."""
        return [title for field in self.buttons if (title := str(field.value() or "").strip())]

    @property
    def typed_text(self) -> str:
        return str(self["text"].value() or "")

    @property
    def typed_file(self) -> tuple[str, str]:
        """The kind and the name of the file, as they are in the fields now. Both are empty without a file."""
        kind = str(self["file_kind"].value() or "")
        if kind == STORED:
            return (self.stored_file.kind, self.stored_file.file_name) if self.stored_file else ("", "")
        return (kind, file_name(str(self["link"].value() or ""))) if kind in FILE_KINDS else ("", "")

    @property
    def stored_file(self) -> FileDetails | None:
        """The stored file that is chosen now."""
        return self._files.get(str(self["file"].value() or ""))

    def clean_text(self) -> str:
        text = self.cleaned_data["text"].replace("\r\n", "\n").strip()
        unknown = [name for name in names_in(text) if name not in PLACEHOLDERS]
        if unknown:
            raise ValidationError(_("There is no placeholder “%(name)s”."), params={"name": unknown[0][:40]})
        return text if is_visible(text) else ""

    def clean_link(self) -> str:
        link = str(self.cleaned_data["link"]).strip()
        if link and (problem := url_problem(link, is_called=True)):
            raise ValidationError(LINK_PROBLEMS[problem])
        return link

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        titles = [cleaned[field.name] for field in self.buttons if cleaned[field.name]]
        if cleaned["file_kind"]:
            self.message = self._checked(self._file_message(cleaned, titles))
        elif titles:
            self.message = self._checked(self._button_message(cleaned["text"], titles))
        elif cleaned["text"]:
            self.message = self._checked({"type": "text", "text": cleaned["text"]})
        return cleaned

    def _button_message(self, text: str, titles: Sequence[str]) -> dict[str, Any]:
        if not text:
            self.add_error("text", _("A message with buttons needs a text."))
        elif len(text) > MAX_BUTTON_TEXT:
            self.add_error("text", _("With buttons, a text has at most 1,024 characters."))
        if len({fold(title) for title in titles}) < len(titles):
            self.add_error("button_2", _("Two buttons have the same text."))
        ids = [self._ids.get(title) or button_id(title, index) for index, title in enumerate(titles, start=1)]
        buttons = [{"id": each, "title": title} for each, title in zip(ids, titles, strict=True)]
        return {"type": "buttons", "text": text, "buttons": buttons}

    def _file_message(self, cleaned: Mapping[str, Any], titles: Sequence[str]) -> dict[str, Any]:
        kind, text, link = cleaned["file_kind"], cleaned["text"], cleaned["link"]
        source, name = {"link": link}, {"filename": file_name(link)} if kind == "document" else {}
        if titles:
            self.add_error("button_1", _("A message has buttons or a file, not both."))
        if kind == STORED:
            kind, source, name = self._stored_source()
        elif not link:
            self.add_error("link", _("Enter the web address of the file."))
        if text and kind in WITHOUT_CAPTION:
            self.add_error("text", _("WhatsApp shows no text with an audio. Empty it, or choose no file."))
        elif len(text) > MAX_CAPTION:
            self.add_error("text", _("With a file, a text has at most 1,024 characters."))
        return {"type": "media", "kind": kind} | source | ({"caption": text} if text else {}) | name

    def _stored_source(self) -> tuple[str, dict[str, str], dict[str, str]]:
        """Returns kind, place and name of the stored file. A document is sent with the name that it is stored with."""
        if self._refusal or not self.stored_file:
            self.add_error("upload", self._refusal or _("Choose a file."))
            return "", {}, {}
        return self.stored_file.kind, {"file": self.stored_file.key}, {}

    def _checked(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Returns the message. Returns None if there is an error, and adds one if WhatsApp would refuse the message."""
        if self.errors:
            return None
        try:
            build(message, lambda name: name)
        except InvalidMessage as refusal:
            self.add_error("text", gettext(refusal.words) % {"limit": refusal.limit})
            return None
        return message

    def require(self) -> None:
        """Adds an error if the message is empty, because it is switched on."""
        if self.message is None and not self.errors:
            self.add_error("text", _("Write what customers get, or switch the message off."))


def file_name(link: str) -> str:
    """Returns the name of the file at this address: the last part of its path."""
    try:
        return unquote(urlsplit(link).path).rpartition("/")[2][:MAX_FILE_NAME]
    except ValueError:
        return ""


def button_id(title: str, index: int) -> str:
    """Returns the id of a button, by which the branches of a bot know it: the words of its text."""
    return fold(title).replace(" ", "-")[:40] or f"button-{index}"


class DayForm(forms.Form):
    """The periods of one day of the week."""

    is_open = forms.BooleanField(required=False, widget=forms.CheckboxInput(SWITCH))

    def __init__(self, data: Any = None, *, label: str, periods: Sequence[Period] = (), **options: Any) -> None:
        initial: dict[str, Any] = {"is_open": bool(periods)}
        for index, (begin, end) in enumerate(periods[:MAX_PERIODS], start=1):
            initial |= {f"from_{index}": begin, f"to_{index}": end}
        super().__init__(data, initial=initial, **options)
        self.label = label
        for index in range(1, MAX_PERIODS + 1):
            for name in ("from", "to"):
                self.fields[f"{name}_{index}"] = forms.TimeField(required=False, widget=forms.TimeInput({"type": "time"}, "%H:%M"))

    @property
    def periods(self) -> list[dict[str, Any]]:
        """The fields of each period. An empty one is hidden until it is wanted, except the first."""
        pairs = [(self[f"from_{index}"], self[f"to_{index}"]) for index in range(1, MAX_PERIODS + 1)]
        return [
            {"from": begin, "to": end, "is_hidden": position > 0 and not (begin.value() or end.value())}
            for position, (begin, end) in enumerate(pairs)
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("is_open") or self.errors:
            return cleaned
        pairs = [(cleaned[f"from_{index}"], cleaned[f"to_{index}"]) for index in range(1, MAX_PERIODS + 1)]
        if any((begin is None) != (end is None) for begin, end in pairs):
            raise ValidationError(_("Enter from when and until when."))
        periods = sorted(pair for pair in pairs if None not in pair)
        if not periods:
            raise ValidationError(_("Enter the hours of this day, or mark it as closed."))
        # Only the last period may last beyond midnight.
        if any(end <= begin or end > later for (begin, end), (later, _end) in pairwise(periods)):
            raise ValidationError(_("The hours of this day overlap."))
        cleaned["periods"] = [[f"{begin:%H:%M}", f"{end:%H:%M}"] for begin, end in periods]
        return cleaned

    @property
    def stored_periods(self) -> list[list[str]]:
        """The periods as they are stored. None of a closed day."""
        periods: list[list[str]] = self.cleaned_data.get("periods", [])
        return periods


class ClosedDayForm(forms.Form):
    """A day on which the number is closed. Without a date, the row is left out."""

    day = forms.DateField(label=_("Day"), required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    name = forms.CharField(label=_("Name"), required=False, max_length=60)
    every_year = forms.BooleanField(label=_("Every year"), required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and cleaned["name"] and not cleaned["day"]:
            self.add_error("day", _("Enter the day."))
        return cleaned

    @property
    def stored(self) -> list[str] | None:
        """The day as it is stored, or None for an empty row."""
        day = self.cleaned_data.get("day")
        if not day:
            return None
        return [day.strftime("%m-%d") if self.cleaned_data["every_year"] else day.isoformat(), self.cleaned_data["name"]]


ClosedDays = forms.formset_factory(ClosedDayForm, extra=1, max_num=MAX_CLOSED_DAYS, validate_max=True)


def closed_day_initial(day: str, name: str, *, today: date) -> dict[str, Any]:
    """Returns the values of a row of the form. A day of every year is shown in the year in which it comes next."""
    if len(day) > len("MM-DD"):
        return {"day": day, "name": name}
    if day == "02-29":
        return {"day": date(LEAP_YEAR, 2, 29), "name": name, "every_year": True}
    this_year = date.fromisoformat(f"{today.year}-{day}")
    return {"day": this_year if this_year >= today else this_year.replace(year=today.year + 1), "name": name, "every_year": True}


def _minutes(label: Any, least: int, most: int) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=least, max_value=most, widget=forms.NumberInput({"inputmode": "numeric"}))


def _switch(label: Any) -> forms.BooleanField:
    return forms.BooleanField(label=label, required=False, widget=forms.CheckboxInput(SWITCH))


def read_person_words(text: str) -> list[str]:
    """Returns words with which customers ask for a person, written with commas, each once. Raises ValidationError."""
    words = [" ".join(word.split()) for word in SEPARATORS.split(text)]
    found = list({fold(word): word for word in words if fold(word)}.values())
    if len(found) > MAX_PERSON_WORDS or any(len(word) > MAX_PERSON_WORD for word in found):
        raise ValidationError(_("At most 30 words or groups of words, of 60 characters each."))
    return found


def read_marketing_words(text: str) -> list[str]:
    """Returns words that stop or resume marketing messages, written with commas, each once. Raises ValidationError."""
    words = [" ".join(word.split()) for word in SEPARATORS.split(text)]
    found = list({fold_message(word): word for word in words if fold_message(word)}.values())
    if len(found) > MAX_WORDS or any(len(word) > MAX_WORD for word in found):
        raise ValidationError(_("At most 30 words or groups of words, of 40 characters each."))
    return found


class RulesForm(forms.Form):
    """What is on, holidays, who gets a conversation back, and limits."""

    greeting_is_on = _switch(_("Greeting"))
    away_is_on = _switch(_("Away message"))
    handed_over_is_on = _switch(_("Tell the customer"))
    reminder_is_on = _switch(_("Reminder"))
    opted_out_is_on = _switch(_("Confirm it to the customer"))
    stop_words = forms.CharField(
        label=_("Words that stop marketing messages"),
        required=False,
        max_length=1_500,
        help_text=_(
            "A message counts if it is nothing but one of these. Separated by commas. Capitals and accents make no difference."
        ),
    )
    resume_words = forms.CharField(
        label=_("Words that resume them"),
        required=False,
        max_length=1_500,
        help_text=_(
            "They count only after the customer has stopped marketing messages. If your bot uses VOLTAR for “back”, take another."
        ),
    )
    opening = forms.ChoiceField(
        label=_("When is somebody there?"),
        choices=[("always", _("Always")), ("hours", _("At these hours"))],
        widget=forms.RadioSelect,
    )
    holidays = forms.BooleanField(label=_("Closed on holidays"), required=False)
    holiday_state = forms.ChoiceField(label=_("State"), required=False)
    person_words = forms.CharField(
        label=_("More words with which customers ask for a person"),
        required=False,
        max_length=1_000,
        help_text=_("In addition to those of the bot. Separated by commas. Capital letters and accents make no difference."),
    )
    reminder_minutes = _minutes(_("Minutes before the window closes"), 5, 23 * 60)
    bot_returns = forms.ChoiceField(
        label=_("After a person has answered, the bot answers again"), choices=BotReturn.choices, widget=forms.RadioSelect
    )
    bot_returns_minutes = _minutes(_("Minutes after the person's last answer"), 1, 7 * 24 * 60)
    hand_back_word = forms.CharField(
        label=_("Word that gives the conversation back to the bot"),
        required=False,
        max_length=30,
        help_text=_("Somebody of the team writes it as a note. Customers never see it. Empty: only the button does it."),
    )
    loop_answers = _minutes(_("Answers"), 2, 500)
    loop_minutes = _minutes(_("In so many minutes"), 1, 60)
    late_after_minutes = _minutes(_("Minutes until a message is too old"), 1, 24 * 60)

    def __init__(self, data: Any = None, *, country: str, **options: Any) -> None:
        super().__init__(data, **options)
        state = self.fields["holiday_state"]
        assert isinstance(state, forms.ChoiceField)  # noqa: S101
        state.choices = [("", _("National holidays only")), *states_of(country).items()]
        self.has_states = len(state.choices) > 1

    def clean_person_words(self) -> list[str]:
        return read_person_words(self.cleaned_data["person_words"])

    def clean_stop_words(self) -> list[str]:
        return read_marketing_words(self.cleaned_data["stop_words"])

    def clean_resume_words(self) -> list[str]:
        return read_marketing_words(self.cleaned_data["resume_words"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        stop, resume = ({fold_message(word) for word in cleaned.get(name, ())} for name in ("stop_words", "resume_words"))
        if stop & resume:
            self.add_error("resume_words", _("A word stops marketing messages or resumes them, not both."))
        return cleaned

    def clean_hand_back_word(self) -> str:
        return " ".join(self.cleaned_data["hand_back_word"].split())
