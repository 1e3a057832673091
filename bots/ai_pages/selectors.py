"""Reads AIs for pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import Http404
from django.utils.formats import localize
from django.utils.functional import Promise
from django.utils.translation import gettext

from bots.ai.settings import AiSettings
from bots.ai_pages.forms.settings_forms import LANGUAGES
from bots.ai_pages.setting_names import SETTING_NAMES
from bots.models import AiConnection, Bot, BotKind, BotVersion
from bots.publishing.services import numbers_naming
from contacts.models import Label
from organizations.models import Organization, PhoneNumber

MAX_VERSIONS = 50
"""Versions that a page shows, the latest."""
NOT_FACTS = ("name", "tools")
"""Settings that have a place of their own on the pages."""


@dataclass(frozen=True)
class Ai:
    """An AI with its connection, the settings of its draft, and the numbers that name it."""

    bot: Bot
    connection: AiConnection
    settings: AiSettings
    numbers: Sequence[PhoneNumber]

    @property
    def is_changed(self) -> bool:
        """Whether the draft differs from the published version. True without one."""
        return self.bot.published is None or self.bot.published.document != self.bot.draft


@dataclass(frozen=True)
class SettingsVersion:
    """A version in the history. `changes` are the names of settings that differ from the version before, None for the first."""

    version: BotVersion
    changes: Sequence[Promise] | None
    is_published: bool


def get_ai_or_404(organization: Organization, pk: int) -> Ai:
    """Returns the organization's AI. Raises Http404 for other bots and other organizations' AIs too."""
    bots = Bot.objects.filter(organization=organization, kind=BotKind.AI).exclude(ai_connection=None)
    # Without the key: no page shows it, and the row of a key that cannot be decrypted must still be read.
    found = bots.select_related("published", "ai_connection").defer("undo", "redo", "ai_connection__api_key")
    bot = found.filter(pk=pk).first()
    if bot is None:
        raise Http404
    return Ai(bot, bot.ai_connection, AiSettings.read(bot.draft), numbers_naming(bot))


def changed_settings(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> list[Promise]:
    """Returns the names of the settings that differ, in the order of the page."""
    return [words for name, words in SETTING_NAMES.items() if earlier.get(name) != later.get(name)]


def list_versions(bot: Bot) -> list[SettingsVersion]:
    """Returns the latest versions, the latest first."""
    versions = list(bot.versions.select_related("published_by").order_by("-number")[: MAX_VERSIONS + 1])
    earlier = [*versions[1:], None][: len(versions)]
    lines = [
        SettingsVersion(
            version, changed_settings(before.document, version.document) if before else None, version.pk == bot.published_id
        )
        for version, before in zip(versions, earlier, strict=True)
    ]
    return lines[:MAX_VERSIONS]


def label_names(organization: Organization) -> list[str]:
    """Returns the names of the organization's labels."""
    return list(Label.objects.filter(organization=organization).order_by("name").values_list("name", flat=True))


def facts(settings: AiSettings) -> list[tuple[Promise, str]]:
    """Returns the names and values of settings as members read them."""
    return [(words, _value_text(name, getattr(settings, name))) for name, words in SETTING_NAMES.items() if name not in NOT_FACTS]


def _value_text(name: str, value: Any) -> str:
    if name == "languages":
        value = [str(words) for code, words in LANGUAGES if code in value]
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return ", ".join(value) if isinstance(value, list | tuple) else str(localize(value))
