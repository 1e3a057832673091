"""What an AI must know, and how it answers."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from bots.ai.settings import MAX_KNOWLEDGE_TOKENS, AiSettings
from bots.ai.tokens import estimate_tokens
from bots.ai_pages.forms.fields import NumberField, TextField
from bots.flows.texts import fold
from bots.publishing.services import MAX_NAME
from organizations.text_display import GroupedInt

LANGUAGES = (("pt", _("Portuguese")), ("es", _("Spanish")), ("en", _("English")))
MAX_PERSON_WORDS = 30
MAX_PERSON_WORD = 60
ADVANCED = ("silence_seconds", "history_messages", "history_tokens", "answer_tokens")
"""Fields that hardly any organization changes."""


class SettingsForm(forms.Form):
    """The part of `AiSettings` that is on the page. `revision` is that of the draft that the page has shown."""

    revision = forms.IntegerField(widget=forms.HiddenInput, min_value=0, required=False)
    name = forms.CharField(label=_("Name"), max_length=MAX_NAME, help_text=_("Only your team sees it."))
    who = TextField(
        label=_("Who is it?"),
        max_length=2_000,
        required=False,
        help_text=_("For example: You are Lia, the assistant of the bakery Pão da Vila. You help with orders and opening hours."),
    )
    organization = TextField(
        label=_("What does your organization do?"),
        max_length=4_000,
        required=False,
        help_text=_("For example: We bake bread and cakes in Brasília, deliver until 6 pm and take orders one day ahead."),
    )
    tone = TextField(
        label=_("How does it talk?"),
        max_length=1_000,
        required=False,
        rows=2,
        help_text=_("For example: friendly and short, at most one emoji."),
    )
    never = TextField(
        label=_("What may it never say or promise?"),
        max_length=4_000,
        required=False,
        help_text=_("For example: no discounts, no medical advice, no delivery times that are not written here."),
    )
    knowledge = TextField(
        label=_("What it knows"),
        required=False,
        rows=14,
        help_text=_("Paste prices, opening hours, rules and answers to usual questions. It answers from this text only."),
    )
    languages = forms.MultipleChoiceField(
        label=_("Languages in which it may answer"), choices=LANGUAGES, widget=forms.CheckboxSelectMultiple
    )
    labels = forms.MultipleChoiceField(
        label=_("Labels that it may give to a contact"), required=False, widget=forms.CheckboxSelectMultiple
    )
    may_set_name = forms.BooleanField(label=_("May store the name that the customer tells it"), required=False)
    person_words = TextField(
        label=_("Words with which customers ask for a person"),
        required=False,
        max_length=2_000,
        rows=2,
        help_text=_("Separated by commas. People who write one of them are passed to your team at once. Empty: the usual words."),
    )
    silence_seconds = NumberField(
        _("Seconds of silence before it answers"),
        0,
        15,
        help_text=_("People write in pieces. The pieces are answered together."),
    )
    history_messages = NumberField(
        _("Earlier messages that it reads"), 1, 100, help_text=_("Of the same conversation, the latest.")
    )
    history_tokens = NumberField(_("Tokens of earlier messages at most"), 200, 20_000)
    answer_tokens = NumberField(_("Tokens of one answer at most"), 100, 4_000, help_text=_("100 tokens are about 70 words."))

    def __init__(self, data: Any = None, *, labels: Sequence[str], **options: Any) -> None:
        super().__init__(data, **options)
        field = self.fields["labels"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101
        field.choices = [(name, name) for name in labels]

    @staticmethod
    def initial_of(settings: AiSettings, revision: int) -> dict[str, Any]:
        """Returns the values with which the page shows a draft."""
        values = {name: getattr(settings, name) for name in SettingsForm.base_fields if name != "revision"}
        lists = {"languages": list(settings.languages), "labels": list(settings.labels)}
        return values | lists | {"person_words": ", ".join(settings.person_words), "revision": revision}

    @property
    def changes(self) -> dict[str, Any]:
        """The columns of `AiSettings` that a valid form has."""
        columns = {name: value for name, value in self.cleaned_data.items() if name != "revision"}
        return columns | {name: tuple(columns[name]) for name in ("languages", "labels", "person_words")}

    def clean_knowledge(self) -> str:
        knowledge = str(self.cleaned_data["knowledge"])
        tokens = estimate_tokens(knowledge)
        if tokens > MAX_KNOWLEDGE_TOKENS:
            words = gettext("This has about %(tokens)s tokens, and may have %(limit)s. Shorten it.")
            raise ValidationError(words % {"tokens": GroupedInt(tokens), "limit": GroupedInt(MAX_KNOWLEDGE_TOKENS)})
        return knowledge

    def clean_person_words(self) -> list[str]:
        typed = str(self.cleaned_data["person_words"]).replace(";", ",").replace("\n", ",")
        words = [" ".join(word.split()) for word in typed.split(",")]
        found = list({fold(word): word for word in words if fold(word)}.values())
        if len(found) > MAX_PERSON_WORDS or any(len(word) > MAX_PERSON_WORD for word in found):
            raise ValidationError(_("At most 30 words or groups of words, of 60 characters each."))
        return found
