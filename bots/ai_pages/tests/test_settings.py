"""What an AI must know: the form, the token budget, and two people who change it at the same time."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bots.ai.settings import MAX_KNOWLEDGE_TOKENS, AiSettings
from bots.ai.tokens import estimate_tokens
from bots.ai_pages.forms.settings_forms import SettingsForm
from bots.ai_pages.setting_names import SETTING_NAMES
from bots.ai_pages.tests.conftest import Sign, address, shown
from bots.models import Bot
from bots.publishing.versions import publish_bot
from contacts.models import Label
from organizations.models import Organization, Role

pytestmark = pytest.mark.django_db(transaction=True)


def typed(bot: Bot, **changes: Any) -> dict[str, Any]:
    """Returns the form as the page shows it, with changes."""
    values = SettingsForm.initial_of(AiSettings.read(bot.draft), bot.draft_revision)
    return {name: value for name, value in values.items() if value is not None and value is not False} | changes


def test_what_is_typed_becomes_the_draft_and_the_tools_stay(admin: Client, ai: Bot, organization: Organization) -> None:
    Label.objects.create(organization=organization, name="VIP")
    changes = {
        "name": "  Lia  da padaria ",
        "who": "Você é a Lia.\r\nSeja gentil.",
        "knowledge": "Pão: R$ 10",
        "languages": ["pt", "es"],
        "labels": ["VIP"],
        "may_set_name": "on",
        "person_words": "gente; Atendente, atendente",
        "silence_seconds": "0",
    }
    response = admin.post(address("ai_bot", ai), typed(ai, **changes))

    assert response.status_code == 302
    bot = Bot.objects.get()
    settings = AiSettings.read(bot.draft)
    assert (bot.name, settings.name, bot.draft["kind"]) == ("Lia da padaria", "Lia da padaria", "ai")
    assert settings.who == "Você é a Lia.\nSeja gentil."
    assert (settings.languages, settings.labels, settings.may_set_name) == (("pt", "es"), ("VIP",), True)
    assert settings.person_words == ("gente", "atendente")
    assert settings.silence_seconds == 0
    assert [tool.name for tool in settings.tools] == ["order_status"]
    assert settings.model == "m-1"


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0), ("a", 1), ("abc", 1), ("abcd", 2), ("abcdefg", 2), ("abcdefgh", 3), ("ação", 2), ("pão de queijo", 4),
        ("💥💥💥💥💥💥💥", 8), ("a\ud800b", 1), ("x" * 28_000, 8_000), ("x" * 28_001, 8_001),
    ],
)  # fmt: skip
def test_the_server_estimates_the_same_tokens_as_the_page(text: str, tokens: int) -> None:
    """frontend/tests/ai.test.js has the same table for the page."""
    assert estimate_tokens(text) == tokens


def test_knowledge_above_the_budget_is_refused_in_words_and_not_lost(admin: Client, ai: Bot) -> None:
    knowledge = "x" * int(MAX_KNOWLEDGE_TOKENS * 3.5 + 1)
    response = admin.post(address("ai_bot", ai), typed(ai, knowledge=knowledge))

    assert response.status_code == 422
    assert "8.001" in shown(response)
    assert knowledge in shown(response)
    assert Bot.objects.get().draft["knowledge"] == ""

    assert admin.post(address("ai_bot", ai), typed(ai, knowledge=knowledge[:-1])).status_code == 302


def test_an_older_page_does_not_overwrite_newer_settings_without_asking(admin: Client, ai: Bot) -> None:
    older = typed(ai, tone="formal")
    admin.post(address("ai_bot", ai), typed(ai, tone="alegre"))
    refused = admin.post(address("ai_bot", ai), older)

    assert refused.status_code == 422
    assert "formal" in shown(refused)
    assert Bot.objects.get().draft["tone"] == "alegre"

    again = admin.post(address("ai_bot", ai), older | {"revision": str(Bot.objects.get().draft_revision)})
    assert again.status_code == 302
    assert Bot.objects.get().draft["tone"] == "formal"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": " "},
        {"languages": []},
        {"languages": ["xx"]},
        {"labels": ["Dos outros"]},
        {"silence_seconds": "16"},
        {"answer_tokens": "999999999999999999999"},
        {"history_messages": "-1"},
        {"who": "x" * 2_001},
        {"person_words": ",".join(str(word) for word in range(31))},
        {"knowledge": "a\x00b"},
        {"revision": "-5"},
    ],
)
def test_wrong_values_change_nothing(admin: Client, ai: Bot, organization: Organization, changes: dict[str, Any]) -> None:
    Label.objects.create(organization=Organization.objects.create(organization_name="Outra"), name="Dos outros")
    before = Bot.objects.get().draft
    assert admin.post(address("ai_bot", ai), typed(ai, **changes)).status_code == 422
    assert Bot.objects.get().draft == before


def test_members_read_the_settings_and_change_nothing(sign_in: Sign, ai: Bot) -> None:
    member = sign_in(Role.USER)
    page = shown(member.get(address("ai_bot", ai)))
    assert "Você é a Lia, da padaria." in page
    assert "<textarea" not in page
    assert member.post(address("ai_bot", ai), typed(ai, tone="x")).status_code == 405
    assert Bot.objects.get().draft["tone"] == ""


def test_markup_in_the_settings_is_shown_as_text(admin: Client, sign_in: Sign, ai: Bot) -> None:
    attack = "</textarea><script>alert(1)</script>"
    admin.post(address("ai_bot", ai), typed(ai, knowledge=attack, who=attack))
    assert "<script>alert" not in shown(admin.get(address("ai_bot", ai))) + shown(sign_in(Role.USER).get(address("ai_bot", ai)))


def test_the_page_says_what_changed_since_the_published_version(admin: Client, ai: Bot) -> None:
    publish_bot(bot=ai, by=None, now=timezone.now())
    admin.post(address("ai_bot", ai), typed(ai, tone="alegre"))
    changes = admin.get(address("ai_bot", ai)).context["changes"]
    assert changes == [SETTING_NAMES["tone"]]
