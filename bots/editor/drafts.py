"""Drafts of bots: storing a change, undo and redo. Each change names the revision on which it is based."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bots.editor.changes import Change, apply_change, change_between
from bots.editor.operations import InvalidOperation, empty_flow, free_ids
from bots.editor.steps.outputs import Document
from bots.flows.documents import InvalidFlow, read_document
from bots.models import Bot
from jobs.transactions import in_transaction

MAX_UNDO = 50
SAME_CHANGE = 20
"""Seconds within which changes of the same fields are undone together."""


class StaleDraft(Exception):
    """The draft has been changed since the page was shown."""


class NothingToUndo(Exception):
    """There is no earlier, or no later, state of the draft."""


@dataclass(frozen=True, slots=True)
class Edit:
    """An operation on a draft, with what the page does next. `fields` names what a change of fields changed: see `SAME_CHANGE`."""

    document: Document
    focus: str = ""
    fields: str = ""


@dataclass(frozen=True, slots=True)
class SavedEdit:
    """The draft before and after an operation."""

    bot: Bot
    before: Document
    after: Document
    focus: str = ""


def draft_of(bot: Bot) -> Document:
    """Returns the draft of a bot, an empty one if it has none. Steps with the same id get other ids."""
    if not bot.draft:
        return empty_flow(bot.name)
    seen: set[str] = set()
    document: Document = bot.draft
    for step in document["steps"]:
        if step["id"] in seen:
            step["id"] = free_ids(document, 1)[0]
        seen.add(step["id"])
    return document


@in_transaction
def edit_draft(*, bot: Bot, revision: int, edit: Callable[[Document], Edit], now: datetime) -> SavedEdit:
    """Applies an operation to the draft. The former draft can be restored with `undo`.

    Raises StaleDraft if the draft has another revision, and what `edit` raises. Raises InvalidOperation if the draft becomes too
    large.
    """
    locked = _locked(bot, revision)
    before = draft_of(locked)
    result = edit(before)
    back = change_between(result.document, before)
    if back:
        _check_size(result.document)
        undo = _with_entry(locked.undo, back, result.fields, now)
        _store(locked, result.document, undo=undo, redo=[], now=now)
    return SavedEdit(locked, before, result.document if back else before, result.focus)


def replace_draft(*, bot: Bot, document: Document, now: datetime) -> Bot:
    """Replaces the whole draft, for example by an earlier version. The former draft can be restored with `undo`."""
    return edit_draft(bot=bot, revision=bot.draft_revision, edit=lambda _: Edit(document), now=now).bot


@in_transaction
def undo(*, bot: Bot, revision: int, now: datetime) -> SavedEdit:
    """Restores the draft before the last change. Raises StaleDraft and NothingToUndo."""
    locked = _locked(bot, revision)
    if not locked.undo:
        raise NothingToUndo
    before = draft_of(locked)
    after = apply_change(before, _change_of(locked.undo[-1]))
    changes = [*redo_changes(locked), change_between(after, before)]
    _store(locked, after, undo=locked.undo[:-1], redo=changes, now=now)
    return SavedEdit(locked, before, after)


@in_transaction
def redo(*, bot: Bot, revision: int, now: datetime) -> SavedEdit:
    """Restores the draft before the last `undo`. Raises StaleDraft and NothingToUndo."""
    locked = _locked(bot, revision)
    changes = redo_changes(locked)
    if not changes:
        raise NothingToUndo
    before = draft_of(locked)
    after = apply_change(before, changes.pop())
    _store(locked, after, undo=_with_entry(locked.undo, change_between(after, before), "", now), redo=changes, now=now)
    return SavedEdit(locked, before, after)


def redo_changes(bot: Bot) -> list[Any]:
    """Returns the changes that `redo` can make. Any other change of the draft ends them."""
    return list(bot.redo["changes"]) if bot.redo.get("revision") == bot.draft_revision else []


def _locked(bot: Bot, revision: int) -> Bot:
    locked = Bot.objects.select_for_update().get(pk=bot.pk)
    if locked.draft_revision != revision:
        raise StaleDraft
    return locked


def _change_of(entry: dict[str, Any]) -> Change:
    """Returns the change of an entry of `undo`. An entry may also be a whole draft."""
    return {"document": entry} if "steps" in entry else entry["change"]


def _with_entry(entries: list[Any], change: Change, fields: str, now: datetime) -> list[Any]:
    """Adds an entry. Changes of the same fields within a short time make one entry."""
    last = entries[-1] if entries else {}
    at = now.timestamp()
    if fields and last.get("fields") == fields and at - last["at"] < SAME_CHANGE:
        return [*entries[:-1], last | {"at": at}]
    return [*entries, {"change": change, "fields": fields, "at": at}][-MAX_UNDO:]


def _store(bot: Bot, document: Document, *, undo: list[Any], redo: list[Any], now: datetime) -> None:
    bot.draft, bot.undo, bot.name, bot.updated_at = document, undo, document["name"], now
    bot.draft_revision += 1
    bot.redo = {"revision": bot.draft_revision, "changes": redo}
    bot.save(update_fields=["draft", "undo", "redo", "name", "updated_at", "draft_revision"])


def _check_size(document: Document) -> None:
    try:
        read_document(document)
    except InvalidFlow as invalid:
        raise InvalidOperation(invalid.problems[0].text) from invalid
