"""Where an AI is reached."""

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from bots.ai_pages.forms.fields import NumberField
from bots.publishing.services import MAX_NAME
from bots.publishing.settings_checks import address_problem
from organizations.models import Organization, PhoneNumber

PRESETS = (
    ("OpenAI", "https://api.openai.com/v1"),
    ("OpenRouter", "https://openrouter.ai/api/v1"),
    ("Groq", "https://api.groq.com/openai/v1"),
    ("Ollama", "http://localhost:11434/v1"),
    ("vLLM", "http://localhost:8000/v1"),
)
"""Services and programs with OpenAI's interface, and their addresses. The operator must open those of the own network."""
SIMULATOR_PATH = "/ai/v1"
"""Of the simulator's endpoint."""
ENDING = "/chat/completions"
MAX_KEY = 500


def presets_of(organization: Organization) -> list[tuple[str | Promise, str]]:
    """Returns the names and addresses that the page offers. An organization with a simulated number may also use the
    simulator's endpoint."""
    has_simulator = settings.SIMULATOR and PhoneNumber.objects.filter(organization=organization, is_simulated=True).exists()
    simulator = [(_("Simulator (model and key: simulated)"), f"{settings.SIMULATOR_URL}{SIMULATOR_PATH}")]
    return [*PRESETS, *(simulator if has_simulator else ())]


class ConnectionForm(forms.Form):
    """Address, model and key. A stored key is never shown: an empty field keeps it."""

    base_url = forms.CharField(
        label=_("Address"),
        max_length=500,
        help_text=_("The address of a service with OpenAI's interface. It usually ends in /v1."),
        widget=forms.TextInput(attrs={"type": "url", "inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )
    model = forms.CharField(
        label=_("Model"),
        max_length=200,
        help_text=_("As the service calls it, such as gpt-4.1-mini."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    api_key = forms.CharField(
        label=_("Key"),
        max_length=MAX_KEY,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    forgets_key = forms.BooleanField(label=_("Remove the stored key"), required=False)
    timeout_seconds = NumberField(_("Seconds to wait for an answer"), 5, 120, initial=30)
    temperature = forms.FloatField(
        label=_("Temperature"),
        min_value=0,
        max_value=2,
        localize=True,
        initial=0.3,
        help_text=_("0: always the same answer. 1: more variety, and more mistakes. 0.3 suits most."),
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )

    def __init__(
        self, data: Any = None, *, organization: Organization, key_state: str = "", stored_url: str = "", **options: Any
    ) -> None:
        super().__init__(data, **options)
        self._organization = organization
        self._keyed_url = stored_url if key_state else ""
        self.fields["api_key"].help_text = key_state or gettext("From your account at the service. It is stored encrypted.")
        if not key_state:
            del self.fields["forgets_key"]

    def clean_base_url(self) -> str:
        url = str(self.cleaned_data["base_url"]).rstrip("/").removesuffix(ENDING).rstrip("/")
        if problem := address_problem(self._organization.pk, url):
            raise ValidationError(str(problem))
        if "?" in url or "#" in url:
            raise ValidationError(_("The address must not have a question mark or #."))
        return url

    def clean_api_key(self) -> str:
        key = str(self.cleaned_data["api_key"]).strip()
        if not (key.isascii() and key.isprintable() and " " not in key):
            raise ValidationError(_("A key has no spaces and no special characters. Copy it again."))
        return key

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        keeps_key = not values.get("api_key") and not values.get("forgets_key")
        if self._keyed_url and keeps_key and "base_url" in values and _origin(values["base_url"]) != _origin(self._keyed_url):
            # Otherwise whoever changes the address could read the key on their own server.
            self.add_error("api_key", _("The address leads to another server. Enter the key for it."))
        return values

    @property
    def loses_key(self) -> bool:
        """Whether a typed key is not shown again although the form comes back with errors."""
        return bool(self.errors and self.data.get("api_key"))


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


class NewAiForm(ConnectionForm):
    """The name and the connection of a new AI."""

    name = forms.CharField(label=_("Name"), max_length=MAX_NAME, help_text=_("Only your team sees it."))
    field_order = ("name", "base_url", "model", "api_key", "timeout_seconds", "temperature")
