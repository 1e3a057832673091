"""Saves webhook bots, renews their secrets and sends tests."""

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

from bots.models import Bot, BotRequest, BotVersion, WebhookSecret
from bots.publishing.services import lock_bot, read_name, record_bot
from bots.publishing.versions import publish_bot
from bots.webhook_bots.payloads import test_body
from bots.webhook_bots.settings import WebhookSettings
from bots.webhook_bots.signatures import new_secret
from jobs.models import State
from jobs.transactions import in_transaction
from jobs.wakeups import wake_after_commit
from organizations.audit.actions import AuditAction
from organizations.live.revisions import publish_revisions
from organizations.models import User

OVERLAP = timedelta(hours=24)
"""How long the secret before is valid after a new one was made."""


@in_transaction
def save_webhook_bot(*, bot: Bot, settings: WebhookSettings, by: User | None, now: datetime) -> BotVersion | None:
    """Stores the settings. If the bot is published, they apply at once, and the new version is returned. Raises InvalidInput,
    IncompleteSettings, and Bot.DoesNotExist if the bot was deleted."""
    name = read_name(settings.name)
    locked = lock_bot(bot)
    locked.name, locked.draft = name, replace(settings, name=name).document()
    locked.draft_revision += 1
    locked.updated_at = now
    locked.save(update_fields=["name", "draft", "draft_revision", "updated_at"])
    publish_revisions([locked.organization_id])
    return publish_bot(bot=locked, by=by, now=now) if locked.published_id else None


@in_transaction
def renew_secret(*, bot: Bot, now: datetime) -> WebhookSecret:
    """Makes a new secret. The one before is valid for `OVERLAP`, the one before that no longer."""
    stored = WebhookSecret.objects.select_for_update().get(pk=bot.pk)
    stored.previous, stored.previous_until = stored.secret, now + OVERLAP
    stored.secret = new_secret()
    stored.save()
    record_bot(AuditAction.BOT_SECRET_CHANGED, bot, {"secret": None})
    return stored


@in_transaction
def send_test(*, bot: Bot, now: datetime) -> BotRequest:
    """Queues a request with an example to the draft, also to a paused bot. Returns the test that is under way, if there is one.
    Raises Bot.DoesNotExist if the bot was deleted."""
    locked = lock_bot(bot)
    tests = BotRequest.objects.filter(bot=locked, purpose=BotRequest.Purpose.TEST)
    if running := tests.filter(state=State.DUE, is_awaited=False).first():
        return running
    key = uuid.uuid4()
    body = test_body(organization=locked.organization, key=key, settings=WebhookSettings.read(locked.draft), now=now)
    wake_after_commit(BotRequest)
    return BotRequest.objects.create(key=key, bot=locked, purpose=BotRequest.Purpose.TEST, request=body, create_in=now)
