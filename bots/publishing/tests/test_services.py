"""Creating, renaming, importing, exporting and deleting bots."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from bots.flows.flow import InvalidFlow
from bots.models import Bot, BotVersion
from bots.publishing import services
from bots.publishing.assignments import assign_bot
from bots.publishing.services import BotInUse, create_bot, create_webhook_bot, delete_bot, export_flow, import_flow, rename_bot
from bots.publishing.tests.conftest import NOON, flow, text
from bots.publishing.versions import flow_problems, publish_bot
from bots.webhook_bots.settings import WebhookSettings
from contacts.services import InvalidInput
from organizations.models import Organization, PhoneNumber

pytestmark = pytest.mark.django_db


def test_a_bot_that_begins_empty_can_be_published_as_it_is(padaria: Organization) -> None:
    bot = create_bot(organization=padaria, name=" Meu   bot ", by=None, now=NOON)

    assert (bot.name, bot.key, bot.draft["name"], bot.published) == ("Meu bot", "meu-bot", "Meu bot", None)
    assert flow_problems(bot.draft, organization_id=bot.organization_id) == []


def test_keys_are_plain_and_unique_in_their_organization(padaria: Organization, foreign_number: PhoneNumber) -> None:
    names = ["Pedidos & Preços", "pedidos preços", "Pedidos Preços!", "💬", "x" * 60, "x" * 60]
    keys = [create_bot(organization=padaria, name=name, by=None, now=NOON).key for name in names]

    assert keys == ["pedidos-precos", "pedidos-precos-2", "pedidos-precos-3", "bot", "x" * 40, "x" * 38 + "-2"]
    assert create_bot(organization=foreign_number.organization, name="Pedidos Preços", by=None, now=NOON).key == "pedidos-precos"


@pytest.mark.parametrize("name", ["", " \u200b ", "x" * 61])
def test_a_name_is_visible_and_short(padaria: Organization, bot: Bot, name: str) -> None:
    with pytest.raises(InvalidInput):
        create_bot(organization=padaria, name=name, by=None, now=NOON)
    with pytest.raises(InvalidInput):
        rename_bot(bot=bot, name=name, by=None, now=NOON)


def test_an_organization_has_a_limited_number_of_bots(padaria: Organization) -> None:
    for index in range(services.MAX_BOTS):
        create_bot(organization=padaria, name=f"Bot {index}", by=None, now=NOON)

    with pytest.raises(InvalidInput):
        create_bot(organization=padaria, name="Mais um", by=None, now=NOON)


def test_renaming_keeps_the_key_and_renames_the_draft(bot: Bot) -> None:
    renamed = rename_bot(bot=bot, name="Vendas", by=None, now=NOON + timedelta(hours=1))

    bot.refresh_from_db()
    assert (bot.name, bot.key, bot.draft["name"], bot.draft_revision) == ("Vendas", "atendimento", "Vendas", 1)
    assert renamed.updated_at == bot.updated_at == NOON + timedelta(hours=1)


# ---- Files ----


def test_an_exported_bot_is_imported_as_it_was(padaria: Organization, bot: Bot, foreign_number: PhoneNumber) -> None:
    content = export_flow(bot=bot)

    copy, is_new = import_flow(organization=foreign_number.organization, content=content, by=None, now=NOON)

    assert is_new
    assert (copy.name, copy.key, copy.draft) == (bot.name, bot.key, bot.draft)
    assert json.loads(content) == bot.draft
    assert "Olá" in content.decode()  # people read and compare these files


def test_an_import_with_the_key_of_a_bot_replaces_its_draft(padaria: Organization, bot: Bot) -> None:
    new = flow(text("a", "Oi"), name="Outro")

    changed, is_new = import_flow(organization=padaria, content=json.dumps(new).encode(), key="atendimento", by=None, now=NOON)

    assert not is_new
    assert (changed.pk, changed.draft, changed.name, changed.draft_revision) == (bot.pk, new, "Outro", 1)
    assert changed.undo == [bot.draft]


def test_the_same_import_twice_changes_nothing(padaria: Organization, bot: Bot) -> None:
    content = export_flow(bot=bot)

    for _ in range(2):
        again, _is_new = import_flow(organization=padaria, content=content, key=bot.key, by=None, now=NOON)

    assert (again.pk, again.draft_revision, again.undo) == (bot.pk, 0, [])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not_json"),
        (b"\xff\xfe", "not_text"),
        (b"[]", "not_a_flow"),
        (b'{"steps": [], "format": 9}', "other_format"),
        (b"[" * 200_000, "too_deep"),
        (json.dumps(flow(text("a", "x" * 300_000))).encode(), "too_large"),
        (b'{"format": 1, "format": 1, "steps": []}', "repeated_key"),
        (json.dumps(flow({"id": "a", "type": "dance"})).encode(), "wrong_value"),
    ],
)
def test_a_file_that_is_no_flow_is_refused_in_words(padaria: Organization, content: bytes, code: str) -> None:
    with pytest.raises(InvalidFlow) as refusal:
        import_flow(organization=padaria, content=content, by=None, now=NOON)

    assert refusal.value.problems[0].code == code
    assert refusal.value.problems[0].text
    assert not Bot.objects.exists()


def test_a_flow_with_problems_is_imported_and_cannot_be_published(padaria: Organization) -> None:
    content = json.dumps(flow(text("a", "Oi", "nowhere"))).encode()

    bot, _is_new = import_flow(organization=padaria, content=content, by=None, now=NOON)

    assert [problem.step for problem in flow_problems(bot.draft, organization_id=bot.organization_id) if problem.blocks] == ["a"]


@pytest.mark.parametrize("key", ["Oi", "a b", "ç", "x" * 41])
def test_a_key_is_plain(padaria: Organization, bot: Bot, key: str) -> None:
    with pytest.raises(InvalidInput):
        import_flow(organization=padaria, content=export_flow(bot=bot), key=key, by=None, now=NOON)


# ---- Deleting ----


def test_a_bot_is_deleted_with_its_versions(bot: Bot) -> None:
    publish_bot(bot=bot, by=None, now=NOON)

    delete_bot(bot=bot, by=None)

    assert not Bot.objects.exists()
    assert not BotVersion.objects.exists()


def test_a_bot_that_a_number_uses_is_not_deleted(bot: Bot, number: PhoneNumber, make_bot: Callable[..., Bot]) -> None:
    other = make_bot(name="Outro")
    assign_bot(number=number, bot=bot, by=None, now=NOON)

    with pytest.raises(BotInUse) as refusal:
        delete_bot(bot=bot, by=None)
    delete_bot(bot=other, by=None)

    assert refusal.value.numbers == [number]
    assert [each.pk for each in Bot.objects.all()] == [bot.pk]


def test_a_flow_does_not_replace_the_settings_of_a_webhook_bot(padaria: Organization, bot: Bot) -> None:
    settings = WebhookSettings(name="Programa", url="https://bot.example.com/")
    webhook_bot = create_webhook_bot(organization=padaria, settings=settings, by=None, now=NOON)

    with pytest.raises(InvalidInput, match="does not work by steps"):
        import_flow(organization=padaria, content=export_flow(bot=bot), key=webhook_bot.key, by=None, now=NOON)

    webhook_bot.refresh_from_db()
    assert webhook_bot.draft["kind"] == "webhook"
