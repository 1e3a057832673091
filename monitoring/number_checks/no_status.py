"""Finds numbers whose messages Graph accepted, and of which no status arrived: webhooks do not arrive, or WhatsApp does not
deliver.

Usually a message has its first status within seconds.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chats.models import Message, MessageStatus, NumberRateLimit, StatusEvent
from organizations.models import PhoneNumber, WarningKind
from organizations.number_watch.warnings import FoundWarning

WAIT = timedelta(minutes=10)
"""For so long a message may have no status."""
WINDOW = timedelta(hours=1)
MIN_MESSAGES = 5
"""Messages without a status. Fewer may have been sent to phones of one bad network."""
MIN_SHARE = 0.2
"""Of the messages of the last hour that Graph accepted."""
MAX_MESSAGES = 1000
"""The latest messages of a number that are looked at."""


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """Messages of the last hour that Graph accepted at least ten minutes ago, and those of them without a status."""

    accepted: int
    without_status: int
    oldest: datetime | None = None

    @property
    def is_alarming(self) -> bool:
        return self.without_status >= MIN_MESSAGES and self.without_status >= MIN_SHARE * self.accepted


def find_unconfirmed_numbers(now: datetime) -> list[FoundWarning]:
    """Returns the numbers that sent messages in the last hour, too many of which have no status."""
    sending = NumberRateLimit.objects.filter(next_slot_at__gte=now - WINDOW - WAIT).values_list("phone_number", flat=True)
    numbers = PhoneNumber.objects.active().filter(is_simulated=False, phone_number_id__in=list(sending))
    found = []
    for number_id, phone_number_id in numbers.order_by("pk").values_list("pk", "phone_number_id"):
        counts = count_unconfirmed(phone_number_id, now)
        if counts.is_alarming and counts.oldest:
            found.append(FoundWarning(number_id, WarningKind.NO_STATUS, counts.oldest, counts.without_status))
    return found


def count_unconfirmed(phone_number_id: str, now: datetime) -> Unconfirmed:
    """Counts the number's latest messages by the index over number and time, and their statuses by that over number and wamid."""
    sent = Message.objects.filter(
        phone_number__phone_number_id=phone_number_id,
        create_in__gte=now - WINDOW - WAIT,
        create_in__lt=now - WAIT,
        is_user_message=False,
        callback_data__isnull=False,
        wamid__isnull=False,
    )
    rows = sent.order_by("-create_in").values_list("wamid", "message_status", "updated_at")[:MAX_MESSAGES]
    accepted = [(wamid, status, at) for wamid, status, at in rows if status != MessageStatus.SENT or at < now - WAIT]
    only_accepted = {wamid: at for wamid, status, at in accepted if status == MessageStatus.SENT}
    events = StatusEvent.objects.filter(phone_number__phone_number_id=phone_number_id, wamid__in=list(only_accepted))
    missing = only_accepted.keys() - set(events.values_list("wamid", flat=True))
    return Unconfirmed(len(accepted), len(missing), min((only_accepted[wamid] for wamid in missing), default=None))
