"""Storing changes of drafts: revisions, undo and redo."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bots.editor.drafts import MAX_UNDO, Edit, NothingToUndo, StaleDraft, draft_of, edit_draft, redo, replace_draft, undo
from bots.editor.operations import InvalidOperation, add_step, change_settings, delete_step, empty_flow
from bots.editor.steps.outputs import Document
from bots.models import Bot
from organizations.models import Organization

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture
def bot() -> Bot:
    organization = Organization.objects.create(organization_name="Aroeira")
    return Bot.objects.create(organization=organization, key="bot", name="Bot")


def change(bot: Bot, edit: Any, *, fields: str = "", now: datetime = NOW) -> Document:
    bot.refresh_from_db()
    saved = edit_draft(bot=bot, revision=bot.draft_revision, edit=lambda flow: Edit(edit(flow), fields=fields), now=now)
    bot.refresh_from_db()
    return saved.after


def add(kind: str) -> Any:
    return lambda flow: add_step(flow, kind)[0]


def rename(name: str) -> Any:
    return lambda flow: change_settings(flow, name=name, settings={})


def test_a_bot_without_a_draft_has_an_empty_one(bot: Bot) -> None:
    assert draft_of(bot) == empty_flow("Bot")


def test_a_change_is_stored_with_the_next_revision(bot: Bot) -> None:
    after = change(bot, add("menu"))

    assert bot.draft == after
    assert bot.draft_revision == 1
    assert bot.updated_at == NOW


def test_a_change_of_an_older_draft_is_refused_and_stores_nothing(bot: Bot) -> None:
    first = change(bot, add("menu"))

    with pytest.raises(StaleDraft):
        edit_draft(bot=bot, revision=0, edit=lambda flow: Edit(empty_flow("x")), now=NOW)
    with pytest.raises(StaleDraft):
        undo(bot=bot, revision=0, now=NOW)
    bot.refresh_from_db()
    assert bot.draft == first


def test_a_change_of_nothing_stores_nothing(bot: Bot) -> None:
    change(bot, add("menu"))
    change(bot, lambda flow: flow)

    assert bot.draft_revision == 1
    assert len(bot.undo) == 1


def test_the_name_of_the_draft_is_the_name_of_the_bot(bot: Bot) -> None:
    change(bot, rename("Recepção"))

    assert bot.name == "Recepção"


def test_undo_and_redo_go_through_all_drafts(bot: Bot) -> None:
    edits = (add("menu"), add("end"), rename("Outro"), lambda flow: delete_step(flow, "s1"), add("send"))
    drafts = [draft_of(bot), *(change(bot, edit) for edit in edits)]

    back = [undo(bot=bot, revision=revision, now=NOW).after for revision in range(5, 10)]
    again = [redo(bot=bot, revision=revision, now=NOW).after for revision in range(10, 15)]

    assert back == drafts[-2::-1]
    assert again == drafts[1:]
    with pytest.raises(NothingToUndo):
        redo(bot=bot, revision=15, now=NOW)


def test_another_change_ends_redo(bot: Bot) -> None:
    change(bot, add("menu"))
    undo(bot=bot, revision=1, now=NOW)
    change(bot, add("end"))

    with pytest.raises(NothingToUndo):
        redo(bot=bot, revision=3, now=NOW)


def test_a_change_by_another_part_of_the_hub_ends_redo(bot: Bot) -> None:
    change(bot, add("menu"))
    undo(bot=bot, revision=1, now=NOW)
    Bot.objects.filter(pk=bot.pk).update(draft=empty_flow("Imported"), draft_revision=3)

    with pytest.raises(NothingToUndo):
        redo(bot=bot, revision=3, now=NOW)


def test_a_whole_draft_among_the_changes_can_be_restored(bot: Bot) -> None:
    former = empty_flow("Former")
    Bot.objects.filter(pk=bot.pk).update(draft=add("end")(empty_flow("Bot")), undo=[former])

    assert undo(bot=bot, revision=0, now=NOW).after == former
    assert redo(bot=bot, revision=1, now=NOW).after["steps"][0]["type"] == "end"


def test_changes_of_the_same_fields_are_undone_together(bot: Bot) -> None:
    for seconds, name in enumerate(("A", "B", "C")):
        change(bot, rename(name), fields="settings", now=NOW + timedelta(seconds=seconds))
    change(bot, rename("D"), fields="settings", now=NOW + timedelta(minutes=1))

    assert undo(bot=bot, revision=4, now=NOW).after["name"] == "C"
    assert undo(bot=bot, revision=5, now=NOW).after["name"] == "Bot"


def test_only_the_latest_changes_are_kept(bot: Bot) -> None:
    for number in range(MAX_UNDO + 3):
        change(bot, rename(f"Bot {number}"))

    assert len(bot.undo) == MAX_UNDO


def test_a_replaced_draft_can_be_restored(bot: Bot) -> None:
    former = change(bot, add("menu"))
    replace_draft(bot=bot, document=empty_flow("Imported"), now=NOW)
    bot.refresh_from_db()

    assert bot.name == "Imported"
    assert undo(bot=bot, revision=2, now=NOW).after == former


def test_a_draft_that_becomes_too_large_is_refused(bot: Bot) -> None:
    large = empty_flow("Bot") | {"steps": [{"id": "s1", "type": "hand_over", "note": "a" * 300_000}]}

    with pytest.raises(InvalidOperation):
        change(bot, lambda flow: large)


def test_steps_with_the_same_id_get_other_ids(bot: Bot) -> None:
    end = {"id": "end", "type": "end"}
    bot.draft = empty_flow("Bot") | {"start": "end", "steps": [dict(end), dict(end)]}

    assert [step["id"] for step in draft_of(bot)["steps"]] == ["end", "s1"]
