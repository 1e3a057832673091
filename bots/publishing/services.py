"""Creates, renames, imports, exports and deletes bots."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from bots.ai.settings import AiSettings
from bots.answering.remote_results import end_requests
from bots.flows.flow import FORMAT, read_flow
from bots.models import AiConnection, Bot, BotKind, BotVersion, WebhookSecret
from bots.webhook_bots.settings import WebhookSettings
from bots.webhook_bots.signatures import new_secret
from contacts.services import InvalidInput, collapse_whitespace
from jobs.transactions import in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action
from organizations.live.revisions import publish_revisions
from organizations.models import Organization, PhoneNumber, User

MAX_BOTS = 50
"""Of one organization."""
MAX_UNDO = 50
"""Earlier drafts that are kept."""
MAX_NAME = 60
MAX_KEY = 40


class BotInUse(Exception):
    """The bot cannot be deleted, because these numbers name it as their bot."""

    def __init__(self, numbers: list[PhoneNumber]) -> None:
        super().__init__([number.pk for number in numbers])
        self.numbers = numbers


def create_bot(
    *, organization: Organization, name: str, flow: Mapping[str, Any] | None = None, by: User | None, now: datetime
) -> Bot:
    """Creates a bot whose draft is this flow, or one with a single step. It answers nobody until it is published and a number uses
    it. Raises InvalidInput."""
    name = read_name(name)
    draft = dict(flow if flow is not None else _first_draft()) | {"name": name}
    return _insert(organization, _free_key(organization, name), name, draft, now, by=by)


def create_webhook_bot(*, organization: Organization, settings: WebhookSettings, by: User | None, now: datetime) -> Bot:
    """Creates a webhook bot with a secret. It answers nobody until it is published and a number uses it. Raises InvalidInput."""
    name = read_name(settings.name)
    draft = settings.document() | {"name": name}

    @in_transaction
    def insert() -> Bot:
        bot = _insert(organization, _free_key(organization, name), name, draft, now, kind=BotKind.WEBHOOK, by=by)
        WebhookSecret.objects.create(bot=bot, secret=new_secret())
        return bot

    return insert()


def create_ai(*, organization: Organization, settings: AiSettings, connection: AiConnection, by: User | None, now: datetime) -> Bot:
    """Creates an AI with this connection, whose `bot` is set. It answers nobody until it is published and a number uses it. Raises
    InvalidInput."""
    name = read_name(settings.name)
    draft = settings.document() | {"name": name}

    @in_transaction
    def insert() -> Bot:
        connection.bot = _insert(organization, _free_key(organization, name), name, draft, now, kind=BotKind.AI, by=by)
        connection.save(force_insert=True)
        return connection.bot

    return insert()


@in_transaction
def _insert(
    organization: Organization,
    key: str,
    name: str,
    draft: Mapping[str, Any],
    now: datetime,
    kind: BotKind = BotKind.FLOW,
    *,
    by: User | None,
) -> Bot:
    # The lock serializes users who create bots, so that none exceeds the limit.
    Organization.objects.select_for_update().get(pk=organization.pk)
    if Bot.objects.filter(organization=organization).count() >= MAX_BOTS:
        raise InvalidInput(_("An organization has at most %(limit)s bots. Delete one that is not needed.") % {"limit": MAX_BOTS})
    if Bot.objects.filter(organization=organization, key=key).exists():
        key = _free_key(organization, name)
    columns = {"kind": kind, "name": name, "draft": draft, "create_in": now, "updated_at": now}
    bot = Bot.objects.create(organization=organization, key=key, **columns)
    record_bot(AuditAction.BOT_CREATED, bot, {"name": [None, name], "kind": [None, kind.value]}, by=by)
    publish_revisions([organization.pk])
    return bot


def _first_draft() -> dict[str, Any]:
    """Returns the flow of a bot that begins empty: the shortest that says something and can be published."""
    message = {"type": "text", "text": gettext("Hello, {{first_name}}! How can we help?")}
    step = {"id": "welcome", "type": "send", "title": gettext("Welcome"), "message": message}
    wait = {"id": "person", "type": "hand_over", "title": gettext("Talk to a person"), "note": ""}
    return {"format": FORMAT, "name": "", "start": "welcome", "settings": {}, "steps": [step | {"next": "person"}, wait]}


def read_name(name: str) -> str:
    """Returns a name as it is stored. Raises InvalidInput."""
    name = collapse_whitespace(name)
    if not name:
        raise InvalidInput(_("Give the bot a name."))
    if len(name) > MAX_NAME:
        raise InvalidInput(_("A name has at most %(limit)s characters.") % {"limit": MAX_NAME})
    return name


def key_of(name: str) -> str:
    """Returns the key for a bot with this name: small letters without accents, digits and hyphens."""
    return slugify(name)[:MAX_KEY].strip("-_") or "bot"


def _free_key(organization: Organization, name: str) -> str:
    """Returns the key of the name, with a number at its end if another bot has it."""
    key = key_of(name)
    taken = set(Bot.objects.filter(organization=organization).values_list("key", flat=True))
    endings = ("", *(f"-{number}" for number in range(2, MAX_BOTS + 3)))
    return next(each for ending in endings if (each := f"{key[: MAX_KEY - len(ending)]}{ending}") not in taken)


@in_transaction
def rename_bot(*, bot: Bot, name: str, by: User | None, now: datetime) -> Bot:
    """Renames the bot and its draft. The key stays, because numbers name it. Raises InvalidInput, and Bot.DoesNotExist if the bot
    was deleted."""
    name = read_name(name)
    locked = lock_bot(bot)
    if locked.name != name:
        record_bot(AuditAction.BOT_CHANGED, locked, {"name": [locked.name, name]}, by=by)
    locked.name = name
    if locked.draft.get("name") != name:
        locked.draft = locked.draft | {"name": name}
        locked.draft_revision += 1
    locked.updated_at = now
    locked.save(update_fields=["name", "draft", "draft_revision", "updated_at"])
    publish_revisions([locked.organization_id])
    return locked


def name_in(flow: Mapping[str, Any]) -> str:
    """Returns the name of a flow as a bot has it. Empty if nothing of it is visible."""
    return collapse_whitespace(str(flow["name"]))[:MAX_NAME]


def record_bot(action: AuditAction, bot: Bot, changes: Mapping[str, Sequence[Any] | None], *, by: User | None = None) -> None:
    """Records an action about the bot in the audit log."""
    record_action(action, organization=bot.organization_id, by=by, target=("bot", bot.pk), changes=changes)


def audited_url(url: str) -> str | None:
    """Returns what the audit log contains of a URL: host and path, because user and query may be secrets."""
    parts = urlsplit(url)
    return f"{parts.hostname}{parts.path}" if parts.hostname else None


def lock_bot(bot: Bot) -> Bot:
    """Returns the bot as it is stored, locked until the end of the transaction. Raises Bot.DoesNotExist."""
    return Bot.objects.select_for_update().get(pk=bot.pk)


def replace_draft(*, bot: Bot, flow: Mapping[str, Any], now: datetime) -> None:
    """Replaces the draft of a locked bot. The draft before can be restored with undo."""
    if bot.draft == flow:
        return
    bot.undo = [*bot.undo, bot.draft][-MAX_UNDO:]
    bot.draft = dict(flow)
    bot.name = name_in(flow) or bot.name
    bot.draft_revision += 1
    bot.updated_at = now
    bot.save(update_fields=["undo", "draft", "name", "draft_revision", "updated_at"])


def import_flow(*, organization: Organization, content: bytes, key: str = "", by: User | None, now: datetime) -> tuple[Bot, bool]:
    """Creates a bot from the file of a flow. With the `key` of a bot of the organization, replaces the draft of that bot. Returns
    the bot, and whether it is new. The flow may have problems that keep it from being published.

    Raises InvalidFlow if the file is no flow, is too large or nested too deep, and InvalidInput.
    """
    flow = read_flow(content).document
    name = read_name(str(flow["name"]))
    draft = {**flow, "name": name}
    existing = Bot.objects.filter(organization=organization, key=key).first() if key else None
    if existing and existing.kind != BotKind.FLOW:
        raise InvalidInput(_("The bot with this key does not work by steps. Choose another key."))
    if existing is None:
        return _insert(organization, _given_key(key) or _free_key(organization, name), name, draft, now, by=by), True
    return _replace(existing, draft, now), False


@in_transaction
def _replace(bot: Bot, flow: Mapping[str, Any], now: datetime) -> Bot:
    locked = lock_bot(bot)
    replace_draft(bot=locked, flow=flow, now=now)
    publish_revisions([locked.organization_id])
    return locked


def _given_key(key: str) -> str:
    if key and key_of(key) != key:
        raise InvalidInput(_("A key has small letters without accents, digits and hyphens; at most 40 characters."))
    return key


def export_flow(*, bot: Bot, version: BotVersion | None = None) -> bytes:
    """Returns the file of the draft, or of a version, as `import_flow` reads it."""
    flow = bot.draft if version is None else version.document
    return json.dumps(flow, ensure_ascii=False, indent=2).encode() + b"\n"


@in_transaction
def delete_bot(*, bot: Bot, by: User | None) -> None:
    """Deletes the bot with its versions, counts and the states of its conversations. Raises BotInUse while a number names it: to
    free the numbers silently would leave their customers without an answer. Who is in charge now answers what the bot is being
    asked."""
    end_requests(bot, timezone.now())
    locked = lock_bot(bot)
    # A number that is being assigned the bot holds its own lock, and then finds no bot.
    if numbers := list(numbers_naming(locked)):
        raise BotInUse(numbers)
    record_bot(AuditAction.BOT_DELETED, locked, {"name": [locked.name, None]}, by=by)
    locked.delete()
    publish_revisions([locked.organization_id])


def numbers_naming(bot: Bot) -> list[PhoneNumber]:
    """Returns the numbers whose bot this is, without their secrets."""
    numbers = PhoneNumber.objects.filter(organization=bot.organization_id, replaced_by=None, **{bot.column: bot.key})
    return list(numbers.defer(*PhoneNumber.SECRETS).order_by("pk"))
