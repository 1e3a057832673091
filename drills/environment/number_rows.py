"""`python -m drills.environment.number_rows`: connects numbers, each of an organization of its own with one member. Reads their
descriptions as JSON from standard input, and prints the organization's id and the session key of the member for each."""

import json
import os
import sys
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whatsapp_hub.settings")
django.setup()

from django.test import Client  # noqa: E402  models need Django set up
from django.utils import timezone  # noqa: E402

from benchmarks.environment.bot_rows import FLOW  # noqa: E402
from bots.publishing.assignments import assign_bot  # noqa: E402
from bots.publishing.services import create_bot, create_webhook_bot  # noqa: E402
from bots.publishing.versions import publish_bot  # noqa: E402
from bots.webhook_bots.settings import WebhookSettings  # noqa: E402
from organizations.models import Membership, Organization, PhoneNumber, Proof, User  # noqa: E402

BOT_TIMEOUT_SECONDS = 5


def main() -> None:
    json.dump([_connect(**each) for each in json.load(sys.stdin)], sys.stdout)


def _connect(phone_number_id: str, app_secret: str, token: str, wa_id: str, bot: str | None) -> dict[str, Any]:
    """`bot`: None, "flow" or the URL of a webhook bot."""
    organization = Organization.objects.create(organization_name=f"Drill {phone_number_id}")
    user = User.objects.create(email=f"member-{phone_number_id}@example.com")
    Membership.objects.create(organization=organization, user=user, role="user_creator")
    now = timezone.now()
    number = PhoneNumber.objects.create(
        organization=organization,
        phone_number_id=phone_number_id,
        wa_id=wa_id,
        waba_id="",  # without an account, the worker does not synchronize templates
        meta_token=token,
        app_secret=app_secret,
        proven_at=now,
        proven_by=Proof.TOKEN,
        messages_per_second=1000,
        **({"default_profile": "bot"} if bot else {}),
    )
    if bot:
        _assign(number, bot)
    client = Client()
    client.force_login(user)
    return {"organization_id": organization.pk, "number_id": number.pk, "session": client.cookies["sessionid"].value}


def _assign(number: PhoneNumber, address: str) -> None:
    organization, now = number.organization, timezone.now()
    if address == "flow":
        bot = create_bot(organization=organization, name="Drill", flow=FLOW, by=None, now=now)
    else:
        settings = WebhookSettings(name="Drill", url=address, timeout_seconds=BOT_TIMEOUT_SECONDS, silence_seconds=0)
        bot = create_webhook_bot(organization=organization, settings=settings, by=None, now=now)
    publish_bot(bot=bot, by=None, now=now)
    assign_bot(number=number, bot=bot, by=None, now=now)


if __name__ == "__main__":
    main()
