"""Since when a number answers automatically."""

from datetime import datetime

from bots.models import AutomaticMessages, Bot
from organizations.models import PhoneNumber


def update_answers_since(*, number: PhoneNumber, now: datetime) -> None:
    """Sets `answers_since` of the number: now if an automatic message or a published bot has just been switched on, null if nothing
    is on. Must run in the transaction of the change, which has locked the number."""
    since = (number.answers_since or now) if _answers(number) else None
    if since != number.answers_since:
        number.answers_since = since
        number.save(update_fields=["answers_since"])


def _answers(number: PhoneNumber) -> bool:
    switches = AutomaticMessages.objects.filter(number=number.pk).values_list("greeting_is_on", "away_is_on", "reminder_is_on")
    if any(switches.first() or ()):
        return True
    bots = Bot.objects.filter(organization=number.organization_id, key=number.default_bot)
    return bool(number.default_bot) and bots.exclude(published=None).exists()
