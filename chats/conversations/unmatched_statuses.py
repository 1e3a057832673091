"""Statuses of messages that the hub does not know. They are listed for some time, and then deleted from the list.

An organization that also sends with another system gets them with each of its messages. Only the row of the list is deleted. The
status event stays, and is applied if its message arrives.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial

from django.utils import timezone

from chats.models import StatusEvent, UnmatchedStatus
from jobs.bulk_writes import insert_rows
from jobs.transactions import run_in_transaction

KEPT_FOR = timedelta(days=90)
"""After the webhook of the status arrived."""
STEP = 1_000
"""Rows that are deleted in one transaction."""
MAX_IN_RUN = 200_000
"""Rows that one run of the chore deletes at most."""


def store_unmatched(events: Iterable[StatusEvent], received_at: Mapping[int, datetime], now: datetime) -> None:
    """Lists these events, whose messages the hub does not know. `received_at`: when their webhooks arrived, by id."""
    # A rebuild applies old ones again. They are left out, because the chore would delete them at once.
    since = now - KEPT_FOR
    insert_rows(
        [
            UnmatchedStatus(
                phone_number=event.phone_number,
                organization_id=event.phone_number.organization_id,
                wamid=event.wamid,
                webhook_id=event.webhook_id,
                received_at=received_at[event.webhook_id],
            )
            for event in events
            if received_at[event.webhook_id] >= since
        ]
    )


def delete_old_unmatched() -> int:
    """A chore: deletes rows that are older than `KEPT_FOR`, the oldest first. Returns how many."""
    old = UnmatchedStatus.objects.filter(received_at__lt=timezone.now() - KEPT_FOR).order_by("received_at")
    total = 0
    while total < MAX_IN_RUN and (ids := list(old.values_list("pk", flat=True)[:STEP])):
        run_in_transaction(partial(UnmatchedStatus.objects.filter(pk__in=ids).delete))
        total += len(ids)
    return total
