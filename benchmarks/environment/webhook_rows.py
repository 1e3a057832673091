"""`python -m benchmarks.environment.webhook_rows`: fills the raw log with a backlog, directly in the hub's table. Prints as
JSON what has to be in the tables once it is applied. Sending the webhooks would take ten times as long."""

import argparse
import dataclasses
import json
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whatsapp_hub.settings")
django.setup()

from benchmarks.load.backlog import backlog  # noqa: E402  models need Django set up
from benchmarks.load.bodies import NUMBER  # noqa: E402
from organizations.credentials.signers import Signature  # noqa: E402
from organizations.models import PhoneNumber  # noqa: E402
from webhooks.intake.storage import SignedBody, store_bodies  # noqa: E402

PART = 50_000
"""Items that are made at once, which limits the memory."""
BATCH_SIZE = 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, required=True)
    items = parser.parse_args().items
    size = min(PART, items)
    number = PhoneNumber.objects.get(phone_number_id=NUMBER.phone_number_id)
    signature = Signature((number.organization_id,))
    totals = None
    for part in range(items // size):
        made = backlog(size, part=part)
        for start in range(0, len(made.webhooks), BATCH_SIZE):
            bodies = [SignedBody(body, signature) for body in made.webhooks[start : start + BATCH_SIZE]]
            if any(store_bodies(bodies)):
                raise SystemExit("a webhook could not be stored")
        totals = made.totals if totals is None else totals + made.totals
    print(json.dumps(dataclasses.asdict(totals) if totals else {}))  # noqa: T201  its purpose


if __name__ == "__main__":
    main()
