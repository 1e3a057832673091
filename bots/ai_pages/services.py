"""Changes the draft, the connection and the limits of an AI."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from cryptography.fernet import InvalidToken
from django.utils.translation import gettext

from bots.ai.client import AiEndpoint, check_endpoint
from bots.ai.settings import MAX_TOOLS, AiSettings, Tool
from bots.models import AiConnection, Bot
from bots.publishing.services import audited_url, lock_bot, read_name, record_bot
from bots.remote.exchanges import Exchange, Problem, failed
from bots.remote.rights import addresses_of
from jobs.transactions import in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import differences
from organizations.call_slots import AI_CHECK_SLOTS
from organizations.live.revisions import publish_revisions

MAX_DETAIL = 500
SHOWN_FROM = 8
"""The last four characters are shown of a key of at least this length."""


class DraftChanged(Exception):
    """The draft was changed after the page was opened. `revision` is that of the stored draft."""

    def __init__(self, revision: int) -> None:
        super().__init__(revision)
        self.revision = revision


class TooManyTools(Exception):
    """The AI has `MAX_TOOLS` web calls already."""


@in_transaction
def save_settings(*, bot: Bot, changes: Mapping[str, Any], revision: int, now: datetime) -> None:
    """Stores settings of the draft, which the page has shown with this revision. Raises DraftChanged, and InvalidInput for a wrong
    name."""
    locked = lock_bot(bot)
    if locked.draft_revision != revision:
        raise DraftChanged(locked.draft_revision)
    _store_draft(locked, replace(AiSettings.read(locked.draft), **changes), now)


@in_transaction
def save_tool(*, bot: Bot, tool: Tool, replaced: str = "", now: datetime) -> None:
    """Adds a web call to the draft, or replaces the one with the name `replaced`. Raises TooManyTools."""
    locked = lock_bot(bot)
    settings = AiSettings.read(locked.draft)
    tools = [tool if each.name == replaced else each for each in settings.tools]
    if tool not in tools:
        tools.append(tool)
    if len(tools) > MAX_TOOLS:
        raise TooManyTools
    _store_draft(locked, replace(settings, tools=tuple(tools)), now)


@in_transaction
def delete_tool(*, bot: Bot, name: str, now: datetime) -> None:
    """Removes a web call from the draft."""
    locked = lock_bot(bot)
    settings = AiSettings.read(locked.draft)
    _store_draft(locked, replace(settings, tools=tuple(each for each in settings.tools if each.name != name)), now)


def _store_draft(locked: Bot, settings: AiSettings, now: datetime) -> None:
    """Stores the draft of a locked bot."""
    locked.name = read_name(settings.name or locked.name)
    document = settings.document() | {"name": locked.name}
    if document == locked.draft:
        return
    locked.draft = document
    locked.draft_revision += 1
    locked.updated_at = now
    locked.save(update_fields=["name", "draft", "draft_revision", "updated_at"])
    publish_revisions([locked.organization_id])


@in_transaction
def save_connection(
    *,
    bot: Bot,
    base_url: str,
    timeout_seconds: int,
    api_key: str | None,
    model: str,
    temperature: float,
    now: datetime,
) -> None:
    """Stores where the AI is reached, at once, and model and temperature in the draft. `api_key` None keeps the stored key, and an
    empty one removes it. What came of the last check is removed."""
    locked = lock_bot(bot)
    connection = AiConnection.objects.defer("api_key").get(pk=locked.pk)
    before = {"base_url": audited_url(connection.base_url), "timeout_seconds": connection.timeout_seconds}
    if changes := differences(before, {"base_url": audited_url(base_url), "timeout_seconds": timeout_seconds}):
        record_bot(AuditAction.BOT_CHANGED, locked, changes)
    if api_key is not None:
        record_bot(AuditAction.BOT_SECRET_CHANGED, locked, {"api_key": None})
    connection.base_url, connection.timeout_seconds = base_url, timeout_seconds
    connection.checked_at, connection.check_problem, connection.check_detail, connection.check_seconds = None, "", "", 0
    columns = ["base_url", "timeout_seconds", "checked_at", "check_problem", "check_detail", "check_seconds"]
    if api_key is not None:
        connection.api_key = api_key
        columns.append("api_key")
    connection.save(update_fields=columns)
    _store_draft(locked, replace(AiSettings.read(locked.draft), model=model, temperature=temperature), now)


def check_connection(*, bot: Bot, now: datetime) -> Exchange:
    """Asks the endpoint for a tiny answer, outside any transaction, and stores the result. Raises CallsBusy."""
    connection = AiConnection.objects.defer("api_key").get(pk=bot.pk)
    draft = Bot.objects.values_list("draft", flat=True).get(pk=bot.pk)
    try:
        key = connection.api_key
    except InvalidToken:
        exchange, detail = failed(Problem.KEY), ""
    else:
        with AI_CHECK_SLOTS.reserve(bot.organization_id):
            exchange = check_endpoint(_endpoint(connection, bot, key=key), AiSettings.read(draft).model)
        detail = exchange.detail.replace(key, "…") if key else exchange.detail  # some endpoints repeat the key
    AiConnection.objects.filter(pk=bot.pk).update(
        checked_at=now,
        check_problem=exchange.problem or "",
        check_detail=detail[:MAX_DETAIL] if exchange.problem else "",
        check_seconds=exchange.seconds,
    )
    return exchange


def _endpoint(connection: AiConnection, bot: Bot, *, key: str) -> AiEndpoint:
    return AiEndpoint(
        base_url=connection.base_url,
        api_key=key,
        timeout_seconds=connection.timeout_seconds,
        allowed=addresses_of(bot.organization_id),
    )


def key_state(connection: AiConnection) -> str:
    """Returns what the page may show of the stored key: the last four characters of a long one. Empty without a key."""
    try:
        key = connection.api_key
    except InvalidToken:
        return gettext("A key is stored, but no key of FIELD_ENCRYPTION_KEYS opens it. Enter it again.")
    if not key:
        return ""
    if len(key) < SHOWN_FROM:
        return gettext("A key is stored. Leave this empty to keep it.")
    return gettext("A key is stored that ends in %(end)s. Leave this empty to keep it.") % {"end": key[-4:]}


@in_transaction
def save_limits(*, bot: Bot, columns: Mapping[str, Any]) -> None:
    """Stores limits and prices. They apply at once."""
    locked = lock_bot(bot)
    rows = AiConnection.objects.filter(pk=locked.pk)
    if changes := differences(rows.values(*columns).get(), columns):
        record_bot(AuditAction.BOT_CHANGED, locked, changes)
    rows.update(**columns)
    publish_revisions([locked.organization_id])
