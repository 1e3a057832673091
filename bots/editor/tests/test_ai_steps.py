"""Steps that ask an AI in the editor: which AIs can be chosen, what is stored, and what is wrong."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from bots.editor.cards import cards_of
from bots.editor.checks import DraftCheck
from bots.editor.diagram import draw
from bots.editor.edits import read_edit
from bots.editor.operations import InvalidOperation, add_item, add_step, empty_flow, remove_item, step_of
from bots.editor.steps.outputs import Document, get_at
from bots.editor.tests.test_views import client_of, post, url
from bots.flow_ais import ais_of, askable_ais
from bots.models import Bot, BotKind
from bots.publishing.services import export_flow, import_flow
from bots.publishing.versions import CannotPublish, flow_problems, publish_bot
from conftest import html_of
from organizations.models import Organization, Role

pytestmark = pytest.mark.django_db

SOL = {"sol": "Sol"}


@pytest.fixture
def organization() -> Organization:
    return Organization.objects.create(organization_name="Aroeira")


@pytest.fixture
def sol(organization: Organization) -> Bot:
    return Bot.objects.create(organization=organization, key="sol", name="Sol", kind=BotKind.AI, draft={"kind": "ai"})


@pytest.fixture
def other_ai() -> Bot:
    other = Organization.objects.create(organization_name="Outra")
    return Bot.objects.create(organization=other, key="lua", name="Lua", kind=BotKind.AI, draft={"kind": "ai"})


@pytest.fixture
def bot(organization: Organization) -> Bot:
    draft = add_step(add_step(empty_flow("Bot"), "ai_branch")[0], "ai_answer")[0]
    return Bot.objects.create(organization=organization, key="bot", name="Bot", draft=draft)


@pytest.fixture
def client(organization: Organization) -> Client:
    return client_of(organization, Role.USER_ADMIN)


def complete(ai: str = "sol") -> Document:
    """A flow that asks an AI and can be published by an organization that has it."""
    step = {"id": "ai", "type": "ai_answer", "ai": ai, "instructions": "Responda.", "until": "fim", "next": "end"}
    return {"format": 1, "name": "Loja", "start": "ai", "settings": {}, "steps": [step, {"id": "end", "type": "end"}]}


def saved(document: Document, step_id: str, **posted: list[str]) -> dict[str, Any]:
    fields = {"step_id": [step_id], "has_fields": ["1"], **{name.replace("__", "."): values for name, values in posted.items()}}
    found: dict[str, Any] = step_of(read_edit(document, fields, ais=SOL).document, step_id)
    return found


def test_the_form_offers_the_ais_of_the_organization_only(client: Client, bot: Bot, sol: Bot, other_ai: Bot) -> None:
    html = html_of(client.get(url(bot) + "?open=s1&open=s2"))
    assert '<option value="sol"' in html
    assert "lua" not in html
    assert ais_of(sol.organization_id) == SOL


def test_without_an_ai_the_form_says_where_to_add_one(client: Client, bot: Bot) -> None:
    assert "Your organization has no AI yet. Add one on the page Bots." in html_of(client.get(url(bot) + "?open=s1"))


def test_what_is_typed_is_stored(client: Client, bot: Bot, sol: Bot) -> None:
    values = {"step_id": "s2", "has_fields": "1", "ai": "sol", "instructions": "Responda sobre entregas.", "until": "o dia é claro"}
    values |= {"max_answers": "3", "example": "Hoje.\nQual o dia?", "failed": "new:hand_over"}
    assert post(client, bot, values).status_code == 200
    step = step_of(bot.draft, "s2")
    assert {name: step[name] for name in ("ai", "instructions", "until", "max_answers", "example")} == {
        "ai": "sol",
        "instructions": "Responda sobre entregas.",
        "until": "o dia é claro",
        "max_answers": 3,
        "example": ["Hoje.", "Qual o dia?"],
    }
    assert step_of(bot.draft, step["failed"])["type"] == "hand_over"


@pytest.mark.parametrize("key", ["lua", "", "<script>", "x" * 500])
def test_only_an_ai_that_is_offered_can_be_chosen(key: str) -> None:
    document = complete()
    assert saved(document, "ai", ai=[key])["ai"] == (key if key == "" else "sol")


def test_an_ai_that_the_organization_does_not_have_is_kept_and_reported(client: Client, bot: Bot, sol: Bot) -> None:
    Bot.objects.filter(pk=bot.pk).update(draft=complete("lua"))
    html = html_of(client.get(url(bot) + "?open=ai"))
    assert '<option value="lua" selected' in html
    assert "Your organization has no AI “lua”. Choose another one." in html


def test_paths_are_added_up_to_ten_and_two_remain() -> None:
    document, step_id = add_step(empty_flow("Bot"), "ai_branch")
    for _ in range(8):
        document = add_item(document, step_id, "branches")
    with pytest.raises(InvalidOperation):
        add_item(document, step_id, "branches")
    for _ in range(8):
        document = remove_item(document, step_id, "branches", 0)
    with pytest.raises(InvalidOperation):
        remove_item(document, step_id, "branches", 0)
    named = saved(document, step_id, branches__0__name=["  Entrega "], branches__1__description=["Pergunta o preço"])
    assert get_at(named, "branches.0.name") == "Entrega"
    assert get_at(named, "branches.1.description") == "Pergunta o preço"


def test_cards_and_diagram_name_the_ai_and_its_paths(bot: Bot) -> None:
    document = complete()
    document["steps"].append({"id": "c", "type": "ai_branch", "ai": "sol", "question": "O que deseja?", "branches": [
        {"name": "Entrega", "description": "x", "next": "end"}, {"name": "<b>", "description": "y", "next": None}]})  # fmt: skip
    with override("en"):
        first, _end, choice = cards_of(document, DraftCheck(()), ais=SOL)
        drawing = draw(document)
    assert first.summary == "Sol answers at most 6 times, until: fim"
    assert choice.summary == "Sol chooses: O que deseja?"
    assert [output.label for output in choice.outputs] == ["Entrega", "<b>"]
    assert "&lt;b&gt;" in drawing
    assert "<b>" not in drawing


def test_a_flow_with_an_ai_of_the_organization_is_published(organization: Organization, bot: Bot, sol: Bot) -> None:
    Bot.objects.filter(pk=bot.pk).update(draft=complete())
    assert publish_bot(bot=bot, by=None, now=timezone.now()).document == complete()


def test_a_flow_for_an_ai_of_another_organization_is_imported_with_a_problem(
    organization: Organization, sol: Bot, other_ai: Bot
) -> None:
    bot, is_new = import_flow(organization=organization, content=export_of("lua"), by=None, now=timezone.now())
    assert is_new
    assert [(each.code, each.blocks) for each in flow_problems(bot.draft, organization_id=organization.pk)] == [
        ("unknown_ai", True)
    ]
    with pytest.raises(CannotPublish):
        publish_bot(bot=bot, by=None, now=timezone.now())
    assert askable_ais(organization.pk, bot.draft) == frozenset()
    assert askable_ais(other_ai.organization_id, bot.draft) == {"lua"}


def export_of(ai: str) -> bytes:
    return export_flow(bot=Bot(draft=complete(ai)))


@pytest.mark.parametrize("kind", ["flow", "webhook"])
def test_a_bot_that_is_no_ai_cannot_be_asked(organization: Organization, kind: str) -> None:
    Bot.objects.create(organization=organization, key="sol", name="Sol", kind=kind, draft={})
    assert askable_ais(organization.pk, complete()) == frozenset()
    assert ais_of(organization.pk) == {}
