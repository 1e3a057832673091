"""The bots of the demonstration: a menu, an AI, and an example of an organization's own program."""

import re
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext

from bots.flows.starters import STARTERS
from bots.models import AiConnection, AiProof, Bot, BotKind
from bots.publishing.assignments import assign_bot, find_number_bot
from bots.publishing.services import create_ai, create_bot, create_webhook_bot
from bots.publishing.versions import publish_bot
from bots.webhook_bots.settings import WebhookSettings
from organizations.models import PhoneNumber, Profile, User
from organizations.numbers.setup import set_default_profile
from simulator.client import Phones
from simulator.flower_shop import PROOFS, SETTINGS

AI_KEY = "simulated-key"
"""The stand-in accepts every key that begins so."""
EXAMPLE_NAME = "flores"
_EXAMPLE_PATH = re.compile(r"/bots/example/([0-9A-Za-z_-]{1,64})")


def switch_on_bots(number: PhoneNumber, *, by: User, now: datetime) -> None:
    """Lets a bot with a menu answer new customers of the number, and an AI those who are given to it. Also creates a webhook bot,
    which answers nobody until a number uses it."""
    _switch_on_menu(number, by=by, now=now)
    _switch_on_ai(number, by=by, now=now)
    _create_example_bot(number, by=by, now=now)
    set_default_profile(number=number, profile=Profile.BOT, by=by)


def _switch_on_menu(number: PhoneNumber, *, by: User, now: datetime) -> None:
    starter = STARTERS["menu"]
    bot = create_bot(organization=number.organization, name=starter.title, flow=starter.read().document, by=by, now=now)
    publish_bot(bot=bot, by=by, now=now)
    assign_bot(number=number, bot=bot, by=by, now=now)


def _switch_on_ai(number: PhoneNumber, *, by: User, now: datetime) -> None:
    connection = AiConnection(base_url=f"{settings.SIMULATOR_URL}/ai/v1", api_key=AI_KEY)
    bot = create_ai(organization=number.organization, settings=SETTINGS, connection=connection, by=by, now=now)
    AiProof.objects.bulk_create(AiProof(bot=bot, **proof) for proof in PROOFS)
    publish_bot(bot=bot, by=by, now=now)
    assign_bot(number=number, bot=bot, by=by, now=now)


def _create_example_bot(number: PhoneNumber, *, by: User, now: datetime) -> None:
    url = f"{settings.SIMULATOR_URL}/bots/example/{EXAMPLE_NAME}"
    described = WebhookSettings(name=gettext("Example of your own program"), url=url)
    bot = create_webhook_bot(organization=number.organization, settings=described, by=by, now=now)
    publish_bot(bot=bot, by=by, now=now)


def has_ai(number: PhoneNumber) -> bool:
    """Whether an AI answers at the number, as it is stored."""
    stored = PhoneNumber.objects.defer(*PhoneNumber.SECRETS).get(pk=number.pk)
    return find_number_bot(stored, ai=True).problem is None


def share_secrets(phones: Phones) -> None:
    """Gives the stand-in the secrets of the organization's webhook bots that are in it. Safe to repeat. Raises SimulatorError."""
    bots = Bot.objects.filter(organization=phones.number.organization_id, kind=BotKind.WEBHOOK).select_related("webhook_secret")
    for bot in bots.order_by("pk"):
        name = _name_in_standin(WebhookSettings.read(bot.draft).url)
        if name:
            phones.put_example_bot(name, secret=bot.webhook_secret.secret)


def _name_in_standin(url: str) -> str:
    """Returns the name of an example bot from its URL. Empty if it is another server's."""
    path = url.removeprefix(settings.SIMULATOR_URL)
    found = _EXAMPLE_PATH.fullmatch(path) if path != url else None
    return found[1] if found else ""
