"""`python -m benchmarks.environment.bot_rows`: connects numbers whose new customers a bot answers."""

import argparse
import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whatsapp_hub.settings")
django.setup()

from django.utils import timezone  # noqa: E402  models need Django set up

from benchmarks.load.bodies import NUMBER  # noqa: E402
from bots.publishing.assignments import assign_bot  # noqa: E402
from bots.publishing.services import create_bot  # noqa: E402
from bots.publishing.versions import publish_bot  # noqa: E402
from organizations.models import Organization, PhoneNumber, Proof  # noqa: E402

ORGANIZATION = "Benchmark"
BUTTONS = [{"id": "prices", "title": "Preços"}, {"id": "hours", "title": "Horário"}, {"id": "person", "title": "Atendente"}]
FLOW: dict[str, Any] = {
    "format": 1,
    "name": "Benchmark",
    "start": "menu",
    "settings": {"silence_seconds": 0},
    "steps": [
        {
            "id": "menu",
            "type": "send",
            "title": "Menu",
            "message": {"type": "buttons", "text": "Olá, {{first_name}}! Como podemos ajudar?", "buttons": BUTTONS},
            "next": "wait",
        },
        {"id": "wait", "type": "wait", "title": "Escolha", "next": "branch"},
        {
            "id": "branch",
            "type": "branch",
            "title": "Qual?",
            "cases": [
                {"when": {"type": "choice", "id": "prices"}, "next": "prices"},
                {"when": {"type": "choice", "id": "hours"}, "next": "hours"},
            ],
            "otherwise": "person",
        },
        {"id": "prices", "type": "send", "title": "Preços", "message": {"type": "text", "text": "R$ 10."}, "next": "wait"},
        {"id": "hours", "type": "send", "title": "Horário", "message": {"type": "text", "text": "8h às 18h."}, "next": "wait"},
        {"id": "person", "type": "hand_over", "title": "Pessoa", "note": "", "message": None},
    ],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", required=True, action="append", help="phone number ID; several times")
    parser.add_argument("--per-second", type=int, required=True)
    options = parser.parse_args()
    organization, _ = Organization.objects.get_or_create(organization_name=ORGANIZATION)
    now = timezone.now()
    bot = create_bot(organization=organization, name="Benchmark", flow=FLOW, by=None, now=now)
    publish_bot(bot=bot, by=None, now=now)
    for phone_number_id in options.number:
        number = PhoneNumber.objects.create(
            organization=organization,
            phone_number_id=phone_number_id,
            wa_id="556133214400",
            meta_token=f"token-of-{phone_number_id}",
            app_secret=NUMBER.app_secret,
            proven_at=now,
            proven_by=Proof.TOKEN,
            messages_per_second=options.per_second,
            default_profile="bot",
        )
        assign_bot(number=number, bot=bot, by=None, now=now)


if __name__ == "__main__":
    main()
