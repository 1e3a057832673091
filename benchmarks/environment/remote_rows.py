"""`python -m benchmarks.environment.remote_rows`: connects numbers whose new customers an AI or a webhook bot answers."""

import argparse
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whatsapp_hub.settings")
django.setup()

from django.utils import timezone  # noqa: E402  models need Django set up

from benchmarks.environment.bot_rows import ORGANIZATION  # noqa: E402
from benchmarks.load.bodies import NUMBER  # noqa: E402
from bots.ai.settings import AiSettings  # noqa: E402
from bots.models import AiConnection, Bot  # noqa: E402
from bots.publishing.assignments import assign_bot  # noqa: E402
from bots.publishing.services import create_ai, create_webhook_bot  # noqa: E402
from bots.publishing.versions import publish_bot  # noqa: E402
from bots.webhook_bots.settings import WebhookSettings  # noqa: E402
from organizations.models import Organization, PhoneNumber, Proof  # noqa: E402
from simulator.flower_shop import KNOWLEDGE  # noqa: E402

PER_SECOND = 1_000
TIMEOUT_SECONDS = 60
MANY_TOKENS = 2_000_000_000
"""No limit is reached."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="of the stand-in")
    parser.add_argument("--ai", action="append", default=[], metavar="ID=MODEL", help="several times")
    parser.add_argument("--webhook-bot", action="append", default=[], metavar="ID=NAME", help="several times")
    options = parser.parse_args()
    organization, _ = Organization.objects.get_or_create(organization_name=ORGANIZATION)
    for described in options.ai:
        phone_number_id, _, model = described.partition("=")
        _connect(organization, phone_number_id, _new_ai(organization, options.url, model), profile="ia")
    for described in options.webhook_bot:
        phone_number_id, _, name = described.partition("=")
        _connect(organization, phone_number_id, _new_webhook_bot(organization, options.url, name), profile="bot")


def _new_ai(organization: Organization, url: str, model: str) -> Bot:
    settings = AiSettings(name=model, model=model, who="Você atende os clientes.", knowledge=KNOWLEDGE, silence_seconds=0)
    connection = AiConnection(
        base_url=f"{url}/ai/v1", api_key="simulated", timeout_seconds=TIMEOUT_SECONDS, tokens_per_day=MANY_TOKENS
    )
    return create_ai(organization=organization, settings=settings, connection=connection, by=None, now=timezone.now())


def _new_webhook_bot(organization: Organization, url: str, name: str) -> Bot:
    address = f"{url}/bots/example/{name}"
    settings = WebhookSettings(name=name, url=address, timeout_seconds=TIMEOUT_SECONDS, silence_seconds=0)
    return create_webhook_bot(organization=organization, settings=settings, by=None, now=timezone.now())


def _connect(organization: Organization, phone_number_id: str, bot: Bot, *, profile: str) -> None:
    now = timezone.now()
    publish_bot(bot=bot, by=None, now=now)
    number = PhoneNumber.objects.create(
        organization=organization,
        phone_number_id=phone_number_id,
        wa_id="556133214400",
        meta_token=f"token-of-{phone_number_id}",
        app_secret=NUMBER.app_secret,
        proven_at=now,
        proven_by=Proof.TOKEN,
        messages_per_second=PER_SECOND,
        default_profile=profile,
    )
    assign_bot(number=number, bot=bot, by=None, now=now)


if __name__ == "__main__":
    main()
