"""`python -m benchmarks.environment.event_rows`: adds an address for events, and events about messages that are stored, directly in
the hub's tables."""

import argparse
import os
import uuid

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whatsapp_hub.settings")
django.setup()

from django.utils import timezone  # noqa: E402  models need Django set up

from benchmarks.environment.outbox_rows import ORGANIZATION  # noqa: E402
from chats.models import Message  # noqa: E402
from events.endpoints.services import EndpointSettings, add_endpoint  # noqa: E402
from jobs.bulk_writes import insert_rows  # noqa: E402
from organizations.events.kinds import EventKind  # noqa: E402
from organizations.models import Event, Organization  # noqa: E402

BATCH_SIZE = 5_000
REPEATED = 3
"""Events of every second conversation. The others have one."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--events", type=int, required=True)
    options = parser.parse_args()
    organization = Organization.objects.get(organization_name=ORGANIZATION)
    settings = EndpointSettings(description="Benchmark", url=options.url, kinds=[EventKind.MESSAGE_STATUS], numbers=None)
    add_endpoint(organization=organization, settings=settings, by=None, now=timezone.now())
    messages = list(
        Message.objects.filter(contact__organization=organization)
        .order_by("pk")
        .values_list("phone_number_id", "contact_id", "callback_data")
    )
    chosen = [message for index, message in enumerate(messages) for _ in range(REPEATED if index % 2 else 1)][: options.events]
    for start in range(0, len(chosen), BATCH_SIZE):
        part = chosen[start : start + BATCH_SIZE]
        insert_rows([_event(organization.pk, str(number), contact_id, data or "") for number, contact_id, data in part])


def _event(organization_id: int, phone_number_id: str, contact_id: int, callback_data: str) -> Event:
    now = timezone.now()
    return Event(
        organization_id=organization_id,
        event_id=uuid.uuid4(),
        kind=EventKind.MESSAGE_STATUS.value,
        phone_number_id=phone_number_id,
        contact_id=contact_id,
        facts={"callback_data": callback_data, "status": "sent"},
        occurred_at=now,
        create_in=now,
    )


if __name__ == "__main__":
    main()
